"""What every engine counts beside its hits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from photo_search.index.protocol import (
    MAX_FACET_VALUES,
    WINDOW,
    Facet,
    FacetCount,
    FacetCounts,
    Filters,
    HybridQuery,
    KnnQuery,
    PhotoIndex,
    TextQuery,
)
from photo_search.photo import Orientation
from tests.core.index.samples import collection, embedded, ids, unit_rows

EVERY = tuple(Facet)
QUERY = unit_rows(1, seed=8)[0]
# "picture" is in every caption of the collection.
KNN = KnnQuery(QUERY, k=3, facets=EVERY)
EXACT = replace(KNN, exact=True)
TEXT = TextQuery("picture", k=3, facets=EVERY)
HYBRID = HybridQuery(QUERY, "picture", k=3, facets=EVERY)
EXACT_HYBRID = replace(HYBRID, exact=True)

Query = KnnQuery | TextQuery | HybridQuery
each_search = pytest.mark.parametrize(
    "query",
    [KNN, EXACT, TEXT, HYBRID, EXACT_HYBRID],
    ids=["knn", "exact knn", "text", "hybrid", "exact hybrid"],
)


def counts(index: PhotoIndex, query: Query) -> FacetCounts:
    match query:
        case KnnQuery():
            return index.knn(query).facets
        case TextQuery():
            return index.match_text(query).facets
        case HybridQuery():
            return index.hybrid(query).facets


def commonest(values: list[str]) -> tuple[FacetCount, ...]:
    ranked = sorted(Counter(values).items(), key=lambda one: (-one[1], one[0]))
    return tuple(FacetCount(*one) for one in ranked)


@each_search
def test_facets_count_the_whole_answer_whatever_the_page(index: PhotoIndex, query: Query) -> None:
    photos = [e.photo for e in collection(60)]
    index.upsert(collection(60))

    first, later = counts(index, query), counts(index, replace(query, k=5, offset=40))

    assert first == later
    assert first == {
        Facet.ORIENTATION: commonest([p.orientation.value for p in photos]),
        Facet.COLOUR: commonest([c.value for p in photos for c in set(p.colours)]),
        Facet.COUNTRY: commonest([p.country for p in photos if p.country]),
        Facet.CAMERA: commonest([p.camera for p in photos if p.camera]),
        Facet.PHOTOGRAPHER: commonest([p.photographer for p in photos]),
    }


@each_search
def test_only_what_was_asked_for_is_counted(index: PhotoIndex, query: Query) -> None:
    index.upsert(collection(12))

    assert counts(index, replace(query, facets=())) == {}
    assert list(counts(index, replace(query, facets=(Facet.CAMERA,)))) == [Facet.CAMERA]


@each_search
def test_facets_of_nothing_are_empty(index: PhotoIndex, query: Query) -> None:
    index.upsert(collection(12))

    nothing = counts(index, replace(query, filters=Filters(country="Atlantis")))

    assert nothing == dict.fromkeys(EVERY, ())


@each_search
def test_facets_are_counted_under_the_filters(index: PhotoIndex, query: Query) -> None:
    photos = [e.photo for e in collection(60) if e.photo.country == "Norway"]
    index.upsert(collection(60))

    filtered = counts(index, replace(query, filters=Filters(country="norway")))

    assert filtered[Facet.COUNTRY] == (FacetCount("Norway", 20),)
    assert filtered[Facet.CAMERA] == commonest([p.camera for p in photos if p.camera])
    assert filtered[Facet.ORIENTATION] == (FacetCount(Orientation.LANDSCAPE, 20),)


@each_search
def test_the_twenty_commonest_values_are_told_ties_by_value(
    index: PhotoIndex, query: Query
) -> None:
    cameras = [f"camera {number % 30:02}" for number in range(90)] + ["é", "Z", "a", "a"] * 5
    rows = unit_rows(len(cameras))
    index.upsert(
        [
            embedded(f"p{n:03}", row, camera=camera, description="picture")
            for n, (row, camera) in enumerate(zip(rows, cameras, strict=True))
        ]
    )

    told = counts(index, replace(query, facets=(Facet.CAMERA,)))[Facet.CAMERA]

    assert told == commonest(cameras)[:MAX_FACET_VALUES]
    assert [one.value for one in told[:4]] == ["a", "Z", "é", "camera 00"]


def test_facets_of_neighbours_are_of_the_ranked_window_alone(index: PhotoIndex) -> None:
    photos = collection(WINDOW + 200)
    index.upsert(photos)
    near = sorted(photos, key=lambda e: -float(e.embedding @ QUERY))[:WINDOW]

    exact = counts(index, replace(EXACT, facets=(Facet.CAMERA,)))[Facet.CAMERA]
    quick = counts(index, replace(KNN, facets=(Facet.ORIENTATION,)))[Facet.ORIENTATION]

    assert exact == commonest([e.photo.camera for e in near if e.photo.camera])
    assert sum(one.count for one in quick) == WINDOW


def test_facets_keep_the_least_cosine_and_the_excluded_photo_out(index: PhotoIndex) -> None:
    photos = collection(100)
    index.upsert(photos)
    query = photos[4].embedding
    near = [e for e in photos if float(e.embedding @ query) >= 0.1 and e is not photos[4]]

    for exact in (False, True):
        page = index.knn(
            KnnQuery(
                query,
                k=100,
                exact=exact,
                min_cosine=0.1,
                excluded_photo_id="p00004",
                facets=(Facet.PHOTOGRAPHER,),
            )
        )
        assert len(page.hits) == len(near)
        assert page.facets[Facet.PHOTOGRAPHER] == commonest([e.photo.photographer for e in near])


def test_facets_of_words_count_everything_that_matches(index: PhotoIndex) -> None:
    index.upsert(collection(WINDOW + 200))

    told = counts(index, replace(TEXT, facets=(Facet.ORIENTATION,)))[Facet.ORIENTATION]

    assert sum(one.count for one in told) == WINDOW + 200


def test_facets_of_a_fused_answer_are_of_its_window(index: PhotoIndex) -> None:
    photos = collection(WINDOW + 200)
    index.upsert(photos)

    page = index.hybrid(replace(EXACT_HYBRID, facets=(Facet.ORIENTATION,), k=WINDOW))

    by_hand = commonest([hit.photo.orientation.value for hit in page.hits])
    assert len(ids(page)) == WINDOW
    assert page.facets[Facet.ORIENTATION] == by_hand
