"""The API's description (OpenAPI 3.1).

Names and limits come from the code that enforces them; openapi_schemas has the shapes.
"""

from __future__ import annotations

from http_api.event_body import MAX_BODY_BYTES
from http_api.fields import MAX_IMAGE_BYTES
from http_api.openapi_schemas import (
    FACETS_AS_WORDS,
    FILTERS,
    IMAGE_URL,
    INPUT_TYPE,
    NAME,
    PAGING,
    PART_TEXT,
    SCHEMAS,
    Schema,
)
from http_api.problem import PROBLEM_CONTENT_TYPE
from http_api.request_parsing import FORM_NAMES, QUERY_NAMES

_DESCRIPTIONS = {
    "q": "Words to search for.",
    "photo_id": "More like this photo, which is itself left out.",
    "image_url": "Picture to download and search with.",
    "input_type": "What `query` is; the two go together, in place of q or image_url.",
    "query": "Words, or a picture's URL, as `input_type` says.",
    "k": "Hits on this page.",
    "offset": "Rank of the first hit; offset and k add up to 1000 at most.",
    "mode": "What ranks the photos: what is in them (semantic); the words of their description, "
    "keywords, place and photographer (keyword), which takes text alone; or both, fused by "
    "reciprocal rank (hybrid), which needs text.",
    "min_cosine": "Least cosine similarity of a hit; in mode semantic only.",
    "facets": "What the photos found are counted by, separated by commas.",
    "weights": "How much each part of the query counts; a JSON object.",
    "image": "The picture file.",
}
_PARAMETERS: dict[str, Schema] = {
    "q": PART_TEXT,
    "text": PART_TEXT,
    "photo_id": NAME,
    "image_url": IMAGE_URL,
    "input_type": INPUT_TYPE,
    "query": IMAGE_URL,
    "image": {"type": "string", "format": "binary", "minLength": 1},
    "weights": {"type": "string", "contentMediaType": "application/json"},
    **PAGING,
    "facets": FACETS_AS_WORDS,
    **FILTERS,
}
_SEARCH_PROBLEMS = {
    "400": "A parameter is missing, malformed, out of range or contradicts another.",
    "404": "No photo has this photo_id.",
    "413": f"The body has over {MAX_BODY_BYTES} bytes, or the picture over {MAX_IMAGE_BYTES}, "
    "or too many pixels.",
    "415": "The picture or the Content-Type is of a kind that is not read.",
    "422": "No picture came from image_url.",
}
_SERVER_PROBLEMS = {
    "500": "Something failed inside; the log has the request_id.",
    "503": "The index does not answer now; Retry-After says when to try again.",
}


def openapi_document() -> Schema:
    """Give the whole document."""
    query = [_query_parameter(name) for name in QUERY_NAMES]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "photo-search",
            "version": "1",
            "summary": "Search a photo collection by what is in the pictures.",
            "description": "Give words, a picture, a picture's URL or a photo of the collection, "
            "alone or combined. Every failure is a problem document (RFC 9457).",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/search": {
                "get": _operation(
                    "search", "Search by words, URL or photo", "SearchAnswer", _SEARCH_PROBLEMS
                )
                | {"parameters": query},
                "post": _operation(
                    "searchByPicture",
                    "Search, also by a picture sent along",
                    "SearchAnswer",
                    _SEARCH_PROBLEMS,
                )
                | {"requestBody": _search_body()},
            },
            "/photos/{photo_id}": {
                "get": _operation(
                    "photo",
                    "All that is known of one photo",
                    "Photo",
                    {"404": "No photo has this photo_id."},
                )
                | {
                    "parameters": [
                        {"name": "photo_id", "in": "path", "required": True, "schema": NAME}
                    ]
                },
            },
            "/healthz": {"get": _operation("health", "Which model and index answer", "Health", {})},
            "/openapi.json": {
                "get": _operation("openapi", "This document", "OpenApi", {}),
            },
        },
        "components": {"schemas": SCHEMAS},
    }


def _query_parameter(name: str) -> Schema:
    parameter: Schema = {"name": name, "in": "query", "schema": _PARAMETERS[name]}
    if name == "facets":
        words = PAGING[name] | {"minItems": 1}
        parameter |= {"schema": words, "style": "form", "explode": False}
    if name in _DESCRIPTIONS:
        parameter["description"] = _DESCRIPTIONS[name]
    return parameter


def _search_body() -> Schema:
    form = {
        "type": "object",
        "properties": {
            name: _PARAMETERS[name]
            | ({"description": _DESCRIPTIONS[name]} if name in _DESCRIPTIONS else {})
            for name in FORM_NAMES
        },
        "additionalProperties": False,
    }
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/SearchRequest"}},
            "multipart/form-data": {"schema": form},
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
        "description": "Where the body is a picture, the query string has the other parameters.",
    }


def _operation(operation_id: str, summary: str, answer: str, problems: dict[str, str]) -> Schema:
    responses: dict[str, Schema] = {
        "200": {
            "description": "The answer.",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}},
        }
    }
    for status, description in (problems | _SERVER_PROBLEMS).items():
        responses[status] = {
            "description": description,
            "content": {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    responses["503"]["headers"] = {
        "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
    }
    return {"operationId": operation_id, "summary": summary, "responses": responses}
