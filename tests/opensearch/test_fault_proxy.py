"""The fault proxy between http.client and a stand-in server: what each fault does to both."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.opensearch.fault_plan import Fault, FaultPlan
from tests.opensearch.fault_proxy import FaultProxy

TEN_MB = 10 * 1024 * 1024


@dataclass(slots=True)
class StandIn:
    """A server that writes down what it was asked and does what a ``_bulk`` says."""

    port: int = 0
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    documents: dict[str, int] = field(default_factory=dict)
    """How often each document was written."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bulk(self, body: bytes) -> bytes:
        results = []
        lines = iter(body.splitlines())
        for line in lines:
            ((verb, names),) = json.loads(line).items()
            source = None if verb == "delete" else json.loads(next(lines))
            self.documents[names["_id"]] = self.documents.get(names["_id"], 0) + 1
            results.append({verb: {**names, "status": 200, "echo": source}})
        return json.dumps({"took": 1, "errors": False, "items": results}).encode()


@contextmanager
def running(stand_in: StandIn) -> Iterator[StandIn]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stand_in.asked.append((self.command, self.path, body))
            assert (
                "Accept-Encoding" not in self.headers
                or self.headers["Accept-Encoding"] == "identity"
            )
            answer = b'{"size_bytes": %d}' % len(body)
            if self.path.endswith("/_bulk"):
                answer = stand_in.bulk(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815 (http.server's)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    with Server(("127.0.0.1", stand_in.port), Handler) as server:
        stand_in.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield stand_in
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running(StandIn()) as stand_in:
        yield stand_in


@dataclass(frozen=True, slots=True)
class Got:
    status: int
    headers: dict[str, str]
    body: bytes


def connect(proxy: FaultProxy, timeout_s: float = 5) -> closing[HTTPConnection]:
    return closing(HTTPConnection("127.0.0.1", proxy.server_port, timeout=timeout_s))


def ask(
    proxy: FaultProxy,
    method: str = "POST",
    path: str = "/photos/_bulk",
    body: bytes = b"",
    timeout_s: float = 5,
) -> Got:
    with connect(proxy, timeout_s) as client:
        client.request(method, path, body, {"Accept-Encoding": "gzip"})
        with client.getresponse() as answer:
            return Got(answer.status, dict(answer.headers), answer.read())


def bulk_of(*document_ids: str) -> bytes:
    return b"".join(
        b'{"index":{"_id":"%s"}}\n{"name":"%s"}\n' % (one.encode(), one.encode())
        for one in document_ids
    )


BULK = bulk_of("a", "b", "c")


def always(*faults: Fault, seed: int = 1) -> FaultPlan:
    return FaultPlan(seed=seed, share=1, faults=frozenset(faults), max_in_a_row=1000)


def test_an_unharmed_request_reaches_the_server_and_its_answer_the_client(server: StandIn) -> None:
    with FaultProxy(server.url, FaultPlan(seed=1, share=0)) as proxy:
        got = ask(proxy, body=BULK)

    assert server.asked == [("POST", "/photos/_bulk", BULK)]
    assert got.status == 200
    assert got.headers["Content-Type"] == "application/json"
    assert [item["index"]["_id"] for item in json.loads(got.body)["items"]] == ["a", "b", "c"]
    assert [(one.number, one.method, one.path, one.fault) for one in proxy.log] == [
        (1, "POST", "/photos/_bulk", None)
    ]


def test_one_connection_serves_many_requests(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.UNAVAILABLE)) as proxy, connect(proxy) as client:
        statuses = []
        client.connect()
        ours = client.sock.getsockname()
        for method in ("GET", "POST", "DELETE", "PUT", "GET"):
            client.request(method, "/photos/_doc/a?x=%20y")
            with client.getresponse() as answer:
                answer.read()
                statuses.append(answer.status)
            assert client.sock.getsockname() == ours

    assert statuses == [200, 503, 200, 503, 200]
    assert [method for method, _, _ in server.asked] == ["GET", "DELETE", "GET"]


def test_head_is_answered_with_the_length_of_the_body_that_it_leaves_out(server: StandIn) -> None:
    with FaultProxy(server.url, FaultPlan(seed=1, share=0)) as proxy, connect(proxy) as client:
        for _ in range(2):
            client.request("HEAD", "/photos")
            with client.getresponse() as answer:
                assert answer.status == 200
                assert answer.headers["Content-Length"] == str(len(b'{"size_bytes": 0}'))
                assert answer.read() == b""


def test_faults_befall_head_requests_too(server: StandIn) -> None:
    plan = FaultPlan(
        seed=1, share=1, faults={Fault.HTML_ERROR}, picks=lambda method, path: method == "HEAD"
    )
    with FaultProxy(server.url, plan) as proxy:
        got = ask(proxy, "HEAD", "/photos")

    assert (got.status, got.body) == (502, b"")


def test_ten_megabytes_pass_both_ways(server: StandIn) -> None:
    body = b'{"index":{"_id":"big"}}\n{"name":"' + b"x" * TEN_MB + b'"}\n'

    with FaultProxy(server.url, FaultPlan(seed=1, share=0)) as proxy:
        got = ask(proxy, body=body)

    assert server.asked[0][2] == body
    assert len(got.body) > TEN_MB


def test_items_held_back_come_back_as_429_in_their_place(server: StandIn) -> None:
    body = (
        b'{"index":{"_index":"photos","_id":"a"}}\n{"n":1}\n'
        b'{"delete":{"_id":"b"}}\n'
        b'{"create":{"_id":"c"}}\r\n{"n":3}\r\n'
        b'{"update":{"_id":"d"}}\n{"doc":{"n":4}}\n'
    )
    with FaultProxy(server.url, always(Fault.ITEM_429)) as proxy:
        for _ in range(20):
            server.documents.clear()
            got = ask(proxy, body=body)

            results = [next(iter(item.items())) for item in json.loads(got.body)["items"]]
            held = proxy.log[-1].held
            assert got.status == 200
            assert json.loads(got.body)["errors"] is True
            assert [(verb, result["_id"]) for verb, result in results] == [
                ("index", "a"),
                ("delete", "b"),
                ("create", "c"),
                ("update", "d"),
            ]
            assert held == {n for n, (_, result) in enumerate(results) if result["status"] == 429}
            assert set(server.documents) == {"abcd"[n] for n in range(4) if n not in held}
            for position in held:
                assert results[position][1]["_index"] == "photos"
                assert "rejected_execution_exception" in results[position][1]["error"]["type"]

    assert {len(one.held) for one in proxy.log} == {1, 2, 3, 4}
    assert proxy.counts == {Fault.ITEM_429: 20}


def test_a_bulk_whose_every_item_is_held_back_is_not_forwarded(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.ITEM_429)) as proxy:
        got = ask(proxy, body=bulk_of("only"))

    assert [item["index"]["status"] for item in json.loads(got.body)["items"]] == [429]
    assert server.asked == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.REQUEST_429, 429),
        (Fault.BAD_GATEWAY, 502),
        (Fault.UNAVAILABLE, 503),
        (Fault.HTML_ERROR, 502),
    ],
)
def test_a_refused_request_never_reaches_the_server(
    server: StandIn, fault: Fault, status: int
) -> None:
    with FaultProxy(server.url, always(fault)) as proxy:
        got = ask(proxy, body=BULK)

    assert got.status == status
    assert server.asked == []
    assert (b"<html>" in got.body) == (fault is Fault.HTML_ERROR)
    assert got.headers["Content-Type"].startswith(
        "text/html" if fault is Fault.HTML_ERROR else "application/json"
    )


