"""Waits until an OpenSearch that was started answers."""

from __future__ import annotations

import http.client
import time
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


def wait_until_ready(server: Server, *, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait until the server has its indexes open and answers.

    Raises:
        IndexUnavailable: It ended, or did not answer in time; the message ends with its log.
    """
    deadline_s = time.monotonic() + timeout_s
    while not _answers(server.port):
        if server.ended():
            trouble = "ended while it started"
        elif time.monotonic() > deadline_s:
            trouble = f"did not answer within {timeout_s:g} s"
        else:
            time.sleep(_LOOK_EVERY_S)
            continue
        msg = f"OpenSearch on port {server.port} {trouble}; its last lines:\n{server.log_tail()}"
        raise IndexUnavailable(msg)


def _answers(port: int) -> bool:
    """Ask once; an index of one node cannot be green where it wants a replica, yellow will do."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
