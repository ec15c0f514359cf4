"""From the bytes of a picture file to an upright RGB image, within limits.

The only module that lets Pillow read bytes. It opens the formats it is told to and no other,
refuses by the header what would be too large or too slow to decode, and turns every way in which a
decoder can fail into UnsupportedImage. Knows nothing of models, nor of where the bytes came from.
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

# A plugin registers its format when it is imported. Left to itself, Pillow imports all of its forty
# plugins for the first WebP or TIFF.
from PIL import (
    BmpImagePlugin,  # noqa: F401
    ExifTags,
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from photo_search.errors import ImageTooLarge, UnsupportedImage

QUERY_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")

_PILLOW_MODULES = re.compile(r"PIL\.")
_PREFIX_BYTES = 16  # what Pillow's own tests of a format look at
# Measured on real photographs at 224 px: with 2, fine texture came out at a cosine of 0.98 to whole
# decoding; with 3, the same pictures at 0.9998.
_DRAFT_OVERSAMPLING = 3

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

_BAND_PIXELS = 1 << 20

# Value of the EXIF tag -> what makes the picture upright (CIPA DC-008, tag 0x0112).
_UPRIGHT_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The most that is decoded: bytes of the file, pixels of the picture (width x height)."""

    size_bytes: int
    pixels: int


QUERY_LIMITS = ImageLimits(size_bytes=4 * 1024 * 1024, pixels=50_000_000)
"""A picture in a request: Lambda's payload of 6 MB holds 4 MB in base64."""
INGEST_LIMITS = ImageLimits(size_bytes=200 * 1024 * 1024, pixels=200_000_000)
"""A picture of one's own collection, panoramas and scans included."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright picture.

    Attributes:
        image: Mode RGB; smaller than the original where the decoder could reduce it for free.
        width: Width of the upright original, in pixels.
        height: Height of the upright original, in pixels.
    """

    image: Image.Image
    width: int
    height: int


def decode_image(
    data: bytes,
    *,
    target_side_px: int | None = None,
    limits: ImageLimits = QUERY_LIMITS,
    formats: Sequence[str] = QUERY_FORMATS,
) -> DecodedImage:
    """Decode the first frame: EXIF orientation applied, alpha on white, any mode to RGB.

    Args:
        data: The picture file.
        target_side_px: Short side that the image will be resized to. A large JPEG is then decoded
            at 1/2, 1/4 or 1/8, its short side at least three times this. None decodes every pixel.
        limits: The most that is decoded; a WebP's pixels count twice. No side may be over 65,535.
        formats: Pillow's names of the formats to accept.

    Raises:
        ImageTooLarge: More bytes or pixels than the limit; nothing was decoded.
        UnsupportedImage: No picture of these formats, or a damaged one.
    """
    if len(data) > limits.size_bytes:
        msg = f"the picture has {len(data):,} bytes; the limit is {limits.size_bytes:,}"
        raise ImageTooLarge(msg)
    _silence_pillow()
    name = _recognise(data, formats)
    # A decoder that meets hostile bytes may raise anything: OSError, SyntaxError, ValueError,
    # struct.error, zlib.error, IndexError, KeyError, MemoryError and more have been seen.
    try:
        return _decode(data, name, target_side_px=target_side_px, limits=limits)
    except (ImageTooLarge, UnsupportedImage):
        raise
    except Image.DecompressionBombError as error:
        msg = f"the picture's {name} frame is too large: {error}"
        raise ImageTooLarge(msg) from error
    except Exception as error:
        msg = f"the {name} picture is damaged: {type(error).__name__}: {str(error)[:200]}"
        raise UnsupportedImage(msg) from error


def _silence_pillow() -> None:
    """Keep Pillow's remarks on odd tags and bombs off the process's standard error.

    A warning filter belongs to the whole process, and swapping filters around each call is not safe
    in threads; so this one is added once, for Pillow's modules only, and stays.
    """
    silent = {
        category
        for action, _, category, module, _ in warnings.filters
        if action == "ignore" and module == _PILLOW_MODULES
    }
    for category in (UserWarning, Image.DecompressionBombWarning):
        if category not in silent:
            warnings.filterwarnings("ignore", category=category, module=_PILLOW_MODULES.pattern)


