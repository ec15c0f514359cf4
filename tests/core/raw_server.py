"""A loopback server that answers with whatever bytes, at whatever pace, a test wants."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Behaviour = Callable[[socket.socket, threading.Event], None]
JPEG = b"\xff\xd8\xff\xe0 not really a picture"


class RawServer:
    """Serves on 127.0.0.1 until the block ends; ``requests`` holds what clients sent.

    A behaviour gets the connection after the request was read, and an event that is set when the
    test is over. A client that hangs up ends it quietly.
    """

    def __init__(self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[str] = []
        self._behaviour = behaviour
        self._tls = tls
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> RawServer:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with suppress(OSError), connection:
            if self._tls is None:
                self._answer(connection)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                    self._answer(encrypted)

    def _answer(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            received = connection.recv(4096)
            if not received:
                return
            request += received
        self.requests.append(request.decode("ascii"))
        self._behaviour(connection, self._over)


def response(
    body: bytes = JPEG,
    *,
    status: str = "200 OK",
    content_type: str = "image/jpeg",
    length: int | None = -1,
    extra: str = "",
) -> bytes:
    """An HTTP response; a length of -1 is the true one, None leaves the header out."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{extra}"
    if length is not None:
        head += f"Content-Length: {len(body) if length == -1 else length}\r\n"
    return head.encode() + b"\r\n" + body


def sends(*parts: bytes) -> Behaviour:
    """Send the parts and hang up."""

    def behave(connection: socket.socket, _over: threading.Event) -> None:
        for part in parts:
            connection.sendall(part)

    return behave


def repeats(start: bytes, part: bytes, *, every_s: float = 0.0) -> Behaviour:
    """Send a start, then the same part until the client has enough."""

    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.wait(every_s):
            connection.sendall(part)

    return behave


def redirects_to(*locations: str, status: str = "302 Found") -> Behaviour:
    """Redirect the first request to the first location and so on; then serve a picture."""
    left = list(locations)

    def behave(connection: socket.socket, _over: threading.Event) -> None:
        if left:
            location = f"Location: {left.pop(0)}\r\n"
            connection.sendall(response(b"", status=status, extra=location))
        else:
            connection.sendall(response())

    return behave


def resets(connection: socket.socket, _over: threading.Event) -> None:
    """Send half an answer and cut the connection with a reset."""
    connection.sendall(response(length=1000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says_nothing(_connection: socket.socket, over: threading.Event) -> None:
    """Keep the connection open without a byte."""
    over.wait()
