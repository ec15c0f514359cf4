"""HTTP answers as bytes, and those that the fault proxy gives in the server's stead."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from tests.opensearch.fault_plan import Decision, Fault

JSON_TYPE = ("Content-Type", "application/json; charset=UTF-8")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer.

    Attributes:
        status: HTTP status code.
        headers: Names and values, without those that belong to the connection; a length only of a
            body that HEAD leaves out.
        body: Not compressed, not chunked.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def head(self, *extra: tuple[str, str]) -> bytes:
        """Status line and headers, with more of them where asked, up to the blank line."""
        headers = [*self.headers, *extra]
        if "Content-Length" not in dict(headers):
            headers.append(("Content-Length", str(len(self.body))))
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def refusal(decision: Decision) -> Answer | None:
    """Answer for a server that sees nothing of the request; None if it is to see it."""
    match decision.fault:
        case Fault.REQUEST_429:
            return _too_many(retry_after_s=1 if decision.coin else None)
        case Fault.BAD_GATEWAY:
            return BAD_GATEWAY
        case Fault.UNAVAILABLE:
            return Answer(503, (JSON_TYPE,), b'{"message":"Service Unavailable"}')
        case Fault.GATEWAY_TIMEOUT if not decision.coin:
            return GATEWAY_TIMEOUT
        case Fault.HTML_ERROR:
            page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
            page += b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
            return Answer(502, (("Content-Type", "text/html"),), page)
        case _:
            return None


BAD_GATEWAY = Answer(502, (JSON_TYPE,), b'{"message":"Bad Gateway"}')
GATEWAY_TIMEOUT = Answer(504, (JSON_TYPE,), b'{"message":"Endpoint request timed out"}')


def garbled(decision: Decision) -> Answer:
    """Answer 200 with no JSON: cut short in the middle, or a text that nobody expects."""
    if decision.coin:
        return Answer(200, (("Content-Type", "text/plain"),), b"OK\n")
    return Answer(200, (JSON_TYPE,), b'{"took":3,"errors":false,"items":[{"ind')


def _too_many(retry_after_s: int | None) -> Answer:
    cause = {
        "type": "rejected_execution_exception",
        "reason": "rejected execution of coordinating operation (the fault proxy's)",
    }
    body = json.dumps({"error": {"root_cause": [cause], **cause}, "status": 429}).encode()
    waits = (("Retry-After", str(retry_after_s)),) if retry_after_s is not None else ()
    return Answer(429, (JSON_TYPE, *waits), body)
