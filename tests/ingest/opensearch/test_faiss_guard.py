"""A server without faiss's libraries would die of a write to it: it is asked, and lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingest.faiss_guard import refuse_without_faiss
from local.opensearch_server.node import Node, running_node
from photo_search.errors import PhotoIndexError
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.settings import IndexAccess
from tests.ingest.opensearch.collection import Collection

pytestmark = pytest.mark.opensearch


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with running_node(heap_mb=512) as running:
        yield running


@pytest.mark.parametrize("profile", ["fp16", "disk32x"])
def test_a_load_that_would_end_the_server_is_refused_and_nothing_is_made(
    node: Node, tmp_path: Path, profile: str
):
    collection = Collection(node.url, tmp_path)
    collection.add(range(3))

    with pytest.raises(PhotoIndexError, match=f"profile {profile} needs faiss, which node local"):
        collection.load(profile=profile)

    assert collection.names() == []
    assert not node.ended()


def test_profiles_without_faiss_are_let_through(node: Node):
    with closing(OpenSearchConnection(node.url, IndexAccess())) as connection:
        refuse_without_faiss(connection, "float")
        refuse_without_faiss(connection, "byte4x")
        with pytest.raises(PhotoIndexError, match="lacks"):
            refuse_without_faiss(connection, "fp16")
