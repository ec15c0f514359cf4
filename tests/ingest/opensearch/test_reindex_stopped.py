"""A load that dies anywhere: searches go on, and the next load brings everything to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from photo_search.index import KnnQuery
from photo_search.index.opensearch import OpenSearchIndex
from tests.conftest import REPOSITORY
from tests.ingest.opensearch.collection import Collection, rows, versions

pytestmark = pytest.mark.opensearch


class Died(BaseException):
    """The process is gone, as far as the server can tell."""


class DyingAt:
    """Ends a load at its n-th request (from 1): before it is sent, or when its answer comes."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.requests: list[str] = []

    def __call__(self, request: str) -> None:
        self.requests.append(request)
        self.left -= 1
        if self.left <= 0:
            raise Died


STAGES = {
    "after create": ("after", "PUT reindex"),
    "mid-fill": ("after", "POST _bulk"),
    "after fill": ("before", "POST _forcemerge"),
    "before the swap": ("before", "POST _aliases"),
    "after the swap": ("after", "POST _aliases"),
    "before the drop": ("before", "DELETE "),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_load_that_dies_between_its_stages_is_finished_by_the_next(collection, stage):
    collection.add(range(4))
    collection.load()
    collection.load()
    collection.add([2], version="2")
    moment, at = STAGES[stage]

    def die(request: str) -> None:
        if request.startswith(at):
            raise Died

    with collection.reader() as reader:
        setattr(collection.connection, moment, die)
        with pytest.raises(Died):
            collection.load()
        delattr(collection.connection, moment)
        check_searches(reader)

        check_loads(collection, reader, versions(range(4)) | versions([2], "2"))


def test_an_index_that_is_searched_keeps_its_settings_while_its_load_is_ended(collection):
    def die(request: str) -> None:
        if request == "POST _aliases":
            raise Died

    collection.add(range(4))
    collection.connection.after = die
    with pytest.raises(Died):
        collection.load()
    del collection.connection.after
    requests: list[str] = []
    collection.connection.before = requests.append

    report = collection.load()

    assert report.notes == [f"went on with {report.index}"]
    assert requests.count("PUT _settings") == 1  # those of an index that is loaded


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_load_that_dies_at_any_request_is_finished_by_the_next(collection, moment):
    collection.add(range(4))
    collection.load()
    with collection.reader() as reader:
        wanted = versions(range(4))
        number, alive = 0, False
        while not alive:
            number += 1
            collection.add([number % 4], version=str(number + 1))
            wanted |= versions([number % 4], str(number + 1))
            death = DyingAt(number)
            setattr(collection.connection, moment, death)
            try:
                collection.load(threads=1)
                alive = True
            except Died:
                check_searches(reader)
            delattr(collection.connection, moment)
            check_loads(collection, reader, wanted)

    assert number > 25
    assert {"POST _aliases", "PUT _mapping", "POST _bulk", "POST _forcemerge"} <= set(
        death.requests
    )


def check_searches(reader: OpenSearchIndex) -> None:
    (row,) = rows([0])
    assert len(reader.knn(KnnQuery(row.embedded.embedding, k=4)).hits) == 4


def check_loads(collection: Collection, reader: OpenSearchIndex, wanted: dict[str, str]) -> None:
    report = collection.load(threads=1)

    assert collection.current() == report.index
    assert len(collection.names()) == 2
    assert all(one.index.facts.is_ready for one in collection.catalogue.generations())
    assert collection.held() == wanted
    check_searches(reader)


def test_a_load_that_went_through_half_of_the_photos_goes_on_with_the_other_half(collection):
    for start in range(0, 1000, 100):
        collection.add(range(start, start + 100))
    stored = DyingAt(6)
    collection.connection.after = lambda request: stored(request) if "_bulk" in request else None
    with pytest.raises(Died):
        collection.load(threads=1)
    (left,) = collection.names()
    del collection.connection.after

    report = collection.load()

    assert report.index == left
    assert report.notes == [f"went on with {left}"]
    assert 300 <= report.stored <= 500
    assert collection.names() == [left]
    assert collection.held() == versions(range(1000))


def test_a_process_that_is_killed_while_it_loads_loses_nothing(collection: Collection):
    for start in range(0, 2000, 200):
        collection.add(range(start, start + 200))
    command: list[str | Path] = [
        *(sys.executable, "-m", "ingest", "load", collection.shards()),
        *("--index", collection.index_url, "--threads", "1"),
    ]
    environment = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'lambda_src'}"}
    with subprocess.Popen(command, env=environment, cwd=collection.directory) as process:
        deadline_s = time.monotonic() + 60
        while not half_filled(collection):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
        os.kill(process.pid, signal.SIGKILL)

    (left,) = collection.names()
    report = collection.load()

    assert report.index == left
    assert report.stored < 2000
    assert report.photos == 2000
    assert collection.held() == versions(range(2000))


def half_filled(collection: Collection) -> bool:
    for generation in collection.catalogue.generations():
        name = generation.index.name
        stats = collection.connection.request("GET", name, "_stats/indexing")
        if stats["_all"]["primaries"]["indexing"]["index_total"] >= 500:
            return True
    return False
