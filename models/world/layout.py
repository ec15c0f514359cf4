"""Where each single thing of a group stands and how large it is, in units of the central square."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.world.scene import Group, Kind, Position

FLYING: Final = frozenset({Kind.BALLOON, Kind.KITE, Kind.ROCKET})
_WIDTH: Final[dict[Kind, float]] = {
    Kind.BALLOON: 0.8,
    Kind.KITE: 0.74,
    Kind.SAILBOAT: 0.86,
    Kind.LIGHTHOUSE: 0.62,
    Kind.HOUSE: 1.0,
    Kind.TENT: 1.0,
    Kind.CAR: 1.0,
    Kind.WINDMILL: 0.78,
    Kind.TREE: 0.88,
    Kind.FLOWER: 0.7,
    Kind.UMBRELLA: 1.0,
    Kind.ROCKET: 0.62,
}
_SIZE_OF_COUNT: Final = {1: (0.44, 0.5), 2: (0.35, 0.4), 3: (0.31, 0.34)}
_MIDDLE: Final = {Position.LEFT: 0.24, Position.CENTRE: 0.5, Position.RIGHT: 0.76}
_MARGIN: Final = 0.015
_MAX_TILT: Final[dict[Kind, float]] = {
    Kind.BALLOON: 0.06,
    Kind.KITE: 0.4,
    Kind.SAILBOAT: 0.08,
    Kind.UMBRELLA: 0.22,
    Kind.ROCKET: 0.3,
    Kind.FLOWER: 0.12,
}
_GROUND_FOOT: Final = (0.86, 0.93)
_BOAT_FOOT: Final = (0.8, 0.92)


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of one thing: ``u`` of its middle, ``v`` of its foot, its size and tilt."""

    u: float
    v: float
    size: float
    tilt: float


def spots_of(group: Group, rng: np.random.Generator) -> list[Spot]:
    """Return where the things of a group stand, the farthest first."""
    low, high = _SIZE_OF_COUNT[group.count]
    size = rng.uniform(low, high)
    wide = _WIDTH[group.kind]
    is_flying = group.kind in FLYING
    if is_flying:
        foot = rng.uniform(0.1, 0.2) + size if group.count == 1 else 0.0
    else:
        foot = rng.uniform(*(_BOAT_FOOT if group.kind is Kind.SAILBOAT else _GROUND_FOOT))
    offsets = _offsets(group, wide * size, rng)
    spots = []
    for dx, dv, scale in offsets:
        own = size * scale * rng.uniform(0.95, 1.03)
        v = foot + dv if group.count == 1 or not is_flying else dv + own
        u = _MIDDLE[group.position] + dx + rng.uniform(-0.015, 0.015)
        v = min(max(v, own + _MARGIN), 1 - _MARGIN)
        tilt = _MAX_TILT.get(group.kind, 0.0)
        spots.append(Spot(u, v, own, rng.uniform(-tilt, tilt)))
    # The group moves as one, so that the edge of the square does not press its things together.
    over_left = max(0.0, *(_MARGIN - spot.u + wide * spot.size / 2 for spot in spots))
    over_right = max(0.0, *(spot.u + wide * spot.size / 2 - 1 + _MARGIN for spot in spots))
    spots = [replace(spot, u=spot.u + over_left - over_right) for spot in spots]
    return spots if is_flying else sorted(spots, key=lambda spot: spot.v)


def _offsets(
    group: Group, width: float, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Return (sideways, downward, scale) of each thing; of flying groups, the v of the top."""
    flip = float(rng.choice([-1, 1]))
    if group.count == 1:
        return [(rng.uniform(-0.02, 0.02), 0.0, 1.0)]
    if group.kind in FLYING:
        if group.count == 2:
            reach = min(0.12, width * 0.5)
            return [
                (-reach * flip, rng.uniform(0.06, 0.1), 0.98),
                (reach * flip, rng.uniform(0.22, 0.3), 1.0),
            ]
        reach = min(0.14, width * 0.56)
        return [
            (-reach * flip, 0.05, 0.95),
            (reach * flip, 0.2, 1.0),
            (-reach * 0.7 * flip, 0.4, 1.0),
        ]
    if group.kind is Kind.CAR:
        rows = [0.0, -0.17] if group.count == 2 else [0.0, -0.14, -0.27]
        return [(0.05 * flip * (-1) ** i, dv, 1.0 - 0.04 * i) for i, dv in enumerate(rows)]
    if group.count == 2:
        reach = min(0.12, width * 0.46)
        return [(-reach * flip, 0.0, 1.0), (reach * flip, -rng.uniform(0.06, 0.12), 0.92)]
    reach = min(0.155, width * 0.54)
    return [
        (-reach, rng.uniform(-0.03, 0.02), 1.0),
        (reach, rng.uniform(-0.03, 0.02), 0.97),
        (0.03 * flip, -0.19, 0.9),
    ]