def test_too_many_requests_sometimes_says_when_to_come_again(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.REQUEST_429)) as proxy:
        waits = {ask(proxy, body=BULK).headers.get("Retry-After") for _ in range(12)}

    assert waits == {None, "1"}


def test_half_of_the_gateway_time_outs_come_after_the_commit(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.GATEWAY_TIMEOUT)) as proxy:
        committed = []
        for _ in range(20):
            before = len(server.asked)
            assert ask(proxy, body=BULK).status == 504
            committed.append(len(server.asked) > before)

    assert 5 <= committed.count(True) <= 15


def test_a_reset_before_forwarding_leaves_the_server_untouched(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.RESET_BEFORE)) as proxy:
        for _ in range(10):
            with pytest.raises(ConnectionResetError):
                ask(proxy, body=BULK)

    assert server.asked == []


@pytest.mark.parametrize("document_bytes", [10, TEN_MB // 4])
def test_a_reset_in_the_answer_comes_in_the_middle_of_its_body_after_the_commit(
    server: StandIn, document_bytes: int
) -> None:
    with FaultProxy(server.url, always(Fault.RESET_IN_ANSWER)) as proxy, connect(proxy) as client:
        client.request("POST", "/_bulk", bulk_of("x" * document_bytes))
        with client.getresponse() as answer:
            assert answer.status == 200
            length = int(answer.headers["Content-Length"])
            received: list[int] = []
            with pytest.raises(ConnectionResetError):
                received.extend(len(answer.read(1000)) for _ in range(length))

    assert sum(received) < length
    assert list(server.documents.values()) == [1]


def test_a_slow_answer_is_whole(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.SLOW), slow_s=0.2) as proxy:
        start_s = time.monotonic()
        got = ask(proxy, body=BULK)

    assert 0.2 <= time.monotonic() - start_s < 2
    assert len(json.loads(got.body)["items"]) == 3


def test_a_silent_request_is_committed_and_the_client_gives_up(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.TIMEOUT_AFTER_COMMIT)) as proxy:
        with pytest.raises(TimeoutError):
            ask(proxy, body=BULK, timeout_s=0.5)
        start_s = time.monotonic()

    assert server.documents == {"a": 1, "b": 1, "c": 1}
    assert time.monotonic() - start_s < 1


