"""The same collection in every engine: the same hits, in one order where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import pytest

from photo_search.index.protocol import (
    EmbeddedPhoto,
    Facet,
    Filters,
    HybridQuery,
    KnnQuery,
    PhotoIndex,
)
from photo_search.index.sqlite import SqliteIndex
from photo_search.photo import Colour, Orientation
from tests.core.index.conftest import opensearch_index
from tests.core.index.memory_index import MemoryIndex
from tests.core.index.samples import FINGERPRINT, collection, grid_rows

ROWS, DIMENSION = 2000, 64
QUERIES = grid_rows(5, DIMENSION, seed=77)
FILTERS = [
    Filters(),
    Filters(country="norway", colour=Colour.RED),
    Filters(orientation=Orientation.SQUARE, camera="PINHOLE"),
    Filters(taken_from=datetime(2021, 1, 1, tzinfo=UTC), photographer="annb"),
    Filters(country="Atlantis"),
]


def photos() -> list[EmbeddedPhoto]:
    rows = grid_rows(ROWS, DIMENSION)
    return [EmbeddedPhoto(e.photo, row) for e, row in zip(collection(ROWS), rows, strict=True)]


def filled(index: PhotoIndex) -> PhotoIndex:
    everything = photos()
    for start in range(0, ROWS, 500):
        index.upsert(everything[start : start + 500])
    return index


@pytest.fixture(scope="module")
def reference() -> PhotoIndex:
    return filled(MemoryIndex(FINGERPRINT, DIMENSION))


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("opensearch", marks=pytest.mark.opensearch)]
)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PhotoIndex]:
    with ExitStack() as opened:
        if request.param == "opensearch":
            url = request.getfixturevalue("opensearch_url")
            yield filled(opened.enter_context(opensearch_index(url, dimension=DIMENSION)))
            return
        path = tmp_path_factory.mktemp("same") / "photos.db"
        index = SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=DIMENSION)
        yield filled(opened.enter_context(closing(index)))


@pytest.mark.parametrize("filters", FILTERS)
def test_exact_neighbours_are_the_same_in_the_same_order(
    engine: PhotoIndex, reference: PhotoIndex, filters: Filters
) -> None:
    for query in QUERIES:
        for k, offset in ((1000, 0), (7, 3), (50, 950)):
            wanted = KnnQuery(
                query,
                k=k,
                offset=offset,
                filters=filters,
                excluded_photo_id="p00007",
                exact=True,
                facets=tuple(Facet),
            )
            found, expected = engine.knn(wanted), reference.knn(wanted)

            assert [h.photo for h in found.hits] == [h.photo for h in expected.hits]
            assert [h.score for h in found.hits] == pytest.approx(
                [h.score for h in expected.hits], abs=1e-6
            )
            assert (found.has_more, found.facets) == (expected.has_more, expected.facets)


@pytest.mark.parametrize("min_cosine", [-0.25, 0.0, 0.125, 0.5])
def test_the_least_cosine_cuts_at_the_same_hit(
    engine: PhotoIndex, reference: PhotoIndex, min_cosine: float
) -> None:
    query = KnnQuery(QUERIES[0], k=1000, min_cosine=min_cosine, exact=True)

    found, expected = engine.knn(query), reference.knn(query)

    assert [h.photo for h in found.hits] == [h.photo for h in expected.hits]
    assert found.has_more == expected.has_more


@pytest.mark.parametrize("filters", FILTERS)
def test_exact_fused_answers_are_the_same_in_the_same_order(
    engine: PhotoIndex, reference: PhotoIndex, filters: Filters
) -> None:
    # Captions are of one length and say "cat" once or not at all, so their scores are equal.
    for query in QUERIES[:2]:
        wanted = HybridQuery(
            query, "cats", k=600, offset=20, filters=filters, exact=True, facets=tuple(Facet)
        )
        found, expected = engine.hybrid(wanted), reference.hybrid(wanted)

        assert [h.photo for h in found.hits] == [h.photo for h in expected.hits]
        assert [h.score for h in found.hits] == pytest.approx(
            [h.score for h in expected.hits], abs=1e-6
        )
        assert [h.cosine is None for h in found.hits] == [h.cosine is None for h in expected.hits]
        assert (found.has_more, found.facets) == (expected.has_more, expected.facets)
