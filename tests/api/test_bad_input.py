from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from PIL import Image

from handler import make_handler
from photo_search.search import open_photo_search
from tests.api.events import Context, form_event, http_event, json_event
from tests.api.pictures import animated_gif, encoded, exif_rotated, noise, plain, png_bomb


def get(query):
    return http_event("GET", "/search", query=query)


def picture_event(data):
    return json_event({"image": base64.b64encode(data).decode()})


def raw_event(data, content_type="image/jpeg", query=""):
    headers = {"content-type": content_type}
    return http_event("POST", "/search", query=query, headers=headers, body=data)


DEEP = "[" * 100_000

BAD = {
    "no query": (get(""), 400, "empty"),
    "empty text": (get("q="), 400, "empty"),
    "blank text": (get("q=+%09%0A+"), 400, "empty"),
    "10,000 characters": (get({"q": "x" * 10_000}), 400, "10000"),
    "NUL": (get("q=red%00balloon"), 400, "NUL"),
    "lone surrogate in JSON": (json_event(r'{"text": "\ud800"}'), 400, "surrogate"),
    "lone surrogate in a photo_id": (json_event(r'{"photo_id": "\udfff"}'), 400, "surrogate"),
    "lone surrogate in the query string": (get("q=%ED%A0%80"), 400, "UTF-8"),
    "Latin-1 in the query string": (get("q=caf%E9"), 400, "UTF-8"),
    "k is 0": (get("q=red&k=0"), 400, "k "),
    "k is -1": (get("q=red&k=-1"), 400, "k "),
    "k is 101": (get("q=red&k=101"), 400, "100"),
    "k is a word": (get("q=red&k=ten"), 400, "k must be an integer"),
    "k has many digits": (get("q=red&k=" + "9" * 5000), 400, "k must be an integer"),
    "k is in Arabic digits": (get({"q": "red", "k": "٥"}), 400, "k must be an integer"),
    "k is a word in JSON": (json_event({"text": "red", "k": "ten"}), 400, "k must be an integer"),
    "k is true": (json_event({"text": "red", "k": True}), 400, "k must be an integer"),
    "k is null": (json_event({"text": "red", "k": None}), 400, "not null"),
    "k is a fraction": (json_event({"text": "red", "k": 1.5}), 400, "k must be an integer"),
    "k is beyond a float's whole numbers": (json_event({"text": "red", "k": 1e300}), 400, "k is"),
    "a field twice in JSON": (json_event('{"text": "red", "text": "blue"}'), 400, "twice"),
    "a malformed content type": (
        raw_event(b"x", "multipart/form-data; name*=;name*0"),
        400,
        "malformed",
    ),
    "k is enormous": (json_event({"text": "red", "k": 10**300}), 400, "k is"),
    "k has 5,000 digits": (json_event('{"k": ' + "9" * 5000 + "}"), 400, "too long"),
    "offset is negative": (get("q=red&offset=-1"), 400, "offset"),
    "past the window": (get("q=red&offset=990&k=20"), 400, "980"),
    "min_cosine is 2": (get("q=red&min_cosine=2"), 400, "min_cosine"),
    "min_cosine is nan": (get("q=red&min_cosine=nan"), 400, "min_cosine must be a number"),
    "min_cosine is enormous": (get("q=red&min_cosine=1e999"), 400, "finite"),
    "min_cosine is enormous in JSON": (
        json_event('{"text": "red", "min_cosine": 1e999}'),
        400,
        "finite",
    ),
    "min_cosine is an endless integer": (
        json_event('{"text": "red", "min_cosine": 1' + "0" * 400 + "}"),
        400,
        "too large",
    ),
    "NaN in JSON": (json_event('{"text": "red", "min_cosine": NaN}'), 400, "NaN"),
    "Infinity in JSON": (json_event('{"text": "red", "weights": {"text": -Infinity}}'), 400, "Inf"),
    "mode is unknown": (get("q=red&mode=magic"), 400, "semantic, hybrid, keyword"),
    "keyword mode without text": (get("photo_id=red&mode=keyword"), 400, "keyword"),
    "hybrid mode without text": (get("photo_id=red&mode=hybrid"), 400, "hybrid needs text"),
    "min_cosine in hybrid mode": (get("q=red&mode=hybrid&min_cosine=0"), 400, "min_cosine"),
    "text is led away from and looked for": (
        json_event({"text": "red", "mode": "hybrid", "weights": {"text": -1}}),
        400,
        "weights.text",
    ),
    "facet is unknown": (get("q=red&facets=colour,size"), 400, "orientation, colour, country"),
    "facet is empty": (get("q=red&facets="), 400, "facets is ''"),
    "facet twice": (get("q=red&facets=colour,country,colour"), 400, "facets names colour 2 times"),
    "facets with blanks": (get("q=red&facets=colour,+country"), 400, "facets is ' country'"),
    "facets are no list": (json_event({"text": "red", "facets": "colour"}), 400, "a list"),
    "facets are null": (json_event({"text": "red", "facets": None}), 400, "a list, not null"),
    "facet is a number": (json_event({"text": "red", "facets": [7]}), 400, "facets must be a str"),
    "unknown facet in a form": (form_event(text="red", facets="size"), 400, "facets is 'size'"),
    "q and query": (get("q=red&input_type=text&query=red"), 400, "contradict"),
    "text and query": (
        json_event({"text": "red", "input_type": "text", "query": "red"}),
        400,
        "contradict",
    ),
    "image_url and query": (
        get("image_url=https://x.example/red&input_type=image&query=https://x.example/red"),
        400,
        "contradict",
    ),
    "input_type is unknown": (get("input_type=video&query=cat"), 400, "input_type"),
    "input_type without query": (get("input_type=text"), 400, "query"),
    "query without input_type": (get("query=cat"), 400, "input_type"),
    "input_type is a list": (json_event({"input_type": ["text"], "query": "x"}), 400, "input_type"),
    "the same parameter twice": (get("q=red&q=blue"), 400, "twice"),
    "a hundred parameters": (get("&".join(f"a{n}=1" for n in range(100))), 400, "50"),
    "unknown parameter": (get("q=red&colur=red"), 400, "'colur' is unknown"),
    "unknown field": (json_event({"text": "red", "colour": "red"}), 400, "'colour' is unknown"),
    "unknown filter": (
        json_event({"text": "red", "filters": {"color": "red"}}),
        400,
        "filters: 'color' is unknown",
    ),
    "filters is a list": (json_event({"text": "red", "filters": []}), 400, "filters must be"),
    "filter of another type": (
        json_event({"text": "red", "filters": {"country": 7}}),
        400,
        "country must be a string",
    ),
    "colour is unknown": (get("q=red&colour=mauve"), 400, "black, white"),
    "orientation is unknown": (get("q=red&orientation=up"), 400, "landscape"),
    "date is no date": (get("q=red&taken_from=yesterday"), 400, "taken_from"),
    "date beyond the calendar": (
        get({"q": "red", "taken_from": "0001-01-01T00:00:00+23:59"}),
        400,
        "taken_from",
    ),
    "weight of a part that is not there": (
        json_event({"text": "red", "weights": {"image": 1}}),
        400,
        "weights",
    ),
    "weight of nothing": (json_event({"text": "red", "weights": {"sound": 1}}), 400, "weights"),
    "weight is 0": (json_event({"text": "red", "weights": {"text": 0}}), 400, "weights"),
    "weight is true": (json_event({"text": "red", "weights": {"text": True}}), 400, "text must be"),
    "unknown photo_id": (get("photo_id=nowhere"), 404, "nowhere"),
    "photo with a line break in its id": (http_event("GET", "/photos/a\nb"), 404, "a\\nb"),
    "photo with an endless id": (http_event("GET", "/photos/" + "x" * 9000), 404, "xxx'…"),
    "unknown photo": (http_event("GET", "/photos/nowhere"), 404, "nowhere"),
    "photo with a strange id": (http_event("GET", "/photos/../../etc/passwd"), 404, "passwd"),
    "empty body": (json_event(""), 400, "empty"),
    "empty picture body": (raw_event(b""), 400, "empty"),
    "body is a list": (json_event([1]), 400, "object"),
    "body is null": (json_event("null"), 400, "object"),
    "body is no JSON": (json_event("{text: red}"), 400, "JSON"),
    "body is cut off": (json_event('{"text": "re'), 400, "JSON"),
    "body is nested deeply": (json_event('{"filters": ' + DEEP), 400, "deep"),
    "body is not UTF-8": (raw_event(b'{"text": "\xff"}', "application/json"), 400, "UTF-8"),
    "body is broken base64": (
        raw_event(b"", "application/json") | {"body": "***", "isBase64Encoded": True},
        400,
        "base64",
    ),
    "no content type": (http_event("POST", "/search", body='{"text": "red"}'), 415, "Content-Type"),
    "text/plain": (json_event("red", content_type="text/plain"), 415, "text/plain"),
    "query string beside a JSON body": (
        json_event({"text": "red"}) | {"rawQueryString": "k=1"},
        400,
        "query string",
    ),
    "invalid base64": (json_event({"image": "!!!"}), 400, "base64"),
    "cut off base64": (json_event({"image": "QUJ"}), 400, "base64"),
    "empty image": (json_event({"image": ""}), 400, "empty"),
    "image is a number": (json_event({"image": 5}), 400, "image must be a string"),
    "image of 5 MB": (json_event({"image": "A" * 5_800_000}), 413, "4194304"),
    "picture body of 4.3 MB": (raw_event(bytes(4_300_000)), 413, "4194304"),
    "form with 4.3 MB": (form_event([("image", bytes(4_300_000))]), 413, "4194304"),
    "body of 6 MB": (json_event(json.dumps({"text": "x" * 6_300_000})), 413, "6291456"),
    "text file called .jpg": (picture_event(b"this is no picture" * 20), 415, ""),
    "text file as a JPEG body": (raw_event(b"this is no picture" * 20), 415, ""),
    "text file in a form": (form_event([("image", b"this is no picture")]), 415, ""),
    "truncated JPEG": (picture_event(noise(200)[:4000]), 415, ""),
    "PNG bomb": (picture_event(png_bomb()), 413, ""),
    "empty form": (form_event(), 400, "empty"),
    "two files in a form": (
        form_event([("image", plain()), ("image", plain())]),
        400,
        "limit is 1",
    ),
    "file of another name": (form_event([("photo", plain())]), 400, "'photo' is a file"),
    "image as a word": (form_event(image="red"), 400, "'image' is no file"),
    "unknown form field": (form_event(txt="red"), 400, "'txt' is unknown"),
    "weights in a form are no JSON": (form_event(text="red", weights="{"), 400, "weights"),
    "weights in a form are a list": (form_event(text="red", weights="[]"), 400, "weights"),
    "form without a boundary": (raw_event(b"x", "multipart/form-data"), 400, "boundary"),
    "form that is cut off": (
        raw_event(b"--b\r\nContent-Dis", "multipart/form-data; boundary=b"),
        400,
        "cut off",
    ),
    "form with a thousand fields": (
        form_event(**{f"a{n}": "1" for n in range(1000)}),
        400,
        "more than 32",
    ),
    "URL that gives no picture": (get("image_url=https://x.example/nothing"), 422, "404"),
}


