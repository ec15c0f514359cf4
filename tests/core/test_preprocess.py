from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photo_search.model_bundle import ImageSpec, ResizeRule
from photo_search.preprocess import preprocess
from tests.core.golden.make_preprocess_golden import (
    CLIP_MEAN,
    CLIP_STD,
    CROP_CASES,
    GOLDEN_PATH,
    SMOOTH_CROP_CASES,
    SQUASH_CASES,
    busy_picture,
    smooth_picture,
)
from tests.memory import peak_bytes, reset_peak

# A grey level: Pillow builds for other processors may round a pixel the other way.
TOLERANCE_LEVELS = 1
# Past 16 x S the crop's window alone is resized, from a box of float32 coordinates.
EXTREME_TOLERANCE_LEVELS = 2


def spec(size: int, resize: ResizeRule = ResizeRule.SHORTEST_EDGE_CROP) -> ImageSpec:
    """One whose pixel values are the grey levels / 255."""
    return ImageSpec(size=size, resize=resize, mean=(0, 0, 0), std=(1, 1, 1))


def levels(image: Image.Image, image_spec: ImageSpec) -> NDArray[np.int64]:
    pixel_values = preprocess(image, image_spec)
    return np.rint(pixel_values.transpose(1, 2, 0) * 255).astype(np.int64)  # (S, S, 3)


def golden(name: str) -> NDArray[np.int64]:
    with np.load(GOLDEN_PATH) as arrays:
        return np.asarray(arrays[name], dtype=np.int64)


def plain_crop(image: Image.Image, size: int) -> NDArray[np.int64]:
    """The whole picture resized, then cut."""
    short = min(image.size)
    width, height = (int(size * side / short) for side in image.size)
    left, top = (round((side - size) / 2.0) for side in (width, height))
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + size, top + size)), dtype=np.int64)


@pytest.mark.parametrize(("width", "height", "size"), CROP_CASES)
def test_crop_equals_torchvision(width: int, height: int, size: int):
    expected = golden(f"crop_{width}x{height}_{size}")

    actual = levels(busy_picture(width, height), spec(size))

    assert np.abs(actual - expected).max() <= TOLERANCE_LEVELS


@pytest.mark.parametrize(("width", "height", "size"), SMOOTH_CROP_CASES)
def test_crop_of_a_large_or_extreme_picture_equals_torchvision(width: int, height: int, size: int):
    expected = golden(f"crop_{width}x{height}_{size}")

    actual = levels(smooth_picture(width, height), spec(size))

    assert np.abs(actual - expected).max() <= EXTREME_TOLERANCE_LEVELS


@pytest.mark.parametrize(("width", "height", "size"), SQUASH_CASES)
def test_squash_equals_torchvision(width: int, height: int, size: int):
    expected = golden(f"squash_{width}x{height}_{size}")

    actual = levels(busy_picture(width, height), spec(size, ResizeRule.SQUASH))

    assert np.abs(actual - expected).max() <= TOLERANCE_LEVELS


def test_a_bilinear_squash_stays_between_the_greys_that_a_bicubic_one_overshoots():
    step = Image.new("RGB", (40, 30), (100, 100, 100))
    step.paste((200, 200, 200), (20, 0, 40, 30))

    bilinear = levels(step, spec(64, ResizeRule.SQUASH_BILINEAR))
    bicubic = levels(step, spec(64, ResizeRule.SQUASH))

    assert bilinear.shape == (64, 64, 3)
    assert (bilinear.min(), bilinear.max()) == (100, 200)
    assert bicubic.min() < 100
    assert bicubic.max() > 200


def test_normalised_values_equal_torchvision():
    clip = ImageSpec(size=32, resize=ResizeRule.SHORTEST_EDGE_CROP, mean=CLIP_MEAN, std=CLIP_STD)
    with np.load(GOLDEN_PATH) as arrays:
        expected = arrays["normalised_78x64_32"]

    actual = preprocess(busy_picture(78, 64), clip)

    one_level = 1 / 255 / min(CLIP_STD)
    assert np.abs(actual - expected).max() <= one_level * TOLERANCE_LEVELS + 1e-5
    # Where the grey level is the same, so is the value, but for float32 rounding.
    assert np.median(np.abs(actual - expected)) <= 1e-6


