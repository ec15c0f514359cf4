"""A server of the standard library in a thread of its own, for as long as a block lasts."""

from __future__ import annotations

from http.server import HTTPServer
from threading import Thread
from types import TracebackType
from typing import Self


class LoopbackServer:
    """Serves while the block runs."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self._thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        self.port = server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()
