"""Stands for Cognito's sign-in pages: OAuth 2.0 with PKCE, strict about what the page sends."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qsl, urlencode, urlsplit

import trustme

HOST = "photos-123456789012.auth.eu-central-1.amazoncognito.com"
CLIENT_ID = "3n4b5urk1ft4fl3mg5e62d9ado"


@dataclass(slots=True)
class IdentityProvider:
    """What tests set (how to behave) and read (what was asked)."""

    port: int = 0
    home: str = ""
    """The only address that people are sent back to."""
    refuses: bool = False
    lifetime_s: int = 3600
    failing_with: int = 0
    """A status that the token endpoint answers with, whatever it is asked."""
    ended: bool = False
    """Whether refresh tokens are taken no more."""
    granted: list[str] = field(default_factory=list)
    """Kinds of the grants that led to tokens."""
    revoked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was asked for with each code that is not redeemed yet."""
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def config(self) -> bytes:
        """The page's config.json."""
        return json.dumps(
            {"auth": "jwt", "authority": f"https://{HOST}", "client_id": CLIENT_ID}
        ).encode()

    @property
    def browser_arguments(self) -> tuple[str, str]:
        """What makes Chromium find the provider here and believe it."""
        here = f"MAP {HOST}:443 127.0.0.1:{self.port}"
        return f"--host-resolver-rules={here}", "--ignore-certificate-errors"

    def answer_to(self, asked: dict[str, str]) -> str:
        """Where the sign-in page's button leads."""
        back: dict[str, str] = {"state": asked.get("state", "")}
        if self.refuses:
            back |= {"error": "access_denied", "error_description": "User is not confirmed."}
        else:
            back["code"] = f"code-{next(self.numbers)}"
            self.codes[back["code"]] = asked
        return f"{self.home}?{urlencode(back)}"

    def tokens(self, form: dict[str, str]) -> dict[str, object] | None:
        """Tokens for a code or a refresh token; None where the form earns none."""
        kind = form.get("grant_type", "")
        if form.get("client_id") != CLIENT_ID:
            return None
        if kind == "authorization_code":
            asked = self.codes.pop(form.get("code", ""), None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            same_home = form.get("redirect_uri") == self.home
            if asked is None or asked["code_challenge"] != challenge or not same_home:
                return None
        elif kind != "refresh_token" or form.get("refresh_token") != "refresh" or self.ended:
            return None
        self.granted.append(kind)
        tokens: dict[str, object] = {
            "access_token": f"access-{next(self.numbers)}",
            "id_token": "not for the API",
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
        }
        return tokens if kind == "refresh_token" else tokens | {"refresh_token": "refresh"}


@contextmanager
def running_identity_provider() -> Iterator[IdentityProvider]:
    """Serve over TLS on a free port until the block ends."""
    provider = IdentityProvider()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": provider})
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    provider.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    provider: IdentityProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query))
        if parts.path == "/favicon.ico":  # the browser asks for it by itself
            self.send(404, "")
        elif parts.path == "/oauth2/authorize":
            self.authorize(asked)
        elif parts.path == "/logout" and asked == {
            "client_id": CLIENT_ID,
            "logout_uri": self.provider.home,
        }:
            self.send(302, "", {"Location": self.provider.home})
        else:
            self.complain(f"GET {self.path}")

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        path = urlsplit(self.path).path
        if path == "/oauth2/revoke" and form.get("client_id") == CLIENT_ID:
            self.provider.revoked.append(form["token"])
            self.send(200, "")
        elif path != "/oauth2/token":
            self.complain(f"POST {path}")
        elif self.provider.failing_with:
            self.send(self.provider.failing_with, "no JSON")
        elif tokens := self.provider.tokens(form):
            self.send(200, json.dumps(tokens))
        else:
            self.send(400, '{"error": "invalid_grant"}')

    def authorize(self, asked: dict[str, str]) -> None:
        expected = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self.provider.home,
            "scope": "openid",
            "code_challenge_method": "S256",
        }
        secrets = ("state", "code_challenge")
        if {name: asked.get(name) for name in expected} != expected or not all(
            len(asked.get(name, "")) == 43
            for name in secrets  # 32 bytes in base64url
        ):
            self.complain(f"authorize {asked}")
            return
        link = self.provider.answer_to(asked).replace("&", "&amp;")
        page = f'<h1>Cognito</h1><a href="{link}">Continue as Ada</a>'
        self.send(200, page, {"Content-Type": "text/html"})

    def complain(self, what: str) -> None:
        self.provider.complaints.append(what)
        self.send(400, "the request is not as it should be")

    def send(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass
