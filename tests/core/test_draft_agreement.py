from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photo_search.arrays import Float32Array
from photo_search.encoder import Encoder
from photo_search.images import decode_image
from photo_search.model_bundle import ImageSpec, ResizeRule, read_model_bundle
from photo_search.preprocess import preprocess

# Photographs of Debian's package mate-backgrounds; never committed, so the test fails without it.
PHOTOGRAPHS = Path("/usr/share/backgrounds/mate/nature")
MODEL_DIR = Path(__file__).parents[2] / "models" / "demo"
LONG_SIDES_PX = (1600, 2400, 3200)
QUALITIES = (60, 85, 95)
CROPS = 3
MIN_COSINE_P1 = 0.99


def reencoded_photographs() -> Iterator[bytes]:
    """Random cuts of every photograph, at several sizes and qualities, as JPEG."""
    rng = random.Random(3)  # noqa: S311 - to be repeatable, not secret
    for path in sorted(PHOTOGRAPHS.glob("*.jpg")):
        with Image.open(path) as file:
            photograph = file.convert("RGB")
        for _ in range(CROPS):
            width, height = (int(side * rng.uniform(0.5, 1)) for side in photograph.size)
            left = rng.randint(0, photograph.width - width)
            top = rng.randint(0, photograph.height - height)
            box = (left, top, left + width, top + height)
            long_side = rng.choice(LONG_SIDES_PX)
            scale = long_side / max(width, height)
            size = (round(width * scale), round(height * scale))
            cut = photograph.resize(size, Image.Resampling.LANCZOS, box=box)
            for quality in QUALITIES:
                buffer = io.BytesIO()
                cut.save(buffer, "JPEG", quality=quality)
                yield buffer.getvalue()


def whole_and_reduced(spec: ImageSpec) -> Iterator[Float32Array]:
    """``(2, 3, S, S)`` for each picture that is large enough to be reduced."""
    assert len(list(PHOTOGRAPHS.glob("*.jpg"))) >= 12, "install Debian's package mate-backgrounds"
    for data in reencoded_photographs():
        whole = decode_image(data)
        reduced = decode_image(data, target_side_px=spec.size)
        if reduced.image.width < whole.image.width:
            yield np.stack([preprocess(one.image, spec) for one in (whole, reduced)])


def assert_agrees(cosines: list[float], name: str) -> None:
    p1, median = np.percentile(cosines, [1, 50])
    print(f"{name}, {len(cosines)} pictures: p1 {p1:.5f}, median {median:.5f}, {min(cosines):.5f}")
    assert len(cosines) >= 40
    assert p1 >= MIN_COSINE_P1


@pytest.mark.slow
def test_reduced_decoding_gives_nearly_the_embedding_of_whole_decoding():
    encoder = Encoder(read_model_bundle(MODEL_DIR), threads=1)

    pairs = [encoder.encode_image(pair) for pair in whole_and_reduced(encoder.bundle.image)]

    assert_agrees([float(whole @ reduced) for whole, reduced in pairs], "embeddings")
    # Were unrelated photographs as near to each other, the gate would say nothing.
    embedding = np.stack([whole for whole, _ in pairs])  # (N, D)
    assert np.median(embedding @ embedding.T) < MIN_COSINE_P1 - 0.1


@pytest.mark.slow
def test_reduced_decoding_gives_nearly_the_pixels_of_whole_decoding():
    # The size of most real checkpoints. What is compared is what the tower sees. Less each
    # picture's own mean, low-contrast cuts that are all grain come out lower (p1 0.980, measured).
    spec = ImageSpec(
        size=224, resize=ResizeRule.SHORTEST_EDGE_CROP, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    )

    cosines = []
    for pair in whole_and_reduced(spec):
        whole, reduced = pair.reshape(2, -1).astype(np.float64)
        norms = np.linalg.norm(whole) * np.linalg.norm(reduced)
        cosines.append(float(whole @ reduced / norms))

    assert_agrees(cosines, "pixels")
