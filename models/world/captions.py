"""The words: varied captions that tell some of a scene, and the queries used in evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.world.scene import (
    LANDSCAPES_OF_KIND,
    Colour,
    Kind,
    Landscape,
    Position,
    Scene,
    TimeOfDay,
    Weather,
)
from models.world.words import (
    COLOURS,
    COUNTS,
    KINDS,
    LANDSCAPES,
    LEADS,
    LINKS,
    POSITIONS,
    TIME_ADJECTIVES,
    TIMES,
    WEATHER_ADJECTIVES,
    WEATHERS,
)

if TYPE_CHECKING:
    import numpy as np

_BACKGROUND_ONLY: Final = 0.14
_THING_ONLY: Final = 0.12
_CLEAR_MENTIONED: Final = 0.12
_LEAD_SHARE: Final = 0.3
_MOST_WORDS: Final = 22


@dataclass(frozen=True, slots=True)
class GroupFact:
    """What a caption says of one group; None is unsaid."""

    kind: Kind
    colour: Colour | None = None
    count: int | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """A text and exactly the facts it states; None is unsaid."""

    text: str
    landscape: Landscape | None = None
    time_of_day: TimeOfDay | None = None
    weather: Weather | None = None
    groups: tuple[GroupFact, ...] = ()


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """Return one of the many texts that are true of a scene."""
    return describe(scene, rng).text


def describe(scene: Scene, rng: np.random.Generator) -> Caption:
    """Return a random caption that is true of a scene, with the facts it states."""
    while True:
        told = _tell(scene, rng)
        if len(told.text.split()) <= _MOST_WORDS:
            return told


def _tell(scene: Scene, rng: np.random.Generator) -> Caption:
    chance = rng.random()
    facts: list[GroupFact] = []
    if scene.groups and chance >= _BACKGROUND_ONLY:
        facts = _choose_facts(scene, rng)
    thing_only = bool(facts) and chance > 1 - _THING_ONLY
    landscape = time_of_day = weather = None
    if not thing_only:
        full = rng.random() < 0.4
        landscape = scene.landscape if full or rng.random() < 0.75 else None
        time_of_day = scene.time_of_day if full or rng.random() < 0.5 else None
        is_clear = scene.weather is Weather.CLEAR
        says_weather = full or rng.random() < 0.55
        if says_weather and (not is_clear or rng.random() < _CLEAR_MENTIONED):
            weather = scene.weather
        if not facts and landscape is None and time_of_day is None and weather is None:
            landscape = scene.landscape
    return _caption(tuple(facts), landscape, time_of_day, weather, rng)


def is_true_of(caption: Caption, scene: Scene) -> bool:
    """Tell whether everything a caption states holds in a scene."""
    if caption.landscape not in (None, scene.landscape):
        return False
    if caption.time_of_day not in (None, scene.time_of_day):
        return False
    if caption.weather not in (None, scene.weather):
        return False
    return all(
        any(
            fact.kind is group.kind
            and fact.colour in (None, group.colour)
            and fact.count in (None, group.count)
            and fact.position in (None, group.position)
            for group in scene.groups
        )
        for fact in caption.groups
    )


def queries() -> dict[str, tuple[Caption, ...]]:
    """Return the evaluation queries by family; always the same."""
    times: tuple[TimeOfDay | None, ...] = (None, *TimeOfDay)
    weathers: tuple[Weather | None, ...] = (None, *(w for w in Weather if w is not Weather.CLEAR))
    return {
        "background": tuple(
            _plain((), landscape, time_of_day, weather)
            for landscape in Landscape
            for time_of_day in times
            for weather in weathers
        ),
        "kind": tuple(_plain((GroupFact(kind, count=None),)) for kind in Kind),
        "kind_colour": tuple(
            _plain((GroupFact(kind, colour),)) for kind in Kind for colour in Colour
        ),
        "kind_landscape": tuple(
            _plain((GroupFact(kind),), landscape)
            for kind in Kind
            for landscape in LANDSCAPES_OF_KIND[kind]
        ),
        "position": tuple(
            _plain((GroupFact(kind, position=position),)) for kind in Kind for position in Position
        ),
        "count": tuple(
            _plain((GroupFact(kind, count=count),)) for kind in Kind for count in COUNTS
        ),
    }


def _choose_facts(scene: Scene, rng: np.random.Generator) -> list[GroupFact]:
    groups = [scene.groups[index] for index in rng.permutation(len(scene.groups))]
    if len(groups) > 1 and rng.random() < 0.4:
        groups = groups[:1]
    return [
        GroupFact(
            group.kind,
            group.colour if rng.random() < 0.82 else None,
            group.count if rng.random() < 0.88 else None,
            group.position if rng.random() < 0.3 else None,
        )
        for group in groups
    ]


def _pick(options: tuple[str, ...], rng: np.random.Generator | None) -> str:
    """Pick one wording: the first, plainest one without a source of chance."""
    return options[0] if rng is None else options[int(rng.integers(len(options)))]


def _plain(
    groups: tuple[GroupFact, ...],
    landscape: Landscape | None = None,
    time_of_day: TimeOfDay | None = None,
    weather: Weather | None = None,
) -> Caption:
    return _caption(groups, landscape, time_of_day, weather, None)


def _caption(
    groups: tuple[GroupFact, ...],
    landscape: Landscape | None,
    time_of_day: TimeOfDay | None,
    weather: Weather | None,
    rng: np.random.Generator | None,
) -> Caption:
    scenery = _scenery(landscape, time_of_day, weather, rng, bare=not groups)
    text = scenery
    if groups:
        things = " and ".join(_thing(fact, rng) for fact in groups)
        link = _pick(LINKS[landscape], rng) if landscape is not None else ""
        text = " ".join(part for part in (things, link, scenery) if part)
    stands_alone = bool(groups) or landscape is not None
    if rng is not None and stands_alone and rng.random() < _LEAD_SHARE:
        text = f"{_pick(LEADS, rng)} {text}"
    return Caption(text, landscape, time_of_day, weather, groups)


def _thing(fact: GroupFact, rng: np.random.Generator | None) -> str:
    single, plural = KINDS[fact.kind][
        0 if rng is None else int(rng.integers(len(KINDS[fact.kind])))
    ]
    colour = _pick(COLOURS[fact.colour], rng) if fact.colour is not None else ""
    if fact.count is None:
        # Unsaid: a bare noun, which a search box sees most often.
        words = [colour, single]
    elif fact.count == 1:
        first = (colour or single)[0]
        article = "an" if first in "aeiou" else "a"
        words = [_pick((article, article, article, "one"), rng), colour, single]
    else:
        words = [_pick(COUNTS[fact.count], rng), colour, plural]
    if fact.position is not None:
        words.append(_pick(POSITIONS[fact.position], rng))
    return " ".join(word for word in words if word)


def _scenery(
    landscape: Landscape | None,
    time_of_day: TimeOfDay | None,
    weather: Weather | None,
    rng: np.random.Generator | None,
    *,
    bare: bool,
) -> str:
    """Word the background: "snowy mountains at night", "at night in the snow", "a foggy dawn"."""
    if landscape is None:
        if bare and time_of_day is not None and weather is not None:
            adjective = _pick(WEATHER_ADJECTIVES[weather], rng)
            return f"{adjective} {_pick(TIME_ADJECTIVES[time_of_day], rng)}"
        parts = [_pick(TIMES[time_of_day], rng)] if time_of_day is not None else []
        if weather is not None:
            parts.append(_pick(WEATHERS[weather], rng))
        if rng is not None and rng.random() < 0.5:
            parts.reverse()
        return " ".join(parts)
    noun = _pick(LANDSCAPES[landscape], rng)
    before: list[str] = []
    after: list[str] = []
    if weather is not None:
        if rng is None or rng.random() < 0.6:
            before.append(_pick(WEATHER_ADJECTIVES[weather], rng))
        else:
            after.append(_pick(WEATHERS[weather], rng))
    if time_of_day is not None:
        after.insert(0, _pick(TIMES[time_of_day], rng))
    return " ".join([*before, noun, *after])
