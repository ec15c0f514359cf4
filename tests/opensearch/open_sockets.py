"""Which sockets a server in threads has open, so that all can be closed from outside."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class OpenSockets:
    """Sockets that threads of their own read and write, and close."""

    def __init__(self) -> None:
        self._sockets: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._over = False

    def add(self, opened: socket.socket) -> None:
        """Keep account of a socket until it is discarded; end it at once if all is over."""
        with self._changed:
            self._sockets.add(opened)
            if self._over:
                _end(opened)

    def discard(self, closed: socket.socket) -> None:
        """Say that a socket's thread has done with it."""
        with self._changed:
            self._sockets.discard(closed)
            self._changed.notify_all()

    def hang_up(self, limit_s: float) -> bool:
        """End every conversation, so that the threads stop reading and close their sockets.

        Returns:
            Whether all had done so after ``limit_s`` seconds.
        """
        with self._changed:
            self._over = True
            for opened in self._sockets:
                _end(opened)
            return self._changed.wait_for(lambda: not self._sockets, limit_s)


def _end(opened: socket.socket) -> None:
    with suppress(OSError):  # the other side was first
        opened.shutdown(socket.SHUT_RDWR)
