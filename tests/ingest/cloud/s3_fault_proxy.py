"""A proxy before moto's S3 that fails as S3 and networks do, by request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "expect", "keep-alive"}

RESET = "reset"
"""The connection ends before the request is carried out."""
LOST_ANSWER = "lost answer"
"""The request is carried out, and the connection ends before the answer comes."""
HALF = "half"
"""The answer ends in its middle."""

Fault = str | tuple[int, str]
"""One of the above, or a status and S3's code for it."""
Plan = Callable[[str, str], Fault | None]
"""By method and path; asked for each request, in its order."""


class FaultProxy(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.plan: Plan = lambda _method, _path: None
        self.faults = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            fault = self.server.plan(self.command, self.path)
            self.server.faults += fault is not None
        if fault == RESET:
            self._hang_up()
            return
        if isinstance(fault, tuple):
            self._refuse(*fault)
            return
        link = HTTPConnection(
            self.server.target.hostname or "", self.server.target.port, timeout=30
        )
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_HEADERS}
        link.request(self.command, self.path, body, headers | {"Content-Length": str(len(body))})
        with link.getresponse() as response:
            data = response.read()
            if fault == LOST_ANSWER:
                self._hang_up()
                return
            self.send_response(response.status)
            for name, value in response.headers.items():
                if name.lower() not in _HOP_HEADERS:
                    self.send_header(name, value)
            length = response.headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if fault == HALF else data)
        link.close()
        if fault == HALF:
            self._hang_up()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on  # noqa: N815 - the server's names

    def _refuse(self, status: int, code: str) -> None:
        data = f"<Error><Code>{code}</Code><Message>planned</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        pass


def once(method: str, part_of_path: str, fault: Fault) -> Plan:
    """Fail the first such request alone."""
    return times(1, method, part_of_path, fault)


def times(number: int, method: str, part_of_path: str, fault: Fault) -> Plan:
    """Fail the first such requests."""
    left = [number]

    def plan(asked: str, path: str) -> Fault | None:
        if asked != method or part_of_path not in path or not left[0]:
            return None
        left[0] -= 1
        return fault

    return plan


def always(method: str, part_of_path: str, fault: Fault) -> Plan:
    """Fail every such request."""
    return lambda asked, path: fault if asked == method and part_of_path in path else None


@contextmanager
def running_fault_proxy(target: str) -> Iterator[FaultProxy]:
    with FaultProxy(target) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()
