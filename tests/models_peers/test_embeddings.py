"""How far transformers' preprocessing moves the demo model's embeddings. ``-s`` prints figures.

Each picture is a batch of its own: in int8 a batch's rows change each other's last digits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from photo_search.arrays import Float32Array
from photo_search.encoder import Encoder
from photo_search.model_bundle import ImageSpec, read_model_bundle
from photo_search.preprocess import preprocess
from tests.models_peers.peers import Preparation, transformers_pillow_way, transformers_torch_way
from tests.models_peers.pictures import drawn_picture, photographs

Way: TypeAlias = Callable[[ImageSpec], Preparation]

MODEL_DIR = Path(__file__).parents[2] / "models" / "demo"
DRAWN = 24
SAME_OFFSET = (500, 375)
A_PIXEL_OFF = (640, 427)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(read_model_bundle(MODEL_DIR), threads=1)


def cosines(encoder: Encoder, size: tuple[int, int], way: Way) -> Float32Array:
    """``(N,)``: of each picture's embedding by our preprocessing and by another."""
    spec = encoder.bundle.image
    pictures = [*photographs(size), *(drawn_picture(*size, seed=seed) for seed in range(DRAWN))]
    prepare = way(spec)
    found = []
    for image in pictures:
        ours, theirs = (
            encoder.encode_image(one[None])[0] for one in (preprocess(image, spec), prepare(image))
        )
        found.append(ours @ theirs)
    print(f"{way.__name__} {size}: {len(found)}, {min(found):.6f}, {np.median(found):.6f}")
    return np.array(found, np.float32)


def test_transformers_on_pillow_gives_our_embeddings_where_it_cuts_the_same(encoder: Encoder):
    assert cosines(encoder, SAME_OFFSET, transformers_pillow_way).min() > 1 - 1e-6


def test_transformers_on_torch_nearly_gives_them(encoder: Encoder):
    assert cosines(encoder, SAME_OFFSET, transformers_torch_way).min() > 0.999


@pytest.mark.parametrize("way", [transformers_pillow_way, transformers_torch_way])
def test_a_crop_that_is_a_pixel_off_moves_them_a_little(encoder: Encoder, way: Way):
    found = cosines(encoder, A_PIXEL_OFF, way)

    assert 0.98 < found.min() < 0.9999
