"""A supersampled brush that draws one thing in its own unit coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from models.world.frame import Plane, Rgb, mix, rgb, times

Points: TypeAlias = list[tuple[float, float]]

SUPERSAMPLING = 3
_ARC_STEPS = 28
CREAM: Rgb = rgb(250, 238, 208)
DARK: Rgb = rgb(52, 50, 56)
GREY: Rgb = rgb(120, 118, 122)
BROWN: Rgb = rgb(104, 70, 46)
OLIVE: Rgb = rgb(70, 78, 46)


@dataclass(frozen=True, slots=True)
class Ink:
    """The shades of a thing's one colour, and whether its lamps are lit."""

    main: Rgb
    is_lit: bool

    def shade(self, brightness: float) -> Rgb:
        """Return a lighter (above 1) or darker (below 1) shade of the same colour."""
        if brightness >= 1:
            return mix(self.main, (1.0, 1.0, 1.0), brightness - 1)
        return times(self.main, (brightness, brightness, brightness))

    @property
    def window(self) -> Rgb:
        """Return the colour of window glass: lamplight at night."""
        return rgb(255, 234, 176) if self.is_lit else rgb(74, 80, 92)


class Brush:
    """Draws in a box that is 1 high and 1 wide: x from -.5 to .5, y from 0 (foot) up to 1."""

    def __init__(self, pixels: int, scale: float, foot: tuple[float, float], tilt: float) -> None:
        """Start a transparent square patch.

        Args:
            pixels: Side of the finished patch in pixels.
            scale: Pixels to one unit.
            foot: Where (0, 0) lies in the finished patch, in pixels.
            tilt: Clockwise turn about the middle of the thing, in radians.
        """
        self._pixels = pixels
        self._scale = scale * SUPERSAMPLING
        self._foot = (foot[0] * SUPERSAMPLING, foot[1] * SUPERSAMPLING)
        self._cos, self._sin = cos(tilt), sin(tilt)
        side = pixels * SUPERSAMPLING
        # Four plain channels: Pillow's "RGBA" would be converted twice on the way down.
        self._image = Image.new("CMYK", (side, side))
        self._draw = ImageDraw.Draw(self._image)
        self.lamps: list[tuple[float, float, float]] = []

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return the supersampled pixel of a point."""
        dy = y - 0.5
        turned_x = x * self._cos + dy * self._sin
        turned_y = -x * self._sin + dy * self._cos + 0.5
        return self._foot[0] + turned_x * self._scale, self._foot[1] - turned_y * self._scale

    def polygon(self, points: Points, colour: Rgb) -> None:
        """Fill a polygon."""
        self._draw.polygon([self.place(x, y) for x, y in points], fill=(*_bytes(colour), 255))

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: Rgb, turn: float = 0.0
    ) -> None:
        """Fill an ellipse, turned by ``turn`` radians."""
        c, s = cos(turn), sin(turn)
        points = []
        for step in range(_ARC_STEPS):
            a = step * 2 * pi / _ARC_STEPS
            dx, dy = rx * cos(a), ry * sin(a)
            points.append((x + dx * c - dy * s, y + dx * s + dy * c))
        self.polygon(points, colour)

    def line(self, points: Points, width: float, colour: Rgb) -> None:
        """Draw a line of a width in units, at least about a pixel."""
        thick = max(round(width * self._scale), SUPERSAMPLING - 1)
        self._draw.line(
            [self.place(x, y) for x, y in points],
            fill=(*_bytes(colour), 255),
            width=thick,
            joint="curve",
        )

    def lamp(self, x: float, y: float, radius: float) -> None:
        """Note a lamp, whose glow the painter adds at night; in finished pixels and units."""
        px, py = self.place(x, y)
        self.lamps.append((px / SUPERSAMPLING, py / SUPERSAMPLING, radius))

    def finish(self) -> tuple[Plane, Plane]:
        """Return the colours (3, side, side) and the cover (side, side) of the finished patch."""
        small = np.asarray(self._image.reduce(SUPERSAMPLING), dtype=np.float32)
        planes = np.ascontiguousarray(small.transpose(2, 0, 1))
        cover = planes[3] * np.float32(1 / 255)
        # The ground was black, so the colours are weighed by the cover.
        paint = planes[:3] / np.maximum(planes[3], 1)
        return paint, cover


def _bytes(colour: Rgb) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(part * 255))) for part in colour)
    return red, green, blue
