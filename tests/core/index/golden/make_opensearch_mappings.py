"""Ask real servers what they make of our mappings; write their answers to opensearch_mappings.json.

``PYTHONPATH=.:lambda_src .venv/bin/python -m tests.core.index.golden.make_opensearch_mappings``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local.opensearch_server.node import running_node
from local.opensearch_server.releases import RELEASES
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_schema import IndexFacts, profile_names
from photo_search.settings import IndexAccess

GOLDEN = Path(__file__).with_name("opensearch_mappings.json")
FINGERPRINT, DIMENSION = "golden-space", 512

Mappings = dict[str, object]


def facts(profile: str) -> IndexFacts:
    return IndexFacts(fingerprint=FINGERPRINT, dimension=DIMENSION, profile=profile)


def mappings_of(url: str, *, alias: str = "golden") -> dict[str, Mappings]:
    """The mapping of each profile as the server keeps it; nothing is written to any of them."""
    connection = OpenSearchConnection(url, IndexAccess())
    catalogue = Catalogue(connection, alias)
    found = {}
    try:
        for profile in profile_names():
            index = catalogue.create(facts(profile))
            try:
                answer = connection.request("GET", index.name, "_mapping")
            finally:
                catalogue.drop(index)
            found[profile] = answer[index.name]["mappings"]
    finally:
        connection.close()
    return found


def main() -> None:
    golden = {}
    for version in RELEASES:
        with running_node(version=version) as node:
            golden[version] = mappings_of(node.url)
        sys.stdout.write(f"OpenSearch {version} made {len(golden[version])} indexes\n")
    GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
