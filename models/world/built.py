"""What is built: lighthouse, house, tent and windmill."""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING

from models.world.brush import BROWN, CREAM, DARK, GREY, Brush, Ink

if TYPE_CHECKING:
    import numpy as np


def draw_lighthouse(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a lighthouse."""
    brush.polygon(
        [(-0.3, 0.0), (-0.24, 0.07), (-0.1, 0.1), (0.12, 0.1), (0.25, 0.06), (0.31, 0.0)], GREY
    )

    def half(y: float) -> float:
        return 0.19 - 0.08 * (y - 0.06) / 0.68

    brush.polygon(
        [(-half(0.06), 0.06), (half(0.06), 0.06), (half(0.74), 0.74), (-half(0.74), 0.74)], ink.main
    )
    for low in (0.24, 0.42, 0.6):
        high = low + 0.035
        brush.polygon(
            [(-half(low), low), (half(low), low), (half(high), high), (-half(high), high)], CREAM
        )
    brush.polygon([(-0.05, 0.06), (0.05, 0.06), (0.05, 0.17), (-0.05, 0.17)], DARK)
    for y in (0.34, 0.53):
        brush.ellipse(rng.uniform(-0.03, 0.03), y, 0.022, 0.03, ink.window)
    brush.polygon([(-0.15, 0.74), (0.15, 0.74), (0.15, 0.775), (-0.15, 0.775)], DARK)
    brush.polygon([(-0.085, 0.775), (0.085, 0.775), (0.085, 0.89), (-0.085, 0.89)], CREAM)
    for x in (-0.08, 0.0, 0.08):
        brush.line([(x, 0.775), (x, 0.89)], 0.01, DARK)
    brush.polygon([(-0.12, 0.89), (0.12, 0.89), (0.05, 0.965), (0.0, 1.0), (-0.05, 0.965)], DARK)
    brush.lamp(0, 0.83, 0.5)


def draw_house(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a house."""
    brush.polygon([(0.2, 0.6), (0.31, 0.6), (0.31, 0.92), (0.2, 0.92)], BROWN)
    brush.polygon([(-0.42, 0), (0.42, 0), (0.42, 0.54), (0, 0.88), (-0.42, 0.54)], ink.main)
    for y in (0.12, 0.24, 0.36, 0.48, 0.6):
        reach = min(0.42, (0.88 - y) / 0.34 * 0.42)
        brush.line([(-reach, y), (reach, y)], 0.006, ink.shade(0.86))
    for side in (-1, 1):
        brush.polygon(
            [(0, 0.94), (side * 0.5, 0.53), (side * 0.47, 0.46), (0, 0.845)],
            DARK if side > 0 else (0.27, 0.25, 0.26),
        )
    door = rng.choice([-0.2, 0.2])
    brush.polygon(
        [(door - 0.09, 0), (door + 0.09, 0), (door + 0.09, 0.31), (door - 0.09, 0.31)], BROWN
    )
    x = -door
    brush.polygon([(x - 0.12, 0.13), (x + 0.12, 0.13), (x + 0.12, 0.36), (x - 0.12, 0.36)], CREAM)
    brush.polygon([(x - 0.1, 0.15), (x + 0.1, 0.15), (x + 0.1, 0.34), (x - 0.1, 0.34)], ink.window)
    brush.line([(x, 0.15), (x, 0.34)], 0.014, CREAM)
    brush.line([(x - 0.1, 0.245), (x + 0.1, 0.245)], 0.014, CREAM)
    brush.ellipse(0, 0.58, 0.075, 0.075, CREAM)
    brush.ellipse(0, 0.58, 0.06, 0.06, ink.window)
    brush.lamp(x, 0.24, 0.35)


def draw_tent(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a tent."""
    slant = rng.uniform(-0.02, 0.03)
    peak, back = (-0.14, 0.72 + slant), (0.27, 0.7)
    brush.line([peak, (-0.5, 0.0)], 0.008, CREAM)
    brush.line([back, (0.5, 0.02)], 0.008, CREAM)
    brush.polygon([(0.17, 0.0), (0.48, 0.07), back, peak], ink.shade(0.8))
    brush.polygon([(-0.45, 0.0), (0.17, 0.0), peak], ink.shade(1.04))
    brush.line([peak, (0.17, 0.0)], 0.012, ink.shade(0.66))
    inside = ink.window if ink.is_lit else DARK
    brush.polygon([(-0.24, 0.0), (-0.04, 0.0), (-0.14, 0.42)], inside)
    brush.polygon([(-0.24, 0.0), (-0.29, 0.0), (-0.14, 0.42)], ink.shade(0.7))
    brush.lamp(-0.14, 0.16, 0.4)


def draw_windmill(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a windmill."""
    brush.polygon([(-0.27, 0), (0.27, 0), (0.16, 0.6), (-0.16, 0.6)], ink.main)
    brush.polygon([(0.1, 0), (0.27, 0), (0.16, 0.6), (0.06, 0.6)], ink.shade(0.82))
    brush.polygon([(-0.18, 0.59), (0.18, 0.59), (0.13, 0.69), (0, 0.75), (-0.13, 0.69)], BROWN)
    brush.polygon([(-0.06, 0), (0.06, 0), (0.06, 0.16), (0, 0.19), (-0.06, 0.16)], DARK)
    for y in (0.28, 0.44):
        brush.ellipse(-0.03, y, 0.035, 0.04, ink.window)
    start = rng.uniform(0.25, 1.3)
    for arm in range(4):
        a = start + arm * pi / 2
        ax, ay, px, py = cos(a), sin(a), -sin(a), cos(a)

        def at(
            along: float, across: float, frame: tuple[float, float, float, float] = (ax, ay, px, py)
        ) -> tuple[float, float]:
            return along * frame[0] + across * frame[2], 0.63 + along * frame[1] + across * frame[3]

        brush.polygon([at(0.09, 0.0), at(0.37, 0.0), at(0.37, 0.085), at(0.09, 0.07)], CREAM)
        brush.line([at(0, 0), at(0.38, 0)], 0.02, DARK)
    brush.ellipse(0, 0.63, 0.035, 0.035, DARK)
    brush.lamp(-0.03, 0.36, 0.2)
