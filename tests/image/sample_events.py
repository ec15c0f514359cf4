"""The sample events, each with the status of its answer where pictures can be fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY

EVENTS = REPOSITORY / "events"
STATUSES = {
    "text": 200,
    "text-filtered": 200,
    "image": 200,
    "image-body": 200,
    "image-url": 200,
    "more-like-this": 200,
    "combined": 200,
    "photo": 200,
    "healthz": 200,
    "openapi": 200,
    "direct-text": 200,
    "direct-image": 200,
    "empty-text": 400,
    "broken-json": 400,
    "unknown-photo": 404,
}
BY_URL = ("image-url", "direct-image")
"""Those that make the Lambda fetch a picture; refused with 400 where that is switched off."""


def event_path(name: str) -> Path:
    return EVENTS / f"{name}.json"


def read_event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(event_path(name).read_text("utf-8"))
    return event


def is_http(event: dict[str, Any]) -> bool:
    return "requestContext" in event


def answered(event: dict[str, Any], answer: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and document of an answer; a direct one says its status only when it is a problem."""
    if is_http(event):
        document: dict[str, Any] = json.loads(answer["body"])
        return answer["statusCode"], document
    return answer.get("status", 200), answer
