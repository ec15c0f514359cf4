from __future__ import annotations

import math
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from photo_search.errors import UnsupportedImage
from photo_search.images import QUERY_FORMATS, decode_image
from tests.core.picture_bytes import (
    ORIENTATION_TAG,
    SAVE_FORMATS,
    assert_shows_corners,
    corners,
    encode,
    png_chunk,
    tiff_with_tags,
    with_orientation,
)

# Every format and mode


@pytest.mark.parametrize("image_format", SAVE_FORMATS)
def test_each_format_decodes_to_rgb(image_format: str):
    decoded = decode_image(encode(corners(), image_format))

    assert decoded.image.mode == "RGB"
    assert decoded.image.size == (decoded.width, decoded.height) == (40, 24)
    assert_shows_corners(decoded.image)


def test_format_outside_the_list_is_unsupported():
    data = encode(corners(), "PNG")

    with pytest.raises(UnsupportedImage, match="no picture of JPEG, WEBP"):
        decode_image(data, formats=("JPEG", "WEBP"))


@pytest.mark.parametrize("image_format", ["PPM", "ICO", "TGA", "PCX", "JPEG2000", "AVIF"])
def test_format_that_queries_do_not_take_is_unsupported(image_format: str):
    with pytest.raises(UnsupportedImage):
        decode_image(encode(corners(), image_format))


def test_format_that_pillow_loads_late_can_be_asked_for():
    decoded = decode_image(encode(corners(64, 64), "AVIF"), formats=(*QUERY_FORMATS, "AVIF"))

    assert decoded.image.size == (64, 64)


def test_animated_gif_gives_its_first_frame():
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "lime", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])

    decoded = decode_image(data)

    assert decoded.image.getpixel((4, 3)) == (255, 0, 0)


def test_animated_webp_and_png_give_their_first_frame():
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "lime", "blue")]
    for image_format in ("WEBP", "PNG"):
        data = encode(
            frames[0], image_format, save_all=True, append_images=frames[1:], lossless=True
        )

        assert decode_image(data).image.getpixel((4, 3)) == (255, 0, 0)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_composited_on_white(image_format: str):
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (200, 0, 0, alpha))

    decoded = decode_image(encode(image, image_format, lossless=True))

    pixels = np.asarray(decoded.image)[0]
    np.testing.assert_allclose(pixels, [(255, 255, 255), (227, 127, 127), (200, 0, 0)], atol=1)


def test_grey_with_alpha_is_composited_on_white():
    image = Image.new("LA", (2, 1))
    image.putpixel((0, 0), (10, 0))
    image.putpixel((1, 0), (10, 255))

    decoded = decode_image(encode(image, "PNG"))

    assert np.asarray(decoded.image)[0].tolist() == [[255] * 3, [10] * 3]


