"""The real OpenSearch from Maven, as the tests of the index and `make opensearch` get it."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.opensearch_server.node import Node, running_node

pytestmark = pytest.mark.opensearch


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with running_node(heap_mb=512) as running:
        yield running


def ask(node, method, path, document=None):
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        body = None if document is None else json.dumps(document)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        return json.loads(answer.read())
    finally:
        connection.close()


def test_it_is_the_release_that_was_asked_for_with_its_k_nn_plugin(node):
    assert ask(node, "GET", "/")["version"]["number"] == "3.5.0"
    (plugin,) = ask(node, "GET", "/_cat/plugins?format=json")
    assert (plugin["component"], plugin["version"]) == ("opensearch-knn", "3.5.0.0")


def test_it_runs_as_an_ordinary_user_on_this_machine_s_own_address_alone(node):
    (facts,) = ask(node, "GET", "/_nodes/process,http,jvm")["nodes"].values()

    assert facts["process"]["id"] == node.pid
    assert Path(f"/proc/{node.pid}").stat().st_uid != 0
    assert facts["http"]["bound_address"] == [f"127.0.0.1:{node.port}"]
    assert facts["jvm"]["mem"]["heap_max_in_bytes"] == 512 * 1024**2


def test_neighbours_are_found_and_outlive_a_kill(node):
    field = {"type": "knn_vector", "dimension": 2, "method": {"name": "hnsw", "engine": "lucene"}}
    ask(
        node,
        "PUT",
        "/photos",
        {"settings": {"index.knn": True}, "mappings": {"properties": {"embedding": field}}},
    )
    for name, embedding in (("north", [0.0, 1.0]), ("east", [1.0, 0.0])):
        ask(node, "PUT", f"/photos/_doc/{name}", {"embedding": embedding})
    killed = node.pid

    node.kill()
    node.start()

    assert node.pid != killed
    query = {"query": {"knn": {"embedding": {"vector": [0.1, 0.9], "k": 1}}}}
    hits = ask(node, "POST", "/photos/_search", query)["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["north"]
    assert ask(node, "GET", "/photos/_count")["count"] == 2


def test_it_leaves_neither_process_nor_files():
    with running_node(heap_mb=512) as running:
        files = running.data.parent
        assert files.exists()

    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
    assert not files.exists()
