"""What a server says while it starts, and what a repeated request finds already done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar, cast

import numpy as np
import pytest
from opensearchpy.exceptions import TransportError

from photo_search.errors import IndexAccessDenied, IndexReadOnly, IndexUnavailable
from photo_search.index import EmbeddedPhoto
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_bulk import delete_action, store_action, write_chunk
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_errors import translated
from photo_search.index.opensearch_schema import IndexFacts
from photo_search.photo import Photo
from photo_search.settings import IndexAccess
from tests.opensearch.fault_plan import Fault, FaultPlan
from tests.opensearch.fault_proxy import FaultProxy

Answer = TypeVar("Answer")

STARTING = "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];"
DISK_FULL = "index [photos] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage];"
READ_ONLY = "index [photos] blocked by: [FORBIDDEN/8/index write (api)];"


def block(status: int, reason: str) -> dict[str, Any]:
    return {"status": status, "error": {"type": "cluster_block_exception", "reason": reason}}


class BulkAnswers:
    """A connection that answers each ``_bulk`` with the next of some items."""

    server = "http://server"

    def __init__(self, *items: dict[str, Any]) -> None:
        self._items = list(items)

    def request(self, method: str, index: str, path: str, **_: object) -> dict[str, Any]:
        assert (method, path) == ("POST", "_bulk")
        return {"items": [{"delete": self._items.pop(0)}]}

    def insist(self, call: Callable[[], Answer]) -> Answer:
        while True:
            try:
                return call()
            except IndexUnavailable:
                assert self._items


def test_a_cluster_that_is_starting_is_unavailable_and_not_read_only() -> None:
    error = TransportError(503, "cluster_block_exception", block(503, STARTING))

    assert isinstance(translated(error, server="http://server", index="photos"), IndexUnavailable)


@pytest.mark.parametrize(("status", "reason"), [(429, DISK_FULL), (403, READ_ONLY)])
def test_an_index_that_somebody_must_unblock_is_read_only(status: int, reason: str) -> None:
    error = TransportError(status, "cluster_block_exception", block(status, reason))

    assert isinstance(translated(error, server="http://server", index="photos"), IndexReadOnly)


def test_an_item_that_a_starting_cluster_blocks_is_sent_again() -> None:
    connection = BulkAnswers(block(503, STARTING), {"status": 200, "result": "deleted"})

    outcome = write_chunk(cast("OpenSearchConnection", connection), "photos", [delete_action("a")])

    assert (outcome.deleted, outcome.rejected) == (1, {})


def test_an_item_that_an_index_on_a_full_disk_blocks_ends_the_writing() -> None:
    connection = BulkAnswers(block(429, DISK_FULL))

    with pytest.raises(IndexReadOnly, match="flood-stage"):
        write_chunk(cast("OpenSearchConnection", connection), "photos", [delete_action("a")])


def test_an_item_that_the_credentials_do_not_allow_says_what_to_check() -> None:
    error = {"type": "security_exception", "reason": "no permissions for [indices:data/write]"}
    connection = BulkAnswers({"status": 403, "error": error})

    with pytest.raises(IndexAccessDenied, match=r"not allowed: no permissions.*INDEX_AUTH"):
        write_chunk(cast("OpenSearchConnection", connection), "photos", [delete_action("a")])


@pytest.mark.opensearch
def test_a_write_that_is_carried_out_late_undoes_no_newer_one(opensearch_url: str) -> None:
    embedding = np.array([1, 0, 0, 0], np.float32)
    old, new = (
        EmbeddedPhoto(Photo("a", width=1, height=1, description=text), embedding)
        for text in ("old", "new")
    )
    connection = OpenSearchConnection(opensearch_url, IndexAccess())
    with closing(
        OpenSearchIndex.create(connection, "latewrites", fingerprint="space", dimension=4)
    ) as index:
        try:
            index.write([store_action(new, version=2)])
            index.write([delete_action("a", version=1)])
            late = index.write([store_action(old, version=1)])
            index.refresh()
            there = index.get("a")
            index.write([delete_action("a", version=3)])
            index.write([store_action(new, version=2)])
            index.refresh()
            left = [*index.photo_ids()]
        finally:
            Catalogue(connection, "latewrites").drop(index.index)

    assert there is not None
    assert there.photo.description == "new"
    assert (late.stored, late.rejected) == (0, {})
    assert left == []


@pytest.mark.opensearch
def test_a_write_that_is_sent_again_leaves_no_second_copy(opensearch_url: str) -> None:
    """Lucene's graph finds the rows of many copies no more, and a merge keeps them for hours."""
    photo = EmbeddedPhoto(Photo("a", width=1, height=1), np.array([1, 0, 0, 0], np.float32))
    connection = OpenSearchConnection(opensearch_url, IndexAccess())
    with closing(
        OpenSearchIndex.create(connection, "sentagain", fingerprint="space", dimension=4)
    ) as index:
        try:
            first, *others = [index.write([store_action(photo, version=1)]) for _ in range(3)]
            index.refresh()
            said = connection.request("GET", index.index.name, "_stats/docs")
        finally:
            Catalogue(connection, "sentagain").drop(index.index)

    assert (first.stored, first.kept) == (1, 0)
    assert [(other.stored, other.kept) for other in others] == [(0, 1), (0, 1)]
    assert said["_all"]["primaries"]["docs"] == {"count": 1, "deleted": 0}


@pytest.mark.opensearch
def test_an_index_is_made_and_swapped_in_once_although_every_first_answer_is_lost(
    opensearch_url: str,
) -> None:
    plan = FaultPlan(
        seed=1,
        share=1,
        faults={Fault.RESET_IN_ANSWER},
        picks=lambda method, path: method in {"PUT", "POST", "DELETE"},
        max_in_a_row=1,
    )
    access, alias = IndexAccess(), "lostanswers"
    with (
        closing(OpenSearchConnection(opensearch_url, access)) as direct,
        FaultProxy(opensearch_url, plan) as proxy,
        closing(OpenSearchConnection(proxy.url, access, sleep=lambda _: None)) as connection,
    ):
        catalogue = Catalogue(connection, alias)
        facts = IndexFacts(fingerprint="space", dimension=4, is_ready=False)
        made = [catalogue.create(facts) for _ in range(2)]
        try:
            for index in made:
                catalogue.swap(index)
            noted = catalogue.note(made[1], is_ready=True)
            aliases = direct.request("GET", f"{alias}*", "_alias")
            ready = [one.index.facts.is_ready for one in catalogue.generations()]
        finally:
            for index in made:
                catalogue.drop(index)
        left = catalogue.generations()

    assert plan.counts[Fault.RESET_IN_ANSWER] == 7
    assert ready == [False, True]
    assert noted.facts.is_ready
    assert {name: sorted(body["aliases"]) for name, body in aliases.items()} == {
        made[0].name: [made[0].write_alias],
        made[1].name: sorted([alias, f"{alias}-space", made[1].write_alias]),
    }
    assert left == []
