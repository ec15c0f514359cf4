"""What comes into the shards while a new index is built is in it at the latest after the swap."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.compact import compact
from photo_search.errors import IndexUnavailable
from tests.ingest.opensearch.collection import Collection, photo_id, versions

pytestmark = pytest.mark.opensearch

STAGES = [
    "before: PUT reindex",
    "before: POST _bulk",
    "after: POST _bulk",
    "before: POST _forcemerge",
    "after: POST _forcemerge",
    "before: POST _aliases",
    "after: POST _aliases",
]


def write_delta(collection: Collection) -> None:
    """New photos and replaced ones, one that is gone, one that is removed, one that comes back."""
    collection.add([2, 3, 50, 51], version="2")
    store = collection.store()
    store.remove([photo_id(4), photo_id(5)])
    store.add_tombstones({photo_id(6): datetime.now(UTC), photo_id(60): datetime.now(UTC)})
    collection.add([5, 60], version="3")


AFTERWARDS = versions({0, 1, 7, 8, 9}) | versions([2, 3, 50, 51], "2") | versions([5], "3")


def once_at(collection: Collection, stage: str, act) -> list[str]:
    """Act at a stage of the next load; returns a list that tells afterwards whether it came."""
    moment, request = stage.split(": ")
    came: list[str] = []

    def watch(told: str) -> None:
        if told.startswith(request) and not came:
            came.append(told)
            act()

    setattr(collection.connection, moment, watch)
    return came


@pytest.mark.parametrize("stage", STAGES)
def test_a_delta_that_comes_at_any_stage_is_in_the_new_index(collection, stage):
    collection.add(range(10))
    collection.load()
    came = once_at(collection, stage, lambda: write_delta(collection))

    report = collection.load()

    assert came
    assert report.filled_to == collection.store().last_shard == 5
    assert collection.held() == AFTERWARDS
    assert report.photos == len(AFTERWARDS)


def test_deltas_that_keep_coming_are_all_in_the_new_index(collection):
    collection.add(range(10))
    numbers = iter(range(100, 105))

    def add_one(told: str) -> None:
        if told == "POST _bulk" and (number := next(numbers, None)):
            collection.add([number])

    collection.connection.after = add_one
    collection.load()

    assert collection.held() == versions([*range(10), *range(100, 105)])


def test_shards_that_are_compacted_meanwhile_end_the_load_or_not_but_lose_nothing(collection):
    for start in range(0, 50, 5):
        collection.add(range(start, start + 5))
    came = once_at(collection, "after: POST _bulk", lambda: compact(collection.shards()))

    try:
        collection.load(threads=1)
    except IndexUnavailable:
        collection.load()

    assert came
    assert collection.held() == versions(range(50))
    assert len(collection.names()) == 1
