"""Searching by an alias while another index is put behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from photo_search.errors import FingerprintMismatch
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue, FoundIndex
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_schema import IndexFacts
from photo_search.index.protocol import HybridQuery, KnnQuery, TextQuery
from photo_search.settings import IndexAccess
from tests.core.index.conftest import opensearch_index
from tests.core.index.samples import DIMENSION, FINGERPRINT, collection, embedded, ids, unit_rows

pytestmark = pytest.mark.opensearch
ROW = unit_rows(1)[0]
EVERY = KnnQuery(ROW, k=100)
SWAPS = 20


class Shelf:
    """An alias, one index behind it, and a reader that was opened by the alias."""

    def __init__(self, url: str, first: OpenSearchIndex) -> None:
        self.connection = OpenSearchConnection(url, IndexAccess())
        self.alias = first.index.name.split("-")[0]
        self.catalogue = Catalogue(self.connection, self.alias)
        self.first = first
        self.reader = OpenSearchIndex.open(self.connection, self.alias, fingerprint=FINGERPRINT)

    def beside(self, **facts: str) -> OpenSearchIndex:
        """Another index, behind no alias of searches yet."""
        made = self.catalogue.create(
            replace(IndexFacts(FINGERPRINT, DIMENSION), **facts)  # type: ignore[arg-type]
        )
        return OpenSearchIndex.of(self.connection, self.catalogue, made)

    def put_by_hand(self, index: FoundIndex) -> None:
        """Lead the alias of the embedding space to an index, as no program of ours would."""
        space = self.catalogue.space_alias(FINGERPRINT)
        actions = [
            {"remove": {"index": self.first.index.name, "alias": space}},
            {"add": {"index": index.name, "alias": space}},
        ]
        self.connection.request("POST", "", "_aliases", body={"actions": actions})


@pytest.fixture
def shelf(opensearch_url: str) -> Iterator[Shelf]:
    with opensearch_index(opensearch_url) as first:
        first.upsert(collection(20, prefix="old"))
        made = Shelf(opensearch_url, first)
        with closing(made.reader):
            yield made


def test_a_new_index_of_the_same_space_is_followed(shelf: Shelf) -> None:
    assert all(name.startswith("old") for name in ids(shelf.reader.knn(EVERY)))
    new = shelf.beside()
    new.upsert(collection(30, seed=1, prefix="new"))
    shelf.catalogue.swap(new.index)

    for page in (
        shelf.reader.knn(EVERY),
        shelf.reader.match_text(TextQuery("picture", k=100)),
        shelf.reader.hybrid(HybridQuery(ROW, "picture", k=100)),
    ):
        assert len(page.hits) == 30
        assert all(name.startswith("new") for name in ids(page))
    assert shelf.reader.count() == 30
    assert shelf.reader.get("old00001") is None
    assert shelf.reader.get("new00001") is not None


def test_a_new_index_that_needs_rescoring_gives_true_cosines_at_once(shelf: Shelf) -> None:
    shelf.reader.knn(EVERY)
    photos = [embedded(f"new{n:04}", row) for n, row in enumerate(unit_rows(300, seed=5))]
    new = shelf.beside(profile="byte4x")
    new.upsert(photos)
    true = {e.photo.photo_id: float(e.embedding @ ROW) for e in photos}

    for index, expected in ((new, true), (shelf.first, None), (new, true)):
        shelf.catalogue.swap(index.index)
        page = shelf.reader.knn(EVERY)
        for hit in page.hits:
            if expected is not None:
                cosine = expected[hit.photo.photo_id]
                assert hit.cosine == pytest.approx(cosine, abs=1e-3)
    assert len(page.hits) == 100


@pytest.mark.parametrize("is_known", [False, True], ids=["at once", "after an answer"])
def test_an_index_of_another_space_behind_the_alias_is_refused(
    shelf: Shelf, is_known: bool
) -> None:
    if is_known:
        shelf.reader.knn(EVERY)
    other = shelf.beside(fingerprint="space-b")
    other.upsert(collection(30, prefix="other"))
    shelf.put_by_hand(other.index)

    for search in (
        lambda: shelf.reader.knn(EVERY),
        lambda: shelf.reader.match_text(TextQuery("picture", k=5)),
        lambda: shelf.reader.hybrid(HybridQuery(ROW, "picture", k=5)),
        lambda: shelf.reader.get("other00001"),
        lambda: list(shelf.reader.photo_ids()),
        shelf.reader.count,
    ):
        for _ in range(2):
            with pytest.raises(
                FingerprintMismatch, match=rf"of space-b; the model is {FINGERPRINT}"
            ):
                search()


def test_searches_during_swaps_neither_fail_nor_mix_indexes(shelf: Shelf) -> None:
    new = shelf.beside()
    new.upsert(collection(20, seed=1, prefix="new"))
    over = threading.Event()
    kinds: list[set[str]] = []
    failures: list[Exception] = []

    def search() -> None:
        while not over.is_set():
            try:
                kinds.append({name[:3] for name in ids(shelf.reader.knn(EVERY))})
            except Exception as error:  # noqa: BLE001 - told by the test
                failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(SWAPS):
        shelf.catalogue.swap((new, shelf.first)[number % 2].index)
    over.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert all(len(kind) == 1 for kind in kinds)
    assert len(kinds) >= SWAPS


def test_writes_go_to_the_index_that_was_opened_whatever_the_alias_does(shelf: Shelf) -> None:
    new = shelf.beside()
    shelf.catalogue.swap(new.index)

    shelf.first.upsert(collection(25, prefix="old"))

    assert shelf.first.count() == 25
    assert new.count() == shelf.reader.count() == 0
