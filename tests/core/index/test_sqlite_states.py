"""Any sequence of writes, searches and reopenings gives what the plain fake gives."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from photo_search.arrays import Float32Array
from photo_search.index.protocol import Filters, HitPage, KnnQuery, TextQuery
from photo_search.index.sqlite import SqliteIndex
from tests.core.index.file_checks import assert_file_is_whole
from tests.core.index.memory_index import MemoryIndex
from tests.core.index.samples import FINGERPRINT, embedded, unit_rows

# Exact in float16, so that both engines keep the same numbers; some are equal, for ties.
ROWS: Float32Array = (np.sign(unit_rows(40, 16)) / 4).astype(np.float32)
ROWS = np.concatenate([ROWS, ROWS[:10]])
NAMES = [f"n{number}" for number in range(60)]
WORDS = ["cat", "dog", "Dög", "red cat", ""]

photos = st.builds(
    lambda name, row, words, country: embedded(name, ROWS[row], description=words, country=country),
    st.sampled_from(NAMES),
    st.integers(0, len(ROWS) - 1),
    st.sampled_from(WORDS),
    st.sampled_from(["Norway", "Chile"]),
)


class TwoIndexes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "photos.db"
        self.memory = MemoryIndex(FINGERPRINT, 16)
        self.sqlite = self.created()
        self.reader = SqliteIndex.open(self.path, fingerprint=FINGERPRINT)

    def created(self) -> SqliteIndex:
        return SqliteIndex.create(self.path, fingerprint=FINGERPRINT, dimension=16)

    @rule(batch=st.lists(photos, max_size=20))
    def upsert(self, batch) -> None:
        self.memory.upsert(batch)
        self.sqlite.upsert(batch)

    @rule(names=st.lists(st.sampled_from(NAMES), max_size=20))
    def delete(self, names) -> None:
        assert self.sqlite.delete(names) == self.memory.delete(names)

    @rule(
        row=st.integers(0, len(ROWS) - 1),
        k=st.integers(1, 30),
        offset=st.integers(0, 40),
        country=st.sampled_from([None, "norway"]),
        excluded=st.sampled_from([None, *NAMES[:5]]),
        min_cosine=st.sampled_from([None, 0.25]),
    )
    def search(self, row, k, offset, country, excluded, min_cosine) -> None:
        filters = Filters(country=country)
        query = KnnQuery(ROWS[row], k, offset, filters, excluded, min_cosine, exact=True)
        expected = self.memory.knn(query)
        for index in (self.sqlite, self.reader):
            assert index.knn(query) == expected

    @rule(words=st.sampled_from(["cat", "dog", "cat red", "x"]))
    def match(self, words) -> None:
        query = TextQuery(words, k=100)
        assert names(self.reader.match_text(query)) == names(self.memory.match_text(query))

    @rule()
    def reopen(self) -> None:
        self.sqlite.close()
        self.reader.close()
        assert assert_file_is_whole(self.path) == self.memory.count()
        self.sqlite = self.created()
        self.reader = SqliteIndex.open(self.path, fingerprint=FINGERPRINT)

    @invariant()
    def ids_agree(self) -> None:
        assert list(self.reader.photo_ids()) == list(self.memory.photo_ids())
        assert self.reader.count() == self.memory.count()

    def teardown(self) -> None:
        self.sqlite.close()
        self.reader.close()
        self.folder.cleanup()


def names(page: HitPage) -> set[str]:
    return {hit.photo.photo_id for hit in page.hits}


TestTwoIndexes = TwoIndexes.TestCase
TestTwoIndexes.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
