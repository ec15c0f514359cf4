"""From an index URL to an engine."""

from __future__ import annotations

from pathlib import Path

from photo_search.errors import SettingsError
from photo_search.index.protocol import PhotoIndex

_SQLITE_SCHEME = "sqlite:///"


def open_index(url: str, *, fingerprint: str) -> PhotoIndex:
    """Open an existing index for reading.

    Args:
        url: ``sqlite:///PATH``; a path after the third slash, absolute with a fourth.
        fingerprint: Embedding space of the queries to come.

    Raises:
        SettingsError: No engine answers to the URL.
        IndexNotFound: There is no index at the URL.
        FingerprintMismatch: The index holds another embedding space.
    """
    from photo_search.index.sqlite import SqliteIndex

    return SqliteIndex.open(_sqlite_path(url), fingerprint=fingerprint)


def create_index(url: str, *, fingerprint: str, dimension: int) -> PhotoIndex:
    """Open an index for writing, made first where there is none.

    Raises:
        SettingsError: No engine answers to the URL.
        FingerprintMismatch: The index there holds another embedding space.
        DiskFull: There is no room for a new file.
    """
    from photo_search.index.sqlite import SqliteIndex

    return SqliteIndex.create(_sqlite_path(url), fingerprint=fingerprint, dimension=dimension)


def _sqlite_path(url: str) -> Path:
    path = url.removeprefix(_SQLITE_SCHEME)
    if path == url or not path:
        msg = f"INDEX_URL is {url!r}; this version knows sqlite:///PATH"
        raise SettingsError(msg)
    return Path(path)
