"""The items of a ``_bulk`` request and of its answer, apart and together again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

# The name in OpenSearch's source today, and the one that Elasticsearch 7 and old domains give.
REJECTION_TYPES = ("rejected_execution_exception", "es_rejected_execution_exception")
EMPTY_ANSWER = b'{"took":0,"errors":false,"items":[]}'


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One item of a ``_bulk`` request.

    Attributes:
        action: The action line as sent: what is done to which document.
        lines: Action line and, except for a delete, source line, each with its newline.
        verb: ``index``, ``create``, ``update`` or ``delete``.
        names: What the action says of the document: ``_index``, ``_id``, whichever are given.
    """

    action: bytes
    lines: bytes
    verb: str
    names: dict[str, object]


def is_bulk(method: str, path: str) -> bool:
    """Whether a request is a ``_bulk``, with an index in its path or without."""
    return method in {"POST", "PUT"} and path.partition("?")[0].endswith("/_bulk")


def read_items(body: bytes) -> list[BulkItem]:
    """Take the body of a ``_bulk`` request apart.

    Returns:
        The items in order; none if the body is not well formed, which is the server's to refuse.
    """
    items = []
    lines = (line for line in body.split(b"\n") if line.strip())
    try:
        for action in lines:
            ((verb, names),) = json.loads(action).items()
            source = b"" if verb == "delete" else next(lines, b"") + b"\n"
            items.append(BulkItem(action, action + b"\n" + source, verb, dict(names)))
    except (ValueError, TypeError, AttributeError):
        return []
    return items


def body_without(items: Sequence[BulkItem], held: AbstractSet[int]) -> bytes:
    """Put a request together again, less the items at the held positions."""
    return b"".join(item.lines for position, item in enumerate(items) if position not in held)


def answer_with_rejections(
    answer: bytes, items: Sequence[BulkItem], held: AbstractSet[int], path: str
) -> bytes:
    """Set a 429 in the place of each held item, between the server's real answers.

    Args:
        answer: The server's answer to the items that were not held.
        items: Every item of the client's request.
        held: Positions among the items of those that were not forwarded.
        path: The request's path, which names the index of items that name none.

    Raises:
        ValueError: The answer's items are not those forwarded (a ``filter_path`` hides some).
    """
    content = json.loads(answer)
    results = content.get("items", [])
    if len(results) != len(items) - len(held):
        msg = f"{path} answered {len(results)} items, sent {len(items) - len(held)}"
        raise ValueError(msg)
    real = iter(results)
    content["items"] = [
        _rejection(item, position, path) if position in held else next(real)
        for position, item in enumerate(items)
    ]
    content["errors"] = bool(held) or content["errors"]
    return json.dumps(content).encode()


def _rejection(item: BulkItem, position: int, path: str) -> dict[str, dict[str, object]]:
    error = {
        "type": REJECTION_TYPES[position % len(REJECTION_TYPES)],
        "reason": "rejected execution of coordinating operation (the fault proxy's)",
    }
    index = item.names.get("_index", path.split("/")[1])
    document_id = item.names.get("_id")
    return {item.verb: {"_index": index, "_id": document_id, "status": 429, "error": error}}
