from __future__ import annotations

import base64

import pytest

from tests.api.events import form_event, http_event, json_event
from tests.api.pictures import plain


def ids(answer):
    return [hit["photo_id"] for hit in answer["hits"]]


def get(**query):
    return http_event("GET", "/search", query=query)


def test_words_in_the_query_string_find_their_photo_first(call):
    status, answer = call(get(q="green"))

    assert status == 200
    assert ids(answer)[0] == "green"


def test_an_answer_has_the_documented_members(call):
    _, answer = call(get(q="green", k=1))

    assert set(answer) == {"hits", "next", "facets", "took_ms", "model", "query"}
    (hit,) = answer["hits"]
    assert hit == {
        "photo_id": "green",
        "score": hit["score"],
        "cosine": hit["cosine"],
        "width": 20,
        "height": 30,
        "blur_hash": "LKO2?U%2Tw=w]~RBVZRi};RPxuwH",
        "description": "a green wall",
        "image_url": "https://images.unsplash.com/photo-1",
        "thumbnail_url": "https://images.unsplash.com/photo-1?w=512&q=80&fm=jpg",
        "path": "",
        "page_url": hit["page_url"],
        "attribution": hit["attribution"],
    }
    assert hit["attribution"]["text"] == "Photo by Ada L. on Unsplash"
    assert -1 <= hit["cosine"] <= 1
    assert set(answer["took_ms"]) == {"encode", "search", "total"}
    assert answer["model"]["fingerprint"] == "tiny"
    assert answer["query"] == {"truncated": False}
    assert answer["facets"] == {}


def test_a_plus_in_the_query_string_is_a_space(call):
    status, answer = call(http_event("GET", "/search", query="q=red+blue&k=4"))

    assert status == 200
    assert set(ids(answer)[:3]) == {"red", "blue", "purple"}


def test_pages_follow_each_other_and_end_with_null(call):
    _, first = call(get(q="green", k=3))
    _, second = call(get(q="green", k=3, offset=first["next"]))

    assert first["next"] == 3
    assert second["next"] is None
    assert sorted(ids(first) + ids(second)) == ["blue", "green", "purple", "red"]


@pytest.mark.parametrize(
    "query",
    [
        {"input_type": "text", "query": "green"},
        {"input_type": "image", "query": "https://pictures.example/green"},
        {"image_url": "https://pictures.example/green"},
        {"q": "green", "k": "1", "offset": "0", "mode": "semantic", "min_cosine": "-1"},
        "q=green&q=green",
    ],
)
def test_every_form_of_the_query_string_finds_the_same(call, query):
    status, answer = call(http_event("GET", "/search", query=query))

    assert status == 200
    assert ids(answer)[0] == "green"


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "green"},
        {"input_type": "text", "query": "green"},
        {"input_type": "image", "query": "https://pictures.example/green"},
        {"image_url": "https://pictures.example/green"},
        {"image": base64.b64encode(plain((0, 255, 0))).decode()},
        {"text": "green", "photo_id": "red", "weights": {"photo_id": -0.5}},
    ],
)
def test_every_form_of_a_json_body_finds_the_same(call, fields):
    status, answer = call(json_event(fields))

    assert status == 200
    assert ids(answer)[0] == "green"


def test_a_json_body_may_come_as_base64(call):
    event = http_event(
        "POST",
        "/search",
        headers={"content-type": "application/json; charset=utf-8"},
        body=b'{"text": "green"}',
    )

    status, answer = call(event)

    assert status == 200
    assert ids(answer)[0] == "green"


def test_a_form_with_a_picture_finds_it_first(call):
    status, answer = call(form_event([("image", plain((0, 0, 255)))], k="1"))

    assert status == 200
    assert ids(answer) == ["blue"]


def test_a_form_combines_a_picture_with_words_and_weights(call):
    event = form_event([("image", plain((0, 0, 255)))], text="red", weights='{"text": -1}', k="2")

    status, answer = call(event)

    assert status == 200
    assert ids(answer)[0] == "blue"
    assert "purple" not in ids(answer)


def test_a_form_filters_by_the_same_names_as_the_query_string(call):
    _, answer = call(form_event(text="red", orientation="landscape"))

    assert ids(answer) == ["blue"]


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_as_the_whole_body_finds_it_first(call, file_format):
    event = http_event(
        "POST",
        "/search",
        query={"k": 1},
        headers={"content-type": f"image/{file_format.lower()}"},
        body=plain((0, 0, 255), file_format=file_format),
    )

    status, answer = call(event)

    assert status == 200
    assert ids(answer) == ["blue"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"orientation": "landscape"}, ["blue"]),
        ({"colour": "red"}, ["red"]),
        ({"photographer": "ADA"}, ["blue", "green", "purple", "red"]),
        ({"country": "norway", "colour": "blue"}, ["blue"]),
        ({"camera": "pinhole mk ii"}, ["blue"]),
        ({"taken_from": "2024-05-31", "colour": "green"}, ["green"]),
        ({"taken_from": "2024-05-31T10:00:00+02:00", "colour": "green"}, ["green"]),
        ({"taken_before": "2024-05-31T08:00:00Z"}, []),
    ],
)
def test_filters_bind_in_the_query_string_and_in_a_body(call, filters, found):
    _, by_get = call(get(q="red", **filters))
    _, by_post = call(json_event({"text": "red", "filters": filters}))

    assert sorted(ids(by_get)) == sorted(ids(by_post)) == found


def test_more_like_this_leaves_the_photo_itself_out(call):
    _, answer = call(get(photo_id="red"))

    assert "red" not in ids(answer)
    assert len(answer["hits"]) == 3


def test_keyword_mode_has_no_cosine(call):
    _, answer = call(get(q="purple", mode="keyword"))

    assert ids(answer) == ["purple"]
    assert answer["hits"][0]["cosine"] is None


def test_a_text_longer_than_the_model_reads_is_marked_truncated(call):
    _, answer = call(get(q="green " * 20))

    assert answer["query"] == {"truncated": True}


def test_one_photo_is_described_in_full(call):
    status, answer = call(http_event("GET", "/photos/blue"))

    assert status == 200
    assert answer["orientation"] == "landscape"
    assert answer["keywords"] == ["wall", "blue"]
    assert answer["taken_at"] == "2024-05-31T08:00:00+00:00"
    assert answer["thumbnail_url"] == "/thumbs/blue"
    assert answer["attribution"]["text"] == "Photo by Ada L., CC0"


def test_health_names_the_model_and_counts_the_photos(call):
    status, answer = call(http_event("GET", "/healthz"))

    assert status == 200
    assert answer["photos"] == 4
    assert answer["model"]["checkpoint"] == "tests/tiny"
    assert set(answer["model"]) == {"fingerprint", "build", "checkpoint"}


def test_every_answer_carries_the_request_id_and_may_not_be_stored(handle):
    response = handle(http_event("GET", "/healthz"))

    assert response["headers"]["X-Request-Id"] == "7a1c1f5e-1f0d-4d5b-9a53-0c2f4f2b7d11"
    assert response["headers"]["Cache-Control"] == "no-store"
    assert response["headers"]["Content-Type"] == "application/json"
