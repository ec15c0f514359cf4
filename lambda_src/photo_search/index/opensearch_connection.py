"""One server: requests with time-outs, credentials and the project's own errors.

opensearch-py carries them; whether and when to repeat one is decided here, because its own retries
know neither deadlines nor jitter.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from photo_search.errors import IndexUnavailable, PhotoIndexError
from photo_search.index.opensearch_errors import translated
from photo_search.settings import IndexAccess

Json = dict[str, Any]
Answer = TypeVar("Answer")

SEARCH_TIMEOUT_S = 10.0
WRITE_TIMEOUT_S = 60.0
_CONNECTIONS = 16  # kept open; more threads than that open more for a while
_HTTP_PORT, _HTTPS_PORT = 80, 443
_BACK_OFF_S, _MAX_BACK_OFF_S = 0.25, 20.0
# A cluster that failed this often in a row is left alone for a while: each query would cost its
# caller the whole time-out, and the cluster the work.
_BREAK_AFTER_FAILURES, _BREAK_S = 5, 10.0
_SHORT_WAIT_S = 0.1
_FIRST_TRY_SHARE = 0.6


class OpenSearchConnection:
    """Requests to one server. Safe in threads."""

    def __init__(
        self,
        server: str,
        access: IndexAccess,
        *,
        patience_s: float = 300.0,
        search_timeout_s: float = SEARCH_TIMEOUT_S,
        write_timeout_s: float = WRITE_TIMEOUT_S,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            server: ``https://host[:port]`` or ``http://host[:port]``.
            access: How to prove who is asking.
            patience_s: How long ``insist`` goes on without an answer.
            search_timeout_s: What a search may take, with its second try, where it says no other.
            write_timeout_s: Silence after which any other request counts as lost, likewise.
            sleep: Waits between tries.
            clock: Tells how long a cluster that failed was left alone, in seconds.

        Raises:
            SettingsError: The access cannot be used with this server.
        """
        from opensearchpy import RequestsHttpConnection, Transport

        from photo_search.index.opensearch_auth import request_auth

        self.server = server
        self.patience_s = patience_s
        self.search_timeout_s = search_timeout_s
        self._write_timeout_s = write_timeout_s
        self._sleep = sleep
        self._breaker = _Breaker(clock)
        ca_file = None if access.ca_file is None else str(access.ca_file)
        parts = urlsplit(server)
        is_secure = parts.scheme == "https"
        host = {
            "host": parts.hostname,
            "port": parts.port or (_HTTPS_PORT if is_secure else _HTTP_PORT),
            "use_ssl": is_secure,
        }
        self._transport = Transport(
            [host],
            connection_class=RequestsHttpConnection,
            http_auth=request_auth(access, server),
            ca_certs=ca_file,
            pool_maxsize=_CONNECTIONS,
            max_retries=0,
            retry_on_timeout=False,
        )
        session = self._transport.get_connection().session
        # The settings alone decide: no .netrc, proxy or CA bundle of the environment joins in, and
        # nobody leads the credentials elsewhere.
        session.trust_env = False
        session.max_redirects = 0

    def request(
        self,
        method: str,
        index: str,
        path: str,
        *,
        body: Json | bytes | None = None,
        parameters: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Json:
        """Send one request, once.

        Args:
            method: The verb.
            index: Index or alias; empty for the server itself.
            path: What follows, such as ``_search``.
            body: JSON, or ready bytes of it.
            parameters: Of the query string.
            timeout_s: Silence after which the request counts as lost; the connection's when left
                out.

        Returns:
            The answer.

        Raises:
            PhotoIndexError: What went wrong; IndexUnavailable where it may go better later.
        """
        from opensearchpy.exceptions import SerializationError, TransportError

        url = "/" + "/".join(part for part in (quote(index, safe=",*"), path) if part)
        try:
            answer = self._transport.perform_request(
                method,
                url,
                params=dict(parameters or {}),
                body=body,
                timeout=timeout_s or self._write_timeout_s,
            )
        except TransportError as error:
            raise translated(error, server=self.server, index=index) from error
        except SerializationError as error:
            msg = f"{self.server} gave an answer that is no JSON"
            raise IndexUnavailable(msg) from error
        if not isinstance(answer, dict):
            msg = f"{self.server} answered {str(answer)[:100]!r}, which is no JSON object"
            raise IndexUnavailable(msg)
        return answer

    def search(self, index: str, body: Json, *, timeout_s: float | None = None) -> Json:
        """Search within a deadline, with one more try where that may help.

        Raises:
            IndexUnavailable: No answer in time, or an incomplete one; or the server failed so often
                that it is left alone for ``retry_after_s``.
            PhotoIndexError: The server refuses.
        """
        self._breaker.check(self.server)
        try:
            answer = self._search_twice(index, body, timeout_s or self.search_timeout_s)
        except IndexUnavailable:
            self._breaker.failed()
            raise
        except PhotoIndexError:
            self._breaker.succeeded()  # whoever refuses is there
            raise
        self._breaker.succeeded()
        return answer

    def insist(self, call: Callable[[], Answer]) -> Answer:
        """Repeat a call that may be repeated until it gets through or patience is over.

        Raises:
            IndexUnavailable: It did not get through for ``patience_s``.
        """
        give_up_s = time.monotonic() + self.patience_s
        tries = 0
        while True:
            try:
                return call()
            except IndexUnavailable:
                if time.monotonic() >= give_up_s:
                    raise
            self.back_off(tries)
            tries += 1

    def back_off(self, tries: int) -> None:
        """Wait before the next try; see ``back_off_s``."""
        self._sleep(back_off_s(tries))

    def insist_briefly(self, call: Callable[[], Answer]) -> Answer:
        """Call once, and once more where that may help: for what a caller waits for."""
        try:
            return call()
        except IndexUnavailable:
            self._sleep(random.uniform(0, _SHORT_WAIT_S))  # noqa: S311 - spreads load
            return call()

    def version(self) -> str:
        """The server's version, such as ``3.5.0``.

        Raises:
            PhotoIndexError: Something else than OpenSearch answers.
        """
        answer = self.insist(lambda: self.request("GET", "", ""))
        try:
            return str(answer["version"]["number"])
        except (KeyError, TypeError) as error:
            msg = f"{self.server} tells no version, so it is no OpenSearch; check INDEX_URL"
            raise PhotoIndexError(msg) from error

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _search_twice(self, index: str, body: Json, within_s: float) -> Json:
        deadline_s = time.monotonic() + within_s
        try:
            # A server that hangs must leave time for another, or for itself to come to.
            first_s = deadline_s - (1 - _FIRST_TRY_SHARE) * within_s
            return self._search_once(index, body, first_s)
        except IndexUnavailable:
            if deadline_s - time.monotonic() <= 2 * _SHORT_WAIT_S:
                raise
        self._sleep(random.uniform(0, _SHORT_WAIT_S))  # noqa: S311 - spreads load
        return self._search_once(index, body, deadline_s)

    def _search_once(self, index: str, body: Json, deadline_s: float) -> Json:
        left_s = max(deadline_s - time.monotonic(), 2 * _SHORT_WAIT_S)
        answer = self.request(
            "POST",
            index,
            "_search",
            body=body,
            # Half an answer is none: a shard that is away would silently take its photos along.
            parameters={"allow_partial_search_results": "false"},
            timeout_s=left_s,
        )
        if answer.get("timed_out") or answer.get("_shards", {}).get("failed"):
            msg = f"{self.server} searched only a part of {index}"
            raise IndexUnavailable(msg)
        return answer


def back_off_s(tries: int) -> float:
    """How long to wait before the next try: up to twice as long each time, by chance.

    "Full jitter" of "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    limit_s = min(_MAX_BACK_OFF_S, _BACK_OFF_S * 2.0 ** min(tries, 16))
    return random.uniform(limit_s / 10, limit_s)  # noqa: S311 - spreads load


class _Breaker:
    """Lets a cluster that keeps failing alone for a while, then lets one caller try."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_at_s = 0.0

    def check(self, server: str) -> None:
        with self._lock:
            left_s = self._closed_at_s - self._clock()
            if left_s <= 0:
                if self._failures >= _BREAK_AFTER_FAILURES:
                    self._closed_at_s = self._clock() + _BREAK_S
                return
        msg = f"{server} failed {self._failures} times in a row and is left alone for a while"
        raise IndexUnavailable(msg, retry_after_s=max(1, round(left_s)))

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= _BREAK_AFTER_FAILURES:
                self._closed_at_s = self._clock() + _BREAK_S

    def succeeded(self) -> None:
        with self._lock:
            self._failures, self._closed_at_s = 0, 0.0
