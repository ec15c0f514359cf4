"""What is true of what, for a whole batch at once.

Owns scenes and captions as rows of integers. The meaning is that of
``models.world.captions.is_true_of``; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.world.scene import (
    Colour,
    Kind,
    Landscape,
    Position,
    Scene,
    TimeOfDay,
    Weather,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.world.captions import Caption

IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

LANDSCAPES, TIMES, WEATHERS = list(Landscape), list(TimeOfDay), list(Weather)
KINDS, COLOURS, POSITIONS = list(Kind), list(Colour), list(Position)
_PLACE: dict[str, int] = {
    value: index
    for values in (LANDSCAPES, TIMES, WEATHERS, KINDS, COLOURS, POSITIONS)
    for index, value in enumerate(values)
}
MOST_GROUPS = 2
BACKGROUND_FIELDS = 3  # landscape, time of day, weather
GROUP_FIELDS = 4  # kind, colour, count, position
UNSAID = -1


def _row(thing: Scene | Caption) -> list[int]:
    """Write a scene or a caption as integers; what is not said or not there is UNSAID."""

    def place(value: str | None) -> int:
        return UNSAID if value is None else _PLACE[value]

    row = [place(thing.landscape), place(thing.time_of_day), place(thing.weather)]
    for group in thing.groups:
        count = UNSAID if group.count is None else group.count
        row += [place(group.kind), place(group.colour), count, place(group.position)]
    return row + [UNSAID] * (BACKGROUND_FIELDS + MOST_GROUPS * GROUP_FIELDS - len(row))


def rows(things: Sequence[Scene] | Sequence[Caption]) -> IntArray:
    """Write scenes or captions as ``(N, 11)`` integers."""
    return np.array([_row(thing) for thing in things], dtype=np.int64)


def is_true(captions: IntArray, scenes: IntArray) -> BoolArray:
    """Tell which captions are true of which scenes.

    Args:
        captions: ``(C, 11)`` from ``rows``.
        scenes: ``(S, 11)`` from ``rows``.

    Returns:
        ``(C, S)``.
    """
    said, seen = captions[:, None, :BACKGROUND_FIELDS], scenes[None, :, :BACKGROUND_FIELDS]
    true = ((said == UNSAID) | (said == seen)).all(axis=-1)
    said_groups = captions[:, BACKGROUND_FIELDS:].reshape(len(captions), 1, MOST_GROUPS, 1, -1)
    seen_groups = scenes[:, BACKGROUND_FIELDS:].reshape(1, len(scenes), 1, MOST_GROUPS, -1)
    matches = ((said_groups == UNSAID) | (said_groups == seen_groups)).all(axis=-1)
    there = (seen_groups[..., 0] != UNSAID) | (said_groups == UNSAID).all(axis=-1)
    result: BoolArray = true & (matches & there).any(axis=-1).all(axis=-1)
    return result


def mirrored(scene: Scene) -> Scene:
    """Give the scene of the flipped picture: left and right change places."""
    other = {Position.LEFT: Position.RIGHT, Position.RIGHT: Position.LEFT}
    groups = tuple(
        replace(group, position=other.get(group.position, group.position)) for group in scene.groups
    )
    return replace(scene, groups=groups)
