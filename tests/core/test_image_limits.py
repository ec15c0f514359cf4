from __future__ import annotations

import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from http_api.fields import MAX_IMAGE_BYTES
from photo_search.errors import ImageTooLarge, UnsupportedImage
from photo_search.image_limits import INGEST_LIMITS, QUERY_LIMITS, ImageLimits
from photo_search.image_url import DownloadPolicy
from photo_search.images import decode_image
from tests.core.picture_bytes import (
    SAVE_FORMATS,
    assert_shows_corners,
    bmp_with_size,
    corners,
    encode,
    gif_with_frame,
    gif_with_screen,
    grey_tiff_tags,
    jpeg_with_size,
    odd_tiff,
    png_chunk,
    png_with_header,
    tiff_with_tags,
    webp_with_canvas,
)
from tests.memory import peak_bytes, reset_peak

# Limits


def test_limits_of_a_query_and_of_ingest():
    assert ImageLimits(size_bytes=4_194_304, pixels=50_000_000) == QUERY_LIMITS
    # Each has a number of its own: a text query imports neither Pillow nor sockets.
    assert QUERY_LIMITS.size_bytes == MAX_IMAGE_BYTES == DownloadPolicy().size_bytes
    assert ImageLimits(size_bytes=209_715_200, pixels=200_000_000) == INGEST_LIMITS


def test_file_one_byte_over_the_limit_is_too_large():
    data = encode(corners(), "PNG")
    exact = ImageLimits(size_bytes=len(data), pixels=10_000)

    decode_image(data, limits=exact)
    with pytest.raises(ImageTooLarge, match=rf"{len(data) + 1} bytes; the limit is {len(data)}"):
        decode_image(data + b"\0", limits=exact)


def test_picture_one_pixel_over_the_limit_is_too_large():
    data = encode(Image.new("L", (10, 11)), "PNG")

    decode_image(data, limits=ImageLimits(size_bytes=1000, pixels=110))
    with pytest.raises(ImageTooLarge, match="10 x 11 pixels; the limit is 109"):
        decode_image(data, limits=ImageLimits(size_bytes=1000, pixels=109))


def test_webp_pixels_count_twice():
    data = encode(Image.new("RGB", (10, 10)), "WEBP")

    decode_image(data, limits=ImageLimits(size_bytes=1000, pixels=200))
    with pytest.raises(ImageTooLarge):
        decode_image(data, limits=ImageLimits(size_bytes=1000, pixels=199))


@pytest.mark.parametrize(
    "bomb",
    [
        png_with_header(40_000, 40_000),
        png_with_header(8_000, 8_000),
        png_with_header(2**31 - 1, 2**31 - 1),
        gif_with_screen(65_535, 65_535),
        gif_with_frame(65_535, 65_535),
        jpeg_with_size(65_500, 65_500),
        webp_with_canvas(16_383, 16_383),
        webp_with_canvas(8_000, 8_000),
        bmp_with_size(60_000, 60_000),
        tiff_with_tags(*grey_tiff_tags(60_000, 60_000), (273, 4, 1, 8)),
    ],
    ids=lambda bomb: f"{bomb[:4]!r}",
)
def test_bomb_is_refused_by_its_header(bomb: bytes):
    with pytest.raises(ImageTooLarge):
        decode_image(bomb)


def test_bomb_of_the_issue_is_refused_within_a_second_and_without_memory():
    # All of the 40,000 x 40,000 pixels are there: 4.8 GB that deflate to 4 MB.
    row = b"\0" * (1 + 3 * 40_000)
    deflate = zlib.compressobj(9)
    pixels = b"".join(deflate.compress(row) for _ in range(400)) + deflate.flush()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    before_bytes = reset_peak()

    with pytest.raises(ImageTooLarge, match="40000 x 40000"):
        decode_image(bomb)

    assert peak_bytes() - before_bytes < 20_000 * 1024


def test_a_side_longer_than_jpeg_knows_is_refused():
    for size in ((65_536, 1), (1, 65_536)):
        data = encode(Image.new("L", size), "PNG")
        with pytest.raises(ImageTooLarge, match="65,535"):
            decode_image(data)


def test_a_large_translucent_picture_takes_little_more_than_twice_its_pixels():
    size = (5000, 4000)
    data = encode(Image.new("LA", size, (90, 128)), "PNG")
    before_bytes = reset_peak()

    image = decode_image(data).image

    assert image.getpixel((2500, 3999)) == image.getpixel((0, 0)) == (172, 172, 172)
    # Pillow holds grey with alpha, and RGB, in four bytes a pixel.
    assert peak_bytes() - before_bytes < 2.5 * 4 * size[0] * size[1]


