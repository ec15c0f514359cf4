"""API Gateway's authorizer: lets a request pass whose ``x-api-key`` is the deployment's key."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

KEY_HEADER = "x-api-key"
KEY_SECRET_ARN_ENV = "KEY_SECRET_ARN"  # noqa: S105 - a name
_KEPT_S = 300.0
"""How long a key that was read counts: a rotated one is out of use after that."""


def make_handler(
    read_key: Callable[[], str], *, clock: Callable[[], float] = time.monotonic
) -> Callable[[Mapping[str, Any], object], dict[str, bool]]:
    """Make a handler of authorizer requests (payload format 2.0, simple answers).

    Args:
        read_key: Reads the key; called at most once in ``_KEPT_S``.
        clock: Seconds of a clock that never goes back.
    """
    kept: tuple[str, float] | None = None

    def handle(event: Mapping[str, Any], _context: object) -> dict[str, bool]:
        nonlocal kept
        if kept is None or clock() - kept[1] >= _KEPT_S:
            kept = (read_key(), clock())
        headers: Mapping[str, str] = event.get("headers") or {}
        given = headers.get(KEY_HEADER, "")
        # In constant time, and as bytes: texts of other letters than ASCII cannot be compared so.
        return {"isAuthorized": hmac.compare_digest(given.encode(), kept[0].encode())}

    return handle


def _read_secret() -> str:
    import boto3

    name = os.environ[KEY_SECRET_ARN_ENV]  # noqa: TID251 - no part of the core, which reads it
    value: str = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    return value


handler = make_handler(_read_secret)
"""What Lambda calls; the key is read by the first request."""
