"""What a scene is and how scenes are sampled.

Owns the vocabulary of the drawn world. Knows nothing of words (captions.py) or pixels (render.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Landscape(StrEnum):
    """Where a scene lies."""

    MOUNTAINS = "mountains"
    SEA = "sea"
    DESERT = "desert"
    FOREST = "forest"
    MEADOW = "meadow"
    CITY = "city"


class TimeOfDay(StrEnum):
    """Where the light comes from."""

    DAWN = "dawn"
    DAY = "day"
    SUNSET = "sunset"
    NIGHT = "night"


class Weather(StrEnum):
    """What the air is like."""

    CLEAR = "clear"
    CLOUDY = "cloudy"
    FOGGY = "foggy"
    RAINY = "rainy"
    SNOWY = "snowy"


class Kind(StrEnum):
    """What is in front: twelve kinds of distinct silhouette."""

    BALLOON = "balloon"
    KITE = "kite"
    SAILBOAT = "sailboat"
    LIGHTHOUSE = "lighthouse"
    HOUSE = "house"
    TENT = "tent"
    CAR = "car"
    WINDMILL = "windmill"
    TREE = "tree"
    FLOWER = "flower"
    UMBRELLA = "umbrella"
    ROCKET = "rocket"


class Colour(StrEnum):
    """Six well-separated colours: a trial with black, orange and pink confused them at dusk."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"
    PURPLE = "purple"
    WHITE = "white"


class Position(StrEnum):
    """Where a group stands in the central square of the picture."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


LANDSCAPES_OF_KIND: dict[Kind, tuple[Landscape, ...]] = {
    kind: tuple(Landscape) for kind in Kind if kind is not Kind.SAILBOAT
} | {Kind.SAILBOAT: (Landscape.SEA,)}
"""A sailboat needs water; the other kinds stand, fly or float anywhere."""

MAX_COUNT = 3
HELD_OUT_SHARE = 0.15
TWO_GROUPS_SHARE = 0.4
NO_GROUP_SHARE = 0.06


@dataclass(frozen=True, slots=True)
class Group:
    """``count`` (1 to 3) things of one kind and one colour, side by side at one position."""

    kind: Kind
    colour: Colour
    count: int
    position: Position


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides a picture; ``seed`` drives what no caption speaks of."""

    landscape: Landscape
    time_of_day: TimeOfDay
    weather: Weather
    groups: tuple[Group, ...]
    seed: int


def is_held_out(landscape: Landscape, kind: Kind, colour: Colour) -> bool:
    """Tell whether a combination is kept out of training, by a hash that never changes."""
    digest = hashlib.sha256(f"{landscape}|{kind}|{colour}".encode()).digest()
    return digest[0] < HELD_OUT_SHARE * 256


def sample_scene(rng: np.random.Generator, *, held_out: bool = False) -> Scene:
    """Draw one scene.

    Args:
        rng: The only source of chance.
        held_out: True gives scenes with one or two groups, all of held-out combinations; False
            gives scenes in which no combination is held out.
    """
    landscape = Landscape(rng.choice(list(Landscape)))
    combinations = [
        (kind, colour)
        for kind in Kind
        if landscape in LANDSCAPES_OF_KIND[kind]
        for colour in Colour
        if is_held_out(landscape, kind, colour) is held_out
    ]
    chance = rng.random()
    group_count = 2 if chance < TWO_GROUPS_SHARE else 1
    if not held_out and chance > 1 - NO_GROUP_SHARE:
        group_count = 0
    positions = rng.permutation(
        list(Position) if group_count == 1 else [Position.LEFT, Position.RIGHT]
    )
    groups: list[Group] = []
    while len(groups) < group_count:
        kind, colour = combinations[rng.integers(len(combinations))]
        if any(group.kind is kind for group in groups):
            continue
        # Two groups share the width, so they hold fewer things each.
        most = MAX_COUNT if group_count == 1 else 2
        count = int(rng.choice(most, p=_count_shares(most))) + 1
        groups.append(Group(kind, colour, count, Position(positions[len(groups)])))
    return Scene(
        landscape=landscape,
        time_of_day=TimeOfDay(rng.choice(list(TimeOfDay))),
        weather=Weather(rng.choice(list(Weather))),
        groups=tuple(groups),
        seed=int(rng.integers(2**31)),
    )


def _count_shares(most: int) -> list[float]:
    """Single things are the commonest, as in real photographs."""
    return [0.6, 0.25, 0.15] if most == MAX_COUNT else [0.75, 0.25]
