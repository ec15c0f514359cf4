"""What a container's credentials endpoint answers, for a ``RawServer`` to say."""

from __future__ import annotations

import json
import socket
import threading
from datetime import datetime

from photo_search.settings import AwsEnvironment
from tests.core.raw_server import Behaviour, RawServer, response

FORBIDDEN = response(b"no", status="403 Forbidden")
OVERLOADED = response(b"later", status="503 Service Unavailable")


def credentials_answer(
    access_key: str = "ASIAONE", *, expires_at: datetime | str = "2026-01-31T12:00:00Z"
) -> bytes:
    """The answer of AWS's documentation, with a secret and a token that name the key."""
    expiration = expires_at if isinstance(expires_at, str) else expires_at.isoformat()
    fields = {
        "AccessKeyId": access_key,
        "SecretAccessKey": f"secret of {access_key}",
        "Token": f"token of {access_key}",
        "Expiration": expiration,
        "RoleArn": "arn:aws:iam::123456789012:role/search",
    }
    return response(json.dumps(fields).encode(), content_type="application/json")


def in_turn(*answers: bytes) -> Behaviour:
    """Give each request the next answer; the last one again and again."""
    left = list(answers)

    def behave(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return behave


def leading_to(server: RawServer, path: str = "/v2/credentials/of-a-task") -> AwsEnvironment:
    """The environment of a container whose endpoint the server plays."""
    return AwsEnvironment(container_full_uri=f"http://127.0.0.1:{server.port}{path}")