def _recognise(data: bytes, formats: Sequence[str]) -> str:
    """Name of the first format that the bytes begin like."""
    prefix = data[:_PREFIX_BYTES]
    for name in formats:
        if name not in Image.OPEN:
            Image.init()
        _, accepts = Image.OPEN[name]
        # A plugin answers with a text where its library was left out of the build.
        if accepts is not None and accepts(prefix) is True:
            return name
    msg = f"{len(data):,} bytes that are no picture of {', '.join(formats)}"
    raise UnsupportedImage(msg)


def _decode(
    data: bytes, name: str, *, target_side_px: int | None, limits: ImageLimits
) -> DecodedImage:
    image, size, orientation = _load(data, name, target_side_px=target_side_px, limits=limits)
    if orientation in _UPRIGHT_BY_ORIENTATION:
        image = image.transpose(_UPRIGHT_BY_ORIENTATION[orientation])
    width, height = reversed(size) if orientation in _SWAPS_SIDES else size
    return DecodedImage(image=image, width=width, height=height)


def _load(
    data: bytes, name: str, *, target_side_px: int | None, limits: ImageLimits
) -> tuple[Image.Image, tuple[int, int], object]:
    """RGB image as it is stored, its full size and its orientation; keeps no second copy of it."""
    if name == "JPEG":
        _check_jpeg_segments(data)
    if name == "TIFF":
        _check_tiff_layout(data)
    # Not Image.open: its bomb check warns at 89 megapixels and raises at 179, whatever our limits,
    # and the number is a global of the process.
    factory, _ = Image.OPEN[name]
    with factory(io.BytesIO(data), "") as file:
        size = file.size
        _check_pixels(size, name, limits)
        if name == "JPEG":
            _check_jpeg_scans(data, size, limits)
            if target_side_px is not None:
                # Pillow takes the largest reduction that keeps both sides at or above this.
                side = _DRAFT_OVERSAMPLING * target_side_px
                file.draft(None, (side, side))
        file.load()
        return _to_rgb(file), size, _orientation(file)


def _check_pixels(size: tuple[int, int], name: str, limits: ImageLimits) -> None:
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


def _check_jpeg_segments(data: bytes) -> None:
    count = data.count(_JPEG_EXIF)
    if count > _JPEG_EXIF_SEGMENTS:
        msg = f"the JPEG picture has {count:,} Exif segments; the limit is {_JPEG_EXIF_SEGMENTS}"
        raise UnsupportedImage(msg)


def _check_jpeg_scans(data: bytes, size: tuple[int, int], limits: ImageLimits) -> None:
    """Refuse what is slow to decode; a small picture may have more scans than a large one."""
    count = data.count(_JPEG_SCAN)
    if count * size[0] * size[1] > _JPEG_SCANS * limits.pixels:
        msg = f"the JPEG picture has {count:,} scans, too many for {size[0]} x {size[1]} pixels"
        raise UnsupportedImage(msg)


def _check_tiff_layout(data: bytes) -> None:
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


def _orientation(file: ImageFile.ImageFile) -> object:
    """Value of the EXIF tag; None where there is none or EXIF is damaged, as browsers have it."""
    try:
        return file.getexif().get(ExifTags.Base.Orientation)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _to_8_bits(image)
    if not image.has_transparency_data:
        return _as_mode(image, "RGB")
    on_white = Image.new("RGB", image.size, "white")
    # In bands: all of it as RGBA would be a third copy of a large picture.
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        band = _as_mode(image.crop(box), "RGBA")
        on_white.paste(band, box, mask=band)
    return on_white


def _as_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert where need be; Pillow would copy 200 MB of a large picture even where not."""
    return image if image.mode == mode else image.convert(mode)


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale grey of 16 or 32 bits to 0..255; Pillow's own conversion cuts off what is above 255.

    The value of white: 65,535 for integers, or the picture's highest value where it is above; for
    floats, which no rule binds, the first of 1, 255, 65,535 that is not below the highest value.
    """
    if image.mode not in ("I", "I;16", "F"):  # other byte orders
        image = image.convert("I")
    _, highest = image.getextrema()
    if not isinstance(highest, (int, float)) or not math.isfinite(highest):
        msg = "the picture's values are not finite"
        raise UnsupportedImage(msg)
    candidates = (1, 255, 65_535) if image.mode == "F" else (65_535,)
    white = next((value for value in candidates if highest <= value), highest)
    grey = image.point(lambda value: value * (255 / white) + 0.5).convert("L")
    grey.info.pop("transparency", None)  # a value of the old scale
    return grey
