from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from photo_search.container_credentials import fetch_container_credentials
from photo_search.errors import IndexUnavailable, SettingsError
from photo_search.settings import AwsEnvironment
from tests.core.credentials_endpoint import (
    FORBIDDEN,
    OVERLOADED,
    credentials_answer,
    in_turn,
    leading_to,
)
from tests.core.raw_server import (
    RawServer,
    redirects_to,
    repeats,
    resets,
    response,
    says_nothing,
    sends,
)

SECRET_PATH = "/v2/credentials/only-the-task-knows"


def test_the_answer_is_read():
    with RawServer(in_turn(credentials_answer("ASIAONE"))) as server:
        credentials = fetch_container_credentials(leading_to(server, "/role?task=1"))

    assert credentials.access_key == "ASIAONE"
    assert credentials.secret_key == "secret of ASIAONE"
    assert credentials.token == "token of ASIAONE"
    assert credentials.expires_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert server.requests[0].startswith("GET /role?task=1 HTTP/1.1\r\n")
    assert "Authorization" not in server.requests[0]


def test_no_representation_holds_a_secret():
    with RawServer(in_turn(credentials_answer("ASIAONE"))) as server:
        shown = repr(fetch_container_credentials(leading_to(server)))

    assert "ASIAONE" in shown
    assert "secret of" not in shown
    assert "token of" not in shown


def test_the_token_is_sent():
    with RawServer(in_turn(credentials_answer())) as server:
        fetch_container_credentials(replace(leading_to(server), container_token="Basic abcd"))

    assert "\r\nAuthorization: Basic abcd\r\n" in server.requests[0]


def test_the_token_of_a_file_is_read_at_each_fetch_and_goes_first(tmp_path):
    token_file = tmp_path / "token"
    with RawServer(in_turn(credentials_answer())) as server:
        environment = replace(
            leading_to(server), container_token="of-the-variable", container_token_file=token_file
        )
        for token in ("first", "second"):
            token_file.write_text(f"{token}\n")
            fetch_container_credentials(environment)

    assert "\r\nAuthorization: first\r\n" in server.requests[0]
    assert "\r\nAuthorization: second\r\n" in server.requests[1]


def test_proxies_are_ignored(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    with RawServer(in_turn(credentials_answer())) as server:
        assert fetch_container_credentials(leading_to(server)).access_key == "ASIAONE"


@pytest.mark.parametrize(
    "first", [OVERLOADED, response(b"", status="429 Too Many Requests"), b"", b"nonsense\r\n\r\n"]
)
def test_a_passing_fault_is_tried_once_more(first):
    with RawServer(in_turn(first, credentials_answer())) as server:
        assert fetch_container_credentials(leading_to(server)).access_key == "ASIAONE"

    assert len(server.requests) == 2


@pytest.mark.parametrize("behaviour", [in_turn(OVERLOADED), resets, says_nothing, sends(b"")])
def test_an_endpoint_that_stays_away_is_unavailable(behaviour):
    with RawServer(behaviour) as server, pytest.raises(IndexUnavailable) as failure:
        fetch_container_credentials(leading_to(server, SECRET_PATH), timeout_s=0.2)

    assert "endpoint at 127.0.0.1 gives none now" in str(failure.value)
    assert SECRET_PATH not in str(failure.value)
    assert len(server.requests) == 2


def test_nobody_listening_is_unavailable():
    with RawServer(sends(b"")) as server:
        environment = leading_to(server)

    with pytest.raises(IndexUnavailable, match="refused"):
        fetch_container_credentials(environment)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (FORBIDDEN, "answered 403"),
        (response(b"", status="404 Not Found"), "answered 404"),
        (response(b"<html>"), "answered no JSON"),
        (response(b"[" * 60_000), "answered no JSON"),
        (response(b"\xff\xfe\xfd"), "answered no JSON"),
        (response(b"[]"), "answered no object"),
        (response(json.dumps({"AccessKeyId": "A", "SecretAccessKey": "S"}).encode()), "Token"),
        (credentials_answer(""), "answered no object"),
        (credentials_answer(expires_at="tomorrow"), "Expiration 'tomorrow'"),
        (credentials_answer(expires_at="2026-01-31T12:00:00"), "2026-01-31T12:00:00'; it must"),
    ],
)
def test_a_refusal_or_nonsense_is_a_settings_error_and_not_tried_again(answer, complaint):
    with RawServer(in_turn(answer)) as server, pytest.raises(SettingsError, match=complaint) as no:
        fetch_container_credentials(leading_to(server))

    assert "secret of" not in str(no.value)
    assert len(server.requests) == 1


def test_no_more_than_the_limit_is_read():
    endless = repeats(response(b"", length=10**9), b" " * 4096)

    with RawServer(endless) as server, pytest.raises(SettingsError, match="more than 65536 bytes"):
        fetch_container_credentials(leading_to(server))


def test_redirects_are_not_followed():
    with RawServer(in_turn(credentials_answer())) as elsewhere:
        redirect = redirects_to(f"http://127.0.0.1:{elsewhere.port}/")
        with RawServer(redirect) as server, pytest.raises(SettingsError, match="answered 302"):
            fetch_container_credentials(leading_to(server))

    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "uri",
    [
        "http://metadata.example/role",
        "http://169.254.169.254/role",
        "http://169.254.170.2.example/role",
        "http://localhost@198.51.100.1/role",
        "http://[fd00:ec2::24]/role",
    ],
)
def test_plain_http_leads_to_aws_own_hosts_only(uri):
    with pytest.raises(SettingsError, match="over http"):
        fetch_container_credentials(AwsEnvironment(container_full_uri=uri))


@pytest.mark.parametrize(
    "uri",
    ["ftp://127.0.0.1/role", "/role", "http://", "http://127.0.0.1:99999/", "http://127.0.0.1/a b"],
)
def test_a_malformed_uri_is_a_settings_error(uri):
    with pytest.raises(SettingsError, match="AWS_CONTAINER_CREDENTIALS_FULL_URI is no http"):
        fetch_container_credentials(AwsEnvironment(container_full_uri=uri))


@pytest.mark.parametrize("uri", ["@198.51.100.1/role", ".example/role", "9/role"])
def test_a_relative_uri_cannot_change_the_host(uri):
    with pytest.raises(SettingsError, match="RELATIVE_URI does not begin with a slash"):
        fetch_container_credentials(AwsEnvironment(container_relative_uri=uri))


@pytest.mark.parametrize("token", ["two\r\nlines: 1", "naïve", " \n\n"])
def test_a_token_that_is_no_header_is_refused_without_repeating_it(token):
    environment = AwsEnvironment(
        container_full_uri="http://127.0.0.1:1/", container_token=token.replace(" \n\n", "\n")
    )

    with pytest.raises(SettingsError, match="AWS_CONTAINER_AUTHORIZATION_TOKEN is") as refusal:
        fetch_container_credentials(environment)

    assert token not in str(refusal.value)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_a_token_file_that_cannot_be_used_is_a_settings_error(tmp_path: Path, content):
    token_file = tmp_path / "token"
    if content is not None:
        token_file.write_bytes(content)
    environment = AwsEnvironment(
        container_full_uri="http://127.0.0.1:1/", container_token_file=token_file
    )

    with pytest.raises(SettingsError, match="AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        fetch_container_credentials(environment)
