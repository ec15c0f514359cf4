"""The body of an API Gateway event as bytes, within its limit."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from http_api.problem import HttpRefusal
from photo_search.errors import InvalidQuery

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: a synchronous payload.
MAX_BODY_BYTES = 6 * 1024 * 1024


def read_body(event: Mapping[str, Any]) -> bytes:
    """Decode an event's body, which API Gateway gives as text or, for binary types, as base64.

    Raises:
        HttpRefusal: It is larger than MAX_BODY_BYTES; told before it is decoded.
        InvalidQuery: There is none, or its base64 is damaged.
    """
    body = event.get("body") or ""
    if len(body) > MAX_BODY_BYTES:
        raise HttpRefusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body's limit is {MAX_BODY_BYTES} bytes"
        )
    try:
        data = (
            base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        )
    except ValueError as error:
        msg = "the body is no valid base64, or no valid Unicode"
        raise InvalidQuery(msg) from error
    if not data:
        msg = "the body is empty"
        raise InvalidQuery(msg)
    return data
