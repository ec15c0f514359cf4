"""Temporary credentials from the endpoint that AWS gives a container, or a Lambda with SnapStart.

What it takes and where it may lead:
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from photo_search.errors import IndexUnavailable, SettingsError
from photo_search.settings import (
    CONTAINER_FULL_URI_ENV,
    CONTAINER_RELATIVE_URI_ENV,
    CONTAINER_TOKEN_ENV,
    CONTAINER_TOKEN_FILE_ENV,
    AwsEnvironment,
)

# Besides loopback, the hosts that may be asked without TLS: ECS, and EKS by IPv4 and by IPv6.
ECS_HOST = "169.254.170.2"
_PLAIN_HTTP_HOSTS = ("localhost", ECS_HOST, "169.254.170.23", "fd00:ec2::23")
# Botocore's ContainerMetadataFetcher waits as long.
_TIMEOUT_S = 2.0
_ATTEMPTS = 2
_PAUSE_S = 0.2
# An answer has some 1,500 bytes, most of them the token.
_MAX_ANSWER_BYTES = 64 * 1024
# Statuses that may be gone at the next try.
_PASSING = (429, 500, 502, 503, 504)
_PRINTABLE = re.compile(r"[!-~]+")
_HEADER_VALUE = re.compile(r"[ -~]+")


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """What a request to AWS is signed with."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """Session token; empty for a user's long-lived key."""
    expires_at: datetime | None = None
    """Aware; None where nothing tells."""


def fetch_container_credentials(
    environment: AwsEnvironment, *, timeout_s: float = _TIMEOUT_S
) -> AwsCredentials:
    """Ask the endpoint that the environment names, once more if it does not answer.

    Neither proxies nor redirects are followed. No message repeats the path of the endpoint: on ECS
    whoever knows it gets the credentials.

    Args:
        environment: With a full or a relative URI; the relative one goes first, and a token's file,
            read at each call, before a token.
        timeout_s: Limit of connecting and of each read, in each of the two tries.

    Raises:
        SettingsError: The URI leads where it may not, the token cannot be read, or the endpoint
            refuses or answers nonsense.
        IndexUnavailable: The endpoint does not answer, or says that it cannot now.
    """
    endpoint = _endpoint(environment)
    headers = {"Accept": "application/json"} | _authorization(environment)
    for attempt in range(1, _ATTEMPTS + 1):
        cause: Exception | None = None
        try:
            status, body = _get(endpoint, headers, timeout_s)
        except (OSError, HTTPException) as error:
            why, cause = str(error) or type(error).__name__, error
        else:
            if status not in _PASSING:
                return _read_answer(status, body)
            why = f"it answered {status}"
        if attempt < _ATTEMPTS:
            time.sleep(_PAUSE_S)
    msg = f"the container credentials endpoint at {endpoint.hostname} gives none now: {why}"
    raise IndexUnavailable(msg) from cause


def _endpoint(environment: AwsEnvironment) -> SplitResult:
    relative = environment.container_relative_uri
    name = CONTAINER_RELATIVE_URI_ENV if relative else CONTAINER_FULL_URI_ENV
    if relative and not relative.startswith("/"):
        # Anything else would lengthen the host's name, or make a user of it.
        msg = f"{name} does not begin with a slash"
        raise SettingsError(msg)
    uri = f"http://{ECS_HOST}{relative}" if relative else environment.container_full_uri
    try:
        endpoint = urlsplit(uri)
        well_formed = bool(_PRINTABLE.fullmatch(uri) and endpoint.hostname and endpoint.port != 0)
    except ValueError:
        well_formed = False
    if not well_formed or endpoint.scheme not in ("http", "https"):
        msg = f"{name} is no http or https URL"
        raise SettingsError(msg)
    host = endpoint.hostname or ""
    if endpoint.scheme == "http" and host not in _PLAIN_HTTP_HOSTS and not _is_loopback(host):
        msg = (
            f"{name} leads to {host!r} over http; without TLS it may lead to a loopback address, "
            f"{', '.join(_PLAIN_HTTP_HOSTS)}"
        )
        raise SettingsError(msg)
    return endpoint


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _authorization(environment: AwsEnvironment) -> dict[str, str]:
    token, name = environment.container_token, CONTAINER_TOKEN_ENV
    if environment.container_token_file is not None:
        name = CONTAINER_TOKEN_FILE_ENV
        try:
            token = environment.container_token_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{name} is {str(environment.container_token_file)!r}, which cannot be read"
            raise SettingsError(msg) from error
    elif not token:
        return {}
    if not _HEADER_VALUE.fullmatch(token):
        msg = f"the token of {name} is empty or no header's value (a line break, or not ASCII)"
        raise SettingsError(msg)
    return {"Authorization": token}


def _get(endpoint: SplitResult, headers: dict[str, str], timeout_s: float) -> tuple[int, bytes]:
    connect = HTTPSConnection if endpoint.scheme == "https" else HTTPConnection
    connection = connect(endpoint.hostname or "", endpoint.port, timeout=timeout_s)
    try:
        target = endpoint._replace(scheme="", netloc="", fragment="").geturl()
        connection.request("GET", target or "/", headers=headers)
        response = connection.getresponse()
        return response.status, response.read(_MAX_ANSWER_BYTES + 1)
    finally:
        connection.close()


def _read_answer(status: int, body: bytes) -> AwsCredentials:
    asked = "the container credentials endpoint"
    if status != 200:
        msg = f"{asked} answered {status}; does its role exist, and is its token right?"
        raise SettingsError(msg)
    if len(body) > _MAX_ANSWER_BYTES:
        msg = f"{asked} answered more than {_MAX_ANSWER_BYTES} bytes"
        raise SettingsError(msg)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        msg = f"{asked} answered no JSON"
        raise SettingsError(msg) from error
    match answer:
        case {
            "AccessKeyId": str(access_key),
            "SecretAccessKey": str(secret_key),
            "Token": str(token),
            "Expiration": str(expiration),
        } if access_key and secret_key and token:
            return AwsCredentials(access_key, secret_key, token, _read_expiration(expiration))
    msg = f"{asked} answered no object with AccessKeyId, SecretAccessKey, Token and Expiration"
    raise SettingsError(msg)


def _read_expiration(text: str) -> datetime:
    try:
        expires_at = datetime.fromisoformat(text)
    except ValueError:
        expires_at = None
    if expires_at is None or expires_at.tzinfo is None:
        msg = (
            f"the container credentials endpoint answered the Expiration {text[:40]!r}; "
            "it must be a time such as 2026-01-31T12:00:00Z"
        )
        raise SettingsError(msg)
    return expires_at
