"""What compression costs on one's own photos: recall@10 of each way of storing, against float32.

Queries are photos of the collection, left out of their own answers, and texts where some are given:
these lie in another cone than the photos and are the harder case. What is measured is agreement
with the model as it is: centring moves texts on purpose, and its low recall does not tell that its
answers are worse (docs/decisions/0006-post-transform.md). Memory: the collection as float32
and one coded form of it at a time; 2 + 1 GB at most for a million photos of 512 dimensions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np

from ingest.coded_rows import (
    RESCORED_PER_HIT,
    ByteRows,
    CodedRows,
    FloatRows,
    Queries,
    SignRows,
    TransformedRows,
    chunks,
)
from ingest.moments import fit_transform, measure_moments
from ingest.shard_reader import ShardReader
from photo_search.arrays import Float32Array, Int64Array
from photo_search.errors import SourceInvalid

K = 10
PHOTO_QUERIES = 100
_PCA_DIMENSIONS = (256, 128)
_ALL_PLANES = 4
_TIMED_QUERIES = 20  # the others are asked all at once, which is several times as fast
_NO_ROW = -1
# Fewer photos than candidates that are rescored would make every recall 1.
LEAST_PHOTOS = 2 * RESCORED_PER_HIT * K


@dataclass(frozen=True, slots=True)
class TextQueries:
    """Texts to search for.

    Attributes:
        embedding: ``(Q, D)``, unit rows.
        mean: ``(D,)``, the bundle's mean of texts.
    """

    embedding: Float32Array
    mean: Float32Array


@dataclass(frozen=True, slots=True)
class CompressionFigure:
    """What one way of storing gives.

    Attributes:
        name: The way.
        recall_at_10: Of queries by photo: mean share of the true 10 nearest that is found.
        text_recall_at_10: The same of queries by text; None where there are none.
        size_bytes: Stored bytes of one photo's embedding.
        scanned_bytes: How many of them every query reads.
        p50_ms: Median time of a query in numpy, exhaustive; tells of numpy, not of an index.
        p90_ms: Time that nine of ten queries stay within.
    """

    name: str
    recall_at_10: float
    text_recall_at_10: float | None
    size_bytes: int
    scanned_bytes: int
    p50_ms: float
    p90_ms: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """Queries, the row ``(Q,)`` that must not answer each, and the true answers ``(Q, K)``."""

    queries: Queries
    own_rows: Int64Array
    truth: Int64Array


def read_embeddings(shards: ShardReader) -> Float32Array:
    """Read every live photo's embedding: ``(N, D)``, unit rows, in no particular order.

    Raises:
        SourceInvalid: A shard is damaged.
    """
    rows = np.empty((len(shards.live), shards.dimension), np.float32)
    done = 0
    for photos in shards.read(lambda photo_id, live: True):
        rows[done : done + len(photos)] = [photo.embedding for photo in photos]
        done += len(photos)
    return rows[:done]


def measure_compression(
    rows: Float32Array,
    *,
    texts: TextQueries | None = None,
    photo_queries: int = PHOTO_QUERIES,
    seed: int = 0,
) -> Iterator[CompressionFigure]:
    """Measure each way of storing; figures come as they are done.

    Args:
        rows: ``(N, D)``, unit rows, as ``read_embeddings`` gives them.
        texts: Queries by text besides.
        photo_queries: How many photos are asked for, drawn at random.
        seed: Another seed draws others.

    Raises:
        SourceInvalid: There are too few photos to tell anything.
    """
    if len(rows) < LEAST_PHOTOS:
        msg = f"{len(rows)} photos are too few to measure recall; {LEAST_PHOTOS} are needed"
        raise SourceInvalid(msg)
    drawn = np.random.default_rng(seed).choice(len(rows), min(photo_queries, len(rows)), False)
    asked = [_asked(rows, Queries(rows[drawn], are_texts=False), drawn)]
    text_mean = np.zeros(rows.shape[1], np.float32)
    if texts is not None:
        no_rows = np.full(len(texts.embedding), _NO_ROW)
        asked.append(_asked(rows, Queries(texts.embedding, are_texts=True), no_rows))
        text_mean = texts.mean
    for name, make in _ways(rows, text_mean):
        yield _figure(name, make(), asked)


def _ways(
    rows: Float32Array, text_mean: Float32Array
) -> Iterator[tuple[str, Callable[[], CodedRows]]]:
    """Names, and how to make each: one at a time is in memory."""
    yield "float32, exact", partial(FloatRows, rows)
    yield "float16", lambda: FloatRows(rows.astype(np.float16))
    yield "int8", partial(ByteRows, rows)
    moments = measure_moments((rows[span] for span in chunks(len(rows))), rows.shape[1])

    def transformed(dimension: int | None, centre: bool) -> CodedRows:
        transform = fit_transform(moments, text_mean=text_mean, dimension=dimension, centre=centre)
        return TransformedRows(rows, transform)

    yield "centred, float16", partial(transformed, None, True)
    for dimension, centre in product(_PCA_DIMENSIONS, (False, True)):
        if dimension < min(rows.shape):
            name = f"PCA-{dimension}{', centred' * centre}, float16"
            yield name, partial(transformed, dimension, centre)
    for planes, rescored, centre in product((1, _ALL_PLANES), (False, True), (False, True)):
        name = "sign bits" if planes == 1 else f"sign bits, {planes}-bit query"
        name += ", centred" * centre + f", {RESCORED_PER_HIT}x rescored" * rescored
        around = (moments.mean * centre).astype(np.float32)
        yield name, partial(SignRows, rows, around, planes=planes, rescored=rescored)


def _asked(rows: Float32Array, queries: Queries, own_rows: Int64Array) -> _Asked:
    return _Asked(queries, own_rows, _answers(FloatRows(rows), queries, own_rows))


def _answers(coded: CodedRows, queries: Queries, own_rows: Int64Array) -> Int64Array:
    """The K nearest of each query without its own row: ``(Q, K)``."""
    found = coded.nearest(queries, K if queries.are_texts else K + 1)
    return np.stack(
        [answer[answer != own][:K] for answer, own in zip(found, own_rows, strict=True)]
    )


def _figure(name: str, coded: CodedRows, asked: list[_Asked]) -> CompressionFigure:
    recalls = [_recall(_answers(coded, each.queries, each.own_rows), each.truth) for each in asked]
    times_ms = []
    for query in asked[0].queries.embedding[:_TIMED_QUERIES]:
        start_s = time.perf_counter()
        coded.nearest(Queries(query[np.newaxis], are_texts=False), K)
        times_ms.append((time.perf_counter() - start_s) * 1000)
    p50_ms, p90_ms = np.percentile(times_ms, (50, 90))
    return CompressionFigure(
        name=name,
        recall_at_10=recalls[0],
        text_recall_at_10=recalls[1] if len(recalls) > 1 else None,
        size_bytes=coded.size_bytes,
        scanned_bytes=coded.scanned_bytes,
        p50_ms=float(p50_ms),
        p90_ms=float(p90_ms),
    )


def _recall(found: Int64Array, truth: Int64Array) -> float:
    shares = [len(np.intersect1d(*pair)) / K for pair in zip(found, truth, strict=True)]
    return float(np.mean(shares))
