"""A directory of this user's that other users may read and none may alter.

It lies below ``/var/tmp``: clones may lie where the server's user cannot go (``/root``, the
directories that ``mktemp -d`` makes), and all of them share what was downloaded. Anybody may make
names in ``/var/tmp``, so one that is there already is trusted only if it is ours.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photo_search.errors import SettingsError

_PARENT = Path("/var/tmp")  # noqa: S108 - checked below
_READABLE_BY_ALL = 0o755
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def default_cache_dir() -> Path:
    """Name the directory of this user's."""
    return _PARENT / f"photo-search-opensearch-{os.geteuid()}"


def open_cache(directory: Path | None = None) -> Path:
    """Make the directory, or make sure that the one that is there is ours alone to write.

    Args:
        directory: One in place of the default.

    Returns:
        The directory.

    Raises:
        SettingsError: It is a link or no directory, another user's, or writable by others.
    """
    directory = directory or default_cache_dir()
    try:
        directory.mkdir()
    except FileExistsError:
        pass
    except OSError as error:
        msg = f"the cache {directory} cannot be made: {error.strerror}"
        raise SettingsError(msg) from error
    else:
        directory.chmod(_READABLE_BY_ALL)  # whatever the umask
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        wrong = "it is a link or no directory"
    elif found.st_uid != os.geteuid():
        wrong = f"it belongs to user {found.st_uid}"
    elif found.st_mode & _WRITABLE_BY_OTHERS:
        wrong = f"others may write to it (mode {stat.S_IMODE(found.st_mode):o})"
    else:
        return directory
    msg = f"the cache {directory} is not trusted: {wrong}; remove it and run this again"
    raise SettingsError(msg)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that all processes of this user share; waits while another holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