def test_a_late_request_is_committed_after_the_client_has_given_up(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.TIMEOUT_BEFORE_COMMIT), late_s=0.1) as proxy:
        with pytest.raises(TimeoutError):
            ask(proxy, body=BULK, timeout_s=0.3)
        then = dict(server.documents)
        end_s = time.monotonic() + 5
        while not server.documents and time.monotonic() < end_s:
            time.sleep(0.01)

    assert then == {}
    assert server.documents == {"a": 1, "b": 1, "c": 1}


def test_a_client_that_waits_on_is_hung_up_on(server: StandIn) -> None:
    plan = always(Fault.TIMEOUT_AFTER_COMMIT)
    with FaultProxy(server.url, plan, silence_s=0.2) as proxy, pytest.raises(RemoteDisconnected):
        ask(proxy, body=BULK)

    assert server.documents == {"a": 1, "b": 1, "c": 1}


def test_a_garbled_answer_is_200_without_json_after_the_commit(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.GARBLED)) as proxy:
        types = set()
        for _ in range(12):
            got = ask(proxy, body=BULK)
            types.add(got.headers["Content-Type"].partition(";")[0])
            assert got.status == 200
            with pytest.raises(json.JSONDecodeError):
                json.loads(got.body)

    assert types == {"application/json", "text/plain"}
    assert len(server.asked) == 12


def test_a_server_that_is_away_gives_502_or_a_reset_until_it_is_back() -> None:
    stand_in = StandIn()
    with running(stand_in):
        pass
    with FaultProxy(stand_in.url, FaultPlan(seed=1, share=0)) as proxy:
        outcomes = set()
        for _ in range(12):
            try:
                outcomes.add(ask(proxy, body=BULK).status)
            except ConnectionResetError:
                outcomes.add(-1)
        with running(stand_in):
            back = ask(proxy, body=BULK)

    assert outcomes == {502, -1}
    assert proxy.real_server.times_away == 12
    assert back.status == 200


