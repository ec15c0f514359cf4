"""A look at what a load made of a real server, photo by photo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ingest.reindex import LoadReport
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_document import photo_from_source
from tests.opensearch.growing_collection import SPACE, GrowingCollection

_PHOTOS_PER_READ = 2000
_SETTINGS = {
    "index.refresh_interval": "10s",
    "index.auto_expand_replicas": "0-2",
    "index.number_of_replicas": "0",
}


@dataclass(slots=True)
class Inspection:
    """What was found.

    Attributes:
        photos: How many lie in the index.
        lost: Photos that are not there and should be.
        twice: Photos that are there more than once.
        strange: Photos that are there and should not be.
        stale: Photos that are not as the newest shard with them says.
        poison_listed: Photos that no index can hold and that are listed with the reason.
        problems: Everything that is wrong, in words.
    """

    photos: int = 0
    lost: int = 0
    twice: int = 0
    strange: int = 0
    stale: int = 0
    poison_listed: int = 0
    problems: list[str] = field(default_factory=list)

    def compare(self, what: str, found: object, wanted: object) -> None:
        """Note a difference."""
        if found != wanted:
            self.problems.append(f"{what}: {str(found)[:300]}, not {str(wanted)[:300]}")


def inspect(
    connection: OpenSearchConnection,
    alias: str,
    collection: GrowingCollection,
    report: LoadReport,
    *,
    dead_letters: Path,
) -> Inspection:
    """Compare everything behind an alias with what the shards say.

    Args:
        connection: To the server itself.
        alias: The collection's.
        collection: What should be there.
        report: The load's own account.
        dead_letters: Where the load listed what cannot be stored.
    """
    found, index = Inspection(), report.index
    found.compare("the report's count", report.photos, len(collection.wanted))
    _inspect_photos(found, connection, alias, collection)
    catalogue = Catalogue(connection, alias)
    facts = catalogue.facts(index)
    found.compare("is_ready", facts.is_ready, True)
    found.compare("filled_to", facts.filled_to, collection.last_shard)
    # An index under an alias's name, as a write to an alias that is gone would make, shows here.
    names = connection.request("GET", f"{alias}*", "_alias")
    aliases = {name: sorted(body["aliases"]) for name, body in names.items()}
    ours = [alias, catalogue.space_alias(SPACE.fingerprint), f"{index}-write"]
    # One stays for a rollback: that of before or, if only the tidying up after a load failed and it
    # was run again, that load's.
    kept = min(aliases.keys() - {index}, default="")
    found.compare("aliases", aliases, {index: sorted(ours), kept: [f"{kept}-write"]})
    answer = connection.request("GET", index, "_settings", parameters={"flat_settings": "true"})
    settings = {name: answer[index]["settings"].get(name) for name in _SETTINGS}
    found.compare("settings", settings, _SETTINGS)
    _inspect_dead_letters(found, collection, dead_letters)
    return found


def _inspect_photos(
    found: Inspection, connection: OpenSearchConnection, alias: str, collection: GrowingCollection
) -> None:
    wanted = collection.wanted
    documents = [*_documents(connection, alias)]
    present = {document["_id"] for document in documents}
    found.photos = len(documents)
    found.twice = len(documents) - len(present)
    found.lost = len(wanted.keys() - present)
    found.strange = len(present - wanted.keys())
    for document in documents:
        photo_id, source = document["_id"], document["_source"]
        if (right := wanted.get(photo_id)) is None:
            continue
        same_photo = photo_from_source(source, index=alias) == right.photo
        # Written with as many digits as tell one float16 from the next.
        embedding = np.asarray(source["embedding"], np.float16).astype(np.float32)  # (D,)
        found.stale += not (same_photo and np.array_equal(embedding, right.embedding))
    for name in ("lost", "twice", "strange", "stale"):
        found.compare(f"photos that are {name}", getattr(found, name), 0)
    opened = OpenSearchIndex.open(connection, alias, fingerprint=SPACE.fingerprint)
    found.compare("the index's own count", connection.insist(opened.count), len(wanted))
    found.compare("the index's own photo_ids", [*opened.photo_ids()], sorted(wanted))


def _documents(connection: OpenSearchConnection, alias: str) -> Iterator[dict[str, Any]]:
    body: dict[str, Any] = {"size": _PHOTOS_PER_READ, "sort": [{"photo_id": "asc"}]}
    while hits := connection.insist(lambda: connection.search(alias, body))["hits"]["hits"]:
        yield from hits
        body["search_after"] = hits[-1]["sort"]


def _inspect_dead_letters(found: Inspection, collection: GrowingCollection, path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    reasons = {line["photo_id"]: line["reason"] for line in lines}
    found.compare("dead letters", sorted(reasons), sorted(collection.poison))
    found.compare("lines of dead letters", len(lines), len(reasons))
    for photo_id, part in collection.poison.items():
        is_listed = part in (reason := reasons.get(photo_id, ""))
        found.poison_listed += is_listed
        found.compare(f"the reason of {photo_id[:20]!r}, {reason!r}, is right", is_listed, True)
