from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from photo_search.index.protocol import PhotoIndex
from photo_search.index.sqlite import SqliteIndex
from tests.core.index.memory_index import MemoryIndex
from tests.core.index.samples import DIMENSION, FINGERPRINT

MakeIndex = Callable[[], PhotoIndex]


@pytest.fixture(params=["memory", "sqlite"])
def make_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeIndex]:
    """A maker of empty indexes that can be written, one engine at a time."""
    with ExitStack() as opened:
        made = 0

        def make() -> PhotoIndex:
            nonlocal made
            made += 1
            if request.param == "memory":
                return MemoryIndex(FINGERPRINT, DIMENSION)
            path = tmp_path / f"photos{made}.db"
            index = SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=DIMENSION)
            return opened.enter_context(closing(index))

        yield make


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
