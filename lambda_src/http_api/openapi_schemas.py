"""The shapes of requests and answers as JSON Schema (2020-12)."""

from __future__ import annotations

from typing import Any

from http_api.fields import MAX_IMAGE_BYTES, MAX_NAME_CHARACTERS, MAX_URL_CHARACTERS
from photo_search.index import WINDOW, Facet
from photo_search.index.protocol import MAX_FACET_VALUES
from photo_search.photo import Colour, Orientation, Source
from photo_search.search_request import (
    DEFAULT_K,
    MAX_K,
    MAX_TEXT_CHARACTERS,
    MAX_WEIGHT,
    Mode,
    Part,
)

Schema = dict[str, Any]

_NOT_BLANK = r"\S"
_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COSINE: Schema = {"type": "number", "minimum": -1, "maximum": 1}


def _text(limit: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": limit, "pattern": _NOT_BLANK}


def _object(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


PART_TEXT = _text(MAX_TEXT_CHARACTERS)
NAME = _text(MAX_NAME_CHARACTERS)
IMAGE_URL = _text(MAX_URL_CHARACTERS)
INPUT_TYPE: Schema = {"enum": ["text", "image"]}
PAGING: Schema = {
    "k": {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": DEFAULT_K},
    "offset": {"type": "integer", "minimum": 0, "maximum": WINDOW - 1, "default": 0},
    "mode": {"enum": list(Mode), "default": Mode.SEMANTIC},
    "min_cosine": _COSINE,
    "facets": {"type": "array", "items": {"enum": list(Facet)}, "uniqueItems": True},
}
FACETS_AS_WORDS: Schema = {
    "type": "string",
    "pattern": f"^({'|'.join(Facet)})(,({'|'.join(Facet)}))*$",
    "examples": ["colour,country"],
}
_MOMENT = NAME | {
    "description": "ISO 8601 date, or date and time; in UTC where it names no zone.",
    "examples": ["2024-05-31", "2024-05-31T08:00:00+02:00"],
}
FILTERS: Schema = {
    "orientation": {"enum": list(Orientation)},
    "colour": {"enum": list(Colour), "description": "One of the photo's main colours."},
    "photographer": NAME | {"description": "Name or user name, whole, in any case."},
    "country": NAME | {"description": "Whole, in any case."},
    "camera": NAME | {"description": "Whole, in any case."},
    "taken_from": _MOMENT,
    "taken_before": _MOMENT,
}
_WEIGHT: Schema = {
    "type": "number",
    "minimum": -MAX_WEIGHT,
    "maximum": MAX_WEIGHT,
    "not": {"const": 0},
}
_SEARCH_REQUEST = {
    "type": "object",
    "properties": {
        "text": PART_TEXT,
        "image": {
            "type": "string",
            "contentEncoding": "base64",
            "minLength": 1,
            "maxLength": (MAX_IMAGE_BYTES + 2) // 3 * 4,
        },
        "image_url": IMAGE_URL,
        "photo_id": NAME,
        "input_type": INPUT_TYPE,
        "query": IMAGE_URL,
        "weights": {
            "type": "object",
            "properties": dict.fromkeys(Part, _WEIGHT),
            "additionalProperties": False,
        },
        **PAGING,
        "filters": {"type": "object", "properties": FILTERS, "additionalProperties": False},
    },
    "additionalProperties": False,
    "anyOf": [
        *({"required": [part]} for part in Part),
        {"required": ["input_type", "query"]},
    ],
    "dependentRequired": {"input_type": ["query"], "query": ["input_type"]},
    "examples": [{"text": "red balloon", "k": 10}, {"input_type": "text", "query": "cat"}],
}
_PICTURE_URL = _STRING | {
    "description": "below the site, or a whole address; of one's own photo in a private bucket a "
    "link that ends after an hour or two"
}
_PICTURE: Schema = {
    "width": {"type": "integer", "minimum": 1},
    "height": {"type": "integer", "minimum": 1},
    "blur_hash": _STRING,
    "description": _STRING,
    "path": {"type": "string", "description": "of one's own photo, below the collection's root"},
    "image_url": _PICTURE_URL,
    "thumbnail_url": _PICTURE_URL,
    "page_url": _STRING,
    "attribution": _object({"text": _STRING, "html": _STRING}),
}
_MODEL: Schema = {"fingerprint": _STRING, "build": _STRING}
_FACET_VALUES: dict[Facet, Schema] = {
    Facet.ORIENTATION: {"enum": list(Orientation)},
    Facet.COLOUR: {"enum": list(Colour)},
}
_FACETS: Schema = _object(
    {
        facet: {
            "type": "array",
            "maxItems": MAX_FACET_VALUES,
            "items": _object(
                {
                    "value": _FACET_VALUES.get(facet, {"type": "string", "minLength": 1}),
                    "count": {"type": "integer", "minimum": 1},
                }
            ),
        }
        for facet in Facet
    },
    optional=tuple(Facet),
) | {
    "description": "Those asked for. How many photos have each value, the commonest "
    f"{MAX_FACET_VALUES} first; a photo counts for each of its main colours, and for nothing where "
    f"it has no value. Counted, filters applied, over the nearest {WINDOW} photos (mode semantic), "
    f"over every photo that matches (keyword), or over the {WINDOW} that both rankings together "
    "put first (hybrid)."
}
SCHEMAS: Schema = {
    "SearchRequest": _SEARCH_REQUEST,
    "SearchAnswer": _object(
        {
            "hits": {
                "type": "array",
                "maxItems": MAX_K,
                "items": _object(
                    {
                        "photo_id": _STRING,
                        "score": _NUMBER
                        | {
                            "description": "What ranked the photo, comparable within one answer "
                            "only: the cosine (mode semantic), BM25 (keyword), or the sum of the "
                            "photo's reciprocal ranks by embedding and by words (hybrid)."
                        },
                        "cosine": _nullable(_NUMBER)
                        | {
                            "description": "Cosine similarity with the query; null in mode "
                            "keyword, and in hybrid for a photo found by its words alone."
                        },
                        **_PICTURE,
                    }
                ),
            },
            "next": _nullable(
                {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": WINDOW,
                    "description": "offset of the page that follows; of the last page before "
                    f"{WINDOW}, k must be {WINDOW} - next or less",
                }
            ),
            "facets": _FACETS,
            "took_ms": _object(dict.fromkeys(("encode", "search", "total"), _NUMBER)),
            "model": _object(_MODEL),
            "query": _object({"truncated": {"type": "boolean"}}),
        }
    ),
    "Photo": _object(
        {
            "photo_id": _STRING,
            **_PICTURE,
            "source": {"enum": list(Source)},
            "orientation": {"enum": list(Orientation)},
            "keywords": {"type": "array", "items": _STRING},
            "photographer": _STRING,
            "photographer_username": _STRING,
            "taken_at": _nullable({"type": "string", "format": "date-time"}),
            "place": _STRING,
            "city": _STRING,
            "country": _STRING,
            "latitude": _nullable(_NUMBER),
            "longitude": _nullable(_NUMBER),
            "camera": _STRING,
            "licence": _STRING,
            "colours": {"type": "array", "items": {"enum": list(Colour)}},
        }
    ),
    "Health": _object(
        {
            "status": {"const": "ok"},
            "photos": {"type": "integer", "minimum": 0},
            "model": _object({**_MODEL, "checkpoint": _STRING}),
        }
    ),
    "OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]},
    "Problem": _object(
        {
            "type": _STRING,
            "title": _STRING,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": _STRING,
            "request_id": _STRING,
        }
    ),
}
