"""What moves, opens or grows outdoors: sailboat, car, umbrella, tree and flower."""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING

from models.world.brush import BROWN, CREAM, DARK, OLIVE, Brush, Ink, Points

if TYPE_CHECKING:
    import numpy as np


def draw_sailboat(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a sailboat."""
    belly = rng.uniform(0.03, 0.07)
    brush.line([(0.0, 0.14), (0.0, 1.0)], 0.018, BROWN)
    main_sail: Points = [
        (0.02, 0.97),
        (0.16 + belly, 0.66),
        (0.3 + belly, 0.4),
        (0.4, 0.2),
        (0.02, 0.2),
    ]
    jib: Points = [(-0.025, 0.88), (-0.17, 0.55), (-0.35, 0.2), (-0.14, 0.23), (-0.025, 0.2)]
    brush.polygon(main_sail, ink.main)
    brush.polygon([(0.02, 0.97), (0.1, 0.6), (0.12, 0.2), (0.02, 0.2)], ink.shade(1.1))
    brush.polygon(jib, ink.shade(0.86))
    for y, x in ((0.4, 0.3 + belly), (0.6, 0.19 + belly)):
        brush.line([(0.02, y), (x - 0.01, y + 0.02)], 0.006, ink.shade(0.75))
    brush.polygon([(-0.4, 0.15), (0.44, 0.15), (0.32, 0.0), (-0.28, 0.0)], BROWN)
    brush.polygon([(-0.4, 0.15), (0.44, 0.15), (0.42, 0.115), (-0.385, 0.115)], CREAM)


def draw_car(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a car."""
    facing = float(rng.choice([-1, 1]))

    def at(points: Points) -> Points:
        return [(x * facing, y) for x, y in points]

    body: Points = [(-0.5, 0.1), (0.49, 0.1), (0.5, 0.2), (0.47, 0.26), (0.3, 0.3), (0.15, 0.48)]
    body += [(0.08, 0.5), (-0.24, 0.5), (-0.33, 0.46), (-0.42, 0.31), (-0.49, 0.28)]
    brush.polygon(at(body), ink.main)
    brush.polygon(at([(-0.5, 0.1), (0.49, 0.1), (0.5, 0.16), (-0.5, 0.16)]), ink.shade(0.72))
    brush.line(at([(-0.48, 0.275), (0.45, 0.265)]), 0.01, ink.shade(1.35))
    brush.polygon(
        at([(-0.35, 0.31), (-0.07, 0.31), (-0.07, 0.455), (-0.24, 0.455), (-0.29, 0.43)]),
        ink.window,
    )
    brush.polygon(
        at([(-0.03, 0.31), (0.22, 0.31), (0.12, 0.44), (0.07, 0.455), (-0.03, 0.455)]), ink.window
    )
    brush.ellipse(0.465 * facing, 0.215, 0.03, 0.028, CREAM)
    for x in (-0.28, 0.29):
        brush.ellipse(x * facing, 0.11, 0.105, 0.105, DARK)
        brush.ellipse(x * facing, 0.11, 0.052, 0.052, (0.72, 0.72, 0.73))
    brush.lamp(0.5 * facing, 0.215, 0.3)


def draw_umbrella(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a umbrella."""
    brush.line([(0, 1.0), (0, 0.1), (0.03, 0.03), (0.08, 0.02), (0.115, 0.07)], 0.026, DARK)
    panels, base = 6, 0.48
    edges = [sin((-0.5 + i / panels) * pi) * 0.5 for i in range(panels + 1)]
    for i in range(panels):
        a, b = edges[i], edges[i + 1]
        steps = [j / 10 * pi / 2 for j in range(11)]
        left = [(a * cos(t), base + 0.46 * sin(t)) for t in steps]
        right = [(b * cos(t), base + 0.46 * sin(t)) for t in reversed(steps)]
        middle = (a + b) / 2
        scallop = [
            (b * 0.6 + middle * 0.4, base + 0.028),
            (middle, base + 0.045),
            (a * 0.6 + middle * 0.4, base + 0.028),
        ]
        brush.polygon(left + right + scallop, ink.shade(1.0 if i % 2 else 0.86))
    brush.line([(0, 0.93), (0, 0.98)], 0.02, DARK)


def draw_tree(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a tree."""
    brush.polygon(
        [(-0.07, 0), (0.07, 0), (0.04, 0.2), (0.05, 0.5), (-0.05, 0.5), (-0.035, 0.2)], BROWN
    )
    brush.line([(0, 0.26), (0.14, 0.42)], 0.035, BROWN)
    blobs = [
        (-0.24, 0.5, 0.19),
        (0.24, 0.5, 0.19),
        (0.0, 0.47, 0.2),
        (-0.22, 0.68, 0.2),
        (0.23, 0.69, 0.19),
        (0.0, 0.66, 0.25),
        (0.0, 0.81, 0.19),
    ]
    for i, (x, y, r) in enumerate(blobs):
        x, y = x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.015, 0.015)
        brush.ellipse(x, y, r, r, ink.shade((0.74, 0.74, 0.72, 0.88, 0.86, 0.94, 1.0)[i]))
    for _ in range(34):
        a, d = rng.uniform(0, 2 * pi), rng.uniform(0.05, 0.34)
        x, y = cos(a) * d, 0.66 + sin(a) * d * 0.8
        bright = 0.8 + 0.34 * (y - 0.45) / 0.5 + rng.uniform(-0.08, 0.1)
        brush.ellipse(x, y, 0.05, 0.032, ink.shade(min(1.25, bright)), rng.uniform(0, pi))


def draw_flower(brush: Brush, ink: Ink, rng: np.random.Generator) -> None:
    """Draw a flower."""
    bend = rng.uniform(-0.05, 0.05)
    brush.line([(bend, 0.0), (bend * 0.6, 0.2), (0, 0.6)], 0.04, OLIVE)
    brush.ellipse(0.12, 0.17, 0.12, 0.04, OLIVE, 0.6)
    brush.ellipse(-0.12, 0.13, 0.11, 0.04, OLIVE, -0.6)
    petals, turn = 9, rng.uniform(0, 0.7)
    for ring, (reach, size, tone) in enumerate(((0.2, 0.145, 0.82), (0.15, 0.125, 1.0))):
        for petal in range(petals):
            a = turn + (petal + ring * 0.5) * 2 * pi / petals
            tint = tone + 0.06 * sin(a)
            brush.ellipse(reach * cos(a), 0.66 + reach * sin(a), size, 0.085, ink.shade(tint), a)
    brush.ellipse(0, 0.66, 0.095, 0.095, BROWN)
    brush.ellipse(-0.015, 0.675, 0.06, 0.06, (0.52, 0.38, 0.24))
