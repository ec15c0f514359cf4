from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_schema import DEFAULT_PROFILE
from photo_search.index.protocol import PhotoIndex
from photo_search.index.sqlite import SqliteIndex
from photo_search.settings import IndexAccess
from tests.core.index.memory_index import MemoryIndex
from tests.core.index.samples import DIMENSION, FINGERPRINT

_FRESH = count()

MakeIndex = Callable[[], PhotoIndex]


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("opensearch", marks=pytest.mark.opensearch)]
)
def make_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeIndex]:
    """A maker of empty indexes that can be written, one engine at a time."""
    with ExitStack() as opened:
        made = 0

        def make() -> PhotoIndex:
            nonlocal made
            made += 1
            if request.param == "memory":
                return MemoryIndex(FINGERPRINT, DIMENSION)
            if request.param == "opensearch":
                url = request.getfixturevalue("opensearch_url")
                return opened.enter_context(opensearch_index(url))
            path = tmp_path / f"photos{made}.db"
            index = SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=DIMENSION)
            return opened.enter_context(closing(index))

        yield make


@contextmanager
def opensearch_index(
    url: str, *, dimension: int = DIMENSION, profile: str = DEFAULT_PROFILE
) -> Iterator[OpenSearchIndex]:
    """An empty index behind an alias of its own, which is dropped afterwards."""
    alias = f"contract{os.getpid()}x{next(_FRESH)}"
    connection = OpenSearchConnection(url, IndexAccess())
    index = OpenSearchIndex.create(
        connection, alias, fingerprint=FINGERPRINT, dimension=dimension, profile=profile
    )
    with closing(index):
        yield index
        catalogue = Catalogue(connection, alias)
        for generation in catalogue.generations():
            catalogue.drop(generation.index)


@pytest.fixture
def index(make_index: MakeIndex) -> PhotoIndex:
    return make_index()


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "photos.db"


@pytest.fixture
def sqlite_index(sqlite_path: Path) -> Iterator[SqliteIndex]:
    with closing(
        SqliteIndex.create(sqlite_path, fingerprint=FINGERPRINT, dimension=DIMENSION)
    ) as made:
        yield made
