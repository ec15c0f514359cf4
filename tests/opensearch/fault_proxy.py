"""A proxy between a client and a real OpenSearch that fails requests as its plan says.

Sockets and HTTP only: which request suffers what is the plan's to say.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from tests.opensearch.bulk_items import (
    EMPTY_ANSWER,
    answer_with_rejections,
    body_without,
    read_items,
)
from tests.opensearch.fault_answers import (
    BAD_GATEWAY,
    GATEWAY_TIMEOUT,
    JSON_TYPE,
    Answer,
    garbled,
    refusal,
)
from tests.opensearch.fault_plan import Decision, Fault, FaultPlan
from tests.opensearch.open_sockets import OpenSockets
from tests.opensearch.real_server import RealServer

CLOSING_LIMIT_S = 5.0


class FaultProxy(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1 until the block ends.

    The server behind it may go and come back; while it is away the answer is a 502 or a reset.

    Attributes:
        plan: Decides which request suffers what; its ``log`` and ``counts`` are the proxy's.
        real_server: Counts how often it was away.
        slow_s, silence_s, late_s: Seconds; see the arguments.
        over: Set when the block ends.
        broken: Errors of the proxy's own, which fail the block that uses it.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        target_url: str,
        plan: FaultPlan,
        *,
        slow_s: float = 0.2,
        silence_s: float = 30.0,
        late_s: float = 0.2,
        target_timeout_s: float = 60.0,
    ) -> None:
        """Take a port; serving begins with the block.

        Args:
            target_url: ``http://host:port`` of the real server.
            plan: One proxy's alone.
            slow_s: How long a SLOW answer is held back; below the client's time-out.
            silence_s: After how long a client that waits on is hung up on, in
                TIMEOUT_AFTER_COMMIT and TIMEOUT_BEFORE_COMMIT; above the client's time-out.
            late_s: How long after that the server gets the request, in TIMEOUT_BEFORE_COMMIT.
            target_timeout_s: How long the server may take.
        """
        self.plan = plan
        self.broken: list[BaseException] = []
        self.slow_s, self.silence_s, self.late_s = slow_s, silence_s, late_s
        self.over = threading.Event()
        self._open_sockets = OpenSockets()
        self.real_server = RealServer(
            target_url, timeout_s=target_timeout_s, open_sockets=self._open_sockets
        )
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def log(self) -> list[Decision]:
        """What was asked and what happened to it, in order of arrival."""
        return self.plan.log

    @property
    def counts(self) -> Counter[Fault]:
        """How many requests each fault has harmed."""
        return self.plan.counts

    def quiet(self) -> None:
        """Pass everything unharmed from now on."""
        self.plan.on = False

    def resume(self) -> None:
        """Harm requests again."""
        self.plan.on = True

    def __enter__(self) -> FaultProxy:
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        closed = self._open_sockets.hang_up(CLOSING_LIMIT_S)
        if error is None and not closed:
            msg = f"the fault proxy's connections did not close within {CLOSING_LIMIT_S:g} s"
            raise RuntimeError(msg)
        if error is None and self.broken:
            msg = f"the fault proxy failed of itself: {self.broken[0]!r}"
            raise RuntimeError(msg) from self.broken[0]

    def process_request(self, request: object, client_address: object) -> None:
        """Keep account of a client's connection, so that it can be closed from here."""
        assert isinstance(request, socket.socket)
        self._open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        """Close a client's connection."""
        assert isinstance(request, socket.socket)
        super().shutdown_request(request)
        self._open_sockets.discard(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Let clients hang up whenever they like; remember everything else."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.broken.append(error)


class _Handler(BaseHTTPRequestHandler):
    """One client's connection, kept alive until a fault or either side ends it."""

    server: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        if "Transfer-Encoding" in self.headers:
            self.send_error(411)
            return
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # the client left
            self.close_connection = True
            return
        decision = self.server.plan.decide(self.command, self.path, body)
        if self.goes_unanswered(decision, body):
            pass
        elif (refused := refusal(decision)) is not None:
            self.send(refused)
        elif (answer := self.ask_server(decision, body)) is not None:
            self.deliver(decision, answer)
        elif decision.coin:
            self.reset()
        else:
            self.send(BAD_GATEWAY)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 (http.server's)

    def goes_unanswered(self, decision: Decision, body: bytes) -> bool:
        """Fail a request that the server sees not at all, or not before its client has left."""
        if decision.fault is Fault.RESET_BEFORE:
            self.reset()
            return True
        if decision.fault is Fault.TIMEOUT_BEFORE_COMMIT:
            self.stay_silent()
            if not self.server.over.wait(self.server.late_s):
                self.forward(body)
            return True
        return False

    def ask_server(self, decision: Decision, body: bytes) -> Answer | None:
        if not decision.held:
            return self.forward(body)
        items = read_items(body)
        rest = body_without(items, decision.held)
        answer: Answer | None = Answer(200, (JSON_TYPE,), EMPTY_ANSWER)
        if rest:
            answer = self.forward(rest)
        if answer is None or answer.status != 200:
            return answer
        merged = answer_with_rejections(answer.body, items, decision.held, decision.path)
        return replace(answer, body=merged)

    def forward(self, body: bytes) -> Answer | None:
        return self.server.real_server.ask(self.command, self.path, self.headers, body)

    def deliver(self, decision: Decision, answer: Answer) -> None:
        match decision.fault:
            case Fault.RESET_IN_ANSWER:
                self.cut(answer)
            case Fault.TIMEOUT_AFTER_COMMIT:
                self.stay_silent()
            case Fault.GATEWAY_TIMEOUT:
                self.send(GATEWAY_TIMEOUT)
            case Fault.GARBLED:
                self.send(garbled(decision))
            case Fault.SLOW:
                self.server.over.wait(self.server.slow_s)
                self.send(answer)
            case _:
                self.send(answer)

    def send(self, answer: Answer) -> None:
        head = answer.head(*([("Connection", "close")] if self.close_connection else []))
        self.wfile.write(head + (b"" if self.command == "HEAD" else answer.body))

    def cut(self, answer: Answer) -> None:
        """Send the headers with the full length and half of the body, then a reset."""
        head, half = answer.head(), answer.body[: len(answer.body) // 2]
        self.wfile.write(head + half if half else head[: len(head) // 2])
        self.reset()

    def reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())  # socketserver would say goodbye with a FIN first

    def stay_silent(self) -> None:
        self.close_connection = True
        end_s = time.monotonic() + self.server.silence_s
        while time.monotonic() < end_s and not self.client_left():
            if self.server.over.wait(0.02):
                return

    def client_left(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def log_message(self, format: str, *args: object) -> None:
        pass
