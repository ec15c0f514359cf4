"""Plain HTTP to API Gateway's events (payload format 2.0) and back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

FUNCTION_NAME = "photo-search-local"
# API Gateway passes bodies of these types as text and all others as base64.
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


@dataclass(frozen=True, slots=True)
class LocalContext:
    """What the handler reads of Lambda's context."""

    aws_request_id: str
    function_name: str = FUNCTION_NAME


def to_event(request: Request, body: bytes, *, request_id: str) -> dict[str, Any]:
    """Build the event that API Gateway would send for a request.

    Args:
        request: The request; its body may have been read.
        body: That body.
        request_id: Identity of the call.
    """
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    is_text = headers.get("content-type", "").lower().startswith(_TEXT_TYPES)
    text = _decoded(body) if is_text else None
    now = datetime.now(UTC)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.scope["path"],
        "rawQueryString": request.scope["query_string"].decode("latin-1"),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": headers.get("host", "localhost"),
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": request.scope["path"],
                "protocol": f"HTTP/{request.scope['http_version']}",
                "sourceIp": request.client.host if request.client else "127.0.0.1",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": bool(body) and text is None,
    }
    if body:
        event["body"] = base64.b64encode(body).decode("ascii") if text is None else text
    return event


def to_response(answer: dict[str, Any]) -> Response:
    """Turn the handler's answer into an HTTP response."""
    body = answer["body"] or ""
    content = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
    return Response(content, status_code=answer["statusCode"], headers=answer["headers"])


def _decoded(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
