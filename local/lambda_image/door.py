"""Doors: a container's way to a server that listens on this machine's loopback alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

_CHUNK_BYTES = 64 * 1024


class _Door(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, address: str, target: tuple[str, int]) -> None:
        self.target = target
        super().__init__((address, 0), _Passage)


class _Passage(BaseRequestHandler):
    """One connection, carried on byte by byte in both directions."""

    server: _Door

    def handle(self) -> None:
        client: socket.socket = self.request
        try:
            server = socket.create_connection(self.server.target)
        except OSError:
            return  # closed without a word, as a port that nobody listens on
        with closing(server):
            answers = threading.Thread(target=_carry, args=(server, client), daemon=True)
            answers.start()
            _carry(client, server)
            answers.join()


@contextmanager
def open_door(address: str, target: tuple[str, int]) -> Iterator[int]:
    """Listen on a free port until the block ends.

    Args:
        address: This machine's address on the containers' network; nobody outside reaches it.
        target: Host and port of the server that connections are led to.

    Yields:
        The port.
    """
    with _Door(address, target) as door:
        thread = threading.Thread(target=door.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield door.server_address[1]
        finally:
            door.shutdown()
            thread.join()


def _carry(source: socket.socket, destination: socket.socket) -> None:
    # Either end may go away at any time; the other then learns that no more will come.
    with suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            destination.sendall(data)
    with suppress(OSError):
        destination.shutdown(socket.SHUT_WR)
