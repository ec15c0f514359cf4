"""Whatever happened to a collection, an index made anew holds what one kept up to date holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ingest.collection import claim
from ingest.compact import compact, compact_collection
from ingest.load import Loader
from ingest.remove import keep_removed_out, remove_photos, restore_photos
from ingest.shard_reader import ShardReader
from ingest.shards import ShardStore
from photo_search.index import PhotoIndex
from photo_search.index.sqlite import SqliteIndex
from tests.core.index.memory_index import MemoryIndex
from tests.ingest.shard_rows import DIMENSION, SPACE, check_same, everything, indexed, row
from tests.ingest.sudden_death import Died, dying_at

STEPS = 200
IDS = [f"p{number:02}" for number in range(40)]


class Walk:
    """A collection that random things happen to, beside what it must hold."""

    def __init__(self, work_dir: Path, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.work_dir = work_dir
        work_dir.mkdir()
        claim(work_dir, "folder:/photos")
        self.directory = work_dir / "shards" / "tiny"
        self.marks = self.directory / "marks.json"
        self.index = MemoryIndex("tiny", DIMENSION)
        self.store = ShardStore(self.directory, SPACE)
        self.versions: dict[str, str] = {}
        self.banned: set[str] = set()
        self.seed = 0

    @property
    def loader(self) -> Loader:
        return Loader(self.store, self.index, marks=self.marks, name="kept")

    def some(self) -> list[str]:
        size = int(self.chance.integers(1, 6))
        return [str(one) for one in self.chance.choice(IDS, size=size, replace=False)]

    def add(self, *, loaded: bool = True) -> None:
        """New photos and changed ones."""
        self.seed += 1
        version = str(self.seed)
        rows = [row(one, version=version, seed=self.seed * 100 + n) for n, one in enumerate(IDS)]
        chosen = set(self.some())
        photos = self.store.add([one for one in rows if one.embedded.photo.photo_id in chosen])
        self.versions |= dict.fromkeys(chosen - self.banned, version)
        if loaded and photos:
            self.loader.store(photos)

    def forget(self, *, loaded: bool = True) -> None:
        """Files that were deleted."""
        gone = [one for one in self.some() if one in self.versions]
        if gone:
            self.store.remove(gone)
            for one in gone:
                del self.versions[one]
            if loaded:
                self.loader.delete(gone)

    def remove(self) -> None:
        chosen = self.some()[:2]
        remove_photos(self.work_dir, chosen, [self.index])
        self.banned.update(chosen)
        for one in chosen:
            self.versions.pop(one, None)
        self.reopen()

    def restore(self) -> None:
        chosen = self.some()
        assert set(restore_photos(self.work_dir, chosen)) == self.banned & set(chosen)
        self.banned -= set(chosen)
        self.reopen(catch_up=False)

    def compact(self) -> None:
        if self.store.last_shard:
            compact_collection(self.work_dir)
            self.reopen(catch_up=False)

    def die_compacting(self) -> None:
        if self.store.last_shard:
            try:
                with dying_at(int(self.chance.integers(1, 25))):
                    compact(self.directory)
            except Died:
                pass
            self.reopen(catch_up=False)

    def reopen(self, *, catch_up: bool = True) -> None:
        self.store = ShardStore(self.directory, SPACE)
        keep_removed_out(self.work_dir, self.store)
        if catch_up:
            self.loader.catch_up()

    def add_and_die(self) -> None:
        """Killed before the index had it: the next run loads it, after a compaction too."""
        self.add(loaded=False)
        self.after_a_death()

    def forget_and_die(self) -> None:
        self.forget(loaded=False)
        self.after_a_death()

    def after_a_death(self) -> None:
        if self.chance.random() < 0.5:
            self.compact()
        self.reopen()

    def step(self) -> None:
        weights: dict[Callable[[], None], float] = {
            self.add: 0.40,
            self.forget: 0.15,
            self.remove: 0.12,
            self.restore: 0.08,
            self.compact: 0.06,
            self.die_compacting: 0.05,
            self.reopen: 0.04,
            self.add_and_die: 0.05,
            self.forget_and_die: 0.05,
        }
        chosen = self.chance.choice(len(weights), p=list(weights.values()))
        list(weights)[int(chosen)]()

    def check(self) -> None:
        reader = ShardReader(self.directory, SPACE)
        found = {photo_id: live.version for photo_id, live in reader.live.items()}
        assert found == self.versions
        assert reader.tombstones.keys() == self.banned
        assert set(self.index.photo_ids()) == self.versions.keys()


def fill(index: PhotoIndex, directory: Path) -> PhotoIndex:
    Loader(ShardReader(directory, SPACE), index, marks=None, name="new").catch_up()
    return index


def test_an_index_made_anew_holds_what_the_index_kept_up_to_date_holds(tmp_path):
    check_walk(tmp_path, seed=0)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1, 21))
def test_it_does_so_after_other_histories(tmp_path, seed):
    check_walk(tmp_path, seed)


def check_walk(directory: Path, seed: int) -> None:
    walk = Walk(directory / "work", seed)

    for step in range(STEPS):
        walk.step()
        walk.check()
        if step % 10 == 0:
            anew = fill(MemoryIndex("tiny", DIMENSION), walk.directory)
            check_same(indexed(anew), indexed(walk.index))

    anew = fill(MemoryIndex("tiny", DIMENSION), walk.directory)
    assert len(indexed(anew)) > 5
    check_same(indexed(anew), indexed(walk.index))
    check_same(everything(walk.store), indexed(walk.index))
    with closing(
        SqliteIndex.create(directory / "anew.db", fingerprint="tiny", dimension=DIMENSION)
    ) as sqlite:
        fill(sqlite, walk.directory)
        kept = indexed(walk.index)
        found = indexed(sqlite)
    assert found.keys() == kept.keys()
    for photo_id, embedded in kept.items():
        assert found[photo_id].photo == embedded.photo
        np.testing.assert_allclose(found[photo_id].embedding, embedded.embedding, atol=1e-3)
