"""Whether an index file agrees with itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from photo_search.index.embedding_blocks import BLOCK_ROWS
from photo_search.index.sign_bits import pack_sign_bits


def assert_file_is_whole(path: Path) -> int:
    """SQLite finds no fault, words match photos, and blocks hold a unit row for each photo.

    Returns:
        The number of photos.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO photo_text(photo_text, rank) VALUES('integrity-check', 1)")
        slots = [row[0] for row in connection.execute("SELECT slot FROM photos ORDER BY slot")]
        dimension, centre = connection.execute("SELECT dimension, centre FROM facts").fetchone()
        live_slots: list[int] = []
        rows = connection.execute(
            "SELECT block_id, live, embeddings, sign_bits FROM blocks JOIN block_data"
            " USING(block_id) ORDER BY block_id"
        )
        for block_id, live_bits, embeddings, sign_bits in rows:
            live = np.flatnonzero(np.unpackbits(np.frombuffer(live_bits, np.uint8)))
            live_slots += (block_id * BLOCK_ROWS + live).tolist()
            stored = np.frombuffer(embeddings, "<f2").reshape(BLOCK_ROWS, dimension)[live]
            norms = np.linalg.norm(stored.astype(np.float32), axis=1)
            np.testing.assert_allclose(norms, 1, atol=2e-3)
            packed = np.frombuffer(sign_bits, np.uint8).reshape(BLOCK_ROWS, -1)[live]
            assert (packed == pack_sign_bits(stored, np.frombuffer(centre, "<f4"))).all()
        assert live_slots == slots
        return len(slots)
