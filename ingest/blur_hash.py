"""BlurHash: a picture's coarse colours in 28 characters, for the page to show while it loads.

Written after the algorithm's description at https://github.com/woltapp/blurhash (Algorithm.md),
from which every constant here comes.
"""

from __future__ import annotations

import numpy as np

from photo_search.arrays import Float32Array, UInt8Array

COMPONENTS_X = 4
COMPONENTS_Y = 3
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


def encode_blur_hash(pixels: UInt8Array) -> str:
    """Encode a picture.

    Args:
        pixels: ``(H, W, 3)`` sRGB; a few dozen pixels a side are enough, and quick.

    Returns:
        28 characters: 4 x 3 components.
    """
    height, width = pixels.shape[:2]
    # (Y, H) and (X, W): cosines over the rows and the columns.
    rows = np.cos(np.pi * np.outer(np.arange(COMPONENTS_Y), np.arange(height) / height))
    columns = np.cos(np.pi * np.outer(np.arange(COMPONENTS_X), np.arange(width) / width))
    components = np.einsum("yh,xw,hwc->yxc", rows, columns, _to_linear(pixels), optimize=True)
    components *= 2 / (height * width)
    components[0, 0] /= 2
    average, *details = components.reshape(-1, 3)  # DC, then AC in reading order

    largest = float(np.abs(details).max())
    quantised_largest = int(np.clip(np.floor(largest * 166 - 0.5), 0, 82))
    scaled = np.asarray(details) / ((quantised_largest + 1) / 166)  # (11, 3)
    signed_root = np.sign(scaled) * np.sqrt(np.abs(scaled))
    levels = np.clip(np.floor(signed_root * 9 + 9.5), 0, 18).astype(int)
    red, green, blue = _to_srgb(average)
    return (
        _base83((COMPONENTS_X - 1) + (COMPONENTS_Y - 1) * 9, 1)
        + _base83(quantised_largest, 1)
        + _base83((red << 16) | (green << 8) | blue, 4)
        + "".join(_base83(int(r * 19 * 19 + g * 19 + b), 2) for r, g, b in levels)
    )


def _to_linear(pixels: UInt8Array) -> Float32Array:
    value = pixels.astype(np.float32) / 255
    linear: Float32Array = np.where(
        value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4
    )
    return linear


def _to_srgb(linear: Float32Array) -> list[int]:
    value = np.clip(linear, 0, 1)
    srgb = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    return [int(channel) for channel in srgb * 255 + 0.5]


def _base83(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83 ** (length - 1 - place) % 83] for place in range(length))
