"""Whatever happens to a collection, an index made anew from its shards is the one there is."""

from __future__ import annotations

import random

import pytest

from ingest.sources.folder import photo_id_of
from tests.ingest.cloud.cloud import Cloud, check_alike
from tests.ingest.pictures import COLOURS, jpeg, picture
from tests.ingest.shard_rows import check_same

PATHS = [f"{number}.jpg" for number in range(6)]
STEPS = 24


class Life:
    """A collection to which things happen at random; events are delivered late, twice, mixed up."""

    def __init__(self, cloud: Cloud, seed: int) -> None:
        self.cloud = cloud
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.there: set[str] = set()
        self.removed: set[str] = set()
        self.events: list[str] = []
        self.writer = cloud.writer()

    def put(self) -> None:
        path = self.chance.choice(PATHS)
        colour = self.chance.choice(list(COLOURS.values()))
        self.cloud.put(path, jpeg(picture(colour, (32, 24), seed=self.chance.randrange(99))))
        self.there.add(path)
        self.events.append(path)

    def spoil(self) -> None:
        path = self.chance.choice(PATHS)
        self.cloud.put(path, b"no picture")
        self.there.discard(path)
        self.events.append(path)

    def delete(self) -> None:
        path = self.chance.choice(PATHS)
        self.cloud.delete(path)
        self.there.discard(path)
        self.events.append(path)

    def deliver(self) -> None:
        self.chance.shuffle(self.events)
        batch = self.events[:4]
        # Some come again.
        self.events = self.events[self.chance.randrange(len(batch) + 1) :]
        if self.chance.random() < 0.3:
            self.writer = self.cloud.writer()
        if batch:
            assert self.cloud.send(*batch, writer=self.writer) == []

    def remove(self) -> None:
        if not self.cloud.numbers():
            return
        path = self.chance.choice(PATHS)
        ran = self.cloud.run("remove", photo_id_of(path), "--thumbs", self.cloud.thumbs)
        assert ran == 0
        self.removed.add(path)

    def restore(self) -> None:
        if not self.removed:
            return
        path = self.chance.choice(sorted(self.removed))
        assert self.cloud.run("restore", photo_id_of(path)) == 0
        self.removed.discard(path)
        self.events.append(path)

    def ingest(self) -> None:
        part = self.chance.choice(
            [(), ("--part", "0", "--parts", "2"), ("--part", "1", "--parts", "2")]
        )
        # Some photos are no pictures; of none but such, or of an empty bucket, it complains.
        assert self.cloud.ingest(*part) in (0, 1, 2)

    def compact(self) -> None:
        if self.cloud.numbers():
            assert self.cloud.run("compact") == 0

    def move(self) -> None:
        self.cloud.forget_mirror()

    def live(self) -> None:
        happenings = [
            *(self.put, self.put, self.put, self.deliver, self.deliver, self.spoil, self.delete),
            *(self.remove, self.restore, self.ingest, self.compact, self.move),
        ]
        for _ in range(STEPS):
            self.chance.choice(happenings)()
        while self.events:
            batch, self.events = self.events[:10], self.events[10:]
            assert self.cloud.send(*batch, writer=self.writer) == []


def check(seed: int, cloud: Cloud) -> None:
    life = Life(cloud, seed)
    life.put()
    life.live()

    assert cloud.paths() == sorted(life.there - life.removed), seed
    indexed = cloud.indexed()
    check_alike(indexed, cloud.in_shards())
    wanted_thumbs = {f"thumbs/{photo_id}.webp" for photo_id in indexed}
    assert wanted_thumbs <= set(cloud.keys(cloud.thumbs))
    cloud.forget_mirror()
    assert cloud.run("load", cloud.work, "--allow-smaller", "--quiet") == 0
    check_same(cloud.indexed(), indexed)


@pytest.mark.parametrize("seed", range(3))
def test_an_index_rebuilt_from_the_shards_is_the_same(cloud, seed):
    check(seed, cloud)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 130))
def test_an_index_rebuilt_from_the_shards_is_the_same_in_many_lives(cloud, seed):
    check(seed, cloud)
