"""Limits of what is decoded, and checks of a picture's head that keep to them.

They refuse what would be too large or too slow to decode, before it is. Know nothing of pixels.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import TiffImagePlugin

from photo_search.errors import ImageTooLarge, UnsupportedImage

# libwebp's animation decoder, which Pillow uses for every WebP, holds three canvases beside the
# image: 50 megapixels took 768 MB, 25 megapixels 402 MB (measured, Pillow 13.0.0).
_PIXEL_COST = {"WEBP": 2}

# As JPEG has it. Pillow keeps a pointer to each row: a picture of 50 million rows took 1 GB.
_MAX_SIDE_PX = 65_535

# A scan of 14 bytes makes libjpeg pass over the whole picture, at some 3 ms a megapixel (measured):
# 4 MB of them would take hours. A progressive photo has about 10 scans, a baseline one 1 to 4.
_JPEG_SCAN = b"\xff\xda"
_JPEG_SCANS = 20
# Pillow joins Exif segments one by one, in time that grows with their number's square.
_JPEG_EXIF = b"Exif\0\0"
_JPEG_EXIF_SEGMENTS = 200
_BIG_TIFF = 43
# Pillow decodes each strip of an uncompressed TIFF by a call of 30 us; 4 MB hold 2 million of them.
_TIFF_STRIPS = 65_536
# libtiff holds a whole tile, however small the picture that is cut from it.
_TIFF_TILE_PIXELS = 4096 * 4096


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The most that is decoded: bytes of the file, pixels of the picture (width x height)."""

    size_bytes: int
    pixels: int


QUERY_LIMITS = ImageLimits(size_bytes=4 * 1024 * 1024, pixels=50_000_000)
"""A picture in a request: Lambda's payload of 6 MB holds 4 MB in base64."""
INGEST_LIMITS = ImageLimits(size_bytes=200 * 1024 * 1024, pixels=200_000_000)
"""A picture of one's own collection, panoramas and scans included."""


def check_pixels(size: tuple[int, int], name: str, limits: ImageLimits) -> None:
    """Check width and height.

    Raises:
        ImageTooLarge: A side, or the picture, has more pixels than its limit.
        UnsupportedImage: There are no pixels.
    """
    width, height = size
    if min(size) < 1:
        msg = f"the {name} picture is {width} x {height} pixels"
        raise UnsupportedImage(msg)
    if max(size) > _MAX_SIDE_PX:
        msg = f"the {name} picture is {width} x {height} pixels; a side's limit is {_MAX_SIDE_PX:,}"
        raise ImageTooLarge(msg)
    limit = limits.pixels // _PIXEL_COST.get(name, 1)
    if width * height > limit:
        msg = f"the {name} picture is {width} x {height} pixels; the limit is {limit:,} in all"
        raise ImageTooLarge(msg)


def check_jpeg_segments(data: bytes) -> None:
    """Refuse what would be slow to open.

    Raises:
        UnsupportedImage: There are too many Exif segments.
    """
    count = data.count(_JPEG_EXIF)
    if count > _JPEG_EXIF_SEGMENTS:
        msg = f"the JPEG picture has {count:,} Exif segments; the limit is {_JPEG_EXIF_SEGMENTS}"
        raise UnsupportedImage(msg)


def check_jpeg_scans(data: bytes, size: tuple[int, int], limits: ImageLimits) -> None:
    """Refuse what would be slow to decode; a small picture may have more scans than a large one.

    Raises:
        UnsupportedImage: There are too many scans.
    """
    count = data.count(_JPEG_SCAN)
    if count * size[0] * size[1] > _JPEG_SCANS * limits.pixels:
        msg = f"the JPEG picture has {count:,} scans, too many for {size[0]} x {size[1]} pixels"
        raise UnsupportedImage(msg)


def check_tiff_layout(data: bytes) -> None:
    """Read the first directory only, and check how its pixels lie.

    Raises:
        ImageTooLarge: A tile is larger than any picture needs.
        UnsupportedImage: There are too many strips, or the tiles have no size.
    """
    header_bytes = 16 if data[2] == _BIG_TIFF else 8
    directory = TiffImagePlugin.ImageFileDirectory_v2(data[:header_bytes])
    file = io.BytesIO(data)
    file.seek(directory.next)
    directory.load(file)
    for tag in (TiffImagePlugin.STRIPOFFSETS, TiffImagePlugin.TILEOFFSETS):
        count = len(directory.get(tag, ()))
        if count > _TIFF_STRIPS:
            msg = f"the TIFF picture has {count:,} strips; the limit is {_TIFF_STRIPS:,}"
            raise UnsupportedImage(msg)
    width = directory.get(TiffImagePlugin.TILEWIDTH, 1)
    length = directory.get(TiffImagePlugin.TILELENGTH, 1)
    if not isinstance(width, int) or not isinstance(length, int):
        msg = "the TIFF picture's tiles have no size"
        raise UnsupportedImage(msg)
    if width * length > _TIFF_TILE_PIXELS:
        msg = f"the TIFF picture has tiles of {width} x {length} pixels"
        raise ImageTooLarge(msg)
