"""Bundles compute what transformers computes: texts of every length, pictures of many shapes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, SiglipImageProcessorPil

from models.checkpoint import Checkpoint, read_checkpoint
from models.export import Origin, export_bundle
from models.parity import TOLERANCE, open_session, run
from models.quantise import COSINE_P1_GATES
from models.world_sample import world_sample
from photo_search.encoder import Encoder
from photo_search.model_bundle import ImageSpec, ModelBundle, ResizeRule, read_model_bundle
from photo_search.preprocess import preprocess
from photo_search.tokenizer import as_model_input
from tests.models_torch.tiny_checkpoints import (
    SIZE,
    save_tiny_clip,
    save_tiny_siglip,
    save_tiny_siglip2,
)

SAVE: dict[str, Callable[[Path], Path]] = {
    "clip": lambda path: save_tiny_clip(path, context=77),
    "siglip": save_tiny_siglip,
    "siglip2": save_tiny_siglip2,
}
SHAPES = ((32, 32), (1, 1), (3, 200), (200, 3), (33, 32), (32, 34), (224, 251), (640, 427), (9, 16))


@pytest.fixture(scope="module", params=SAVE)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    return read_checkpoint(SAVE[request.param](tmp_path_factory.mktemp("checkpoint")))


@pytest.fixture(scope="module")
def bundle(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    target = tmp_path_factory.mktemp("bundle") / "bundle"
    sample = world_sample(checkpoint, count=20)
    export_bundle(
        checkpoint, target, origin=Origin("test/tiny", "0", "MIT"), sample=sample, precision="fp32"
    )
    return read_model_bundle(target)


def unit(output):
    return torch.nn.functional.normalize(output.pooler_output, dim=1).numpy()


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 256, size=(height, width, 3), dtype=np.uint8))


def test_texts_of_every_length_have_the_embeddings_of_transformers(
    checkpoint: Checkpoint, bundle: ModelBundle
):
    session = open_session(bundle.graph_path("text"))
    rng = np.random.default_rng(0)
    special = (bundle.text.start_token_id, bundle.text.end_token_id, bundle.text.pad_token_id)
    words = [token_id for token_id in range(checkpoint.vocabulary) if token_id not in special]
    worst = 0.0
    for length in range(1, bundle.text.most_tokens + 1):
        ids = as_model_input([rng.choice(words, size=length).tolist()], bundle.text)
        # transformers gets the whole context, also where ours is cut after the end token.
        padded = np.full((1, bundle.text.context_length), bundle.text.pad_token_id)
        padded[:, : ids.shape[1]] = ids
        with torch.inference_mode():
            expected = unit(checkpoint.model.get_text_features(torch.from_numpy(padded)))
        worst = max(worst, float(np.abs(run(session, ids) - expected).max()))

    assert worst <= TOLERANCE


def test_pictures_of_many_shapes_have_the_embeddings_of_transformers(
    checkpoint: Checkpoint, bundle: ModelBundle
):
    pixel_values = np.stack([preprocess(noise(*shape), bundle.image) for shape in SHAPES])
    with torch.inference_mode():
        expected = unit(checkpoint.model.get_image_features(torch.from_numpy(pixel_values)))

    embedding = Encoder(bundle).encode_image(pixel_values)

    np.testing.assert_allclose(embedding, expected, rtol=0, atol=TOLERANCE)


def test_words_go_the_whole_way(bundle: ModelBundle):
    embeddings = Encoder(bundle).encode_text(["a red balloon", "A RED   balloon", "a red kite"])

    assert embeddings.embedding.shape == (3, bundle.dimension)
    similar, other = (embeddings.embedding[0] @ embeddings.embedding[row] for row in (1, 2))
    if bundle.text.clean != "none":
        assert similar == pytest.approx(1, abs=1e-5)
    assert other < 0.99999


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_every_kind_comes_in_every_precision(
    checkpoint: Checkpoint, bundle: ModelBundle, tmp_path: Path, precision: str
):
    sample = world_sample(checkpoint, count=20)
    origin = Origin("test/tiny", "0", "MIT")

    export_bundle(checkpoint, tmp_path, origin=origin, sample=sample, precision=precision)

    smaller = read_model_bundle(tmp_path)
    assert (smaller.precision, smaller.fingerprint) == (precision, bundle.fingerprint)
    least = COSINE_P1_GATES[precision]
    ids, pixel_values = sample.token_ids[0], sample.pixel_values[0]
    for on_gpu in {False, precision == "fp16"}:
        for tower, values in (("text", ids), ("image", pixel_values)):
            expected = run(open_session(bundle.graph_path(tower)), values)
            actual = run(open_session(smaller.graph_path(tower, on_gpu=on_gpu)), values)
            assert (actual * expected).sum(axis=1).min() >= least


PIXELS = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@pytest.mark.parametrize(
    ("rule", "resample"), [(ResizeRule.SQUASH, 3), (ResizeRule.SQUASH_BILINEAR, 2)]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_squashed_pixels_are_those_of_siglips_processor(
    shape: tuple[int, int], rule: ResizeRule, resample: int
):
    processor = SiglipImageProcessorPil(size={"height": SIZE, "width": SIZE}, resample=resample)
    image = noise(*shape)

    expected = processor(images=image, return_tensors="np")["pixel_values"][0]

    actual = preprocess(image, ImageSpec(SIZE, rule, **PIXELS))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(64, 64), (100, 32), (32, 101), (640, 480), (32, 34)])
def test_cropped_pixels_are_those_of_clips_processor_where_it_cuts_at_the_same_place(
    shape: tuple[int, int],
):
    # It rounds the offset down, torchvision to the nearest: a pixel apart where d % 4 == 3.
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=PIXELS["mean"],
        image_std=PIXELS["std"],
    )
    image = noise(*shape)

    expected = processor(images=image, return_tensors="np")["pixel_values"][0]

    actual = preprocess(image, ImageSpec(SIZE, ResizeRule.SHORTEST_EDGE_CROP, **PIXELS))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)
