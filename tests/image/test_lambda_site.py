"""The site in front of the Lambda image: the page, and HTTP as the function's events."""

from __future__ import annotations

from contextlib import closing

import pytest
from starlette.testclient import TestClient

from handler import make_handler
from local.api_event import LocalContext
from local.lambda_site import create_site
from photo_search.encoder import Encoder
from photo_search.index import open_index
from photo_search.search import PhotoSearch
from photo_search.settings import Settings


@pytest.fixture(scope="module")
def site(demo_bundle, collection):
    index = open_index(collection.index_url, fingerprint=demo_bundle.fingerprint)
    with closing(index):
        search = PhotoSearch(Encoder(demo_bundle, threads=1), index)
        handler = make_handler(lambda: search, read=Settings, report=False)

        def invoke(event):
            return handler(event, LocalContext("an-id"))

        with TestClient(create_site(invoke, thumbs_dir=collection.work / "thumbs")) as client:
            yield client


def test_the_page_is_served_and_told_that_nobody_signs_in(site):
    assert "<html" in site.get("/").text.lower()
    assert site.get("/config.json").json() == {"auth": "none"}


def test_words_and_a_picture_are_answered_by_the_function(site, collection):
    picture = (collection.photos / "00012.jpg").read_bytes()

    by_words = site.get("/search", params={"q": "red balloon", "k": 3})
    by_picture = site.post("/search?k=3", content=picture, headers={"content-type": "image/jpeg"})

    assert by_words.status_code == by_picture.status_code == 200
    assert by_picture.json()["hits"][0]["path"] == "00012.jpg"
    assert by_words.headers["x-request-id"] == "an-id"


def test_a_hits_thumbnail_is_there_and_an_unknown_one_is_not(site):
    hit = site.get("/search", params={"q": "red balloon"}).json()["hits"][0]

    thumbnail = site.get(hit["thumbnail_url"])

    assert thumbnail.headers["content-type"] == "image/webp"
    assert site.get("/thumbs/none").status_code == 404
    assert site.get("/thumbs/..%2F..%2Fphotos.db").status_code == 404


def test_a_problem_keeps_its_status(site):
    assert site.get("/search", params={"q": ""}).status_code == 400
    assert site.get("/photos/none").status_code == 404


def test_a_body_larger_than_the_function_takes_is_refused_before_it_is_read(site):
    answer = site.post("/search", content=b"x", headers={"content-length": str(50_000_000)})

    assert answer.status_code == 413
