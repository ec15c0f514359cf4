"""A load through a failing network, into a server that may die: the index is exact all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.opensearch_server.node import Node, running_node
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


@pytest.mark.parametrize("seed", range(3))
def test_a_load_through_faults_is_exact(seed: int, opensearch_url: str, tmp_path: Path) -> None:
    figure = run(seed, 300, opensearch_url, tmp_path)

    check(figure)
    assert sum(figure.faults.values()) > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_each_of_20_loads_of_1000_photos_through_faults_is_exact(
    seed: int, opensearch_url: str, tmp_path: Path
) -> None:
    figure = run(seed, 1_000, opensearch_url, tmp_path)

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
@pytest.mark.parametrize("part", ["_forcemerge", "_aliases"])
def test_a_load_is_exact_although_the_server_is_killed_near_its_end(
    part: str, node: Node, tmp_path: Path
) -> None:
    figure = run(201, 300, node.url, tmp_path, crash=Crash(node, part, 1))

    check(figure)
    assert figure.kills == 1
