"""A load through a failing network, into a server that may die: the index is exact all the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.reindex import LoadOptions, load
from local.opensearch_server.node import Node, running_node
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_bulk import store_action
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.settings import IndexAccess
from tests.opensearch.eventful_plan import Event, EventfulPlan
from tests.opensearch.fault_proxy import FaultProxy
from tests.opensearch.growing_collection import SPACE, GrowingCollection
from tests.opensearch.load_scenario import Crash, LoadFigure, run

pytestmark = pytest.mark.opensearch


def check(figure: LoadFigure) -> None:
    assert figure.problems == ()
    assert (figure.lost, figure.twice, figure.strange, figure.stale) == (0, 0, 0, 0)
    assert figure.poison_listed == figure.poison > 0


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A server that may be killed."""
    with running_node() as running:
        yield running


def test_a_photo_that_turns_into_poison_or_is_removed_during_a_load_is_gone_after_it(
    opensearch_url: str, tmp_path: Path
) -> None:
    figure = run(1, 100, opensearch_url, tmp_path, share=0)

    check(figure)
    assert figure.faults == {}
    assert figure.loads == 1


def test_a_removed_photo_that_a_late_write_brings_back_is_taken_out_before_the_swap(
    opensearch_url: str, tmp_path: Path
) -> None:
    collection = GrowingCollection(tmp_path, seed=1, photos=30)
    stray = next(iter(collection.wanted.values()))
    late = replace(stray, photo=replace(stray.photo, photo_id="stray"))
    alias = f"straywrites{os.getpid()}"
    direct = OpenSearchConnection(opensearch_url, IndexAccess())
    catalogue = Catalogue(direct, alias)

    def write_late() -> None:
        (generation,) = catalogue.generations()
        index = OpenSearchIndex.of(direct, catalogue, generation.index)
        index.write([store_action(late, version=1)])

    # By then the load has looked at what is there.
    plan = EventfulPlan(seed=1, share=0, events=[Event("_mapping", 1, write_late)])
    with closing(direct), FaultProxy(opensearch_url, plan) as proxy:
        with closing(OpenSearchConnection(proxy.url, IndexAccess())) as connection:
            load(tmp_path, connection, alias, LoadOptions(dead_letters=None, quiet=True))
        opened = OpenSearchIndex.open(direct, alias, fingerprint=SPACE.fingerprint)
        found = [*opened.photo_ids()]
        catalogue.drop(opened.index)

    assert found == sorted(collection.wanted)


@pytest.mark.parametrize("seed", [1, 2, 8])
def test_a_load_through_faults_is_exact(seed: int, opensearch_url: str, tmp_path: Path) -> None:
    figure = run(seed, 300, opensearch_url, tmp_path)

    check(figure)
    assert sum(figure.faults.values()) > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_each_of_20_loads_of_1000_photos_through_faults_is_exact(
    seed: int, node: Node, tmp_path: Path
) -> None:
    figure = run(seed, 1_000, node.url, tmp_path)

    check(figure)
    assert sum(figure.faults.values()) > 10


@pytest.mark.slow
def test_a_load_of_25000_photos_is_exact_although_the_server_is_killed_in_the_middle(
    node: Node, tmp_path: Path
) -> None:
    figure = run(200, 25_000, node.url, tmp_path, crash=Crash(node))

    check(figure)
    assert figure.kills == 1
    assert figure.found_away > 0


@pytest.mark.slow
def test_a_load_is_exact_although_the_server_is_killed_at_the_swap(
    node: Node, tmp_path: Path
) -> None:
    figure = run(201, 300, node.url, tmp_path, crash=Crash(node, "_aliases", 1))

    check(figure)
    assert figure.kills == 1
