"""A loopback server that answers what a test wants, where no real OpenSearch does."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from types import TracebackType
from typing import Any

from photo_search.index.opensearch_schema import IndexFacts
from tests.core.index.samples import DIMENSION, FINGERPRINT
from tests.loopback_server import LoopbackServer

Json = dict[str, Any]
FACTS = IndexFacts(fingerprint=FINGERPRINT, dimension=DIMENSION)
INDEX = "photos-spacea-20260101000000-0a0a"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    """Without the query string."""
    query: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Json:
        document: Json = json.loads(self.body)
        return document


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    document: Json
    after_s: float = 0.0


class StandIn(LoopbackServer):
    """Serves on 127.0.0.1 until the block ends; ``requests`` holds what came."""

    def __init__(
        self, answer: Callable[[Request], Reply], *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Request] = []
        recorded = self.requests
        over = self._over = Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                path, _, query = self.path.partition("?")
                request = Request(self.command, path, query, headers, body)
                recorded.append(request)
                reply = answer(request)
                over.wait(reply.after_s)
                content = json.dumps(reply.document).encode()
                try:
                    self.send_response(reply.status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the client has gone

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - as http.server calls them

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that breaks off, as one that does not trust us, is no news."""

        server = Server(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        super().__init__(server)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def searches(self) -> list[Json]:
        """Bodies of the searches so far."""
        return [r.json for r in self.requests if r.path.endswith("/_search")]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        super().__exit__(kind, error, trace)


def mapping_reply(facts: IndexFacts = FACTS, *, index: str = INDEX) -> Reply:
    """What a server says of an index's mapping."""
    return Reply(200, {index: {"mappings": {"_meta": {"photo_search": asdict(facts)}}}})


def with_index(search: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """A server with one index of ours; what else it answers is the test's."""
    return lambda request: mapping_reply() if request.path.endswith("_mapping") else search(request)


def hits_reply(*photo_ids: str, total: int | None = None, **extra: object) -> Reply:
    """What a server finds: photos with nothing but an id, by falling score."""
    hits = [
        {
            "_index": INDEX,
            "_score": 2 - rank / 100,
            "sort": [2 - rank / 100, photo_id],
            "_source": {"photo_id": photo_id, "width": 3, "height": 2, "source": "own"},
        }
        for rank, photo_id in enumerate(photo_ids)
    ]
    total = len(hits) if total is None else total
    document = {"hits": {"total": {"value": total, "relation": "eq"}, "hits": hits}, **extra}
    return Reply(200, document)


def error_reply(status: int, kind: str = "some_exception", reason: str = "a reason") -> Reply:
    """An error as OpenSearch tells it."""
    cause = {"type": kind, "reason": reason}
    return Reply(status, {"error": {"root_cause": [cause], **cause}, "status": status})
