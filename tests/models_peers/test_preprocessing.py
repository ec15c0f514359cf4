"""Our preprocessing beside torchvision's, open_clip's and transformers', value by value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from photo_search.arrays import Float32Array
from photo_search.model_bundle import ImageSpec, ResizeRule
from photo_search.preprocess import preprocess
from tests.core.golden.make_preprocess_golden import CLIP_MEAN, CLIP_STD, smooth_picture
from tests.models_peers.peers import (
    Preparation,
    open_clip_way,
    torchvision_way,
    transformers_pillow_way,
    transformers_torch_way,
)
from tests.models_peers.pictures import EXTREME_SHAPES, SHAPES, golden_pictures, photographs

HALF = (0.5, 0.5, 0.5)
SIZES = (224, 256)
CROPS = [ImageSpec(size, ResizeRule.SHORTEST_EDGE_CROP, CLIP_MEAN, CLIP_STD) for size in SIZES]
SQUASHES = [
    ImageSpec(size, rule, HALF, HALF)
    for rule in (ResizeRule.SQUASH, ResizeRule.SQUASH_BILINEAR)
    for size in SIZES
]
# Past 16 x S the crop's window alone is resized; preprocess.py says why it is not the same.
EXTREME_LEVELS = 2
# torch has a kernel of its own for bytes, which rounds otherwise than Pillow's in the same order.
TORCH_KERNEL_LEVELS = 2


def spec_id(spec: ImageSpec) -> str:
    return f"{spec.resize}-{spec.size}"


def levels(difference: Float32Array, spec: ImageSpec) -> Float32Array:
    """``(3, S, S)`` differences of values as differences of grey levels of 255."""
    std = np.array(spec.std, np.float32)[:, None, None]
    return np.abs(difference) * std * np.float32(255)


def floors_otherwise(image: Image.Image, size: int) -> bool:
    """Whether half of what is cut off is floored to another number than it is rounded to."""
    short, long = sorted(image.size)
    return (int(size * long / short) - size) % 4 == 3


def without_last(values: Float32Array, image: Image.Image) -> Float32Array:
    """Leave the last column out; of a tall picture the last row."""
    return values[:, :, :-1] if image.width > image.height else values[:, :-1]


def without_first(values: Float32Array, image: Image.Image) -> Float32Array:
    return values[:, :, 1:] if image.width > image.height else values[:, 1:]


def kernel(spec: ImageSpec) -> Image.Resampling:
    is_bilinear = spec.resize is ResizeRule.SQUASH_BILINEAR
    return Image.Resampling.BILINEAR if is_bilinear else Image.Resampling.BICUBIC


def across_then_down(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """Squash in the order that torch always takes; bytes are rounded between the two."""
    across = image.resize((spec.size, image.height), kernel(spec))
    return across.resize((spec.size, spec.size), kernel(spec))


def compared(
    pictures: Sequence[Image.Image], spec: ImageSpec, way: Preparation
) -> list[tuple[Float32Array, Float32Array]]:
    """What we and transformers make of pictures; where its crop begins a pixel earlier, moved."""
    pairs = []
    for image in pictures:
        ours, theirs = preprocess(image, spec), way(image)
        if spec.resize is ResizeRule.SHORTEST_EDGE_CROP and floors_otherwise(image, spec.size):
            ours, theirs = without_last(ours, image), without_first(theirs, image)
        pairs.append((ours, theirs))
    return pairs


@pytest.mark.parametrize("way", [torchvision_way, open_clip_way])
@pytest.mark.parametrize("spec", [*CROPS, *SQUASHES], ids=spec_id)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_every_value_equals_that_of_torchvision_and_open_clip(width, height, spec, way):
    for image in golden_pictures(width, height):
        np.testing.assert_array_equal(preprocess(image, spec), way(spec)(image), strict=True)


@pytest.mark.parametrize("way", [torchvision_way, open_clip_way])
@pytest.mark.parametrize("spec", SQUASHES, ids=spec_id)
@pytest.mark.parametrize(("width", "height"), EXTREME_SHAPES)
def test_a_squash_equals_them_whatever_the_shape(width, height, spec, way):
    for image in golden_pictures(width, height):
        np.testing.assert_array_equal(preprocess(image, spec), way(spec)(image), strict=True)


@pytest.mark.parametrize("spec", CROPS, ids=spec_id)
@pytest.mark.parametrize(("width", "height"), EXTREME_SHAPES)
def test_the_crop_of_an_extreme_shape_is_theirs_to_two_grey_levels(width, height, spec):
    image = smooth_picture(width, height)

    difference = preprocess(image, spec) - torchvision_way(spec)(image)

    assert levels(difference, spec).max() <= EXTREME_LEVELS + 1e-3


@pytest.mark.parametrize("spec", CROPS, ids=spec_id)
@pytest.mark.parametrize(("width", "height"), EXTREME_SHAPES)
def test_hard_edges_of_an_extreme_shape_move_by_less_than_a_grey_level_on_average(
    width, height, spec
):
    for image in golden_pictures(width, height):
        difference = preprocess(image, spec) - torchvision_way(spec)(image)

        assert levels(difference, spec).mean() < 1


@pytest.mark.parametrize("spec", [*CROPS, *SQUASHES], ids=spec_id)
def test_photographs_equal_those_of_torchvision_and_open_clip(spec):
    for image in photographs():
        ours = preprocess(image, spec)

        np.testing.assert_array_equal(ours, torchvision_way(spec)(image), strict=True)
        np.testing.assert_array_equal(ours, open_clip_way(spec)(image), strict=True)


@pytest.mark.parametrize("spec", [*CROPS, *SQUASHES], ids=spec_id)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_transformers_on_pillow_is_the_same_but_for_where_it_floors_the_crop(width, height, spec):
    way = transformers_pillow_way(spec)

    for ours, theirs in compared(golden_pictures(width, height), spec, way):
        np.testing.assert_array_equal(theirs, ours)


@pytest.mark.parametrize("spec", CROPS, ids=spec_id)
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_a_crop_of_transformers_on_torch_is_that_to_two_grey_levels(width, height, spec):
    way = transformers_torch_way(spec)

    for ours, theirs in compared(golden_pictures(width, height), spec, way):
        assert levels(theirs - ours, spec).max(initial=0) <= TORCH_KERNEL_LEVELS + 1e-3


@pytest.mark.parametrize("spec", SQUASHES, ids=spec_id)
@pytest.mark.parametrize(("width", "height"), [*SHAPES, *EXTREME_SHAPES])
def test_a_squash_of_transformers_on_torch_is_pillows_across_then_down_to_two_grey_levels(
    width, height, spec
):
    for image in golden_pictures(width, height):
        expected = preprocess(across_then_down(image, spec), spec)

        difference = transformers_torch_way(spec)(image) - expected

        assert levels(difference, spec).max() <= TORCH_KERNEL_LEVELS + 1e-3


@pytest.mark.parametrize("spec", SQUASHES, ids=spec_id)
def test_pillow_squashes_wide_pictures_across_then_down_and_tall_ones_down_then_across(spec):
    wide, tall = golden_pictures(640, 427)[0], golden_pictures(427, 640)[0]

    wide_first, tall_first = (
        np.array_equal(preprocess(image, spec), preprocess(across_then_down(image, spec), spec))
        for image in (wide, tall)
    )

    assert (wide_first, tall_first) == (True, False)
    down = tall.resize((tall.width, spec.size), kernel(spec))
    np.testing.assert_array_equal(preprocess(tall, spec), preprocess(down, spec))


@pytest.mark.parametrize("way", [transformers_pillow_way, transformers_torch_way])
@pytest.mark.parametrize(("width", "height"), [(640, 427), (427, 640), (224, 251), (1024, 683)])
def test_the_pixel_that_transformers_is_off_is_seen(width, height, way):
    spec = CROPS[0]
    image, _, _ = golden_pictures(width, height)

    assert floors_otherwise(image, spec.size)
    assert levels(way(spec)(image) - preprocess(image, spec), spec).mean() > 10
