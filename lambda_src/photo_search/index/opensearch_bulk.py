"""Writing many photos: chunks by count and bytes, and each item's own answer looked at.

A bulk request that "succeeds" may have failed for some of its items. Those that the server has no
room for now are sent again, those that it will never take are told with its reason. Every action
names its photo by ``_id``, so that a repeat cannot store one twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from photo_search.errors import (
    IndexAccessDenied,
    IndexNotFound,
    IndexUnavailable,
    PhotoIndexError,
)
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_document import document_line
from photo_search.index.opensearch_errors import (
    CHECK_ACCESS,
    RETRYABLE_STATUSES,
    RequestTooLarge,
    error_reason,
    error_type,
    is_lasting_block,
    read_only,
)
from photo_search.index.protocol import EmbeddedPhoto

MAX_ACTIONS = 500
MAX_CHUNK_BYTES = 5 * 1024 * 1024
"""Half of what t3 domains take in one request (10 MiB; Amazon's limits page)."""

_GONE_TYPES = frozenset({"index_not_found_exception", "illegal_argument_exception"})
_NOT_NEWER = "version_conflict_engine_exception"
_NOT_FOUND = 404
_DENIED_STATUSES = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Action:
    """One photo to store or take out: its lines of the request."""

    photo_id: str
    lines: bytes


@dataclass(slots=True)
class Outcome:
    """What became of some actions.

    Attributes:
        stored: Photos stored.
        kept: Photos that the server has in that version or a newer one already.
        deleted: Photos that were there and are taken out.
        rejected: The server's reason by photo_id.
    """

    stored: int = 0
    kept: int = 0
    deleted: int = 0
    rejected: dict[str, str] = field(default_factory=dict)

    def add(self, other: Outcome) -> None:
        """Count another's actions too."""
        self.stored += other.stored
        self.kept += other.kept
        self.deleted += other.deleted
        self.rejected |= other.rejected


def store_action(embedded: EmbeddedPhoto, *, version: int | None = None) -> Action:
    """Store a photo, or replace the one with its id.

    Args:
        embedded: The photo.
        version: Where given, nothing happens to a photo that was stored or taken out with this one
            or a higher one. A request that was given up for lost is sent again, and may still be
            carried out, after later ones. Written each time, a photo would leave copies that a
            merge keeps for hours; where thirty lie in a graph, Lucene 10.3 loses its rows.

    Raises:
        PhotoIndexError: A field cannot be stored.
    """
    head = _action_line("index", embedded.photo.photo_id, version)
    return Action(embedded.photo.photo_id, head + document_line(embedded) + b"\n")


def delete_action(photo_id: str, *, version: int | None = None) -> Action:
    """Take a photo out, where it is there; for the version see ``store_action``."""
    return Action(photo_id, _action_line("delete", photo_id, version))


def _action_line(verb: str, photo_id: str, version: int | None) -> bytes:
    names: dict[str, str | int] = {"_id": photo_id}
    if version is not None:
        names |= {"version": version, "version_type": "external"}
    return json.dumps({verb: names}).encode() + b"\n"


def chunks(actions: Iterable[Action]) -> Iterator[list[Action]]:
    """Cut actions into requests."""
    chunk: list[Action] = []
    size_bytes = 0
    for action in actions:
        too_many = len(chunk) >= MAX_ACTIONS
        if chunk and (too_many or size_bytes + len(action.lines) > MAX_CHUNK_BYTES):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(action)
        size_bytes += len(action.lines)
    if chunk:
        yield chunk


def write_chunk(connection: OpenSearchConnection, alias: str, chunk: list[Action]) -> Outcome:
    """Send one chunk until each of its actions is done or refused for good.

    Args:
        connection: The server.
        alias: Where to; a name that is no alias is refused, so that nothing makes a new index.
        chunk: The actions.

    Raises:
        IndexUnavailable: The server's patience or ours ran out; repeating is harmless.
        IndexReadOnly: The index takes no writes.
        IndexNotFound: There is no such alias.
        IndexAccessDenied: The credentials do not allow it.
    """
    outcome = Outcome()
    waiting = chunk

    def send() -> None:
        nonlocal waiting
        before = len(waiting)
        # What counts is a try that comes to its end: of one cut in halves, all is sent again.
        tried = Outcome()
        waiting = _send(connection, alias, waiting, tried)
        outcome.add(tried)
        if waiting and len(waiting) == before:
            msg = f"{connection.server} has no room for any of {before} photos now"
            raise IndexUnavailable(msg)

    # Patience starts anew whenever something gets through.
    rounds = 0
    while waiting:
        if rounds:
            # A server that takes a part alone is busy, however readily it answers.
            connection.back_off(rounds - 1)
        connection.insist(send)
        rounds += 1
    return outcome


def _send(
    connection: OpenSearchConnection, alias: str, chunk: list[Action], outcome: Outcome
) -> list[Action]:
    """Send a chunk once; returns what is to be sent again."""
    try:
        answer = connection.request(
            "POST",
            alias,
            "_bulk",
            body=b"".join(action.lines for action in chunk),
            parameters={"require_alias": "true"},
        )
    except RequestTooLarge as error:
        if len(chunk) == 1:
            outcome.rejected[chunk[0].photo_id] = str(error)
            return []
        half = len(chunk) // 2
        return _send(connection, alias, chunk[:half], outcome) + _send(
            connection, alias, chunk[half:], outcome
        )
    items = answer.get("items")
    if not isinstance(items, list) or len(items) != len(chunk):
        msg = f"{connection.server} did not answer for each of {len(chunk)} photos"
        raise IndexUnavailable(msg)
    return [
        action
        for action, item in zip(chunk, items, strict=True)
        if not _is_settled(action, next(iter(item.values())), alias, outcome)
    ]


def _is_settled(action: Action, item: dict[str, Any], alias: str, outcome: Outcome) -> bool:
    """Look at one item's answer; False where it is to be sent again."""
    status = int(item["status"])
    if "error" not in item:
        outcome.stored += item.get("result") in ("created", "updated")
        outcome.deleted += item.get("result") == "deleted"
        return True
    kind, reason = error_type(item), error_reason(item)
    if is_lasting_block(kind, status):
        raise read_only(alias, reason)
    if status in RETRYABLE_STATUSES:
        return False
    if kind == _NOT_NEWER:
        outcome.kept += 1
        return True
    if status == _NOT_FOUND and kind in _GONE_TYPES:
        msg = f"the index behind {alias} is gone: {reason}; run the same again"
        raise IndexNotFound(msg)
    if status in _DENIED_STATUSES:
        msg = f"writing to {alias} is not allowed: {reason}; {CHECK_ACCESS}"
        raise IndexAccessDenied(msg)
    outcome.rejected[action.photo_id] = f"{kind}: {reason}"
    return True


def rejected_error(rejected: dict[str, str], *, index: str) -> PhotoIndexError:
    """The error for photos that the server refuses for good."""
    from photo_search.errors import BulkRejected

    photo_id, reason = next(iter(rejected.items()))
    msg = f"{index} refuses {len(rejected)} photos for good, among them {photo_id!r}: {reason}"
    return BulkRejected(msg, reasons=rejected)
