"""No embedding is sent to a server that would die of it.

OpenSearch's Maven artifacts, of which ``make opensearch`` makes a server where there is no Docker,
lack faiss's native libraries: the index can be made, but the first write to it ends the process.
Such a server says so in an attribute of its node, which local/opensearch_server configures.
"""

from __future__ import annotations

from photo_search.errors import IndexAccessDenied, PhotoIndexError
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_schema import needs_faiss

_ATTRIBUTE, _MISSING = "faiss", "missing"


def refuse_without_faiss(connection: OpenSearchConnection, profile: str) -> None:
    """Ask a server once whether it can take a profile's embeddings.

    Args:
        connection: The server.
        profile: How an index would keep embeddings.

    Raises:
        PhotoIndexError: There is no such profile, or a node says that it lacks faiss.
    """
    if not needs_faiss(profile):
        return
    parameters = {"filter_path": "nodes.*.name,nodes.*.attributes"}
    try:
        answer = connection.insist(
            lambda: connection.request("GET", "_nodes", "", parameters=parameters)
        )
    except IndexAccessDenied:
        return  # only a server of our own has something to say here, and it denies us nothing
    for node in answer.get("nodes", {}).values():
        if node.get("attributes", {}).get(_ATTRIBUTE) == _MISSING:
            msg = (
                f"profile {profile} needs faiss, which node {node.get('name')} of "
                f"{connection.server} lacks: the first photo would end it; take profile float or "
                "byte4x, or a server with faiss (make opensearch ENGINE=docker)"
            )
            raise PhotoIndexError(msg)
