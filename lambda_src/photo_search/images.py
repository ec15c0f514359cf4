"""From the bytes of a picture file to an upright RGB image, within limits.

The only module that lets Pillow decode. It opens the formats it is told to and no other, and turns
every way in which a decoder can fail into UnsupportedImage. Knows nothing of models, nor of where
the bytes came from.
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
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from photo_search.errors import ImageTooLarge, UnsupportedImage
from photo_search.image_limits import (
    QUERY_LIMITS,
    ImageLimits,
    check_jpeg_scans,
    check_jpeg_segments,
    check_pixels,
    check_tiff_layout,
)

QUERY_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")

_PILLOW_MODULES = re.compile(r"PIL\.")
_PREFIX_BYTES = 16  # what Pillow's own tests of a format look at
# Measured on real photographs at 224 px: with 2, fine texture came out at a cosine of 0.98 to whole
# decoding; with 3, the same pictures at 0.9998.
_DRAFT_OVERSAMPLING = 3
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
        check_jpeg_segments(data)
    if name == "TIFF":
        check_tiff_layout(data)
    # Not Image.open: its bomb check warns at 89 megapixels and raises at 179, whatever our limits,
    # and the number is a global of the process.
    factory, _ = Image.OPEN[name]
    with factory(io.BytesIO(data), "") as file:
        size = file.size
        check_pixels(size, name, limits)
        if name == "JPEG":
            check_jpeg_scans(data, size, limits)
            if target_side_px is not None:
                # Pillow takes the largest reduction that keeps both sides at or above this.
                side = _DRAFT_OVERSAMPLING * target_side_px
                file.draft(None, (side, side))
        file.load()
        return _to_rgb(file), size, _orientation(file)


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
