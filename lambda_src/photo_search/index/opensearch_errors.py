"""From what opensearch-py raises to the project's own errors, each saying what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from opensearchpy.exceptions import (
    ConnectionError as NotConnected,
)
from opensearchpy.exceptions import (
    ConnectionTimeout,
    SSLError,
    TransportError,
)

from photo_search.errors import (
    FingerprintMismatch,
    IndexAccessDenied,
    IndexNotFound,
    IndexReadOnly,
    IndexUnavailable,
    PhotoIndexError,
)

RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
CHECK_ACCESS = "check INDEX_AUTH, the credentials, and what the domain's policy allows them"
_DENIED_STATUSES = frozenset({401, 403})
_NOT_FOUND, _TOO_LARGE = 404, 413
_BLOCK, _PASSING_BLOCK_STATUS = "cluster_block_exception", 503
_GONE_TYPES = frozenset({"index_not_found_exception", "alias_not_found_exception"})


def translated(error: TransportError, *, server: str, index: str) -> PhotoIndexError:
    """Say what went wrong with a request in the project's terms.

    Args:
        error: What opensearch-py raised.
        server: The server's URL.
        index: The index or alias that was asked.
    """
    if isinstance(error, NotConnected):
        return _unconnected(error, server)
    status = error.status_code
    kind, reason = error_type(error.info), error_reason(error.info) or str(error.error)
    if is_lasting_block(kind, status):
        return read_only(index, reason)
    if status in RETRYABLE_STATUSES:
        return IndexUnavailable(f"{server} answered {status} for now: {reason}")
    if status in _DENIED_STATUSES:
        return IndexAccessDenied(
            f"{server} refuses access to {index} (status {status}): {reason}; {CHECK_ACCESS}"
        )
    if kind in _GONE_TYPES or (status == _NOT_FOUND and not kind):
        return IndexNotFound(
            f"there is no index {index} at {server}; check INDEX_URL, or make one by an ingest"
        )
    if status == _TOO_LARGE:
        return RequestTooLarge(f"{server} takes no request as large as this one: {reason}")
    if "dimension" in reason and "embedding" in reason:
        return FingerprintMismatch(f"{index} holds embeddings of another dimension: {reason}")
    msg = f"{server} refuses the request to {index} (status {status}): {reason}"
    return RefusedRequest(msg, kind=kind)


class RefusedRequest(PhotoIndexError):
    """The server understands the request and does not take it; to repeat it is of no use.

    Attributes:
        kind: The type in the error's body; empty where it has none.
    """

    def __init__(self, message: str, *, kind: str = "") -> None:
        """Keep the message and the type."""
        super().__init__(message)
        self.kind = kind


class RequestTooLarge(RefusedRequest):
    """The server takes smaller requests only."""


def read_only(index: str, reason: str) -> IndexReadOnly:
    """The error for an index that takes no writes, as when a disk is full."""
    return IndexReadOnly(
        f"{index} takes no writes: {reason}; free or add disk space (a full disk makes an index "
        "read-only: the flood-stage watermark) or lift the block, then run the same again"
    )


def is_lasting_block(kind: str, status: object) -> bool:
    """Whether an error is that of a block which somebody has to lift, as on an index that is full.

    A cluster that has just started, or looks for its manager, blocks everything for a while and
    answers 503; a block on an index is a 403 or, where a disk is full, a 429.
    """
    return kind == _BLOCK and status != _PASSING_BLOCK_STATUS


def error_type(info: Any) -> str:
    """The type in an error's body; empty where it has none."""
    error = info.get("error") if isinstance(info, dict) else None
    return str(error.get("type", "")) if isinstance(error, dict) else ""


def error_reason(info: Any) -> str:
    """The most telling reason in an error's body; empty where it has none."""
    error = info.get("error") if isinstance(info, dict) else None
    if not isinstance(error, dict):
        return str(error or "")
    causes = error.get("root_cause") or [error]
    reason = str(error.get("reason", ""))
    cause = str(causes[0].get("reason", "")) if isinstance(causes[0], dict) else ""
    if cause and cause not in reason:
        reason = f"{reason}: {cause}"
    caused = error.get("caused_by")
    deeper = str(caused.get("reason", "")) if isinstance(caused, dict) else ""
    return f"{reason}: {deeper}" if deeper and deeper not in reason else reason


def _unconnected(error: NotConnected, server: str) -> PhotoIndexError:
    if isinstance(error, SSLError):
        return IndexAccessDenied(
            f"{server} is not trusted ({error.error}); name the authority that signed its "
            "certificate as INDEX_CA_FILE, and check the host's name"
        )
    if isinstance(error, ConnectionTimeout):
        return IndexUnavailable(f"{server} did not answer in time")
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return IndexUnavailable(
            f"the host of {server} is unknown; check INDEX_URL and the network's name service"
        )
    return IndexUnavailable(
        f"{server} cannot be reached: {error.error}; check INDEX_URL, and whether the server runs"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Every exception behind one: chained, or carried along by requests and urllib3."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
