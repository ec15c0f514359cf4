"""From an index URL to an engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from photo_search.errors import IndexReadOnly, SettingsError
from photo_search.index.protocol import PhotoIndex
from photo_search.s3_url import S3_SCHEME, S3Url
from photo_search.settings import INDEX_URL_ENV, IndexAccess, refuse_credentials_in

if TYPE_CHECKING:
    from photo_search.index.opensearch_connection import OpenSearchConnection

DEFAULT_ALIAS = "photos"
_SQLITE_SCHEME = "sqlite:///"
# OpenSearch's rules for names, with room for what index names add.
_ALIAS = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """``sqlite:///PATH``."""

    path: Path


@dataclass(frozen=True, slots=True)
class OpenSearchUrl:
    """``https://host[:port]/ALIAS``, apart."""

    server: str
    alias: str


def parse_index_url(url: str) -> SqliteUrl | OpenSearchUrl | S3Url:
    """Tell which engine a URL names, and where.

    Args:
        url: ``sqlite:///PATH`` (a path after the third slash, absolute with a fourth),
            ``s3://BUCKET/KEY`` (a published SQLite file), ``https://host[:port]/ALIAS`` or
            ``http://host[:port]/ALIAS``; where the alias is left out, it is DEFAULT_ALIAS.

    Raises:
        SettingsError: No engine answers to the URL.
    """
    refuse_credentials_in(url)
    if url.startswith(_SQLITE_SCHEME) and len(url) > len(_SQLITE_SCHEME):
        return SqliteUrl(Path(url.removeprefix(_SQLITE_SCHEME)))
    if url.startswith(S3_SCHEME):
        return _published_file(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    alias = parts.path.strip("/") or DEFAULT_ALIAS
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        msg = (
            f"{INDEX_URL_ENV} is {url!r}; it may be sqlite:///PATH, s3://BUCKET/KEY or "
            "https://host[:port]/ALIAS"
        )
        raise SettingsError(msg)
    if not _ALIAS.fullmatch(alias):
        msg = (
            f"{INDEX_URL_ENV} names the alias {alias!r}; it may have small letters, digits, - "
            "and _, 100 at most, and begins with a letter or digit"
        )
        raise SettingsError(msg)
    bracketed = f"[{host}]" if ":" in host else host
    return OpenSearchUrl(f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}", alias)


def _published_file(url: str) -> S3Url:
    place = S3Url.parse(url, name=INDEX_URL_ENV)
    if not place.key:
        msg = f"{INDEX_URL_ENV} is {url!r}; it names a bucket and no object in it"
        raise SettingsError(msg)
    return place


def open_index(url: str, *, fingerprint: str, access: IndexAccess | None = None) -> PhotoIndex:
    """Open an existing index for reading.

    Args:
        url: See ``parse_index_url``.
        fingerprint: Embedding space of the queries to come.
        access: How a server or a bucket is reached.

    Raises:
        SettingsError: No engine answers to the URL.
        IndexNotFound: There is no index at the URL.
        FingerprintMismatch: The index holds another embedding space.
        IndexUnavailable: The server does not answer.
        DiskFull: There is no room for the copy of a published index.
    """
    place = parse_index_url(url)
    if isinstance(place, SqliteUrl):
        from photo_search.index.sqlite import SqliteIndex

        return SqliteIndex.open(place.path, fingerprint=fingerprint)
    if isinstance(place, S3Url):
        from photo_search.index.published import PublishedIndex

        return PublishedIndex.open(place, fingerprint=fingerprint, access=access or IndexAccess())
    from photo_search.index.opensearch import OpenSearchIndex

    with _connected(place, access) as connection:
        return OpenSearchIndex.open(connection, place.alias, fingerprint=fingerprint)


def create_index(
    url: str, *, fingerprint: str, dimension: int, access: IndexAccess | None = None
) -> PhotoIndex:
    """Open an index for writing, made first where there is none.

    Raises:
        SettingsError: No engine answers to the URL.
        FingerprintMismatch: The file there holds another embedding space; a server has room for
            several.
        DiskFull: There is no room for a new file.
        IndexReadOnly: The URL names a published index.
        IndexUnavailable: The server does not answer.
    """
    place = parse_index_url(url)
    if isinstance(place, SqliteUrl):
        from photo_search.index.sqlite import SqliteIndex

        return SqliteIndex.create(place.path, fingerprint=fingerprint, dimension=dimension)
    if isinstance(place, S3Url):
        msg = f"{place} cannot be written; fill a file (sqlite:///PATH) and publish it there"
        raise IndexReadOnly(msg)
    from photo_search.index.opensearch import OpenSearchIndex

    with _connected(place, access) as connection:
        return OpenSearchIndex.create(
            connection, place.alias, fingerprint=fingerprint, dimension=dimension
        )


def is_embedded(url: str) -> bool:
    """Whether opening the index reads a file, and opens no connection.

    Raises:
        SettingsError: No engine answers to the URL.
    """
    return isinstance(parse_index_url(url), SqliteUrl)


def is_published(url: str) -> bool:
    """Whether opening the index fetches it whole, and leaves no connection open.

    Raises:
        SettingsError: No engine answers to the URL.
    """
    return isinstance(parse_index_url(url), S3Url)


def import_engine(url: str) -> None:
    """Import what an index that is reached over a network takes, without opening a connection.

    That is some 0.2 s for a server.

    Raises:
        SettingsError: No engine answers to the URL.
    """
    if isinstance(parse_index_url(url), S3Url):
        import photo_search.index.published

        return
    import opensearchpy  # noqa: F401

    import photo_search.index.opensearch
    import photo_search.index.opensearch_auth
    import photo_search.index.opensearch_connection  # noqa: F401


@contextmanager
def _connected(place: OpenSearchUrl, access: IndexAccess | None) -> Iterator[OpenSearchConnection]:
    """A connection that an index takes over; closed here where there is none to do so."""
    from photo_search.index.opensearch_connection import OpenSearchConnection

    connection = OpenSearchConnection(place.server, access or IndexAccess())
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
