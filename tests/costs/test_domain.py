from __future__ import annotations

import pytest

from costs.assumptions import read_assumptions
from costs.domain import DEV, PRODUCTION, PROFILES, NodeType, choose_domain, most_photos
from photo_search.index.opensearch_schema import memory_bytes

ASSUMPTIONS = read_assumptions()
GIB = 2**30


@pytest.mark.parametrize(("memory_gib", "graph_gib"), [(2, 0.5), (4, 1), (16, 4), (128, 48)])
def test_a_graph_gets_half_of_what_the_heap_of_at_most_32_gib_leaves(
    memory_gib: float, graph_gib: float
):
    assert NodeType("any", memory_gib).graph_bytes == graph_gib * GIB


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("photos", [25_000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("size", [DEV, PRODUCTION], ids=lambda size: size.name)
def test_the_smallest_node_that_holds_the_whole_collection_is_chosen(size, photos, profile):
    domain = choose_domain(size, profile, photos, ASSUMPTIONS)

    needed = memory_bytes(profile, photos=photos, dimension=512)
    assert domain is not None
    assert needed <= domain.node.graph_bytes
    smaller = size.types[: size.types.index(domain.node)]
    assert all(node.graph_bytes < needed for node in smaller)


def test_a_collection_that_no_node_holds_has_no_domain():
    assert choose_domain(PRODUCTION, "float", 1_000_000_000, ASSUMPTIONS) is None


def test_a_small_node_holds_what_the_memory_table_says():
    small = DEV.types[0]

    assert most_photos("float", small, ASSUMPTIONS) == pytest.approx(0.5 * GIB / 2393.6, rel=1e-3)


def test_a_large_collection_gets_larger_disks_than_the_defaults():
    domain = choose_domain(PRODUCTION, "byte4x", 10_000_000, ASSUMPTIONS)

    assert domain is not None
    assert domain.volume_gb > PRODUCTION.volume_gb
    small = choose_domain(PRODUCTION, "byte4x", 25_000, ASSUMPTIONS)
    assert small is not None
    assert small.volume_gb == PRODUCTION.volume_gb