def test_palette_with_alpha_is_composited_on_white():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])

    one_clear = decode_image(encode(image, "PNG", transparency=1))
    each_its_own = decode_image(encode(image, "PNG", transparency=bytes([255, 0, 128])))
    gif = decode_image(encode(image, "GIF", transparency=1))

    expected = [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    assert np.asarray(one_clear.image)[0].tolist() == expected
    assert np.asarray(gif.image)[0].tolist() == expected
    assert np.asarray(each_its_own.image)[0].tolist()[2] == [127, 127, 255]


def test_palette_whose_own_colours_have_alpha_is_composited_on_white():
    image = Image.new("PA", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), (0, 0))
    image.putpixel((1, 0), (1, 255))

    decoded = decode_image(encode(image, "TIFF"))

    assert np.asarray(decoded.image)[0].tolist() == [[255, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize(("mode", "clear"), [("RGB", (0, 255, 0)), ("L", 77)])
def test_transparent_colour_of_a_png_without_alpha_becomes_white(
    mode: str, clear: int | tuple[int, ...]
):
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((0, 0), clear)

    decoded = decode_image(encode(image, "PNG", transparency=clear))

    assert np.asarray(decoded.image)[0].tolist() == [[255] * 3, [0] * 3]


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(image_format: str):
    decoded = decode_image(encode(corners().convert("CMYK"), image_format))

    assert_shows_corners(decoded.image)


def test_adobe_cmyk_jpeg_is_not_inverted():
    # Pillow writes CMYK JPEGs as Adobe does: an APP14 marker, and the inks inverted.
    data = encode(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG")

    assert b"Adobe" in data
    assert decode_image(data).image.getpixel((8, 8)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_colours_become_rgb(mode: str):
    image = Image.new("L", (4, 1), 0)
    image.paste(255, (2, 0, 4, 1))

    decoded = decode_image(encode(image.convert(mode), "PNG"))

    assert np.asarray(decoded.image)[0].tolist() == [[0] * 3] * 2 + [[255] * 3] * 2


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_cut_off(image_format: str):
    values = np.array([[0, 128, 129, 256, 257, 32_768, 65_278, 65_535]], dtype=np.uint16)

    decoded = decode_image(encode(Image.fromarray(values), image_format))

    # Nearest multiple of 257; 128 is the last that rounds down.
    assert np.asarray(decoded.image)[0, :, 0].tolist() == [0, 0, 1, 1, 1, 128, 254, 255]


def test_16_bit_grey_with_a_transparent_value_is_decoded_as_opaque():
    values = np.array([[0, 30_000, 65_535]], dtype=np.uint16)

    decoded = decode_image(encode(Image.fromarray(values), "PNG", transparency=30_000))

    assert np.asarray(decoded.image)[0, :, 0].tolist() == [0, 117, 255]


def test_big_endian_16_bit_tiff_is_scaled():
    image = Image.frombytes("I;16B", (2, 1), bytes([0x40, 0x00, 0xFF, 0xFF]))

    decoded = decode_image(encode(image, "TIFF"))

    assert np.asarray(decoded.image)[0, :, 0].tolist() == [64, 255]


def test_16_bit_colour_png_keeps_its_colours():
    raw = b"\0" + struct.pack(">6H", 65_535, 0, 32_896, 0, 257, 65_535)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(raw))
    data += png_chunk(b"IEND", b"")

    decoded = decode_image(data)

    assert np.asarray(decoded.image)[0].tolist() == [[255, 0, 128], [0, 1, 255]]


@pytest.mark.parametrize("white", [1.0, 255.0, 65_535.0, 1_000_000.0])
def test_float_tiff_is_scaled_by_its_range(white: float):
    values = np.array([[0, white / 2, white, -white]], dtype=np.float32)

    decoded = decode_image(encode(Image.fromarray(values), "TIFF"))

    assert np.asarray(decoded.image)[0, :, 0].tolist() == [0, 128, 255, 0]


def test_32_bit_grey_is_scaled_by_its_highest_value():
    values = np.array([[0, 2**30, 2**31 - 1]], dtype=np.int32)

    decoded = decode_image(encode(Image.fromarray(values), "TIFF"))

    assert np.asarray(decoded.image)[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_float_tiff_without_a_finite_range_is_unsupported(value: float):
    values = np.full((2, 2), value, dtype=np.float32)

    with pytest.raises(UnsupportedImage, match="not finite"):
        decode_image(encode(Image.fromarray(values), "TIFF"))


# Orientation

TURNED_BY_ORIENTATION: dict[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.rotate(180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.rotate(-90, expand=True).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    6: lambda image: image.rotate(90, expand=True),
    7: lambda image: image.rotate(90, expand=True).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    8: lambda image: image.rotate(-90, expand=True),
}


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, image_format: str):
    stored = TURNED_BY_ORIENTATION[orientation](corners())
    exif = with_orientation(stored, orientation)

    decoded = decode_image(encode(stored, image_format, exif=exif, quality=95))

    assert (decoded.width, decoded.height) == decoded.image.size == (40, 24)
    assert_shows_corners(decoded.image)


@pytest.mark.parametrize("orientation", [1, 6])
def test_sides_are_the_upright_originals_when_the_image_was_reduced(orientation: int):
    stored = TURNED_BY_ORIENTATION[orientation](corners(1003, 601))
    data = encode(stored, "JPEG", exif=with_orientation(stored, orientation))

    decoded = decode_image(data, target_side_px=32)

    assert (decoded.width, decoded.height) == (1003, 601)
    assert decoded.image.size == (251, 151)  # 1/4, rounded up
    assert_shows_corners(decoded.image)


@pytest.mark.parametrize(
    "orientation", [(3, 1, 0), (3, 1, 9), (3, 1, 65_535), (2, 4, 6), (12, 1, 6)]
)
def test_unknown_orientation_leaves_the_picture_as_it_is(orientation: tuple[int, int, int]):
    exif = b"Exif\0\0" + tiff_with_tags((ORIENTATION_TAG, *orientation))

    assert_shows_corners(decode_image(encode(corners(), "JPEG", exif=exif)).image)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*"]
)
def test_damaged_exif_leaves_the_picture_as_it_is(exif: bytes):
    for image_format in ("JPEG", "PNG", "WEBP"):
        assert_shows_corners(decode_image(encode(corners(), image_format, exif=exif)).image)


# Reduced decoding


@pytest.mark.parametrize("size", [(2400, 1600), (1600, 2400), (449, 3000), (896, 896), (895, 2000)])
@pytest.mark.parametrize("target", [32, 96, 224])
def test_large_jpeg_is_reduced_to_no_less_than_thrice_the_target(
    size: tuple[int, int], target: int
):
    data = encode(Image.new("RGB", size, "teal"), "JPEG")

    decoded = decode_image(data, target_side_px=target)

    short = min(size)
    reduction = max(step for step in (1, 2, 4, 8) if step == 1 or short // step >= 3 * target)
    assert decoded.image.size == tuple(math.ceil(side / reduction) for side in size)
    assert (decoded.width, decoded.height) == size


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_other_formats_are_decoded_whole(image_format: str):
    data = encode(Image.new("RGB", (800, 600), "teal"), image_format)

    assert decode_image(data, target_side_px=32).image.size == (800, 600)


def test_importing_the_module_leaves_most_of_pillow_alone():
    code = f"import sys; sys.path = {sys.path}; import photo_search.images; print(*sys.modules)"

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "PIL.WebPImagePlugin" in result.stdout
    assert "PIL.PdfImagePlugin" not in result.stdout
