"""Measuring an index: the sample, recall, and the table that a person reads."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from ingest.verify import EXACT_WITHIN_S, IndexFigure, measure_index, recall, sample, table
from photo_search.errors import PhotoIndexError
from photo_search.index import Hit, HitPage, KnnQuery
from photo_search.photo import Photo
from tests.core.index.memory_index import MemoryIndex
from tests.core.index.samples import DIMENSION, FINGERPRINT, collection

FIGURE = IndexFigure(
    index="photos.db",
    photos=1200,
    queries=100,
    recall_at_10=0.98765,
    p50_ms=1.26,
    p90_ms=12.0,
    exact_p50_ms=3.04,
    bytes_per_photo=2394.4,
)


def page(**scores: float) -> HitPage:
    hits = (Hit(Photo(name, 1, 1), score, score) for name, score in scores.items())
    return HitPage(tuple(hits), has_more=False)


def memory_index(photos: int) -> MemoryIndex:
    index = MemoryIndex(FINGERPRINT, DIMENSION)
    index.upsert(collection(photos))
    return index


class Forgetful(MemoryIndex):
    """Its approximate search sees every other photo alone and doubles scores."""

    def __init__(self, fingerprint: str, dimension: int) -> None:
        super().__init__(fingerprint, dimension)
        self.asked: list[KnnQuery] = []

    def knn(self, query: KnnQuery) -> HitPage:
        self.asked.append(query)
        found = super().knn(replace(query, k=2 * query.k))
        hits = found.hits if query.exact else found.hits[::2]
        doubled = (hit if query.exact else replace(hit, score=2 * hit.score) for hit in hits)
        return replace(found, hits=tuple(doubled)[: query.k])


def test_a_sample_has_so_many_different_ids_of_the_stream():
    ids = [f"p{number}" for number in range(1000)]

    chosen = sample(iter(ids), 100, seed=0)

    assert len(set(chosen)) == 100
    assert set(chosen) < set(ids)
    assert chosen == sample(iter(ids), 100, seed=0)
    assert chosen != sample(iter(ids), 100, seed=1)


@pytest.mark.parametrize("there_are", [0, 1, 5])
def test_a_sample_of_fewer_ids_is_all_of_them(there_are):
    ids = [f"p{number}" for number in range(there_are)]

    assert sample(iter(ids), 5, seed=0) == ids


def test_a_sample_is_even_over_the_whole_stream():
    counts = Counter(
        photo_id for seed in range(4000) for photo_id in sample(iter("abcdefgh"), 2, seed=seed)
    )

    # Each is expected 1,000 times; 100 is 3.6 standard deviations of a binomial with p = 1/4.
    assert all(abs(count - 1000) < 100 for count in counts.values()), counts
    assert len(counts) == 8


def test_recall_is_the_share_of_the_true_nearest_that_were_found():
    truth = page(a=0.9, b=0.8, c=0.7, d=0.6)

    assert recall(page(a=0.9, b=0.8, c=0.7, d=0.6), truth, k=4) == 1
    assert recall(page(b=0.8, x=0.1), truth, k=4) == 0.25
    assert recall(page(), truth, k=4) == 0
    assert recall(page(x=0.99, y=0.98), truth, k=4) == 0


def test_a_photo_as_near_as_the_last_true_one_counts_whatever_its_rank():
    truth = page(a=0.9, b=0.8, c=0.8, d=0.5)

    assert recall(page(a=0.9, c=0.8), truth, k=2) == 1
    assert recall(page(a=0.9, d=0.8), truth, k=2) == 0.5


def test_where_nothing_is_to_be_found_nothing_is_missed():
    assert recall(page(), page()) == 1


def test_fewer_photos_than_are_asked_for_can_all_be_found():
    assert recall(page(a=0.9, b=0.8), page(a=0.9, b=0.8), k=10) == 1


def test_an_index_that_searches_exactly_has_a_recall_of_1():
    index = memory_index(120)

    figure = measure_index(index, queries=50)

    assert (figure.index, figure.photos, figure.queries) == (index.name, 120, 50)
    assert figure.recall_at_10 == 1
    assert 0 < figure.p50_ms <= figure.p90_ms
    assert figure.exact_p50_ms > 0
    assert figure.bytes_per_photo == DIMENSION * 4


def test_an_index_that_overlooks_half_has_a_recall_of_a_half_whatever_scores_it_tells():
    index = Forgetful(FINGERPRINT, DIMENSION)
    index.upsert(collection(120))

    figure = measure_index(index, queries=20)

    assert figure.recall_at_10 == 0.5


def test_a_photo_is_no_answer_to_itself():
    index = Forgetful(FINGERPRINT, DIMENSION)
    index.upsert(collection(30))

    measure_index(index, queries=5)

    assert len(index.asked) == 11
    for query in index.asked:
        assert query.excluded_photo_id is not None
        own = index.get(query.excluded_photo_id)
        assert own is not None
        assert (own.embedding == query.embedding).all()


def test_an_exact_search_may_take_longer_than_people_wait():
    index = Forgetful(FINGERPRINT, DIMENSION)
    index.upsert(collection(30))

    measure_index(index, queries=5)

    assert {(query.exact, query.timeout_s) for query in index.asked} == {
        (True, EXACT_WITHIN_S),
        (False, None),
    }


@pytest.mark.parametrize("photos", [0, 1])
def test_fewer_than_two_photos_cannot_be_measured(photos):
    with pytest.raises(PhotoIndexError, match=f"holds {photos} photos; to measure it takes 2"):
        measure_index(memory_index(photos))


def test_two_photos_can_be_measured():
    assert measure_index(memory_index(2)).recall_at_10 == 1


def test_the_table_has_a_line_for_each_index_under_aligned_heads():
    lines = table([FIGURE, replace(FIGURE, index="profile byte4x", photos=7)]).splitlines()

    assert re.split("  +", lines[0].strip()) == [
        *("photos", "queries", "recall@10", "p50 ms", "p90 ms", "exact ms", "bytes/photo"),
        "index",
    ]
    assert lines[1].split() == [
        *("1200", "100", "0.988", "1.3", "12.0", "3.0", "2394"),
        "photos.db",
    ]
    assert lines[2].startswith("     7  ")
    assert lines[2].endswith("  profile byte4x")
    assert len({len(line) for line in lines}) == 1