def test_pictures_that_pillow_warns_of_decode_within_our_limits():
    # 90 megapixels: past Pillow's own limit, within that of ingest.
    data = encode(Image.new("1", (10_000, 9_000)), "PNG")

    assert decode_image(data, limits=INGEST_LIMITS).width == 10_000


def test_tiff_of_two_million_strips_is_refused():
    strips = 1_500_000
    offset = 8 + 2 + 12 * 8 + 4
    data = tiff_with_tags(
        *grey_tiff_tags(1, strips),
        (273, 3, strips, offset),
        (278, 4, 1, 1),
        (279, 4, 1, 1),
        payload=bytes(2 * strips),
    )

    with pytest.raises(UnsupportedImage, match="1,500,000 strips"):
        decode_image(data)


def test_tiff_with_giant_tiles_is_refused():
    data = tiff_with_tags(
        *grey_tiff_tags(10, 10),
        (322, 4, 1, 40_000),
        (323, 4, 1, 40_000),
        (324, 4, 1, 8),
        (325, 4, 1, 1),
    )

    with pytest.raises(ImageTooLarge, match="tiles of 40000 x 40000"):
        decode_image(data)


def test_jpeg_of_endless_scans_is_refused():
    data = encode(Image.new("RGB", (3000, 3000), "teal"), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]

    decode_image(data)
    with pytest.raises(UnsupportedImage, match="scans"):
        decode_image(data[:-2] + last_scan * 100_000 + data[-2:])


def test_jpeg_of_endless_exif_segments_is_refused():
    data = encode(corners(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 6 + 4) + b"Exif\0\0" + b"abcd"

    with pytest.raises(UnsupportedImage, match="Exif segments"):
        decode_image(data[:2] + segment * 200_000 + data[2:])


def test_png_with_endless_text_is_unsupported():
    text = png_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 1_000_000, 9))

    with pytest.raises(UnsupportedImage, match="memory"):
        decode_image(png_with_header(1, 1, *[text] * 80))


# Damage


@pytest.mark.parametrize("data", [b"", b"\0", b"hello, I am a text file called .jpg\n" * 100])
def test_bytes_that_are_no_picture_are_unsupported(data: bytes):
    with pytest.raises(UnsupportedImage, match=f"{len(data):,} bytes that are no picture"):
        decode_image(data)


@pytest.mark.parametrize("target", [None, 16])
@pytest.mark.parametrize("image_format", SAVE_FORMATS)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_file_is_unsupported(image_format: str, kept: float, target: int | None):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), image_format)

    with pytest.raises(UnsupportedImage):
        decode_image(data[: int(len(data) * kept)], target_side_px=target)


@pytest.mark.parametrize("image_format", SAVE_FORMATS)
def test_format_with_nothing_after_its_signature_is_unsupported(image_format: str):
    with pytest.raises(UnsupportedImage):
        decode_image(encode(corners(), image_format)[:16])


def test_message_names_the_format_and_stays_short():
    data = encode(corners(), "PNG")

    with pytest.raises(UnsupportedImage, match="the PNG picture is damaged") as caught:
        decode_image(data[:-30])

    assert len(str(caught.value)) < 300
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_picture_without_pixels_is_unsupported(size: tuple[int, int]):
    for data in (png_with_header(*size), bmp_with_size(*size), jpeg_with_size(*size)):
        with pytest.raises(UnsupportedImage):
            decode_image(data)


# Warnings


def test_odd_tags_do_not_spoil_a_good_picture():
    assert_shows_corners(decode_image(odd_tiff()).image)


def test_pillow_writes_nothing_to_standard_error():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode_image(odd_tiff())

    assert caught == []


def test_warnings_of_others_are_left_alone():
    decode_image(odd_tiff())

    with pytest.warns(UserWarning, match="ours"):
        warnings.warn("ours", UserWarning, stacklevel=1)


def test_silence_is_asked_for_once():
    decode_image(odd_tiff())
    filters = list(warnings.filters)

    decode_image(odd_tiff())

    assert list(warnings.filters) == filters


def test_pillow_limits_of_the_process_are_left_alone():
    before = (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_MEMORY)

    decode_image(encode(corners(), "PNG"))

    assert before == (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_MEMORY)


def test_threads_decode_at_once():
    data = encode(corners(800, 600), "JPEG")
    failures: list[BaseException] = []

    def decode_many() -> None:
        try:
            for _ in range(20):
                assert_shows_corners(decode_image(data, target_side_px=32).image)
                decode_image(odd_tiff())
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=decode_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
