"""Where the command line's tasks work: the shards that a path names, the server of a URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.shard_files import list_shards, space_directories
from photo_search.errors import SourceInvalid
from photo_search.index.url import OpenSearchUrl
from photo_search.settings import IndexAccess

if TYPE_CHECKING:
    from photo_search.index.opensearch_connection import OpenSearchConnection

_FIRST_CONTACT_S = 5.0
"""A server that is silent for so long, twice, is away: a person waits, and may have mistyped it.
Once a task has begun, the connection's own patience counts."""


def shards_directory(path: Path) -> Path:
    """A directory of shards itself, or the only one in a work directory.

    Raises:
        SourceInvalid: It is neither.
    """
    if list_shards(path).current:
        return path
    spaces = space_directories(path)
    if len(spaces) != 1:
        names = ", ".join(str(space) for space in spaces)
        msg = f"{path} holds shards of several models; name one: {names}"
        raise SourceInvalid(msg if spaces else f"there are no shards in {path}")
    return spaces[0]


@contextmanager
def server_connection(place: OpenSearchUrl, access: IndexAccess) -> Iterator[OpenSearchConnection]:
    """Connect to a server that answers now.

    Raises:
        SettingsError: The access cannot be used with this server.
        IndexAccessDenied: The server does not let us in.
        IndexUnavailable: It does not answer.
    """
    from photo_search.index.opensearch_connection import OpenSearchConnection

    with closing(OpenSearchConnection(place.server, access)) as connection:
        connection.insist_briefly(
            lambda: connection.request("GET", "", "", timeout_s=_FIRST_CONTACT_S)
        )
        yield connection
