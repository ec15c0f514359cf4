from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest.coded_rows import ByteRows, FloatRows, Queries, largest, nearest_by_cosine
from ingest.quantisation import (
    LEAST_PHOTOS,
    CompressionFigure,
    K,
    TextQueries,
    measure_compression,
    read_embeddings,
)
from ingest.shards import ShardStore
from photo_search.errors import SourceInvalid
from photo_search.unit_norm import normalised
from tests.ingest.shard_rows import everything, row
from tests.memory import peak_bytes, reset_peak

D = 272
COUNT = 5000
RNG = np.random.default_rng(4)
CLUSTERS = RNG.normal(size=(60, D))
AXIS = 1.2 * RNG.normal(size=D)
SPREAD = np.arange(1, D + 1) ** -0.4


def cone(count: int, axis: np.ndarray = AXIS) -> np.ndarray:
    """Unit rows (N, D) in a narrow cone, with clusters, as a model's are."""
    own = CLUSTERS[RNG.integers(60, size=count)] + 0.7 * RNG.normal(size=(count, D))
    return normalised(((own + axis) * SPREAD).astype(np.float32))


ROWS = cone(COUNT)
TEXTS = TextQueries(cone(40, -AXIS), cone(500, -AXIS).mean(axis=0))


@pytest.fixture(scope="module")
def figures() -> dict[str, CompressionFigure]:
    found = measure_compression(ROWS, texts=TEXTS, photo_queries=60)
    return {figure.name: figure for figure in found}


def test_every_way_is_measured_with_its_bytes(figures):
    bits = 40  # 272 bits in whole words of 64
    assert {name: (f.size_bytes, f.scanned_bytes) for name, f in figures.items()} == {
        "float32, exact": (4 * D, 4 * D),
        "float16": (2 * D, 2 * D),
        "int8": (D, D),
        "centred, float16": (2 * D, 2 * D),
        "PCA-256, float16": (512, 512),
        "PCA-256, centred, float16": (512, 512),
        "PCA-128, float16": (256, 256),
        "PCA-128, centred, float16": (256, 256),
        "sign bits": (bits, bits),
        "sign bits, centred": (bits, bits),
        "sign bits, 10x rescored": (bits + 2 * D, bits),
        "sign bits, centred, 10x rescored": (bits + 2 * D, bits),
        "sign bits, 4-bit query": (bits, bits),
        "sign bits, 4-bit query, centred": (bits, bits),
        "sign bits, 4-bit query, 10x rescored": (bits + 2 * D, bits),
        "sign bits, 4-bit query, centred, 10x rescored": (bits + 2 * D, bits),
    }


def test_recall_is_one_for_exact_search_and_falls_with_the_bytes(figures):
    recall = {name: figure.recall_at_10 for name, figure in figures.items()}

    assert recall["float32, exact"] == 1
    assert recall["float16"] > 0.99
    assert recall["int8"] > 0.9
    assert recall["PCA-256, float16"] > recall["PCA-128, float16"]
    assert recall["sign bits, 10x rescored"] > recall["sign bits"] + 0.1
    assert recall["sign bits, 4-bit query, centred"] > recall["sign bits, centred"]
    assert all(0 <= value <= 1 for value in recall.values())


def test_texts_are_measured_apart_and_centring_moves_them(figures):
    assert figures["float32, exact"].text_recall_at_10 == 1
    assert figures["float16"].text_recall_at_10 > 0.98
    assert figures["centred, float16"].text_recall_at_10 < 0.9


def test_times_are_positive_and_ordered(figures):
    assert all(0 < figure.p50_ms <= figure.p90_ms for figure in figures.values())


def test_without_texts_there_is_no_figure_for_them():
    figure = next(measure_compression(ROWS[:500], photo_queries=5))

    assert figure.text_recall_at_10 is None


def test_the_same_seed_asks_for_the_same_photos():
    def recalls(seed: int) -> list[float]:
        found = measure_compression(ROWS[:400, :96], photo_queries=20, seed=seed)
        return [figure.recall_at_10 for figure in found]

    assert recalls(1) == recalls(1)
    assert recalls(1) != recalls(2)


def test_a_pca_to_as_many_dimensions_as_there_are_is_left_out():
    names = {figure.name for figure in measure_compression(ROWS[:500, :128], photo_queries=5)}

    assert not {name for name in names if name.startswith("PCA")}


def test_too_few_photos_are_refused_with_both_numbers():
    with pytest.raises(SourceInvalid, match=f"199 photos are too few.*{LEAST_PHOTOS}"):
        next(measure_compression(ROWS[: LEAST_PHOTOS - 1]))


def test_a_photo_does_not_answer_for_itself():
    # Each row is its own nearest by far: counted, it would be one certain hit in ten.
    rows = np.repeat(np.eye(D, dtype=np.float32), 2, axis=0)
    rows = normalised(rows + 1e-3 * RNG.normal(size=rows.shape).astype(np.float32))
    figures = {f.name: f for f in measure_compression(rows, photo_queries=30)}

    assert figures["float32, exact"].recall_at_10 == 1
    # Nothing but the one twin stands out, and the rest is noise to the signs.
    assert figures["sign bits"].recall_at_10 < 0.6


def test_search_in_chunks_finds_what_one_sort_of_all_finds():
    queries = cone(7)

    found = nearest_by_cosine(ROWS, queries, K)

    order = np.argsort(-(queries @ ROWS.T), axis=1, kind="stable")[:, :K]
    np.testing.assert_array_equal(found, order)


def test_equal_rows_are_found_in_their_order_also_across_chunks():
    rows = np.tile(ROWS[:1], (9000, 1))

    found = FloatRows(rows).nearest(Queries(rows[:1], are_texts=False), K)

    np.testing.assert_array_equal(found, [range(K)])


def test_the_largest_come_first_and_equal_ones_by_position():
    values = np.array([1, 3, 2, 3, 2, 2], np.float32)

    assert largest(values, 4).tolist() == [1, 3, 2, 4]
    assert largest(values, 9).tolist() == [1, 3, 2, 4, 5, 0]


def test_a_dimension_on_which_all_rows_agree_can_be_coded():
    rows = ROWS.copy()
    rows[:, 5] = 0.25

    found = ByteRows(rows).nearest(Queries(rows[:3], are_texts=False), 1)

    assert found[:, 0].tolist() == [0, 1, 2]


def test_embeddings_are_read_from_the_live_photos_alone(tmp_path: Path, tiny_bundle):
    store = ShardStore(tmp_path, tiny_bundle)
    store.add([row("a", seed=1), row("b", seed=2), row("c", seed=3)])
    store.add([row("b", version="2", seed=4)])
    store.remove(["a"])

    rows = read_embeddings(store)

    expected = np.stack([photo.embedding for photo in everything(store).values()])
    assert rows.dtype == np.float32
    assert sorted(rows.tolist()) == sorted(expected.tolist())


def test_memory_holds_the_rows_and_one_coded_form_of_them():
    rows = normalised(np.random.default_rng(0).normal(size=(30_000, 256)).astype(np.float32))
    before = reset_peak()

    figures = list(measure_compression(rows, photo_queries=2))

    assert len(figures) == 14  # 128 of 256 dimensions; 256 would be all
    assert peak_bytes() - before < 1.5 * rows.nbytes
