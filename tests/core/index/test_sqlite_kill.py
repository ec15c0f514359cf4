"""A process killed at any moment leaves whole batches behind."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from photo_search.index.protocol import KnnQuery
from photo_search.index.sqlite import SqliteIndex
from tests.core.index.batch_writer import BATCH_ROWS
from tests.core.index.file_checks import assert_file_is_whole
from tests.core.index.samples import FINGERPRINT, collection

REPOSITORY = Path(__file__).parents[3]


def write_until_killed(path: Path, after_batches: int, delay_s: float) -> int:
    """Start a writer, kill it some time after it reported a batch; the last batch it reported."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.core.index.batch_writer", path, "1000"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": "lambda_src:."},
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        for _ in range(after_batches):
            writer.stdout.readline()
        try:
            writer.wait(delay_s)
        except subprocess.TimeoutExpired:
            writer.kill()
        reported = writer.stdout.read().split()
        return int(reported[-1]) if reported else 0


@pytest.mark.parametrize("kills", [12, pytest.param(300, marks=pytest.mark.proof)])
def test_a_killed_writer_leaves_whole_batches(sqlite_path: Path, kills: int) -> None:
    choose = np.random.default_rng(kills)
    stored_before = 0
    for _ in range(kills):
        # The first kills of a file hit its creation.
        if choose.random() < 0.2:
            for path in sqlite_path.parent.glob("photos.db*"):
                path.unlink()
            stored_before = 0
        reported = write_until_killed(sqlite_path, int(choose.integers(3)), choose.uniform(0, 0.3))
        if not sqlite_path.exists() or not has_tables(sqlite_path):
            assert reported == 0
            continue

        with closing(SqliteIndex.open(sqlite_path, fingerprint=FINGERPRINT)) as index:
            batches, rest = divmod(index.count(), BATCH_ROWS)
            assert rest == 0
            assert batches >= max(stored_before, reported)
            for number in {0, batches - 1} if batches else ():
                for photo in collection(BATCH_ROWS, seed=number, prefix=f"b{number:05}-")[::10]:
                    hit = index.knn(KnnQuery(photo.embedding, k=1)).hits[0]
                    assert hit.photo == photo.photo
        assert assert_file_is_whole(sqlite_path) == batches * BATCH_ROWS
        stored_before = batches


def has_tables(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is not None
