"""An index on this machine, as a container reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.lambda_image.docker import INDEX_IN_IMAGE, bridge_address
from local.lambda_image.door import open_door
from photo_search.errors import SettingsError
from photo_search.index.url import SqliteUrl, parse_index_url

_LOOPBACK = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class LocalIndex:
    """Where the container finds the index.

    Attributes:
        url: For the container.
        file: A SQLite file that has to go into the image for it.
    """

    url: str
    file: Path | None = None


@contextmanager
def reach_index(url: str, *, docker: str) -> Iterator[LocalIndex]:
    """Make an index reachable from a container until the block ends.

    Args:
        url: As ``INDEX_URL`` has it on this machine.
        docker: The command.

    Raises:
        SettingsError: The URL names no index, or the file is not there.
    """
    place = parse_index_url(url)
    if isinstance(place, SqliteUrl):
        if not place.path.is_file():
            msg = f"the index {place.path} does not exist; `make demo` makes the demo's"
            raise SettingsError(msg)
        yield LocalIndex(f"sqlite:///{INDEX_IN_IMAGE}", place.path)
        return
    with reachable(url, docker=docker) as shown:
        yield LocalIndex(shown)


@contextmanager
def reachable(url: str, *, docker: str) -> Iterator[str]:
    """Give the URL by which a container reaches a server; the same one unless it is on loopback."""
    parts = urlsplit(url)
    if parts.hostname not in _LOOPBACK:
        yield url
        return
    address = bridge_address(docker)
    default_port = 443 if parts.scheme == "https" else 80
    with open_door(address, ("127.0.0.1", parts.port or default_port)) as port:
        yield parts._replace(netloc=f"{address}:{port}").geturl()
