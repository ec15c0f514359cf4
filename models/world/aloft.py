"""What flies: balloon, kite and rocket."""

from __future__ import annotations

from math import cos, pi, sin, sqrt
from typing import TYPE_CHECKING

from models.world.brush import BROWN, CREAM, DARK, Brush, Ink, Points

if TYPE_CHECKING:
    import numpy as np


def draw_balloon(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a balloon."""

    def radius(y: float) -> float:
        if y > 0.6:
            return 0.4 * sqrt(max(0.0, 1 - ((y - 0.6) / 0.4) ** 2))
        return 0.09 + 0.31 * max(0.0, cos((0.6 - y) / 0.4 * pi / 2)) ** 0.85 if y > 0.2 else 0.09

    heights = [0.2 + 0.8 * i / 18 for i in range(19)]
    gores = 7
    turn = rng.uniform(-0.1, 0.1)
    for x in (-0.055, 0.055):
        brush.line([(x * 1.5, 0.21), (x, 0.1)], 0.01, DARK)
    brush.polygon([(-0.075, 0.12), (0.075, 0.12), (0.06, 0.0), (-0.06, 0.0)], BROWN)
    brush.polygon([(-0.08, 0.125), (0.08, 0.125), (0.08, 0.1), (-0.08, 0.1)], DARK)
    for gore in range(gores):
        a = -1.0 if gore == 0 else sin((-0.5 + gore / gores + turn / gores) * pi)
        b = 1.0 if gore == gores - 1 else sin((-0.5 + (gore + 1) / gores + turn / gores) * pi)
        points = [(radius(y) * a, y) for y in heights] + [
            (radius(y) * b, y) for y in reversed(heights)
        ]
        brush.polygon(points, ink.shade(1.0 if gore % 2 else 0.84))
    brush.polygon([(-0.1, 0.235), (0.1, 0.235), (0.085, 0.2), (-0.085, 0.2)], CREAM)
    brush.lamp(0, 0.24, 0.25)


def draw_kite(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a kite."""
    sway = rng.uniform(-0.12, 0.12)
    tail = [
        (sway * t * 1.2 + 0.035 * sin(t * 9), 0.26 * (1 - t)) for t in (i / 10 for i in range(11))
    ]
    brush.line(tail, 0.014, DARK)
    for i in (3, 6, 9):
        x, y = tail[i]
        brush.polygon([(x - 0.06, y + 0.03), (x, y), (x - 0.06, y - 0.03)], ink.shade(0.9))
        brush.polygon([(x + 0.06, y + 0.03), (x, y), (x + 0.06, y - 0.03)], ink.shade(0.9))
    top, left, bottom, right, mid = (
        (0.0, 1.0),
        (-0.36, 0.66),
        (0.0, 0.24),
        (0.36, 0.66),
        (0.0, 0.66),
    )
    brush.polygon([top, left, mid], ink.shade(1.12))
    brush.polygon([top, right, mid], ink.shade(0.94))
    brush.polygon([bottom, left, mid], ink.shade(1.0))
    brush.polygon([bottom, right, mid], ink.shade(0.8))
    brush.line([top, bottom], 0.012, DARK)
    brush.line([left, right], 0.012, DARK)


def draw_rocket(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a rocket."""
    flare = rng.uniform(0.0, 0.04)
    brush.polygon(
        [(-0.08, 0.16), (-0.1, 0.1), (0, 0.0 - flare / 2), (0.1, 0.1), (0.08, 0.16)], CREAM
    )
    brush.polygon([(-0.04, 0.16), (0, 0.06), (0.04, 0.16)], (1.0, 1.0, 0.97))
    for s in (-1, 1):
        brush.polygon(
            [(s * 0.14, 0.46), (s * 0.31, 0.24), (s * 0.3, 0.1), (s * 0.12, 0.22)], ink.shade(0.76)
        )
    hull: Points = []
    for i in range(21):
        y = 0.19 + 0.81 * i / 20
        t = (y - 0.19) / 0.81
        hull.append(
            (
                0.12 + 0.06 * sin(min(t / 0.5, 1) * pi / 2)
                if t < 0.5
                else 0.18 * max(0.0, cos((t - 0.5) * pi)) ** 0.75,
                y,
            )
        )
    brush.polygon(hull + [(-x, y) for x, y in reversed(hull)], ink.main)
    brush.polygon(
        [(0.06, 0.19), *[(x, y) for x, y in hull], (0.0, 1.0), (0.08, 0.6)],
        ink.shade(0.85),
    )
    brush.line([(-0.17, 0.72), (0.17, 0.72)], 0.012, CREAM)
    brush.ellipse(0, 0.58, 0.085, 0.085, DARK)
    brush.ellipse(0, 0.58, 0.062, 0.062, ink.window if ink.is_lit else CREAM)
    brush.polygon([(-0.1, 0.2), (0.1, 0.2), (0.085, 0.15), (-0.085, 0.15)], DARK)
    brush.lamp(0, 0.09, 0.4)
