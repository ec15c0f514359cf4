"""Cases that schemathesis makes up from openapi.json, valid and invalid ones, against the server.

That a valid case is accepted is not checked: whether a photo_id exists, or base64 holds a picture,
is nothing that a schema can say.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from copy import deepcopy

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from http_api.openapi import openapi_document
from local.server import create_app
from photo_search.settings import Settings
from tests.api.pictures import animated_gif, exif_rotated, plain, png_bomb
from tests.memory import peak_bytes, reset_peak

FEW, MANY, BATCH = 300, 5000, 500
MAX_ANSWER_S = 10
MAX_RSS_BYTES = 600 * 1024 * 1024
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

pictures = st.one_of(
    st.binary(),
    st.sampled_from(
        [plain(), plain(file_format="JPEG"), animated_gif(), exif_rotated(), png_bomb()]
    ),
)
schemathesis.openapi.media_type("image/*", pictures)


@pytest.fixture(scope="module")
def cases(photo_search, tmp_path_factory):
    """A strategy over every operation, valid and invalid."""
    app = create_app(
        settings=Settings(),
        photos_root=None,
        thumbs_dir=tmp_path_factory.mktemp("thumbs"),
        host="testserver",
        open_search=lambda: photo_search,
    )
    document = json.loads(json.dumps(openapi_document()))
    positive = [
        operation.as_strategy().map(without_contradictions)
        for operation in operations(document, app)
    ]
    # schemathesis cannot make invalid bodies with bytes in them ("Unsupported type: 'Binary'");
    # test_multipart and test_bad_input have those.
    for media_type in ("multipart/form-data", "image/*"):
        del document["paths"]["/search"]["post"]["requestBody"]["content"][media_type]
    negative = [
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        for operation in operations(document, app)
        if operation.path == "/search"
    ]
    return st.one_of(positive + negative)


def operations(document, app):
    schema = schemathesis.openapi.from_dict(deepcopy(document))
    schema.app = app
    return [result.ok() for result in schema.get_all_operations()]


def without_contradictions(case):
    """Mend what the schema cannot rule out, so that many valid cases reach the search itself."""
    if isinstance(case.body, dict) and case.media_type == "application/json":
        case.body = {"text": "red"} | without(case.body, "weights", "input_type", "query")
    elif case.query:
        forms = ("input_type", "query", "photo_id", "image_url")
        case.query = {"q": "red"} | without(case.query, *forms)
    return case


def without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


def run_cases(cases, count):
    """Send so many cases and give the number of each status."""
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=min(count, BATCH),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def send(data):
        case = data.draw(cases)
        start_s = time.monotonic()
        response = case.call_and_validate(checks=CHECKS)
        assert time.monotonic() - start_s < MAX_ANSWER_S
        statuses[int(response.status_code)] += 1

    for batch in range(-(-count // BATCH)):
        seed(batch)(send)()
    return statuses


def test_some_hundred_generated_cases_are_answered_as_documented(cases):
    statuses = run_cases(cases, FEW)

    assert statuses[200] > 20
    assert statuses[400] > 20


@pytest.mark.slow
def test_five_thousand_generated_cases_are_answered_as_documented(cases):
    reset_peak()

    statuses = run_cases(cases, MANY)

    peak = peak_bytes()
    sys.stdout.write(f"answers by status: {statuses}; peak memory {peak >> 20} MB\n")
    assert sum(statuses.values()) >= MANY
    assert peak < MAX_RSS_BYTES
