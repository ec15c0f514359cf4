from __future__ import annotations

import json

from local.openapi import OPENAPI_PATH, openapi_text
from tests.api.events import http_event


def test_the_committed_document_is_the_generated_one():
    assert OPENAPI_PATH.read_text() == openapi_text(), "run `make openapi` and commit openapi.json"


def test_the_api_serves_its_own_document(call):
    status, document = call(http_event("GET", "/openapi.json"))

    assert status == 200
    assert document == json.loads(OPENAPI_PATH.read_text())
