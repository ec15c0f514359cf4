from __future__ import annotations

import pytest

from photo_search.index import Facet
from photo_search.search_request import Mode
from tests.api.events import form_event, http_event, json_event
from tests.api.pictures import plain

COLOURS_OF_ALL = [{"value": name, "count": 1} for name in ("blue", "green", "purple", "red")]
ORIENTATIONS_OF_ALL = [{"value": "portrait", "count": 3}, {"value": "landscape", "count": 1}]


def ids(answer):
    return [hit["photo_id"] for hit in answer["hits"]]


def get(**query):
    return http_event("GET", "/search", query=query)


def test_hybrid_mode_ranks_by_meaning_and_words_together(call):
    status, answer = call(get(q="green wall", mode="hybrid"))

    assert status == 200
    first, *others = answer["hits"]
    assert first["photo_id"] == "green"
    assert first["score"] == pytest.approx(2 / 61)  # first by embedding and first by words
    assert -1 <= first["cosine"] <= 1
    assert all(hit["score"] <= first["score"] for hit in others)


def test_hybrid_mode_takes_a_picture_beside_the_words(call):
    event = form_event([("image", plain((255, 0, 0)))], text="blue wall", mode="hybrid", k="1")

    status, answer = call(event)

    assert status == 200
    assert ids(answer) == ["blue"]


def test_semantic_is_what_a_search_is_without_a_mode(call):
    _, without = call(get(q="green"))
    _, semantic = call(get(q="green", mode="semantic"))

    assert without["hits"] == semantic["hits"]


FORMS = {
    "query string": get(q="wall", facets="orientation,colour"),
    "JSON": json_event({"text": "wall", "facets": ["orientation", "colour"]}),
    "form": form_event(text="wall", facets="orientation,colour"),
    "picture": http_event(
        "POST",
        "/search",
        query="facets=orientation%2Ccolour",
        headers={"content-type": "image/png"},
        body=plain(),
    ),
}


@pytest.mark.parametrize("event", FORMS.values(), ids=FORMS.keys())
def test_every_form_of_a_request_asks_for_facets(call, event):
    status, answer = call(event)

    assert status == 200
    assert answer["facets"] == {"orientation": ORIENTATIONS_OF_ALL, "colour": COLOURS_OF_ALL}


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_counts_every_facet_in_the_order_asked_for(call, mode):
    names = list(reversed(Facet))

    _, answer = call(get(q="wall", mode=mode, facets=",".join(names)))

    assert list(answer["facets"]) == names
    assert answer["facets"]["photographer"] == [{"value": "Ada L.", "count": 4}]
    assert answer["facets"]["country"] == [{"value": "Norway", "count": 4}]
    assert answer["facets"]["camera"] == [{"value": "Pinhole Mk II", "count": 1}]


def test_only_what_the_words_match_is_counted_in_keyword_mode(call):
    _, answer = call(get(q="purple", mode="keyword", facets="colour"))

    assert answer["facets"] == {"colour": [{"value": "purple", "count": 1}]}


def test_filters_bind_what_is_counted(call):
    _, answer = call(get(q="wall", orientation="landscape", facets="colour"))

    assert answer["facets"] == {"colour": [{"value": "blue", "count": 1}]}


def test_every_page_counts_the_same(call):
    _, first = call(get(q="wall", k=1, facets="colour"))
    _, second = call(get(q="wall", k=1, offset=1, facets="colour"))

    assert first["facets"] == second["facets"] == {"colour": COLOURS_OF_ALL}


def test_a_direct_call_is_given_its_facets(handle):
    answer = handle({"text": "wall", "mode": "hybrid", "facets": ["country"]})

    assert answer["facets"] == {"country": [{"value": "Norway", "count": 4}]}
