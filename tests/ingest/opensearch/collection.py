"""Shards on the disk and an alias of their own on a real server, for tests of loading."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from ingest.load_report import LoadReport
from ingest.reindex import LoadOptions, load
from ingest.shard_table import ShardFacts
from ingest.shards import ShardRow, ShardStore
from photo_search.index import EmbeddedPhoto
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.settings import IndexAccess
from tests.core.index.samples import unit_rows
from tests.ingest.shard_rows import FULL

DIMENSION = 16
OLD = ShardFacts("old-model", DIMENSION, "build-1", "original")
NEW = ShardFacts("new-model", DIMENSION, "build-1", "original")
_FRESH = count()

Watch = Callable[[str], None]


class WatchedConnection(OpenSearchConnection):
    """Tells of each request, before it is sent and after it was answered; either may raise."""

    before: Watch = staticmethod(lambda _request: None)
    after: Watch = staticmethod(lambda _request: None)

    def request(self, method: str, index: str, path: str, **options: Any) -> dict[str, Any]:
        told = f"{method} {path or index}"
        self.before(told)
        answer = super().request(method, index, path, **options)
        self.after(told)
        return answer


class Collection:
    """Shards of one or more models, and what the server makes of them."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.alias = f"reindex{os.getpid()}x{next(_FRESH)}"
        self.index_url = f"{url}/{self.alias}"
        self.directory = directory
        self.connection = WatchedConnection(url, IndexAccess(), patience_s=30)
        self.catalogue = Catalogue(OpenSearchConnection(url, IndexAccess()), self.alias)

    def shards(self, space: ShardFacts = OLD) -> Path:
        return self.directory / "shards" / space.fingerprint

    def store(self, space: ShardFacts = OLD) -> ShardStore:
        return ShardStore(self.shards(space), space)

    def add(self, numbers: Iterable[int], *, version: str = "1", space: ShardFacts = OLD) -> None:
        """Write a shard of photos; another version has another embedding and description."""
        self.store(space).add(rows(numbers, version=version, space=space))

    def load(self, space: ShardFacts = OLD, **options: Any) -> LoadReport:
        chosen = LoadOptions(**({"quiet": True} | options))
        return load(self.shards(space), self.connection, self.alias, chosen)

    @contextmanager
    def reader(self, space: ShardFacts = OLD) -> Iterator[OpenSearchIndex]:
        """What a program with the model of that space has open."""
        connection = OpenSearchConnection(self.url, IndexAccess(), patience_s=30)
        with closing(
            OpenSearchIndex.open(connection, self.alias, fingerprint=space.fingerprint)
        ) as index:
            yield index

    def held(self, space: ShardFacts = OLD) -> dict[str, str]:
        """Every photo that searches find, and its version."""
        body = {"size": 10_000, "_source": ["description"]}
        answer = self.connection.search(self.catalogue.space_alias(space.fingerprint), body)
        return {
            hit["_id"]: hit["_source"]["description"].split()[-1] for hit in answer["hits"]["hits"]
        }

    def names(self) -> list[str]:
        """Every index that was made for the alias, the oldest first."""
        return [one.index.name for one in self.catalogue.generations()]

    def current(self) -> str:
        """The one index that the alias leads to."""
        (name,) = [
            one.index.name for one in self.catalogue.generations() if self.alias in one.aliases
        ]
        return name

    def drop(self) -> None:
        self.connection.close()
        for generation in self.catalogue.generations():
            self.catalogue.drop(generation.index)


def rows(numbers: Iterable[int], *, version: str = "1", space: ShardFacts = OLD) -> list[ShardRow]:
    numbers = list(numbers)
    embeddings = unit_rows(max(numbers, default=0) + 1, DIMENSION, seed=int(version))
    return [
        ShardRow(
            EmbeddedPhoto(
                replace(
                    FULL,
                    photo_id=photo_id(number),
                    description=f"{space.fingerprint} {version}",
                ),
                embeddings[number],
            ),
            version,
        )
        for number in numbers
    ]


def photo_id(number: int) -> str:
    return f"p{number:05}"


def versions(numbers: Iterable[int], version: str = "1") -> dict[str, str]:
    return dict.fromkeys(map(photo_id, numbers), version)
