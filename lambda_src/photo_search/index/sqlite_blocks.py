"""Embedding blocks in the SQLite file: read when they changed, written in place slot by slot.

A write touches only the pages of its rows, whatever the size of a block. Knows nothing of photos
but their slots.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from photo_search.arrays import Float16Array, Float32Array, Int64Array, UInt8Array
from photo_search.index.embedding_blocks import BLOCK_ROWS, Block, EmbeddingBlocks
from photo_search.index.sign_bits import as_words, pack_sign_bits, row_size_bytes
from photo_search.index.sqlite_file import Damaged
from photo_search.index.sqlite_schema import read_centre, read_revision

_LIVE_BYTES = BLOCK_ROWS // 8
# The centre is taken anew after as many changes as there were photos: while a collection grows,
# each bit is packed about twice in all, and one whose photos were replaced gets their centre. Below
# this many photos every search compares all rows in float anyway.
_CENTRE_LASTS_AT_LEAST = 1024


def load_blocks(
    connection: sqlite3.Connection, previous: EmbeddingBlocks | None, dimension: int
) -> EmbeddingBlocks:
    """Picture the file's embeddings, reading only the blocks that changed since ``previous``.

    Raises:
        Damaged: A block is missing or has the wrong size.
    """
    blocks = list(previous.blocks) if previous else []
    rows = connection.execute(
        "SELECT block_id, live, embeddings, sign_bits FROM blocks JOIN block_data USING(block_id) "
        "WHERE revision > ? ORDER BY block_id",
        (previous.revision if previous else -1,),
    )
    for block_id, live, embeddings, sign_bits in rows:
        if block_id > len(blocks):
            _raise_damaged(len(blocks))
        blocks[block_id : block_id + 1] = [
            Block(
                embeddings=_embeddings(embeddings, block_id, dimension),
                sign_words=as_words(_sign_bits(sign_bits, block_id, dimension)),
                live=_live(live, block_id),
            )
        ]
    centre, _ = read_centre(connection)
    if centre.shape != (dimension,):
        _raise_damaged(0)
    return EmbeddingBlocks(tuple(blocks), centre, revision=read_revision(connection))


def read_embedding(connection: sqlite3.Connection, slot: int, dimension: int) -> Float32Array:
    """The embedding in a slot, ``(D,)``, scaled to unit norm again after its rounding to float16.

    Raises:
        Damaged: The slot holds no direction.
    """
    block_id, row = divmod(slot, BLOCK_ROWS)
    size = dimension * 2
    with connection.blobopen("block_data", "embeddings", block_id, readonly=True) as blob:
        blob.seek(row * size)
        embedding = np.frombuffer(blob.read(size), "<f2").astype(np.float32)
    norm = np.linalg.norm(embedding)
    if embedding.shape != (dimension,) or not np.isfinite(norm) or norm == 0:
        _raise_damaged(block_id)
    unit: Float32Array = embedding / norm
    return unit


class BlockWriter:
    """Changes to the blocks within one transaction; nothing counts before ``finish``."""

    def __init__(self, connection: sqlite3.Connection, dimension: int) -> None:
        """Read which slots are taken."""
        self._connection = connection
        self._dimension = dimension
        self._centre, self._centre_lasts = read_centre(connection)
        self._changes = 0
        rows = connection.execute("SELECT block_id, live FROM blocks ORDER BY block_id")
        self._live = [_live(live, block_id).copy() for block_id, live in rows]
        self._touched: set[int] = set()

    def take_slots(self, count: int) -> list[int]:
        """Take free slots, lowest first, in new blocks where none is left."""
        taken: list[int] = []
        for block_id, live in enumerate(self._live):
            if len(taken) == count:
                break
            free = np.flatnonzero(~live)[: count - len(taken)]
            live[free] = True
            taken.extend((block_id * BLOCK_ROWS + free).tolist())
        while len(taken) < count:
            taken.extend(self._take_new_block(count - len(taken)))
        return taken

    def free_slots(self, slots: Iterable[int]) -> None:
        """Give slots back."""
        for slot in slots:
            block_id, row = divmod(slot, BLOCK_ROWS)
            self._live[block_id][row] = False
            self._touched.add(block_id)
            self._changes += 2  # it moves the mean, and leaves fewer that hold it

    def write(self, slots: Sequence[int], embeddings: Float16Array) -> None:
        """Store ``embeddings`` ``(B, D)`` and their sign bits in slots taken before."""
        order = np.argsort(np.array(slots, np.int64))
        sorted_slots = np.array(slots, np.int64)[order]
        embeddings = embeddings[order]
        sign_bits = pack_sign_bits(embeddings, self._centre)
        self._changes += len(slots)
        for start, end in _runs(sorted_slots):
            block_id, row = divmod(int(sorted_slots[start]), BLOCK_ROWS)
            self._touched.add(block_id)
            self._write_rows("embeddings", block_id, row, embeddings[start:end].tobytes())
            self._write_rows("sign_bits", block_id, row, sign_bits[start:end].tobytes())

    def finish(self) -> None:
        """Record what changed under a new revision."""
        lasts = self._centre_lasts - self._changes
        if lasts <= 0:
            lasts = self._recentre()
        revision = read_revision(self._connection) + 1
        self._connection.executemany(
            "UPDATE blocks SET revision = ?, live = ? WHERE block_id = ?",
            [
                (revision, np.packbits(self._live[block_id]).tobytes(), block_id)
                for block_id in self._touched
            ],
        )
        self._connection.execute(
            "UPDATE facts SET revision = ?, centre = ?, centre_lasts = ?",
            (revision, self._centre.tobytes(), lasts),
        )

    def _take_new_block(self, count: int) -> list[int]:
        block_id, count = len(self._live), min(count, BLOCK_ROWS)
        self._live.append(np.arange(BLOCK_ROWS) < count)
        self._connection.execute(
            "INSERT INTO blocks VALUES(?, 0, zeroblob(?))", (block_id, _LIVE_BYTES)
        )
        self._connection.execute(
            "INSERT INTO block_data VALUES(?, zeroblob(?), zeroblob(?))",
            (
                block_id,
                BLOCK_ROWS * self._dimension * 2,
                BLOCK_ROWS * row_size_bytes(self._dimension),
            ),
        )
        return list(range(block_id * BLOCK_ROWS, block_id * BLOCK_ROWS + count))

    def _write_rows(self, column: str, block_id: int, row: int, data: bytes) -> None:
        row_size = (
            self._dimension * 2 if column == "embeddings" else row_size_bytes(self._dimension)
        )
        with self._connection.blobopen("block_data", column, block_id) as blob:
            blob.seek(row * row_size)
            blob.write(data)

    def _recentre(self) -> int:
        """Take the centre anew; returns how many changes it lasts."""
        count = sum(int(live.sum()) for live in self._live)
        if count < _CENTRE_LASTS_AT_LEAST:
            return _CENTRE_LASTS_AT_LEAST - count
        total = np.zeros(self._dimension, np.float64)
        for block_id, embeddings in self._each_block():
            total += embeddings[self._live[block_id]].sum(axis=0, dtype=np.float64)
        self._centre = (total / count).astype("<f4")
        for block_id, embeddings in self._each_block():
            packed = pack_sign_bits(embeddings, self._centre)
            self._write_rows("sign_bits", block_id, 0, packed.tobytes())
            self._touched.add(block_id)
        return count

    def _each_block(self) -> Iterator[tuple[int, Float16Array]]:
        for block_id in range(len(self._live)):
            row = self._connection.execute(
                "SELECT embeddings FROM block_data WHERE block_id = ?", (block_id,)
            ).fetchone()
            yield block_id, _embeddings(row[0], block_id, self._dimension)


def _runs(slots: Int64Array) -> Iterator[tuple[int, int]]:
    """Borders of the runs of neighbouring slots within one block."""
    breaks = np.flatnonzero((np.diff(slots) != 1) | (slots[1:] % BLOCK_ROWS == 0)) + 1
    borders = [0, *breaks.tolist(), len(slots)]
    yield from pairwise(borders)


def _embeddings(data: bytes, block_id: int, dimension: int) -> Float16Array:
    if len(data) != BLOCK_ROWS * dimension * 2:
        _raise_damaged(block_id)
    return np.frombuffer(data, "<f2").reshape(BLOCK_ROWS, dimension)


def _sign_bits(data: bytes, block_id: int, dimension: int) -> UInt8Array:
    if len(data) != BLOCK_ROWS * row_size_bytes(dimension):
        _raise_damaged(block_id)
    return np.frombuffer(data, np.uint8).reshape(BLOCK_ROWS, row_size_bytes(dimension))


def _live(data: bytes, block_id: int) -> NDArray[np.bool_]:
    if len(data) != _LIVE_BYTES:
        _raise_damaged(block_id)
    return np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.bool_)


def _raise_damaged(block_id: int) -> NoReturn:
    msg = f"block {block_id} of the embeddings has the wrong size or content"
    raise Damaged(msg)
