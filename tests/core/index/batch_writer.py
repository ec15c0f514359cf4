"""A process that fills an index batch by batch, to be watched or killed.

``python -m tests.core.index.batch_writer PATH BATCHES``; BATCH_ROWS photos each.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from photo_search.index.sqlite import SqliteIndex
from tests.core.index.samples import DIMENSION, FINGERPRINT, collection

BATCH_ROWS = 50


def main() -> None:
    path, batches = Path(sys.argv[1]), int(sys.argv[2])
    with closing(SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=DIMENSION)) as index:
        start = index.count() // BATCH_ROWS
        for number in range(start, start + batches):
            index.upsert(collection(BATCH_ROWS, seed=number, prefix=f"b{number:05}-"))
            sys.stdout.write(f"{number + 1}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
