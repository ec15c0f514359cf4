"""Names for colours, and the main colours of a picture. The borders between names are our own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from photo_search.arrays import Float32Array, Int64Array, UInt8Array
from photo_search.photo import Colour

MIN_COVERAGE = 0.06
"""Share of the picture from which a colour counts as a main one."""
MAX_COLOURS = 5

_COLOURS = tuple(Colour)
_BLACK_VALUE = 0.16
_WHITE_VALUE = 0.82
_GREY_SATURATION = 0.16
_BROWN_VALUE = 0.62
_PALE_SATURATION = 0.5
# Hue in degrees at which each name begins; red comes round again at the end.
_HUE_STARTS = np.array([0, 16, 44, 68, 162, 195, 258, 298, 344])
_HUE_NAMES = (
    Colour.RED,
    Colour.ORANGE,
    Colour.YELLOW,
    Colour.GREEN,
    Colour.TEAL,
    Colour.BLUE,
    Colour.PURPLE,
    Colour.PINK,
    Colour.RED,
)
_NUMBER_OF_HUE = np.array([_COLOURS.index(name) for name in _HUE_NAMES])


def main_colours(pixels: UInt8Array) -> tuple[Colour, ...]:
    """Name the colours that cover most of ``(H, W, 3)`` sRGB pixels, largest first."""
    numbers = _colour_numbers(pixels.reshape(-1, 3))
    shares = np.bincount(numbers, minlength=len(_COLOURS)) / len(numbers)
    return _largest(dict(zip(_COLOURS, shares.tolist(), strict=True)))


def main_colours_of_hex(coverages: Iterable[tuple[str, float]]) -> tuple[Colour, ...]:
    """Name the main colours among pairs of ``rrggbb`` and the share of the picture it covers.

    Raises:
        ValueError: A colour is not six hexadecimal digits.
    """
    shares = dict.fromkeys(_COLOURS, 0.0)
    for digits, coverage in coverages:
        shares[colour_of_hex(digits)] += coverage
    return _largest(shares)


def colour_of_hex(digits: str) -> Colour:
    """Name the colour ``rrggbb``, with or without a leading ``#``.

    Raises:
        ValueError: It is not six hexadecimal digits.
    """
    rgb = bytes.fromhex(digits.strip().removeprefix("#"))
    if len(rgb) != 3:
        msg = f"{digits!r} is no colour of six hexadecimal digits"
        raise ValueError(msg)
    return _COLOURS[int(_colour_numbers(np.frombuffer(rgb, dtype=np.uint8)[np.newaxis])[0])]


def _largest(shares: dict[Colour, float]) -> tuple[Colour, ...]:
    main = [colour for colour, share in shares.items() if share >= MIN_COVERAGE]
    return tuple(sorted(main, key=lambda colour: -shares[colour])[:MAX_COLOURS])


def _colour_numbers(rgb: UInt8Array) -> Int64Array:
    """Give the place in Colour of each row of ``(N, 3)``; ``(N,)``."""
    pixels: Float32Array = rgb.astype(np.float32) / np.float32(255)
    value: Float32Array = pixels.max(axis=1)
    chroma = value - pixels.min(axis=1)
    saturation = chroma / np.maximum(value, 1e-6)
    hue = _hue(pixels, value, chroma)
    named: Int64Array = _NUMBER_OF_HUE[np.searchsorted(_HUE_STARTS, hue, side="right") - 1]
    warm = (hue < _HUE_STARTS[2]) | (hue >= _HUE_STARTS[8])
    red = named == _COLOURS.index(Colour.RED)
    # Dull orange is what people call brown, pale red is pink.
    brown = (hue >= _HUE_STARTS[1]) & (hue < _HUE_STARTS[2]) & (value < _BROWN_VALUE)
    pink = warm & red & (saturation < _PALE_SATURATION) & (value > _BROWN_VALUE)
    named[brown] = _COLOURS.index(Colour.BROWN)
    named[pink] = _COLOURS.index(Colour.PINK)
    dull = saturation < _GREY_SATURATION
    named[dull] = _COLOURS.index(Colour.GREY)
    named[dull & (value > _WHITE_VALUE)] = _COLOURS.index(Colour.WHITE)
    named[value < _BLACK_VALUE] = _COLOURS.index(Colour.BLACK)
    return named


def _hue(pixels: Float32Array, value: Float32Array, chroma: Float32Array) -> Float32Array:
    """Hue of ``(N, 3)`` in degrees, 0 to 360; greys get 0."""
    red, green, blue = pixels.T
    safe = np.maximum(chroma, 1e-6)
    sixth = np.select(
        [value == red, value == green],
        [(green - blue) / safe % 6, (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    hue: Float32Array = np.where(chroma == 0, 0, sixth * 60).astype(np.float32)
    return hue
