"""A stand-in of the Hugging Face hub for one repository, on this machine, with its faults.

It answers what huggingface_hub asks for: the model's facts at a revision, and its files by HEAD and
GET with ETag and Range.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.loopback_server import LoopbackServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server holds and how it fails.

    Attributes:
        name: The one repository.
        directory: Its files.
        card: The head of its card.
        gated: Whether nobody here may have its files.
        break_after_bytes: Where the next GET of the weights is cut; None for nowhere.
        goes_down: Whether it answers 503 to everything after that cut.
        damaged: A file of which one bit is sent wrong.
        ranges: The Range header of each GET of a file, by its name.
    """

    name: str
    directory: Path
    card: dict[str, object]
    gated: bool = False
    break_after_bytes: int | None = None
    goes_down: bool = False
    is_down: bool = False
    damaged: str | None = None
    ranges: list[tuple[str, str | None]] = field(default_factory=list)

    def serve(self) -> LoopbackServer:
        """Serve while the block runs."""
        handler = type("Handler", (_Handler,), {"hub": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        return LoopbackServer(server)

    def facts(self) -> dict[str, object]:
        """What the API tells of the model."""
        return {
            "id": self.name,
            "sha": COMMIT,
            "cardData": self.card,
            "siblings": [self._sibling(path) for path in sorted(self.directory.iterdir())],
        }

    def _sibling(self, path: Path) -> dict[str, object]:
        size = path.stat().st_size
        facts: dict[str, object] = {"rfilename": path.name, "size": size, "blobId": "0" * 40}
        if path.suffix == ".safetensors":
            facts["lfs"] = {"sha256": _sha256(path), "size": size, "pointerSize": 134}
        return facts


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        hub = self.hub
        api = f"/api/models/{hub.name}/revision/"
        files = f"/{hub.name}/resolve/"
        path = urlsplit(self.path).path
        if hub.is_down:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        elif path.startswith(api):
            if path.removeprefix(api) in ("main", COMMIT):
                self._send(json.dumps(hub.facts()).encode(), {"Content-Type": "application/json"})
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        elif path.startswith(files):
            if hub.gated:
                self._refuse(HTTPStatus.UNAUTHORIZED, "GatedRepo")
            else:
                self._file(hub.directory / path.rsplit("/", 1)[1], with_body=with_body)
        else:
            # The hub answers this to those who have not signed in, lest private names be guessed.
            self._refuse(HTTPStatus.UNAUTHORIZED, "RepoNotFound")

    def _file(self, path: Path, *, with_body: bool) -> None:
        content = path.read_bytes()
        headers = {"ETag": f'"{_sha256(path)}"', "X-Repo-Commit": COMMIT}
        if not with_body:
            self._send(content, headers, with_body=False)
            return
        wanted = self.headers.get("Range")
        self.hub.ranges.append((path.name, wanted))
        if path.name == self.hub.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = self.hub.break_after_bytes if path.suffix == ".safetensors" else None
        if cut is None:
            self._send(content[start:], headers, partial=bool(wanted))
        else:
            self.hub.break_after_bytes = None
            self.hub.is_down = self.hub.goes_down
            self._send(content[start:], headers, partial=bool(wanted), cut=cut)
            self.close_connection = True

    def _send(
        self,
        body: bytes,
        headers: dict[str, str],
        *,
        with_body: bool = True,
        partial: bool = False,
        cut: int | None = None,
    ) -> None:
        self.send_response(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[:cut])

    def _refuse(self, status: HTTPStatus, code: str = "") -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""
