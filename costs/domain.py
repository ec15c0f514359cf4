"""Which nodes a domain needs for so many photos, and how much disk.

An index has one shard (``opensearch_schema.json``): a node that has it has all of it. More nodes
keep more copies and answer more queries; they hold no more photos.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from costs.assumptions import Assumption
from photo_search.index.opensearch_schema import memory_bytes

PROFILES = ("float", "byte4x", "disk32x")
_GIB = 2**30
_LARGEST_HEAP_GIB = 32.0  # OpenSearch's own limit: docs/opensearch.md, "Memory"
_GRAPH_SHARE = 0.5  # of what the heap leaves: the k-NN circuit breaker's default


@dataclass(frozen=True, slots=True)
class NodeType:
    """A type of data node and its memory."""

    name: str
    memory_gib: float

    @property
    def graph_bytes(self) -> float:
        """What codes and graph may take: half of what the heap leaves (docs/opensearch.md)."""
        heap_gib = min(self.memory_gib / 2, _LARGEST_HEAP_GIB)
        return (self.memory_gib - heap_gib) * _GRAPH_SHARE * _GIB


# Smallest first; memory as AWS Price List (AmazonES) has it.
_SMALL = (NodeType("t3.small.search", 2), NodeType("t3.medium.search", 4))
_LARGE = (
    NodeType("r6g.large.search", 16),
    NodeType("r6g.xlarge.search", 32),
    NodeType("r6g.2xlarge.search", 64),
    NodeType("r6g.4xlarge.search", 128),
    NodeType("r6g.8xlarge.search", 256),
)
MANAGER = "m6g.large.search"
"""Type of a dedicated manager node of a production domain."""


@dataclass(frozen=True, slots=True)
class DomainSize:
    """One of the two sizes of a deployment.

    Attributes:
        name: ``dev`` or ``production``.
        nodes: Data nodes.
        managers: Dedicated manager nodes.
        volume_gb: Disk of one data node, where no more is needed.
        types: Types of data nodes that it may have, the default first and then larger ones.
    """

    name: str
    nodes: int
    managers: int
    volume_gb: int
    types: tuple[NodeType, ...]


DEV = DomainSize("dev", nodes=1, managers=0, volume_gb=10, types=_SMALL + _LARGE)
PRODUCTION = DomainSize("production", nodes=3, managers=3, volume_gb=100, types=_LARGE)


@dataclass(frozen=True, slots=True)
class Domain:
    """The nodes that were chosen for a collection.

    Attributes:
        size: Of which size of a deployment.
        profile: How embeddings are kept.
        node: The smallest type that holds the collection.
        volume_gb: Disk of one data node.
    """

    size: DomainSize
    profile: str
    node: NodeType
    volume_gb: int

    @property
    def is_default(self) -> bool:
        """Whether a deployment has such nodes without being told."""
        return self.node == self.size.types[0]


def choose_domain(
    size: DomainSize, profile: str, photos: int, assumptions: Mapping[str, Assumption]
) -> Domain | None:
    """Choose the smallest nodes that keep the codes and graph of a collection in memory.

    Args:
        size: Of the deployment.
        profile: One of ``PROFILES``.
        photos: How many.
        assumptions: Dimension, and bytes on the disk.

    Returns:
        The nodes, or None where not even the largest type holds them.
    """
    for node in size.types:
        if photos <= most_photos(profile, node, assumptions):
            return Domain(size, profile, node, _volume_gb(size, profile, photos, assumptions))
    return None


def most_photos(profile: str, node: NodeType, assumptions: Mapping[str, Assumption]) -> int:
    """How many photos a node holds in memory."""
    sample = 1_000_000
    dimension = int(assumptions["dimension"].value)
    return int(
        node.graph_bytes / memory_bytes(profile, photos=sample, dimension=dimension) * sample
    )


def _volume_gb(
    size: DomainSize, profile: str, photos: int, assumptions: Mapping[str, Assumption]
) -> int:
    index_bytes = photos * assumptions[f"index_bytes_{profile}"].value
    needed_bytes = (
        index_bytes * assumptions["indexes_on_disk"].value * assumptions["disk_headroom"].value
    )
    return max(size.volume_gb, math.ceil(needed_bytes / 1e9))
