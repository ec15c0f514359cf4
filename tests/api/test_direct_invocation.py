from __future__ import annotations

import json

import pytest

from tests.api.events import REQUEST_ID


@pytest.mark.parametrize(
    "event",
    [
        {"input_type": "text", "query": "green"},
        {"input_type": "image", "query": "https://pictures.example/green"},
        {"text": "green", "k": 2, "filters": {"colour": "green"}},
    ],
)
def test_a_direct_event_is_answered_with_the_json_itself(handle, event):
    answer = handle(event)

    assert answer["hits"][0]["photo_id"] == "green"
    assert set(answer) == {"hits", "next", "facets", "took_ms", "model", "query"}
    json.dumps(answer)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({}, 400),
        (None, 400),
        (["text"], 400),
        ({"input_type": "text"}, 400),
        ({"input_type": "sound", "query": "cat"}, 400),
        ({"input_type": "text", "query": " "}, 400),
        ({"input_type": "text", "query": "cat", "limit": 3}, 400),
        ({"photo_id": "nowhere"}, 404),
        ({"image": "A" * 6_000_000}, 413),
    ],
)
def test_a_bad_direct_event_is_answered_with_a_problem(handle, event, status):
    problem = handle(event)

    assert problem["status"] == status
    assert problem["request_id"] == REQUEST_ID
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
