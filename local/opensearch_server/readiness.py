"""Waits until an OpenSearch that was started answers."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Protocol

from photo_search.errors import IndexUnavailable

# About 15 s on two cores; several may start at once on a machine that is busy.
START_TIMEOUT_S = 240.0
_LOOK_EVERY_S = 0.2
_ANSWER_TIMEOUT_S = 5.0


class Server(Protocol):
    """An OpenSearch that runs, or did."""

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that it listens on."""

    def ended(self) -> bool:
        """Tell whether it has stopped."""

    def log_tail(self, lines: int = 40) -> str:
        """Give the last lines that it printed."""


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a server is that answers.

    One that was killed writes again into its indexes what their logs hold, which takes minutes for
    a large one.
    """

    is_ready: bool
    open_shards: int = 0
    shards: int = 0
    written_again: int = 0

    def __str__(self) -> str:
        return (
            f"has opened {self.open_shards} of {self.shards} shards, {self.written_again} writes "
            "of their logs done again"
        )


def wait_until_ready(server: Server, *, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait until the server has its indexes open and answers.

    Args:
        server: Which.
        timeout_s: How long it may make no progress.

    Raises:
        IndexUnavailable: It ended, or came no further for so long; the message ends with its log.
    """
    deadline_s = time.monotonic() + timeout_s
    reached: _Progress | None = None
    while True:
        progress = _look(server.port)
        if progress is not None and progress.is_ready:
            return
        if progress is not None and progress != reached:
            reached = progress
            deadline_s = time.monotonic() + timeout_s
        if server.ended():
            trouble = "ended while it started"
        elif time.monotonic() > deadline_s:
            did = "did not answer" if reached is None else f"{reached}, and came no further"
            trouble = f"{did} within {timeout_s:g} s"
        else:
            time.sleep(_LOOK_EVERY_S)
            continue
        msg = f"OpenSearch on port {server.port} {trouble}; its last lines:\n{server.log_tail()}"
        raise IndexUnavailable(msg)


def _look(port: int) -> _Progress | None:
    """Ask once; None where it does not answer.

    An index of one node cannot be green where it wants a replica, yellow will do.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
        answer = connection.getresponse()
        health = answer.read()
        if answer.status == http.client.OK:
            return _Progress(is_ready=True)
        if answer.status != http.client.REQUEST_TIMEOUT:
            return None
        connection.request(
            "GET", "/_cat/recovery?format=json&active_only=true&h=translog_ops_recovered"
        )
        answer = connection.getresponse()
        recovering = answer.read()
        if answer.status != http.client.OK:
            return None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    shards = json.loads(health)
    return _Progress(
        is_ready=False,
        open_shards=shards["active_shards"],
        shards=sum(shards[f"{state}_shards"] for state in ("active", "initializing", "unassigned")),
        written_again=sum(int(one["translog_ops_recovered"]) for one in json.loads(recovering)),
    )
