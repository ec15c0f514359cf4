"""Ways to store a collection's embeddings in fewer bytes, and to search what was stored.

Each is plain numpy and scans every row: what is compared is the loss of a way of storing, not an
index. Knows nothing of shards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photo_search.arrays import Float16Array, Float32Array, Int64Array, UInt8Array
from photo_search.index.sign_bits import (
    UInt64Array,
    as_words,
    pack_sign_bits,
    query_planes,
    row_size_bytes,
    sign_distances,
)
from photo_search.post_transform import PostTransform

Int32Array: TypeAlias = NDArray[np.int32]

CHUNK_ROWS = 4096
"""Rows widened at a time: 8 MB as float32 at 512 dimensions."""
RESCORED_PER_HIT = 10
_CODES = 255  # steps between the least and the largest code of a byte
_HALF_BYTES = 2


@dataclass(frozen=True, slots=True)
class Queries:
    """What is searched for: unit embeddings ``(Q, D)``, all of texts or all of pictures."""

    embedding: Float32Array
    are_texts: bool


class CodedRows(Protocol):
    """A collection in one way of storing."""

    @property
    def size_bytes(self) -> int:
        """Stored bytes of one photo."""

    @property
    def scanned_bytes(self) -> int:
        """Bytes of one photo that every query reads: what has to fit into memory."""

    def nearest(self, queries: Queries, k: int) -> Int64Array:
        """The rows ``(Q, k)`` that seem nearest, nearest first, ties by row."""


class FloatRows:
    """Rows as they are, in float32 or float16."""

    def __init__(self, rows: Float32Array | Float16Array) -> None:
        """Keep ``(N, D)``."""
        self._rows = rows
        self.size_bytes = self.scanned_bytes = rows.shape[1] * rows.itemsize

    def nearest(self, queries: Queries, k: int) -> Int64Array:
        """Compare with every row; see CodedRows."""
        return nearest_by_cosine(self._rows, queries.embedding, k)


class TransformedRows:
    """Centred, projected, or both; stored in float16, as shards and the embedded index do."""

    def __init__(self, rows: Float32Array, transform: PostTransform) -> None:
        """Transform ``(N, D)``."""
        self._transform = transform
        self._moved = np.empty((len(rows), transform.dimension_out), np.float16)
        for span in chunks(len(rows)):
            self._moved[span] = transform.apply_to_images(rows[span])
        self.size_bytes = self.scanned_bytes = self._moved.shape[1] * self._moved.itemsize

    def nearest(self, queries: Queries, k: int) -> Int64Array:
        """Transform the queries too; see CodedRows."""
        transform = self._transform
        apply = transform.apply_to_texts if queries.are_texts else transform.apply_to_images
        return nearest_by_cosine(self._moved, apply(queries.embedding), k)


class ByteRows:
    """One byte a dimension, evenly from its least to its largest value; the query stays float."""

    def __init__(self, rows: Float32Array) -> None:
        """Code ``(N, D)``."""
        least = rows.min(axis=0)
        smallest = np.finfo(np.float32).tiny  # where all rows agree
        self._step = np.maximum((rows.max(axis=0) - least) / _CODES, smallest)
        self._codes: UInt8Array = np.empty(rows.shape, np.uint8)
        for span in chunks(len(rows)):
            self._codes[span] = np.rint((rows[span] - least) / self._step)
        self.size_bytes = self.scanned_bytes = rows.shape[1]

    def nearest(self, queries: Queries, k: int) -> Int64Array:
        """Sum code times step times query: the share of ``least`` is the same for every row."""
        return nearest_by_cosine(self._codes, queries.embedding * self._step, k)


class SignRows:
    """One bit a dimension, and with rescoring the float16 row of the best candidates."""

    def __init__(
        self, rows: Float32Array, centre: Float32Array, *, planes: int, rescored: bool
    ) -> None:
        """Pack ``(N, D)``.

        Args:
            rows: Unit rows.
            centre: ``(D,)``, taken off before the signs are taken.
            planes: Bits of the query's values: 1 for its signs alone, 4 for all there are.
            rescored: Whether RESCORED_PER_HIT candidates for each hit are compared in float.
        """
        self._words: list[UInt64Array] = [
            as_words(pack_sign_bits(rows[span], centre)) for span in chunks(len(rows))
        ]
        self._rows = rows if rescored else None
        self._centre, self._planes = centre, planes
        self.scanned_bytes = row_size_bytes(rows.shape[1])
        self.size_bytes = self.scanned_bytes + (_HALF_BYTES * rows.shape[1] if rescored else 0)

    def nearest(self, queries: Queries, k: int) -> Int64Array:
        """Least distance of signs, then of those the largest cosine; see CodedRows."""
        return np.stack([self._nearest(query, k) for query in queries.embedding])

    def _nearest(self, query: Float32Array, k: int) -> Int64Array:
        planes = query_planes(query, self._centre)[: self._planes]
        distances = np.concatenate([sign_distances(words, planes) for words in self._words])
        nearness = -distances.astype(np.int32)
        if self._rows is None:
            return largest(nearness, k)
        found = np.sort(largest(nearness, RESCORED_PER_HIT * k))
        stored = self._rows[found].astype(np.float16)
        return found[largest(stored.astype(np.float32) @ query, k)]


def nearest_by_cosine(
    rows: Float32Array | Float16Array | UInt8Array, queries: Float32Array, k: int
) -> Int64Array:
    """Compare ``(N, D)`` rows with ``(Q, D)`` queries: the k rows of largest inner product each."""
    best = np.empty((len(queries), 0), np.float32)
    best_rows = np.empty((len(queries), 0), np.int64)
    for span in chunks(len(rows)):
        wide = rows[span].astype(np.float32, copy=False)  # (B, D)
        # With a vector BLAS takes a fifth of the time that it takes with a matrix of one row.
        cosines = (wide @ queries[0])[np.newaxis] if len(queries) == 1 else queries @ wide.T
        numbers = np.broadcast_to(np.arange(span.start, span.stop), cosines.shape)
        best = np.concatenate([best, cosines], axis=1)
        best_rows = np.concatenate([best_rows, numbers], axis=1)
        kept = np.stack([largest(row, k) for row in best])
        best = np.take_along_axis(best, kept, axis=1)
        best_rows = np.take_along_axis(best_rows, kept, axis=1)
    return best_rows


def largest(values: Float32Array | Int32Array, k: int) -> Int64Array:
    """Positions of the k largest of ``(N,)`` values, largest first; of equal ones the first."""
    k = min(k, len(values))
    least = np.partition(values, -k)[-k]
    above = np.flatnonzero(values > least)
    equal = np.flatnonzero(values == least)[: k - len(above)]
    kept = np.sort(np.concatenate([above, equal]))
    order: Int64Array = kept[np.argsort(-values[kept], kind="stable")]
    return order


def chunks(count: int) -> Iterator[slice]:
    """Slices of at most CHUNK_ROWS that cover ``count`` rows."""
    for start in range(0, count, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, count))
