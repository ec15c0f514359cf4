"""No password of the index reaches an answer or a log line, whatever goes wrong."""

from __future__ import annotations

import json
import socket
from base64 import b64encode

import pytest

from handler import make_handler
from photo_search.search import open_photo_search
from photo_search.settings import Settings, read_settings
from tests.api.events import Context, http_event
from tests.core.raw_server import RawServer, response, sends

PASSWORD = "open-sesame-4711"
FAILED = {500, 503}
EVENTS = [
    http_event("GET", "/search", query="q=red"),
    http_event("GET", "/photos/red"),
    http_event("GET", "/healthz"),
    {"text": "red"},
]


@pytest.fixture
def everything_said(tmp_path, tiny_bundle_dir, capfd, caplog):
    """What callers and logs are told where the environment says this about the index."""

    def say(**environment):
        environ = {"MODEL_DIR": str(tiny_bundle_dir), **environment}
        handler = make_handler(
            lambda: open_photo_search(read_settings(environ)), read=lambda: Settings()
        )
        answers = [handler(event, Context()) for event in EVENTS]
        told = capfd.readouterr()
        assert {answer.get("statusCode") or answer.get("status") for answer in answers} <= FAILED
        return json.dumps(answers) + told.out + told.err + caplog.text

    return say


def basic(url):
    return {
        "INDEX_URL": url,
        "INDEX_AUTH": "basic",
        "INDEX_USER": "reader",
        "INDEX_PASSWORD": PASSWORD,
    }


def assert_silent(said):
    assert PASSWORD not in said
    assert b64encode(f"reader:{PASSWORD}".encode()).decode() not in said
    assert repr(PASSWORD.encode()) not in said


def test_a_server_that_is_away_betrays_no_password(everything_said):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    said = everything_said(**basic(f"http://127.0.0.1:{port}/photos"))

    assert "cannot be reached" in said
    assert_silent(said)


def test_a_server_that_refuses_the_password_betrays_it_no_further(everything_said):
    refusal = response(b"{}", status="401 Unauthorized", content_type="application/json")

    with RawServer(sends(refusal)) as server:
        said = everything_said(**basic(f"http://127.0.0.1:{server.port}/photos"))

    assert "authorization: basic " in server.requests[0].lower()
    assert "refuses access" in said
    assert_silent(said)


@pytest.mark.parametrize(
    "url",
    [
        f"https://reader:{PASSWORD}@search.example/photos",
        f"https://{PASSWORD}@search.example",
        f"reader:{PASSWORD}@search.example/photos",
    ],
)
def test_a_url_that_holds_a_password_is_refused_without_repeating_it(everything_said, url):
    said = everything_said(INDEX_URL=url)

    assert "INDEX_PASSWORD" in said  # the log says where it belongs
    assert_silent(said)


def test_a_password_without_its_kind_of_access_is_refused_without_repeating_it(everything_said):
    said = everything_said(INDEX_PASSWORD=PASSWORD, INDEX_USER="reader")

    assert "INDEX_AUTH" in said
    assert_silent(said)