def test_quiet_stops_the_faults_and_resume_starts_them_again(server: StandIn) -> None:
    with FaultProxy(server.url, always(Fault.UNAVAILABLE)) as proxy:
        proxy.quiet()
        while_quiet = ask(proxy, body=BULK).status
        proxy.resume()
        after = ask(proxy, body=BULK).status

    assert (while_quiet, after) == (200, 503)


def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(server: StandIn) -> None:
    with FaultProxy(server.url, FaultPlan(seed=1, share=0)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.server_port)) as leaver:
            leaver.sendall(b"POST /_bulk HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        got = ask(proxy, body=BULK)

    assert got.status == 200
    assert len(server.asked) == 1


def test_a_body_in_chunks_is_refused(server: StandIn) -> None:
    # By hand: a client may still be sending when the refusal has closed the connection.
    head = b"POST /_bulk HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        FaultProxy(server.url, FaultPlan(seed=1, share=0)) as proxy,
        socket.create_connection(("127.0.0.1", proxy.server_port)) as client,
    ):
        client.sendall(head)
        assert client.recv(1000).startswith(b"HTTP/1.1 411")

    assert server.asked == []


def test_it_ends_at_once_with_idle_and_silent_clients(server: StandIn) -> None:
    with ExitStack() as clients:
        with FaultProxy(server.url, always(Fault.TIMEOUT_AFTER_COMMIT)) as proxy:
            address = ("127.0.0.1", proxy.server_port)
            idle = [clients.enter_context(socket.create_connection(address)) for _ in range(20)]
            for connection in idle:
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert connection.recv(1000).endswith(b"}")
            silent = clients.enter_context(socket.create_connection(address))
            silent.sendall(b"POST /_bulk HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            while len(server.asked) < 21:
                time.sleep(0.01)
            start_s = time.monotonic()

        assert time.monotonic() - start_s < 2
        assert [connection.recv(1) for connection in (*idle, silent)] == [b""] * 21
        with pytest.raises(ConnectionRefusedError):
            ask(proxy)


def test_a_fault_of_the_proxy_itself_is_not_taken_for_one_of_the_network(server: StandIn) -> None:
    def picks(method: str, path: str) -> bool:
        raise LookupError(path)

    plan = FaultPlan(seed=1, share=1, picks=picks)
    with (
        pytest.raises(RuntimeError, match="failed of itself: LookupError"),
        FaultProxy(server.url, plan) as proxy,
        pytest.raises(RemoteDisconnected),
    ):
        ask(proxy, body=BULK)


def test_only_plain_http_servers_are_taken() -> None:
    with pytest.raises(ValueError, match="plain HTTP alone, not https://search"):
        FaultProxy("https://search.example.com", FaultPlan(seed=1, share=0))


def test_a_client_that_tries_again_gets_every_document_through_every_fault(
    server: StandIn,
) -> None:
    plan = FaultPlan(seed=7, share=0.6)
    with FaultProxy(server.url, plan, slow_s=0.01) as proxy, ThreadPoolExecutor(8) as pool:
        tries = list(pool.map(lambda n: load(proxy, f"{n}-1", f"{n}-2", f"{n}-3"), range(60)))

    assert set(server.documents) == {f"{n}-{m}" for n in range(60) for m in (1, 2, 3)}
    assert max(tries) <= 5
    assert set(proxy.counts) == set(Fault)


def load(proxy: FaultProxy, *document_ids: str) -> int:
    """Write documents as a patient client does; return how many tries it took."""
    left = list(document_ids)
    for number in range(1, 100):
        try:
            got = ask(proxy, body=bulk_of(*left), timeout_s=1)
            items = json.loads(got.body)["items"] if got.status == 200 else []
        except (OSError, HTTPException, ValueError):
            continue
        done = {item["index"]["_id"] for item in items if item["index"]["status"] == 200}
        left = [one for one in left if one not in done]
        if not left:
            return number
    return 100
