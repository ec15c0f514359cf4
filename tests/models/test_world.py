"""The drawn world: pictures, captions and what they promise each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.world.captions import Caption, GroupFact, describe, is_true_of, queries
from models.world.layout import spots_of
from models.world.render import render
from models.world.scene import (
    LANDSCAPES_OF_KIND,
    Colour,
    Group,
    Kind,
    Landscape,
    Position,
    Scene,
    TimeOfDay,
    Weather,
    is_held_out,
    sample_scene,
)

MOST_WORDS = 24


def a_scene(**changes: object) -> Scene:
    facts: dict[str, object] = {
        "landscape": Landscape.SEA,
        "time_of_day": TimeOfDay.DAY,
        "weather": Weather.CLEAR,
        "groups": (Group(Kind.TENT, Colour.RED, 2, Position.LEFT),),
        "seed": 7,
    }
    return Scene(**{**facts, **changes})  # type: ignore[arg-type]


def test_the_same_scene_always_gives_the_same_pixels():
    first, second = (np.asarray(render(a_scene(), 112, 112)) for _ in range(2))
    other = np.asarray(render(a_scene(seed=8), 112, 112))

    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_every_caption_is_true_of_its_scene_and_short():
    rng = np.random.default_rng(0)
    for _ in range(500):
        scene = sample_scene(rng)
        told = describe(scene, rng)

        assert is_true_of(told, scene), told
        assert 0 < len(told.text.split()) <= MOST_WORDS
        assert told.text == " ".join(told.text.split())


@pytest.mark.parametrize(
    "untrue",
    [
        Caption("", landscape=Landscape.CITY),
        Caption("", time_of_day=TimeOfDay.NIGHT),
        Caption("", weather=Weather.RAINY),
        Caption("", groups=(GroupFact(Kind.CAR),)),
        Caption("", groups=(GroupFact(Kind.TENT, colour=Colour.BLUE),)),
        Caption("", groups=(GroupFact(Kind.TENT, count=3),)),
        Caption("", groups=(GroupFact(Kind.TENT, position=Position.RIGHT),)),
    ],
)
def test_a_caption_with_one_wrong_fact_is_not_true(untrue):
    assert not is_true_of(untrue, a_scene())


def test_facts_of_two_groups_are_not_mixed_up():
    scene = a_scene(
        groups=(
            Group(Kind.TENT, Colour.RED, 1, Position.LEFT),
            Group(Kind.CAR, Colour.BLUE, 2, Position.RIGHT),
        )
    )

    assert is_true_of(Caption("", groups=(GroupFact(Kind.CAR, Colour.BLUE, 2),)), scene)
    assert not is_true_of(Caption("", groups=(GroupFact(Kind.CAR, Colour.RED),)), scene)


def test_training_scenes_never_hold_a_held_out_combination_and_held_out_scenes_only_those():
    rng = np.random.default_rng(0)
    for held_out in (False, True):
        for _ in range(500):
            scene = sample_scene(rng, held_out=held_out)
            for group in scene.groups:
                assert is_held_out(scene.landscape, group.kind, group.colour) is held_out


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("size", [(113, 97), (97, 151)])
def test_every_kind_renders_in_every_landscape_at_odd_sizes(kind, size):
    weathers = itertools.cycle(Weather)
    times = itertools.cycle(TimeOfDay)
    for landscape in LANDSCAPES_OF_KIND[kind]:
        groups = (Group(kind, Colour.WHITE, 3, Position.RIGHT),)
        scene = a_scene(
            landscape=landscape, groups=groups, weather=next(weathers), time_of_day=next(times)
        )
        picture = render(scene, *size)

        assert (picture.mode, picture.size) == ("RGB", size)


@pytest.mark.parametrize("kind", Kind)
def test_things_stand_inside_the_central_square_on_their_side_of_it(kind):
    rng = np.random.default_rng(0)
    middles = {}
    for position, count in itertools.product(Position, (1, 2, 3)):
        spots = [
            spot
            for _ in range(20)
            for spot in spots_of(Group(kind, Colour.RED, count, position), rng)
        ]
        assert all(spot.v - spot.size >= 0 and spot.v <= 1 for spot in spots)
        assert all(0 < spot.u < 1 for spot in spots)
        middles[position, count] = float(np.mean([spot.u for spot in spots]))
    for count in (1, 2, 3):
        left, centre, right = (middles[position, count] for position in Position)
        assert left < centre - 0.12
        assert right > centre + 0.12


def test_a_thing_in_the_wide_picture_is_drawn_only_in_its_central_square():
    empty, held = (
        np.asarray(render(a_scene(groups=groups, landscape=Landscape.MEADOW), 300, 150)).astype(int)
        for groups in ((), (Group(Kind.KITE, Colour.RED, 1, Position.LEFT),))
    )
    # Film grain differs by a few steps; a red kite by many.
    columns = np.flatnonzero((np.abs(empty - held).max(axis=2) > 60).any(axis=0))

    assert len(columns) > 20
    assert columns.min() >= 75
    assert columns.max() < 75 + 75


def test_colours_stay_unmistakable_at_every_time_and_in_every_weather():
    inks = {Colour.RED: 0, Colour.GREEN: 1, Colour.BLUE: 2}
    for colour, time_of_day, weather in itertools.product(inks, TimeOfDay, Weather):
        groups = (Group(Kind.BALLOON, colour, 1, Position.CENTRE),)
        scene = a_scene(groups=groups, time_of_day=time_of_day, weather=weather)
        pixels = np.asarray(render(scene, 112, 112)).astype(int)
        channel = inks[colour]
        others = np.delete(pixels, channel, axis=2).max(axis=2)

        assert ((pixels[:, :, channel] - others) > 40).mean() > 0.05, (colour, time_of_day, weather)


def test_queries_are_plain_distinct_and_always_the_same():
    families = queries()

    assert set(families) == {
        "background",
        "kind",
        "kind_colour",
        "kind_landscape",
        "position",
        "count",
    }
    for family in families.values():
        assert len({query.text for query in family}) == len(family)
    assert families == queries()
