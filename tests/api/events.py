"""Events as API Gateway sends them (payload format 2.0), and a context as Lambda passes it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from urllib.parse import urlencode

REQUEST_ID = "7a1c1f5e-1f0d-4d5b-9a53-0c2f4f2b7d11"
BOUNDARY = "----form-boundary-7MA4YWxk"


@dataclass(frozen=True)
class Context:
    aws_request_id: str = REQUEST_ID
    function_name: str = "photo-search"


def http_event(method, path, *, query="", headers=None, body=None):
    """``query`` is a raw query string or a dict; a ``bytes`` body travels as base64."""
    raw_query = query if isinstance(query, str) else urlencode(query)
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": {
            "accept": "*/*",
            "host": "abcde12345.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "curl/8.5.0",
            "x-amzn-trace-id": "Root=1-66f1a2b3-0123456789abcdef01234567",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **(headers or {}),
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcde12345",
            "domainName": "abcde12345.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "abcde12345",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "10/Nov/2026:13:40:14 +0000",
            "timeEpoch": 1794318014000,
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


def json_event(fields, *, content_type="application/json"):
    """``fields`` is anything that JSON holds, or a string that is sent as it is."""
    body = fields if isinstance(fields, str) else json.dumps(fields)
    return http_event("POST", "/search", headers={"content-type": content_type}, body=body)


def form_event(files=(), **words):
    """``files`` are pairs of field name and bytes."""
    body = b""
    for name, content in files:
        disposition = f'form-data; name="{name}"; filename="{name}.jpg"'
        body += _part(disposition, "image/jpeg", content)
    for name, word in words.items():
        body += _part(f'form-data; name="{name}"', "text/plain", word.encode())
    body += f"--{BOUNDARY}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return http_event("POST", "/search", headers={"content-type": content_type}, body=body)


def _part(disposition, content_type, content):
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: {content_type}"
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"
