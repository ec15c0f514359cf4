"""The fault proxy's way to the real server, which may be away."""

from __future__ import annotations

import threading
from email.message import Message
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from tests.opensearch.fault_answers import Answer
from tests.opensearch.open_sockets import OpenSockets

# Headers of one connection, not of the message (RFC 9110, 7.6.1), and those of a length, which is
# set anew. Without Accept-Encoding the server answers plain JSON, which can be taken apart.
NOT_FORWARDED = {
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


class RealServer:
    """Asks on a new connection each time: one kept alive would not outlive the server's restart.

    Attributes:
        times_away: How many requests found the server away, or lost it before it had answered.
    """

    def __init__(self, url: str, *, timeout_s: float, open_sockets: OpenSockets) -> None:
        """Name a server; nothing is opened.

        Args:
            url: ``http://host:port``.
            timeout_s: How long it may be silent before it counts as away.
            open_sockets: Keeps account of the connections, for whoever wants to end them.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            msg = f"the fault proxy speaks plain HTTP alone, not {url}"
            raise ValueError(msg)
        self.times_away = 0
        self._host, self._port = parts.hostname, parts.port
        self._timeout_s = timeout_s
        self._open_sockets = open_sockets
        self._lock = threading.Lock()

    def ask(self, method: str, path: str, headers: Message, body: bytes) -> Answer | None:
        """Forward a request.

        Never tries twice: that would spare the client what it has to bear itself.

        Args:
            method: As sent.
            path: With its query string.
            headers: The client's.
            body: Empty for none.

        Returns:
            The server's answer; None where it is away or goes away before the answer is whole.
        """
        link = HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            link.connect()
            connection = link.sock  # the link forgets it where the server says that it will close
            self._open_sockets.add(connection)
            try:
                return self._ask_on(link, method, path, headers, body)
            finally:
                self._open_sockets.discard(connection)
        except (OSError, HTTPException):
            with self._lock:
                self.times_away += 1
            return None
        finally:
            link.close()

    @staticmethod
    def _ask_on(
        link: HTTPConnection, method: str, path: str, headers: Message, body: bytes
    ) -> Answer:
        link.request(method, path, body or None, dict(_kept(headers)))
        with link.getresponse() as response:
            kept = _kept(response.headers)
            length = response.headers["Content-Length"]
            if method == "HEAD" and length:  # of the body that is left out
                kept = (*kept, ("Content-Length", length))
            return Answer(response.status, kept, response.read())


def _kept(headers: Message) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in headers.items() if item[0].lower() not in NOT_FORWARDED)
