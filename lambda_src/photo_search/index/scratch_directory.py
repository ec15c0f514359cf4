"""A directory for what can be fetched again, which outlives no process by long.

A process that is killed leaves its directory behind, and where the next one starts on the same disk
(a Lambda that ran out of time), a few of them would fill it. So each holds a lock as long as its
process lives, and the next process takes out those that nobody holds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from photo_search.errors import DiskFull, PhotoIndexError

_PREFIX = "photo-search-"
# Not yet locked: only a directory under its final name may be taken for one that was left.
_MAKING_PREFIX = "making-photo-search-"
_LOCK_NAME = "lock"
_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ScratchDirectory:
    """A fresh directory, removed by ``close``, at the process's end, or by the next process."""

    def __init__(self, parent: Path | None = None) -> None:
        """Make one, and take out those that dead processes left.

        Args:
            parent: Where; the system's directory for such things when left out.

        Raises:
            DiskFull: There is no room for a directory.
            PhotoIndexError: None can be made there.
        """
        parent = parent or Path(tempfile.gettempdir())
        _remove_abandoned(parent)
        with disk_errors(parent):
            making = Path(tempfile.mkdtemp(prefix=_MAKING_PREFIX, dir=parent))
            lock = os.open(making / _LOCK_NAME, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.path = making.rename(
                parent / f"{_PREFIX}{making.name.removeprefix(_MAKING_PREFIX)}"
            )
        self.close = weakref.finalize(self, _remove, self.path, lock)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise the disk's errors in our words.

    Raises:
        DiskFull: There is no room.
        PhotoIndexError: Anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            msg = f"no room left to write {path}: {error}"
            raise DiskFull(msg) from error
        msg = f"{path} cannot be written: {error}"
        raise PhotoIndexError(msg) from error


def _remove_abandoned(parent: Path) -> None:
    for directory in parent.glob(f"{_PREFIX}*"):
        # Another user's, or one that its process is just taking out itself.
        with suppress(OSError):
            lock = os.open(directory / _LOCK_NAME, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory)
            finally:
                os.close(lock)


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
