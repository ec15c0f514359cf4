"""EmbeddingBlocks: an unchanging picture of all embeddings in memory, and exact k-NN over it.

Rows are addressed by slot. Memory: 2 bytes per dimension and row (float16) and 1 bit per dimension,
1.1 GB for a million rows of 512. Knows nothing of SQL, photos or ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photo_search.arrays import Float16Array, Float32Array, Int64Array
from photo_search.index.sign_bits import (
    UInt16Array,
    UInt64Array,
    query_planes,
    sign_distances,
)

BLOCK_ROWS = 4096
"""Slots of one block: 4 MB of embeddings at 512 dimensions."""

# Rows whose signs lie nearest are compared in float. 1,600 of 25,000 hold over 0.999 of the true
# top 20 at 512 dimensions on cone-shaped data (benchmarks/knn.py prints it); fewer dimensions tell
# rows apart less, and cost less each. At 128 dimensions, 12,800 photos and fewer are all compared.
_SHORTLIST_ROWS = 1600
_SHORTLIST_OF_ROWS = 25_000
_SHORTLIST_GROWTH = 2 / 3  # with the square root, recall fell to 0.998 at a million rows
_SHORTLIST_DIMENSION = 512
# The query's signs alone keep the true top 20 among four times as many, for a fourth of the work.
_FIRST_CUT = 4

_CHUNK_ROWS = 512  # one chunk as float32 stays in the second-level cache
# float16 to float32 by moving bits is four times as fast as numpy's cast: the sign stays on top,
# exponent and mantissa shift by 13; what remains is the difference of the biases, 2**(127 - 15).
_HALF_SHIFT = 13
_HALF_MASK = np.int32(-0x70002000)  # 0x8fffe000
_HALF_SCALE = np.float32(2.0**112)


@dataclass(frozen=True, slots=True)
class Block:
    """BLOCK_ROWS slots.

    Attributes:
        embeddings: ``(BLOCK_ROWS, D)``; rows that are not live hold anything.
        sign_words: ``(W, BLOCK_ROWS)``.
        live: ``(BLOCK_ROWS,)``, True where a photo lies.
    """

    embeddings: Float16Array
    sign_words: UInt64Array
    live: NDArray[np.bool_]


class EmbeddingBlocks:
    """All blocks of one revision of an index. Never changes; safe in threads."""

    def __init__(self, blocks: tuple[Block, ...], centre: Float32Array, *, revision: int) -> None:
        """Join blocks.

        Args:
            blocks: Slot s lies in block ``s // BLOCK_ROWS``.
            centre: ``(D,)``, the one that the sign bits were packed with.
            revision: Revision of the index that the blocks picture.
        """
        self.blocks = blocks
        self.centre = centre
        self.revision = revision
        self._live_slots = (
            np.flatnonzero(np.concatenate([block.live for block in blocks]))
            if blocks
            else np.empty(0, np.int64)
        )

    def cosines(
        self, query: Float32Array, *, allowed: Int64Array | None = None, exact: bool = False
    ) -> tuple[Int64Array, Float32Array]:
        """Compare a query with every row that can be among the best thousand.

        The same query always gets the same rows, and equal rows get equal cosines: pages cut from
        the answer neither repeat nor skip.

        Args:
            query: ``(D,)``, unit norm.
            allowed: Live slots, ascending, to choose from; None for all.
            exact: True leaves nothing to the sign bits.

        Returns:
            Slots ``(n,)``, ascending, and their cosines ``(n,)``.
        """
        slots = self._live_slots if allowed is None else allowed
        rows = shortlist_rows(len(slots), len(query))
        if not exact and len(slots) > 2 * rows:
            slots = self._nearest_by_sign(query, slots, rows)
        return slots, self._rescored(query, slots)

    def _nearest_by_sign(self, query: Float32Array, slots: Int64Array, rows: int) -> Int64Array:
        """About ``rows`` slots: first by the query's signs, the best of those by all its planes."""
        planes = query_planes(query, self.centre)
        distances = np.concatenate(
            [sign_distances(words, planes[:1]) for words in self._sign_words(slots)]
        )
        nearest = _smallest(distances, _FIRST_CUT * rows)
        slots, distances = slots[nearest], distances[nearest]
        words = np.concatenate(list(self._sign_words(slots)), axis=1)
        distances <<= np.uint16(len(planes) - 1)
        distances += sign_distances(words, planes[1:])
        return slots[_smallest(distances, rows)]

    def _rescored(self, query: Float32Array, slots: Int64Array) -> Float32Array:
        """Inner products ``(n,)`` in float32.

        einsum and not matmul: its sum for a row does not depend on the rows beside it.
        """
        scaled = query * _HALF_SCALE
        cosines = np.empty(len(slots), np.float32)
        done = 0
        for block, rows in self._by_block(slots):
            for at in range(0, len(rows), _CHUNK_ROWS):
                chunk = rows[at : at + _CHUNK_ROWS]
                halves = block.embeddings[_as_slice(chunk)]
                widened = np.left_shift(halves.view(np.int16), _HALF_SHIFT, dtype=np.int32)
                widened &= _HALF_MASK
                out = cosines[done : done + len(chunk)]
                np.einsum("ij,j->i", widened.view(np.float32), scaled, out=out)
                done += len(chunk)
        return cosines

    def _sign_words(self, slots: Int64Array) -> Iterator[UInt64Array]:
        for block, rows in self._by_block(slots):
            span = _as_slice(rows)
            if isinstance(span, slice):
                yield block.sign_words[:, span]
            else:  # several times as fast as indexing along the second axis
                yield np.take(block.sign_words, span, axis=1)

    def _by_block(self, slots: Int64Array) -> Iterator[tuple[Block, Int64Array]]:
        """Each block that holds some of the slots, and their rows in it."""
        firsts = np.arange(len(self.blocks) + 1) * BLOCK_ROWS
        borders = pairwise(np.searchsorted(slots, firsts).tolist())
        for block, first, (start, end) in zip(self.blocks, firsts, borders, strict=False):
            if start < end:
                yield block, slots[start:end] - first


def shortlist_rows(rows: int, dimension: int) -> int:
    """How many of ``rows`` are compared in float after the sign bits; at least twice the window."""
    share = max(1.0, (rows / _SHORTLIST_OF_ROWS) ** _SHORTLIST_GROWTH)
    return int(_SHORTLIST_ROWS * share * max(1.0, _SHORTLIST_DIMENSION / dimension))


def _as_slice(rows: Int64Array) -> Int64Array | slice:
    """Neighbouring rows as a slice, which copies nothing."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _smallest(distances: UInt16Array, count: int) -> Int64Array:
    """Positions of the ``count`` smallest distances and of all that equal the largest of them."""
    # Distances are small whole numbers: counting them beats a partial sort.
    reached = np.cumsum(np.bincount(distances))
    limit = np.uint16(np.searchsorted(reached, min(count, len(distances))))
    positions: Int64Array = np.flatnonzero(distances <= limit)
    return positions
