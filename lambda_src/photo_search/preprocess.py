"""From an upright RGB image to the image tower's input: torchvision's arithmetic, without torch.

The one preprocessing function, for ingest and for queries; its parameters come from the bundle.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from photo_search.arrays import Float32Array
from photo_search.model_bundle import ImageSpec, ResizeRule

# Past this many times the target, the long side is never resized as a whole: a 1x30000 picture
# would grow to 224 x 6,720,000 pixels, of which the crop keeps 224.
_MAX_LONG_SIDES = 16
_SQUASH_FILTERS = {
    ResizeRule.SQUASH: Image.Resampling.BICUBIC,
    ResizeRule.SQUASH_BILINEAR: Image.Resampling.BILINEAR,
}


def preprocess(image: Image.Image, spec: ImageSpec) -> Float32Array:
    """Resize, crop and normalise one image.

    Args:
        image: Upright, mode RGB, any size.
        spec: Side S, resize rule, mean and std.

    Returns:
        ``(3, S, S)``: R, G, B; each ``(value / 255 - mean) / std``.
    """
    if spec.resize is ResizeRule.SHORTEST_EDGE_CROP:
        square = _resize_and_crop(image, spec.size)
    else:
        square = image.resize((spec.size, spec.size), _SQUASH_FILTERS[spec.resize])
    mean, std = (np.array(three, np.float32)[:, None, None] for three in (spec.mean, spec.std))
    # Channels first, then in place: along three values at a time, it takes six times as long.
    pixels = np.asarray(square).transpose(2, 0, 1).astype(np.float32, order="C")  # (3, S, S)
    pixels /= 255
    pixels -= mean
    pixels /= std
    return pixels


def _resize_and_crop(image: Image.Image, size: int) -> Image.Image:
    """Resize the short side to ``size`` by antialiased bicubic, then cut out the centre.

    Two roundings are torchvision's own (``Resize``, ``CenterCrop``); another would be a pixel off.
    The long side is ``size * long``, then divided, then truncated; the crop's offset goes by
    Python's ``round``, halves to even.
    """
    short, long = sorted(image.size)
    resized_long = int(size * long / short)
    offset = int(round((resized_long - size) / 2.0))  # noqa: RUF046 - as the reference writes it
    landscape = image.width > image.height
    if resized_long <= _MAX_LONG_SIDES * size:
        width, height = (resized_long, size) if landscape else (size, resized_long)
        left, top = (offset, 0) if landscape else (0, offset)
        resized = image.resize((width, height), Image.Resampling.BICUBIC)
        return resized.crop((left, top, left + size, top + size))
    # Only the crop's window is resized. Pillow's filter still reaches past the box's borders, so
    # the pixels are those of the plain way to a grey level or two: a box has float32 coordinates.
    # Where bicubic overshoots black or white it is more: Pillow may resize the other axis first.
    start, end = (edge * long / resized_long for edge in (offset, offset + size))
    box = (start, 0.0, end, float(short)) if landscape else (0.0, start, float(short), end)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box)