def test_mean_and_std_belong_to_red_green_and_blue_in_this_order():
    image = Image.new("RGB", (5, 9), (255, 0, 51))
    image_spec = ImageSpec(
        size=4, resize=ResizeRule.SQUASH, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0)
    )

    pixel_values = preprocess(image, image_spec)

    assert pixel_values.shape == (3, 4, 4)
    assert pixel_values.dtype == np.float32
    assert pixel_values.flags.c_contiguous
    np.testing.assert_allclose(pixel_values[:, 0, 0], [1.0, -1.0, 0.1], atol=1e-6)


def test_the_long_side_is_multiplied_before_it_is_divided():
    # In the other order 224x251 would become 250 rows and the crop would start a row higher.
    assert int(224 * 251 / 224) == 251
    assert int((251 / 224) * 224) == 250
    image = smooth_picture(224, 251)

    actual = levels(image, spec(224))

    whole = np.asarray(image, dtype=np.int64)
    np.testing.assert_array_equal(actual, whole[14 : 14 + 224])  # round(27 / 2) is 14, not 13


@pytest.mark.parametrize("remainder", [0, 1, 2, 3])
def test_crop_offset_is_half_of_what_is_left_rounded_half_to_even(remainder: int):
    left_over = 8 + remainder
    image = Image.new("RGB", (32 + left_over, 32))
    for x in range(image.width):
        image.paste((x, 0, 0), (x, 0, x + 1, 32))

    actual = levels(image, spec(32))

    offset = {0: 4, 1: 4, 2: 5, 3: 6}[remainder]  # 4, 4.5, 5, 5.5
    np.testing.assert_array_equal(actual[0, :, 0], np.arange(offset, offset + 32))


@pytest.mark.parametrize("size", [32, 96, 224])
@pytest.mark.parametrize(
    ("width", "height"),
    [
        (1, 1),
        (224, 251),
        (3, 2000),
        (2000, 3),
        (1, 30_000),
        (30_000, 1),
        (1, 2),
        (95, 97),
        (4000, 31),
    ],
)
def test_every_shape_gives_a_full_square_without_padding(width: int, height: int, size: int):
    image = Image.new("RGB", (width, height), (200, 100, 50))

    actual = levels(image, spec(size))

    # torchvision pads with black where a crop is larger than the picture; resizing rules that out.
    assert actual.shape == (size, size, 3)
    np.testing.assert_array_equal(actual, np.broadcast_to([200, 100, 50], actual.shape))


@pytest.mark.parametrize("size", [32, 96])
@pytest.mark.parametrize(
    ("width", "height"),
    [(10, 170), (170, 10), (7, 200), (60, 2000), (2000, 61), (300, 6000), (6000, 301)],
)
def test_window_of_an_extreme_picture_equals_the_plain_way(width: int, height: int, size: int):
    image = smooth_picture(width, height)

    actual = levels(image, spec(size))

    assert np.abs(actual - plain_crop(image, size)).max() <= EXTREME_TOLERANCE_LEVELS


def test_window_of_an_extreme_picture_is_in_its_middle():
    image = Image.new("RGB", (1, 30_001), (0, 0, 0))
    image.paste((255, 255, 255), (0, 14_990, 1, 15_011))

    actual = levels(image, spec(32))

    np.testing.assert_array_equal(actual, np.full((32, 32, 3), 255))


def test_extreme_picture_takes_little_memory():
    image = Image.new("RGB", (1, 60_000), (1, 2, 3))
    before_bytes = reset_peak()

    preprocess(image, spec(224))

    # The plain way would hold 224 x 13,440,000 pixels: 12 GB.
    assert peak_bytes() - before_bytes < 50_000 * 1024


def test_image_given_is_left_as_it_was():
    image = busy_picture(50, 40)
    before = image.tobytes()

    preprocess(image, spec(32))

    assert image.tobytes() == before
