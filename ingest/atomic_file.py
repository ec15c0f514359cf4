"""Files that are there whole or not at all, also after a kill or a power cut."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photo_search.errors import DiskFull, SettingsError

# EFBIG is what a limit on the size of files gives: to a job it is a full disk like the others.
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
TEMPORARY_SUFFIX = ".partial"


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Turn an OSError that means "no room" into DiskFull.

    Raises:
        DiskFull: There is no room for the file.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL_ERRNOS:
            raise
        msg = f"no room to write {path} ({error.strerror}); free some space and run again"
        raise DiskFull(msg) from error


def make_directory(path: Path) -> None:
    """Make a directory of our own, and those above it.

    Raises:
        DiskFull: There is no room.
        SettingsError: It cannot be made or is none.
    """
    try:
        with full_disk_named(path):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{path} cannot be used as a directory: {error.strerror}"
        raise SettingsError(msg) from error


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a path to write beside the target, then put that file in the target's place.

    Args:
        path: The target; its directory exists.
        durable: True waits until the disk has the file; False leaves that to the system, for what
            can be made again.

    Raises:
        DiskFull: There is no room; the target is as it was.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        with full_disk_named(path):
            yield partial
            if durable:
                _sync(partial)
            partial.replace(path)
            if durable:
                _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial_files(directory: Path) -> None:
    """Clear away what killed writers left; call it only while no writer is at work."""
    for partial in directory.glob(f"*{TEMPORARY_SUFFIX}"):
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
