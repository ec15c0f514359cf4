"""From what a caller sent to a SearchRequest, whatever the form: query string, JSON, form, picture.

Each is first turned into fields by name, as JSON would give them; one function then reads these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl

from http_api.fields import (
    MAX_URL_CHARACTERS,
    Fields,
    check_image_size,
    echo,
    read_base64_image,
    read_choice,
    read_choices,
    read_integer,
    read_moment,
    read_number,
    read_object,
    read_string,
    refuse_unknown,
)
from http_api.multipart import parse_multipart
from photo_search.errors import InvalidQuery
from photo_search.index import Facet, Filters
from photo_search.photo import Colour, Orientation
from photo_search.search_request import DEFAULT_K, MAX_TEXT_CHARACTERS, Mode, Part, SearchRequest

FILTER_NAMES = (
    "orientation",
    "colour",
    "photographer",
    "country",
    "camera",
    "taken_from",
    "taken_before",
)
INPUT_TYPE_NAMES = ("input_type", "query")
_PAGE_NAMES = ("k", "offset", "mode", "min_cosine", "facets")
QUERY_NAMES = ("q", "photo_id", "image_url", *INPUT_TYPE_NAMES, *_PAGE_NAMES, *FILTER_NAMES)
BODY_NAMES = (*Part, *INPUT_TYPE_NAMES, "weights", *_PAGE_NAMES, "filters")
FORM_NAMES = (*Part, *INPUT_TYPE_NAMES, "weights", *_PAGE_NAMES, *FILTER_NAMES)

Value = TypeVar("Value")

_PART_OF_INPUT_TYPE = {"text": Part.TEXT, "image": Part.IMAGE_URL}
_MAX_QUERY_PARAMETERS = 50
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def request_from_query(query_string: str, *, image: bytes | None = None) -> SearchRequest:
    """Read a query string, and the picture that came as the body, if any.

    Raises:
        InvalidQuery: A parameter is unknown, malformed, given twice or contradicts another.
    """
    try:
        pairs = parse_qsl(
            query_string,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_QUERY_PARAMETERS,
        )
    except UnicodeDecodeError as error:
        msg = "the query string is not percent-encoded UTF-8"
        raise InvalidQuery(msg) from error
    except ValueError as error:
        msg = f"the query string has more than {_MAX_QUERY_PARAMETERS} parameters"
        raise InvalidQuery(msg) from error
    words = _once_each(pairs)
    refuse_unknown(words, QUERY_NAMES)
    fields = _fields_from_words(words)
    if "q" in fields:
        fields[Part.TEXT] = fields.pop("q")
    return _search_request(fields, image=image)


def request_from_json(body: bytes) -> SearchRequest:
    """Read a JSON body.

    Raises:
        InvalidQuery: It is no JSON object, or a field is unknown, malformed or contradicts another.
        ImageTooLarge: The picture in it is.
    """
    return request_from_event(_load_json(body, "the body"), "the body")


def request_from_event(fields: object, what: str = "the event") -> SearchRequest:
    """Read the event of a direct invocation, which has the fields of a JSON body.

    Raises:
        InvalidQuery: It is no object, or a field is unknown, malformed or contradicts another.
        ImageTooLarge: The picture in it is.
    """
    if not isinstance(fields, dict):
        msg = f"{what} must be a JSON object"
        raise InvalidQuery(msg)
    refuse_unknown(fields, BODY_NAMES)
    return _search_request(fields, image=read_base64_image(fields, Part.IMAGE))


def request_from_form(body: bytes, content_type: str) -> SearchRequest:
    """Read a multipart form: the picture as a file named ``image``, everything else as words.

    Raises:
        InvalidQuery: The form, or a field of it, is unknown, malformed or contradicts another.
        ImageTooLarge: The picture in it is.
    """
    parts = parse_multipart(body, content_type)
    images = [part.content for part in parts if part.is_file and part.name == Part.IMAGE]
    for part in parts:
        if part.is_file != (part.name == Part.IMAGE):
            msg = f"the form's field {echo(part.name)} is {'a file' if part.is_file else 'no file'}"
            raise InvalidQuery(msg)
    if len(images) > 1:
        msg = f"the form has {len(images)} files; the limit is 1"
        raise InvalidQuery(msg)
    try:
        words = _once_each(
            (part.name, part.content.decode("utf-8")) for part in parts if not part.is_file
        )
    except UnicodeDecodeError as error:
        msg = "a field of the form is not UTF-8"
        raise InvalidQuery(msg) from error
    refuse_unknown(words, FORM_NAMES)
    fields = _fields_from_words(words)
    if "weights" in words:
        fields["weights"] = _load_json(words["weights"].encode(), "weights")
    return _search_request(fields, image=images[0] if images else None)


def _search_request(fields: Fields, *, image: bytes | None) -> SearchRequest:
    fields = _with_input_type(fields)
    if image is not None:
        check_image_size(len(image))
    filters = read_object(fields, "filters")
    refuse_unknown(filters, FILTER_NAMES, prefix="filters: ")
    return SearchRequest(
        text=read_string(fields, Part.TEXT, limit=MAX_TEXT_CHARACTERS),
        image=image,
        image_url=read_string(fields, Part.IMAGE_URL, limit=MAX_URL_CHARACTERS),
        photo_id=read_string(fields, Part.PHOTO_ID),
        weights=_read_weights(read_object(fields, "weights")),
        k=read_integer(fields, "k", DEFAULT_K),
        offset=read_integer(fields, "offset", 0),
        mode=read_choice(fields, "mode", Mode) or Mode.SEMANTIC,
        min_cosine=read_number(fields, "min_cosine"),
        filters=Filters(
            orientation=read_choice(filters, "orientation", Orientation),
            colour=read_choice(filters, "colour", Colour),
            photographer=read_string(filters, "photographer"),
            country=read_string(filters, "country"),
            camera=read_string(filters, "camera"),
            taken_from=read_moment(filters, "taken_from"),
            taken_before=read_moment(filters, "taken_before"),
        ),
        facets=read_choices(fields, "facets", Facet),
    )


def _with_input_type(fields: Fields) -> Fields:
    """Turn ``input_type`` and ``query`` into the part that they stand for."""
    if not any(name in fields for name in INPUT_TYPE_NAMES):
        return fields
    input_type = read_string(fields, "input_type")
    if input_type not in _PART_OF_INPUT_TYPE or "query" not in fields:
        msg = f"input_type must be {' or '.join(_PART_OF_INPUT_TYPE)}, and query must be given"
        raise InvalidQuery(msg)
    part = _PART_OF_INPUT_TYPE[input_type]
    if part in fields:
        msg = f"query and {part} contradict each other; give one of them"
        raise InvalidQuery(msg)
    return {**fields, part: fields["query"]}


def _read_weights(weights: Fields) -> dict[Part, float]:
    refuse_unknown(weights, Part, prefix="weights: ")
    read = {Part(name): read_number(weights, name) for name in weights}
    return {part: weight for part, weight in read.items() if weight is not None}


def _once_each(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, value in pairs:
        if values.setdefault(name, value) != value:
            msg = f"{echo(name)} is given twice with different values"
            raise InvalidQuery(msg)
    return values


def _fields_from_words(words: dict[str, str]) -> dict[str, object]:
    """Give numbers and lists their type and put the filters into an object of their own."""
    fields: dict[str, object] = {
        name: word for name, word in words.items() if name not in FILTER_NAMES
    }
    fields["filters"] = {name: words[name] for name in FILTER_NAMES if name in words}
    for name in ("k", "offset"):
        if name in words and _INTEGER.fullmatch(words[name]):
            fields[name] = int(words[name])
    if "min_cosine" in words and _NUMBER.fullmatch(words["min_cosine"]):
        fields["min_cosine"] = float(words["min_cosine"])
    if "facets" in words:
        fields["facets"] = words["facets"].split(",")
    return fields


def _load_json(body: bytes, what: str) -> object:
    try:
        loaded: object = json.loads(
            body.decode("utf-8"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_once_each,
        )
    except UnicodeDecodeError as error:
        msg = f"{what} is not UTF-8"
        raise InvalidQuery(msg) from error
    except json.JSONDecodeError as error:
        msg = f"{what} is no valid JSON: {error.msg} at character {error.pos}"
        raise InvalidQuery(msg) from error
    except ValueError as error:  # a number of thousands of digits
        msg = f"{what} holds a number that is too long"
        raise InvalidQuery(msg) from error
    except RecursionError as error:
        msg = f"{what} is nested too deeply"
        raise InvalidQuery(msg) from error
    return loaded


def _refuse_constant(constant: str) -> NoReturn:
    msg = f"{constant} is no JSON number"
    raise InvalidQuery(msg)
