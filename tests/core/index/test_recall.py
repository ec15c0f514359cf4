"""Approximate search against exact search on embeddings that lie as CLIP's do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import numpy as np
import pytest

from photo_search.index.protocol import Filters, KnnQuery, PhotoIndex
from photo_search.index.sqlite import SqliteIndex
from tests.core.index.conftest import opensearch_index
from tests.core.index.samples import FINGERPRINT, cone_rows, embedded

ROWS, DIMENSION, BATCH, QUERIES = 5000, 64, 500, 50
EVERYTHING = cone_rows(ROWS + QUERIES, DIMENSION)
STORED, ASKED = EVERYTHING[:ROWS], EVERYTHING[ROWS:]
LEAST_RECALL = 0.95


@pytest.fixture(
    scope="module",
    params=[
        "sqlite",
        pytest.param("float", marks=pytest.mark.opensearch),
        pytest.param("byte4x", marks=pytest.mark.opensearch),
    ],
)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PhotoIndex]:
    with ExitStack() as opened:
        index: PhotoIndex
        if request.param == "sqlite":
            path = tmp_path_factory.mktemp("recall") / "photos.db"
            index = SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=DIMENSION)
            opened.enter_context(closing(index))
        else:
            url = request.getfixturevalue("opensearch_url")
            index = opened.enter_context(
                opensearch_index(url, dimension=DIMENSION, profile=request.param)
            )
        for start in range(0, ROWS, BATCH):
            index.upsert(
                [
                    embedded(f"p{n:05}", STORED[n], country=("Norway", "Chile")[n % 2])
                    for n in range(start, start + BATCH)
                ]
            )
        yield index


def recall(index: PhotoIndex, *, filters: Filters, min_cosine: float | None = None) -> float:
    """Share of the true ten nearest that are among the ten found, over all queries."""
    shares = []
    for query in ASKED:
        cosines = STORED @ query  # (ROWS,)
        allowed = np.arange(ROWS) % 2 == 0 if filters.country else np.ones(ROWS, np.bool_)
        if min_cosine is not None:
            allowed &= cosines >= min_cosine
        order = np.argsort(-np.where(allowed, cosines, -2))[: min(10, allowed.sum())]
        true = {f"p{n:05}" for n in order}
        page = index.knn(KnnQuery(query, k=10, filters=filters, min_cosine=min_cosine))
        found = {hit.photo.photo_id for hit in page.hits}
        shares.append(len(true & found) / len(true) if true else float(not found))
    return float(np.mean(shares))


def test_ten_nearest_are_found(filled: PhotoIndex) -> None:
    assert recall(filled, filters=Filters()) >= LEAST_RECALL


def test_ten_nearest_under_a_filter_are_found(filled: PhotoIndex) -> None:
    assert recall(filled, filters=Filters(country="Norway")) >= LEAST_RECALL


def test_ten_nearest_above_a_least_cosine_are_found(filled: PhotoIndex) -> None:
    bound = float(np.quantile(STORED @ ASKED.T, 0.999))

    assert recall(filled, filters=Filters(), min_cosine=bound) >= LEAST_RECALL


def test_cosines_are_true_ones_whatever_is_kept(filled: PhotoIndex) -> None:
    for query in ASKED[:10]:
        for hit in filled.knn(KnnQuery(query, k=20)).hits:
            true = float(STORED[int(hit.photo.photo_id[1:])] @ query)
            assert hit.cosine == pytest.approx(true, abs=2e-3)


def test_no_hit_lies_below_the_least_cosine(filled: PhotoIndex) -> None:
    for query in ASKED[:10]:
        bound = float(np.sort(STORED @ query)[-30])

        cosines = [h.score for h in filled.knn(KnnQuery(query, k=100, min_cosine=bound)).hits]

        assert min(cosines) >= bound - 1e-6
        assert 25 <= len(cosines) <= 35
