"""A loopback server that keeps requests as they came over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.loopback_server import LoopbackServer


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    method: str
    target: str
    """Path and query, as in the first line."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class RequestRecorder(LoopbackServer):
    """Answers every request with an empty JSON object until the block ends."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        recorded = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                first_line = self.rfile.readline(65536)
                self.raw_requestline = first_line
                if not first_line or not self.parse_request():
                    self.close_connection = True
                    return
                method, target, _version = first_line.decode("ascii").split(" ")
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                recorded.append(RecordedRequest(method, target, headers, body))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                if method != "HEAD":
                    self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        super().__init__(HTTPServer(("127.0.0.1", 0), Handler))
