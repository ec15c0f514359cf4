"""Searching by embedding and words at once, in every engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from photo_search.errors import PhotoIndexError
from photo_search.index.fusion import RANK_CONSTANT, FusedRank, fuse
from photo_search.index.protocol import (
    WINDOW,
    EmbeddedPhoto,
    Filters,
    Hit,
    HitPage,
    HybridQuery,
    KnnQuery,
    PhotoIndex,
    TextQuery,
)
from tests.core.index.samples import embedded, grid_rows, ids, unit_rows

QUERY = grid_rows(1, seed=8)[0]


def lakes(rows: int = 200) -> list[EmbeddedPhoto]:
    """Every fourth caption says lake, once to three times among as many words: BM25 is no doubt."""
    photos = []
    for number, row in enumerate(grid_rows(rows, seed=3)):
        times = number % 12 // 4 + 1 if number % 4 == 0 else 0
        caption = " ".join(["lake"] * times + ["hill"] * (3 - times))
        country = ("Norway", "Chile")[number % 8 // 4]
        photos.append(embedded(f"p{number:05}", row, description=caption, country=country))
    return photos


def by_hand(photos: list[EmbeddedPhoto], excluded: str | None = None) -> list[tuple[str, float]]:
    photos = [e for e in photos if e.photo.photo_id != excluded]
    near = sorted(photos, key=lambda e: (-float(e.embedding @ QUERY), e.photo.photo_id))[:WINDOW]
    said = [e for e in photos if "lake" in e.photo.description]
    said.sort(key=lambda e: (-e.photo.description.count("lake"), e.photo.photo_id))
    scores: dict[str, float] = {}
    for ranking in (near, said[:WINDOW]):
        for rank, e in enumerate(ranking, start=1):
            photo_id = e.photo.photo_id
            scores[photo_id] = scores.get(photo_id, 0) + 1 / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:WINDOW]


def ranked(page: HitPage) -> list[tuple[str, object]]:
    return [(hit.photo.photo_id, hit.score) for hit in page.hits]


def test_photos_rank_by_the_sum_of_their_reciprocal_ranks(index: PhotoIndex) -> None:
    photos = lakes()
    index.upsert(photos)

    page = index.hybrid(HybridQuery(QUERY, "lakes", k=200, exact=True))

    assert ranked(page) == [(name, pytest.approx(score)) for name, score in by_hand(photos)]
    assert not page.has_more
    cosines = {e.photo.photo_id: float(e.embedding @ QUERY) for e in photos}
    assert all(
        hit.cosine == pytest.approx(cosines[hit.photo.photo_id], abs=1e-3) for hit in page.hits
    )


def test_the_quick_search_of_few_photos_is_the_exact_one(index: PhotoIndex) -> None:
    index.upsert(lakes())
    query = HybridQuery(QUERY, "lake", k=50)

    assert ids(index.hybrid(query)) == ids(index.hybrid(replace(query, exact=True)))


def test_equal_sums_rank_by_photo_id(index: PhotoIndex) -> None:
    """The nearest of all and the only one with the word have the same score."""
    near, far = QUERY, -QUERY
    others = [embedded(f"m{n:04}", row) for n, row in enumerate(unit_rows(WINDOW))]
    index.upsert([embedded("z-near", near), embedded("a-word", far, description="lake"), *others])

    page = index.hybrid(HybridQuery(QUERY, "lake", k=3, exact=True))

    assert ids(page)[:2] == ["a-word", "z-near"]
    assert page.hits[0].score == page.hits[1].score == pytest.approx(1 / (RANK_CONSTANT + 1))
    assert page.hits[2].score == pytest.approx(1 / (RANK_CONSTANT + 2))


def test_a_photo_found_by_its_words_alone_has_no_cosine(index: PhotoIndex) -> None:
    others = [embedded(f"m{n:04}", row) for n, row in enumerate(unit_rows(WINDOW))]
    index.upsert([embedded("far", -QUERY, description="lake"), *others])

    hits = {h.photo.photo_id: h for h in index.hybrid(HybridQuery(QUERY, "lake", k=100)).hits}

    assert hits["far"].cosine is None
    assert hits["far"].photo.description == "lake"
    assert all(hit.cosine is not None for name, hit in hits.items() if name != "far")


@pytest.mark.parametrize("exact", [False, True])
def test_pages_join_without_repeats_and_end_at_the_window(index: PhotoIndex, exact: bool) -> None:
    index.upsert(lakes(WINDOW + 300))
    query = HybridQuery(QUERY, "lake", k=125, exact=exact)

    joined: list[Hit] = []
    for offset in range(0, WINDOW, 125):
        page = index.hybrid(replace(query, offset=offset))
        assert page.has_more == (offset + 125 < WINDOW)
        joined += page.hits

    assert len({hit.photo.photo_id for hit in joined}) == WINDOW
    scores = [hit.score for hit in joined]
    assert scores == sorted(scores, reverse=True)
    if exact:
        assert [h.photo.photo_id for h in joined] == [
            name for name, _ in by_hand(lakes(WINDOW + 300))
        ]


def test_the_page_after_the_last_hit_is_empty(index: PhotoIndex) -> None:
    index.upsert(lakes(10))

    assert index.hybrid(HybridQuery(QUERY, "lake", k=5, offset=10)) == HitPage((), has_more=False)
    assert index.hybrid(HybridQuery(QUERY, "lake", k=9)).has_more
    assert not index.hybrid(HybridQuery(QUERY, "lake", k=10)).has_more


def test_an_empty_index_answers_with_nothing(index: PhotoIndex) -> None:
    assert index.hybrid(HybridQuery(QUERY, "lake", k=5)) == HitPage((), has_more=False)


def test_the_excluded_photo_takes_no_rank_in_either_ranking(index: PhotoIndex) -> None:
    photos = lakes()
    index.upsert(photos)
    best = by_hand(photos)[0][0]

    page = index.hybrid(HybridQuery(QUERY, "lake", k=20, exact=True, excluded_photo_id=best))

    expected = by_hand(photos, excluded=best)[:20]
    assert ranked(page) == [(name, pytest.approx(score)) for name, score in expected]


def test_filters_bind_both_rankings(index: PhotoIndex) -> None:
    photos = lakes()
    index.upsert(photos)
    norway = [e for e in photos if e.photo.country == "Norway"]

    page = index.hybrid(
        HybridQuery(QUERY, "lake", k=200, exact=True, filters=Filters(country="NORWAY"))
    )

    assert ranked(page) == [(name, pytest.approx(score)) for name, score in by_hand(norway)]


@pytest.mark.parametrize("text", ["glacier", "", "!!!", "lake glacier"])
def test_words_that_match_nothing_leave_the_neighbours(index: PhotoIndex, text: str) -> None:
    index.upsert(lakes())

    fused = index.hybrid(HybridQuery(QUERY, text, k=30, exact=True))
    nearest = index.knn(KnnQuery(QUERY, k=30, exact=True))

    assert ids(fused) == ids(nearest)
    assert [hit.cosine for hit in fused.hits] == pytest.approx([h.cosine for h in nearest.hits])
    assert fused.hits[0].score == pytest.approx(1 / (RANK_CONSTANT + 1))
    assert fused.has_more


def test_an_embedding_of_another_model_is_refused(index: PhotoIndex) -> None:
    with pytest.raises(PhotoIndexError, match="the query"):
        index.hybrid(HybridQuery(unit_rows(1, 7)[0], "lake", k=5))


def test_photos_taken_out_are_in_neither_ranking(index: PhotoIndex) -> None:
    photos = lakes()
    index.upsert(photos)
    best = by_hand(photos)[0][0]
    index.delete([best])

    assert ids(index.hybrid(HybridQuery(QUERY, "lake", k=20, exact=True))) == [
        name for name, _ in by_hand(photos, excluded=best)[:20]
    ]


def test_words_alone_rank_as_in_the_fused_answer(index: PhotoIndex) -> None:
    photos = lakes()
    index.upsert(photos)
    said = [e for e in photos if "lake" in e.photo.description]
    said.sort(key=lambda e: (-e.photo.description.count("lake"), e.photo.photo_id))

    page = index.match_text(TextQuery("lake", k=100))

    assert ids(page) == [e.photo.photo_id for e in said]


def test_fusing_sums_reciprocal_ranks() -> None:
    fused = fuse([("a", 0.9), ("b", 0.5)], ["c", "b"])

    assert fused == (
        FusedRank("b", 2 / 62, 0.5),
        FusedRank("a", 1 / 61, 0.9),
        FusedRank("c", 1 / 61, None),
    )


def test_fusing_keeps_the_window() -> None:
    near = [(f"n{number:04}", 0.1) for number in range(WINDOW)]
    words = [f"w{number:04}" for number in range(WINDOW)]

    fused = fuse(near, words)

    assert [rank.photo_id for rank in fused[:4]] == ["n0000", "w0000", "n0001", "w0001"]
    assert len(fused) == WINDOW
