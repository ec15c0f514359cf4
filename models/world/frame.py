"""The picture plane: one coordinate system for every picture size, smooth noise and blending.

All of the world is laid out in units of the central square: ``u`` and ``v`` run from 0 to 1 across
and down that square and beyond it in the margins of an oblong picture, so that one scene has the
same composition at every size. Pixels are planar ``float32`` arrays of shape (3, height, width)
with values 0 to 1, for numpy is several times faster on planes than on interleaved pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane: TypeAlias = NDArray[np.float32]
Rgb: TypeAlias = tuple[float, float, float]

NOISE_EXTENT = 3
"""Noise is defined over u and v from -1 to 2."""
_FRAMES_KEPT = 32


@dataclass(frozen=True, slots=True)
class Frame:
    """The coordinates of one picture size.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        side: Side of the central square in pixels.
        left: Pixels left of the central square.
        top: Pixels above the central square.
        u: Horizontal coordinate, shape (1, width).
        v: Vertical coordinate, shape (height, 1).
    """

    width: int
    height: int
    side: int
    left: float
    top: float
    u: Plane
    v: Plane

    def row(self, v: float) -> int:
        """Return the pixel row of a vertical coordinate, kept inside the picture."""
        return int(min(max(self.top + v * self.side, 0), self.height))


@lru_cache(maxsize=_FRAMES_KEPT)
def frame_of(width: int, height: int) -> Frame:
    """Return the (cached) coordinates of a picture size."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    u: Plane = ((np.arange(width) + 0.5 - left) / side).astype(np.float32)[None, :]
    v: Plane = ((np.arange(height) + 0.5 - top) / side).astype(np.float32)[:, None]
    u.flags.writeable = v.flags.writeable = False
    return Frame(width, height, side, left, top, u, v)


def rgb(red: int, green: int, blue: int) -> Rgb:
    """Return a colour of 0 to 255 parts as 0 to 1 parts."""
    return red / 255, green / 255, blue / 255


def mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    """Blend two colours; ``share`` is how much of the second."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def times(first: Rgb, second: Rgb) -> Rgb:
    """Multiply two colours part by part, as a light does with a surface."""
    red, green, blue = (a * b for a, b in zip(first, second, strict=True))
    return red, green, blue


def column(colour: Rgb) -> Plane:
    """Return a colour as a (3, 1, 1) array that broadcasts over planes."""
    return np.array(colour, dtype=np.float32)[:, None, None]


def lay(canvas: Plane, colour: Plane | Rgb, cover: Plane | float) -> None:
    """Blend a colour over the canvas in place, where and as much as ``cover`` says."""
    over = column(colour) if isinstance(colour, tuple) else colour
    canvas += (over - canvas) * cover


def smoothstep(low: float, high: float, values: Plane) -> Plane:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    result: Plane = t * t * (3 - 2 * t)
    return result


def resize(plane: Plane, width: int, height: int) -> Plane:
    """Upsample one smooth plane."""
    image = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32)


def noise(
    frame: Frame,
    rng: np.random.Generator,
    cells: tuple[float, float],
    octaves: int,
    *,
    shrink: int = 2,
) -> Plane:
    """Return soft fractal noise of about 0 to 1 over the whole picture.

    Args:
        frame: The picture plane.
        rng: The source of chance.
        cells: How many cells of the coarsest octave lie across and down the central square.
        octaves: How many octaves, each twice as fine and half as strong.
        shrink: Compute at this fraction of the resolution and upsample.
    """
    width, height = -(-frame.width // shrink), -(-frame.height // shrink)
    total = np.zeros((height, width), dtype=np.float32)
    strength, sum_of_strengths = 1.0, 0.0
    for octave in range(octaves):
        across = max(2, round(cells[0] * 2**octave)) * NOISE_EXTENT
        down = max(2, round(cells[1] * 2**octave)) * NOISE_EXTENT
        grid = rng.random((down, across), dtype=np.float32)
        box = (
            max(0.0, (1 - frame.left / frame.side) / NOISE_EXTENT * across),
            max(0.0, (1 - frame.top / frame.side) / NOISE_EXTENT * down),
            min(float(across), (2 + frame.left / frame.side) / NOISE_EXTENT * across),
            min(float(down), (2 + frame.top / frame.side) / NOISE_EXTENT * down),
        )
        image = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC, box=box)
        total += np.asarray(image) * np.float32(strength)
        sum_of_strengths += strength
        strength *= 0.5
    total /= np.float32(sum_of_strengths)
    return resize(total, frame.width, frame.height) if shrink > 1 else total


def profile(frame: Frame, rng: np.random.Generator, cells: float, octaves: int) -> Plane:
    """Return one-dimensional fractal noise of about -1 to 1 along ``u``, shape (1, width)."""
    line = np.zeros_like(frame.u)
    strength = 1.0
    for octave in range(octaves):
        count = max(2, round(cells * 2**octave)) * NOISE_EXTENT
        knots = rng.uniform(-1, 1, count + 1)
        at = np.linspace(-1, 2, count + 1)
        line[0] += np.float32(strength) * np.interp(frame.u[0], at, knots).astype(np.float32)
        strength *= 0.5
    return line
