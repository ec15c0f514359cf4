"""The sample events are what API Gateway sends, and this checkout's handler answers them."""

from __future__ import annotations

import base64
from contextlib import closing
from urllib.parse import parse_qsl

import pytest

from handler import make_handler
from local.api_event import LocalContext
from photo_search.encoder import Encoder
from photo_search.index import open_index
from photo_search.search import PhotoSearch
from photo_search.settings import Settings
from tests.conftest import REPOSITORY
from tests.image.sample_events import EVENTS, STATUSES, answered, is_http, read_event

HTTP_EVENTS = [name for name in STATUSES if is_http(read_event(name))]


@pytest.fixture(scope="module")
def answer(demo_bundle, collection):
    picture = (collection.photos / "00012.jpg").read_bytes()
    index = open_index(collection.index_url, fingerprint=demo_bundle.fingerprint)
    encoder = Encoder(demo_bundle, threads=1)
    with closing(index):
        search = PhotoSearch(encoder, index, download_image=lambda _url: picture)
        handler = make_handler(lambda: search, read=Settings, report=False)
        yield lambda event: answered(event, handler(event, LocalContext("an-id")))


def test_every_sample_has_an_expected_status():
    assert {path.stem for path in EVENTS.glob("*.json")} == set(STATUSES)


@pytest.mark.parametrize("name", STATUSES)
def test_a_sample_is_answered_with_its_status(name, answer):
    status, document = answer(read_event(name))

    assert status == STATUSES[name]
    assert document["title"] if status >= 400 else document


@pytest.mark.parametrize(
    "name", ["image", "image-body", "image-url", "direct-image", "text-filtered"]
)
def test_a_picture_finds_its_own_photo_first(name, answer):
    _, document = answer(read_event(name))

    assert "balloon" in document["hits"][0]["description"]


def test_a_photo_is_not_among_those_that_are_like_it(answer):
    event = read_event("more-like-this")
    _, photo = answer(read_event("photo"))
    _, document = answer(event)

    assert photo["photo_id"] in event["body"]
    assert photo["photo_id"] not in {hit["photo_id"] for hit in document["hits"]}


@pytest.mark.parametrize("name", HTTP_EVENTS)
def test_a_sample_over_http_agrees_with_itself_as_api_gateways_events_do(name):
    event = read_event(name)
    request = event["requestContext"]["http"]
    query = dict(parse_qsl(event["rawQueryString"], keep_blank_values=True))
    body = event.get("body", "")

    assert event["version"] == "2.0"
    assert event["requestContext"]["routeKey"] == event["routeKey"]
    assert request["path"] == event["rawPath"]
    assert event.get("queryStringParameters", {}) == query
    assert event["routeKey"] == f"{request['method']} {route(event)}"
    assert all(header == header.lower() for header in event["headers"])
    length = len(base64.b64decode(body) if event["isBase64Encoded"] else body.encode())
    assert event["headers"].get("content-length", "0") == str(length)


def test_every_route_of_the_api_has_a_sample(answer):
    _, document = answer(read_event("openapi"))
    routes = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }

    assert routes <= {read_event(name)["routeKey"] for name in HTTP_EVENTS}
    assert (REPOSITORY / "openapi.json").is_file()


def route(event):
    path = event["rawPath"]
    for name, value in event.get("pathParameters", {}).items():
        path = path.replace(value, "{" + name + "}")
    return path
