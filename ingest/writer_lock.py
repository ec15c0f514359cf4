"""One writer at a time for a work directory."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photo_search.errors import IndexUnavailable, SettingsError

LOCK_NAME = "lock"


@contextmanager
def writer_lock(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system lets go of it when the process ends, however it ends.

    Raises:
        IndexUnavailable: Another ingest holds it.
        SettingsError: The directory cannot be written to.
    """
    try:
        file = (directory / LOCK_NAME).open("a")
    except OSError as error:
        msg = f"{directory} cannot be written to: {error.strerror}"
        raise SettingsError(msg) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another ingest is writing to {directory}; wait for it, or give another --work"
            raise IndexUnavailable(msg) from error
        yield
