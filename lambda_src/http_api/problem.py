"""Problem documents (RFC 9457): what every failed request is answered with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus

PROBLEM_CONTENT_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:photo-search:problem:"


class HttpRefusal(Exception):
    """A request that HTTP itself rules out: no such route, method or media type.

    Attributes:
        status: What to answer.
        headers: Headers that the status asks for, such as ``Allow``.
    """

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        """Refuse with ``status``; ``detail`` tells the caller why."""
        super().__init__(detail)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure as its caller sees it.

    Attributes:
        status: HTTP status.
        title: The kind of failure, the same for every failure of the kind.
        detail: What was wrong with this request.
        kind: Name of the kind for programs; empty where the status says all.
        headers: Headers to send along.
    """

    status: HTTPStatus
    title: str
    detail: str
    kind: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def to_document(self, request_id: str) -> dict[str, object]:
        """Give the document's members; ``request_id`` leads to the log line."""
        return {
            "type": _TYPE_PREFIX + self.kind if self.kind else "about:blank",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            "request_id": request_id,
        }


def mendable_problem(error: Exception, status: HTTPStatus) -> Problem:
    """Describe a failure that the caller can mend: its class names the kind."""
    words = re.findall("[A-Z][a-z]*", type(error).__name__)
    return Problem(
        status,
        title=" ".join(words).capitalize().replace("url", "URL"),
        detail=str(error),
        kind="-".join(words).lower(),
    )


def refusal_problem(refusal: HttpRefusal) -> Problem:
    """Describe a refusal; its status says which kind it is."""
    return Problem(
        refusal.status, refusal.status.phrase, detail=str(refusal), headers=refusal.headers
    )
