"""A load through a network that fails, into a server that may be killed meanwhile.

One function for the tests and for `make prove`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Protocol

from ingest.reindex import LoadOptions, LoadReport, load
from photo_search.errors import IndexUnavailable
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_bulk import MAX_ACTIONS
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.settings import IndexAccess
from tests.opensearch.eventful_plan import Event, EventfulPlan
from tests.opensearch.fault_proxy import FaultProxy
from tests.opensearch.growing_collection import DIMENSION, SPACE, GrowingCollection
from tests.opensearch.loaded_index import inspect

FAULT_SHARE = 0.3
_HURRY = 20  # every wait between tries is so many times shorter than a user's
_CLIENT_TIMEOUT_S, _SILENCE_S, _SLOW_S = 1.0, 1.5, 0.05
_PATIENCE_S, _DIRECT_PATIENCE_S = 120.0, 60.0
# Less than one time-out: each ends the load, which is then run again, at first with no more.
_LITTLE_PATIENCE_S, _LITTLE_PATIENCE_EVERY = 0.5, 4
_HASTY_LOADS, _LOADS_LIMIT_S = 3, 600.0
_OLD_PHOTOS = 5
_MAX_KILL_DELAY_S = 0.1


class Server(Protocol):
    """A server of our own."""

    def kill(self) -> None:
        """End it by SIGKILL."""

    def start(self) -> None:
        """Start it again and wait until it answers."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The server is killed, and started again.

    Attributes:
        server: Which.
        part: Of the path of the request that it dies at, such as ``_bulk``.
        number: Which of these requests; where left out, the first, and of bulks one of the
            collection's, chosen by the seed.
    """

    server: Server
    part: str = "_bulk"
    number: int | None = None


@dataclass(frozen=True, slots=True)
class LoadFigure:
    """What became of one load.

    Attributes:
        seed: Of everything that was by chance.
        photos: In the index at the end.
        lost: Photos that should be there and are not.
        twice: Photos that are there more than once.
        strange: Photos that should not be there.
        stale: Photos that are there as an older shard had them.
        poison: Photos that no index can hold.
        poison_listed: Those of them that the load listed, with the reason.
        requests: Sent to the server.
        faults: Requests that were harmed, by kind of harm.
        found_away: Requests that found the server dead, or saw it die.
        kills: Times that the server was killed.
        loads: Times that the load was run until it came to its end.
        seconds: Of the loads alone.
        problems: Everything that is wrong.
    """

    seed: int
    photos: int = 0
    lost: int = 0
    twice: int = 0
    strange: int = 0
    stale: int = 0
    poison: int = 0
    poison_listed: int = 0
    requests: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    found_away: int = 0
    kills: int = 0
    loads: int = 1
    seconds: float = 0.0
    problems: tuple[str, ...] = ()


def run(
    seed: int,
    photos: int,
    url: str,
    directory: Path,
    *,
    share: float = FAULT_SHARE,
    crash: Crash | None = None,
) -> LoadFigure:
    """Load a collection that grows meanwhile, and compare what the server then holds.

    Args:
        seed: Of everything that is by chance.
        photos: How many photos the collection begins with.
        url: ``http://host:port`` of a real server.
        directory: An empty one, to work in.
        share: Probability that a request is harmed.
        crash: When the server dies; it must be the one at the URL. Never where left out.
    """
    shards, dead_letters = directory / "shards", directory / "dead-letters.jsonl"
    shards.mkdir()
    collection = GrowingCollection(shards, seed=seed, photos=photos)
    alias = f"faults{os.getpid()}x{seed}"
    chance = Random(seed)  # noqa: S311 (moments, no secrets)
    bulks = photos // MAX_ACTIONS  # at least
    killer = _Killer(crash, chance, bulks)
    growth = [
        Event("_bulk", chance.randint(1, bulks + 1), collection.grow),
        # Too late for the fill, so that only the look after the swap can find it.
        Event("_aliases", 1, collection.grow),
    ]
    plan = EventfulPlan(seed=seed, share=share, events=[*growth, *killer.events])
    with ExitStack() as opened:
        direct = opened.enter_context(closing(_direct(url)))
        opened.callback(_drop_all, direct, alias)
        _make_older(direct, alias, collection)
        proxy = opened.enter_context(FaultProxy(url, plan, slow_s=_SLOW_S, silence_s=_SILENCE_S))
        is_hasty = crash is None and seed % _LITTLE_PATIENCE_EVERY == 0
        patience_s = _LITTLE_PATIENCE_S if is_hasty else _PATIENCE_S
        connection = opened.enter_context(closing(_hurried(proxy.url, patience_s)))
        options = LoadOptions(dead_letters=dead_letters, quiet=True)
        start_s = time.perf_counter()
        with killer:
            report, loads = _repeated(connection, lambda: load(shards, connection, alias, options))
        seconds = time.perf_counter() - start_s
        found = inspect(direct, alias, collection, report, dead_letters=dead_letters)
        found.compare("kills", killer.kills, int(crash is not None))
    return LoadFigure(
        seed=seed,
        photos=found.photos,
        lost=found.lost,
        twice=found.twice,
        strange=found.strange,
        stale=found.stale,
        poison=len(collection.poison),
        poison_listed=found.poison_listed,
        requests=len(proxy.log),
        faults={fault.name.lower(): count for fault, count in proxy.counts.most_common()},
        found_away=proxy.real_server.times_away,
        kills=killer.kills,
        loads=loads,
        seconds=round(seconds, 3),
        problems=tuple(found.problems),
    )


class _Killer:
    """Kills a server at its moment, from a thread of its own; the block waits for its return."""

    def __init__(self, crash: Crash | None, chance: Random, bulks: int) -> None:
        self.kills = 0
        self.events: list[Event] = []
        self._thread = ThreadPoolExecutor(1)
        self._under_way: list[Future[None]] = []
        if crash is not None:
            self._server = crash.server
            # Some time after the request has come, so that the server dies over it.
            self._delay_s = chance.uniform(0, _MAX_KILL_DELAY_S)
            # Of other requests than bulks there may be one alone.
            number = crash.number or (chance.randint(1, bulks + 1) if crash.part == "_bulk" else 1)
            self.events.append(Event(crash.part, number, self._begin))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        for one in self._under_way:
            one.result()

    def _begin(self) -> None:
        self._under_way.append(self._thread.submit(self._kill_and_start))

    def _kill_and_start(self) -> None:
        time.sleep(self._delay_s)
        self._server.kill()
        self.kills += 1
        self._server.start()


def _direct(url: str) -> OpenSearchConnection:
    return OpenSearchConnection(url, IndexAccess(), patience_s=_DIRECT_PATIENCE_S)


def _hurried(url: str, patience_s: float) -> OpenSearchConnection:
    return OpenSearchConnection(
        url,
        IndexAccess(),
        patience_s=patience_s,
        search_timeout_s=_CLIENT_TIMEOUT_S,
        write_timeout_s=_CLIENT_TIMEOUT_S,
        sleep=lambda wait_s: time.sleep(wait_s / _HURRY),
    )


def _repeated(
    connection: OpenSearchConnection, load_once: Callable[[], LoadReport]
) -> tuple[LoadReport, int]:
    """Run a load until it comes to its end, as a person would who is told to run it again."""
    give_up_s = time.monotonic() + _LOADS_LIMIT_S
    loads = 1
    while True:
        try:
            return load_once(), loads
        except IndexUnavailable:
            if time.monotonic() >= give_up_s:
                raise
        if loads == _HASTY_LOADS:
            connection.patience_s = _PATIENCE_S
        loads += 1


def _make_older(
    connection: OpenSearchConnection, alias: str, collection: GrowingCollection
) -> None:
    """Make an index that the aliases lead to until the load's takes its place."""
    index = OpenSearchIndex.create(
        connection, alias, fingerprint=SPACE.fingerprint, dimension=DIMENSION
    )
    index.upsert([*islice(collection.wanted.values(), _OLD_PHOTOS)])


def _drop_all(connection: OpenSearchConnection, alias: str) -> None:
    catalogue = Catalogue(connection, alias)
    for generation in catalogue.generations():
        catalogue.drop(generation.index)