@pytest.mark.parametrize(("event", "status", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_with_a_problem_that_names_it(handle, event, status, words):
    response = handle(event)
    problem = json.loads(response["body"])

    assert response["statusCode"] == status
    assert response["headers"]["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert words in problem["detail"]
    assert len(problem["detail"]) < 500
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["request_id"] == response["headers"]["X-Request-Id"]


ODD_BUT_FINE = {
    "1x1": plain(size=(1, 1)),
    "1x30000": plain(size=(1, 30_000)),
    "30000x1": plain(size=(30_000, 1)),
    "animated GIF": animated_gif(),
    "CMYK": encoded(Image.new("CMYK", (30, 30), (0, 255, 255, 0)), "JPEG"),
    "EXIF-rotated": exif_rotated(),
    "palette with transparency": encoded(Image.new("P", (30, 30)), "PNG", transparency=0),
    "16-bit grey": encoded(Image.new("I;16", (30, 30), 40_000), "PNG"),
}


@pytest.mark.parametrize("data", ODD_BUT_FINE.values(), ids=ODD_BUT_FINE.keys())
def test_odd_pictures_are_answered(call, data):
    status, answer = call(picture_event(data))

    assert status == 200
    assert len(answer["hits"]) == 4


def test_a_4_mb_picture_is_still_read(call):
    data = plain() + bytes(4 * 1024 * 1024 - len(plain()))

    status, _ = call(picture_event(data))

    assert status == 200


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "https://127.0.0.1/red.png",
        "https://localhost/red.png",
        "https://[::1]/red.png",
        "https://10.0.0.1/red.png",
        "https://2130706433/",
        "ftp://pictures.example/red.png",
        "data:image/png;base64,AAAA",
        "//pictures.example/red.png",
        "https://",
        "red.png",
        "https://user:secret@127.0.0.1/",
        "https://[/",
        "https://x.example:99999/",
    ],
)
def test_a_url_that_leads_inside_is_refused(settings, url):
    search = open_photo_search(settings)
    handler = make_handler(lambda: search, read=lambda: settings)

    answers = [
        handler(event, Context())
        for event in (get({"image_url": url}), json_event({"input_type": "image", "query": url}))
    ]

    search.index.close()
    assert [answer["statusCode"] for answer in answers] == [400, 400]


def test_no_url_is_downloaded_where_the_settings_forbid_it(settings):
    search = open_photo_search(replace(settings, allow_image_url=False))
    handler = make_handler(lambda: search, read=lambda: settings)

    answer = handler(get({"image_url": "https://pictures.example/red"}), Context())

    search.index.close()
    assert answer["statusCode"] == 400
