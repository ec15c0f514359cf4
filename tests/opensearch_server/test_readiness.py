from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from local.opensearch_server.readiness import wait_until_ready
from photo_search.errors import IndexUnavailable

PATIENCE_S = 0.5


class Recovering(ThreadingHTTPServer):
    """Answers as a server that opens its one shard by writing so much of its log again."""

    def __init__(self, writes):
        super().__init__(("127.0.0.1", 0), Answers)
        self.port = self.server_port
        self.writes = iter(writes)
        self.done = None

    def ended(self):
        return False

    def log_tail(self, lines=40):
        return "recovering [photos-000001]"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recovering

    def do_GET(self):
        if self.path.startswith("/_cat/recovery"):
            self.answer(200, [{"translog_ops_recovered": str(self.server.done)}])
            return
        self.server.done = next(self.server.writes, None)
        shards = {"active_shards": 0, "initializing_shards": 1, "unassigned_shards": 0}
        self.answer(200 if self.server.done is None else 408, shards)

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def recovering(writes):
    with Recovering(writes) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_server_is_waited_for_as_long_as_it_comes_further():
    with recovering(range(0, 900, 100)) as server:  # nine looks of 0.2 s
        wait_until_ready(server, timeout_s=PATIENCE_S)

        assert next(server.writes, None) is None


def test_a_server_that_comes_no_further_is_given_up_with_how_far_it_came():
    with (
        recovering([100, *[700] * 1000]) as server,
        pytest.raises(
            IndexUnavailable,
            match=r"has opened 0 of 1 shards, 700 writes of their logs done again, and came no "
            r"further within 0\.5 s; its last lines:\nrecovering \[photos-000001\]$",
        ),
    ):
        wait_until_ready(server, timeout_s=PATIENCE_S)
