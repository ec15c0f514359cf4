"""A real HTTP server that misbehaves by path, as servers of pictures do."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.ingest.pictures import COLOURS, jpeg, picture


class FaultServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.queries: list[str] = []
        self.retry_after = "1"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: FaultServer

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        self.server.asked[path] += 1
        self.server.queries.append(query)
        _, kind, *_ = path.split("/")
        getattr(self, f"answer_{kind}")(self.server.asked[path])

    def answer_ok(self, _: int) -> None:
        number = int("".join(filter(str.isdigit, self.path.split("?")[0])) or 0)
        self.send_picture(jpeg(picture(list(COLOURS.values())[number % 3], seed=number)))

    def answer_missing(self, _: int) -> None:
        self.send_error(404)

    def answer_gone(self, _: int) -> None:
        self.send_error(410)

    def answer_forbidden(self, _: int) -> None:
        self.send_error(403)

    def answer_busy(self, time_asked: int) -> None:
        if time_asked > 2:
            self.answer_ok(time_asked)
            return
        self.send_response(429)
        self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_broken(self, _: int) -> None:
        self.send_error(503)

    def answer_recovers(self, time_asked: int) -> None:
        if time_asked > 1:
            self.answer_ok(time_asked)
        else:
            self.send_error(502)

    def answer_truncated(self, time_asked: int) -> None:
        data = jpeg(picture())
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if time_asked > 1 else data[:100])

    def answer_hangup(self, _: int) -> None:
        self.connection.close()

    def answer_html(self, _: int) -> None:
        self.send_picture(b"<html>sorry</html>", content_type="text/html; charset=utf-8")

    def answer_silent(self, _: int) -> None:
        time.sleep(1)

    def answer_trickle(self, _: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def answer_endless(self, _: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def answer_loop(self, _: int) -> None:
        self.send_response(302)
        self.send_header("Location", "/loop/again")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_picture(self, data: bytes, content_type: str = "image/jpeg") -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running_fault_server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
