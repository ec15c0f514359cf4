"""Strict readers of single fields: a value of the named type, or InvalidQuery saying what is wrong.

Fields are what JSON gives: ``str``, ``int``, ``float``, ``bool``, ``None``, ``list`` or ``dict``.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from photo_search.errors import ImageTooLarge, InvalidQuery

MAX_IMAGE_BYTES = 4 * 1024 * 1024
MAX_NAME_CHARACTERS = 200
MAX_URL_CHARACTERS = 2048
_MAX_ECHO_CHARACTERS = 60
_JSON_TYPES = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}

Fields = Mapping[str, object]
Choice = TypeVar("Choice", bound=StrEnum)


def refuse_unknown(names: Iterable[str], known: Iterable[str], *, prefix: str = "") -> None:
    """Refuse the first name that is not known.

    Raises:
        InvalidQuery: It names the field and those that exist.
    """
    known = tuple(known)
    for name in names:
        if name not in known:
            msg = f"{prefix}{echo(name)} is unknown; known are {', '.join(known)}"
            raise InvalidQuery(msg)


def read_string(fields: Fields, name: str, *, limit: int = MAX_NAME_CHARACTERS) -> str | None:
    """Read a text of 1 to ``limit`` characters that are not all blank; None where left out."""
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, str):
        raise _mistyped(name, value, "a string")
    if not value.strip():
        msg = f"{name} is empty"
        raise InvalidQuery(msg)
    if len(value) > limit:
        msg = f"{name} has {len(value)} characters; the limit is {limit}"
        raise InvalidQuery(msg)
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        msg = f"{name} holds a NUL character or half of a surrogate pair"
        raise InvalidQuery(msg)
    return value


def read_integer(fields: Fields, name: str, default: int) -> int:
    """Read a whole number; 20.0 is one, as JSON Schema has it, a boolean is none."""
    value = fields.get(name, default)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _mistyped(name, value, "an integer")
    return value


def read_number(fields: Fields, name: str) -> float | None:
    """Read a finite number; None where left out."""
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _mistyped(name, value, "a number")
    try:
        number = float(value)
    except OverflowError as error:
        msg = f"{name} is too large"
        raise InvalidQuery(msg) from error
    if not math.isfinite(number):
        msg = f"{name} is {number}; it must be finite"
        raise InvalidQuery(msg)
    return number


def read_choice(fields: Fields, name: str, choices: type[Choice]) -> Choice | None:
    """Read one word of an enumeration; None where left out."""
    return _choice(name, fields[name], choices) if name in fields else None


def read_choices(fields: Fields, name: str, choices: type[Choice]) -> tuple[Choice, ...]:
    """Read a list of words of an enumeration; empty where left out."""
    values = fields.get(name, [])
    if not isinstance(values, list):
        raise _mistyped(name, values, "a list")
    return tuple(_choice(name, value, choices) for value in values)


def read_object(fields: Fields, name: str) -> dict[str, object]:
    """Read an object; empty where left out."""
    value = fields.get(name, {})
    if not isinstance(value, dict):
        raise _mistyped(name, value, "an object")
    return value


def read_moment(fields: Fields, name: str) -> datetime | None:
    """Read an ISO 8601 date or date and time, UTC where it names no zone; None where left out."""
    text = read_string(fields, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = (
            f"{name} is {echo(text)}; it must be a date such as 2024-05-31 or 2024-05-31T08:00:00Z"
        )
        raise InvalidQuery(msg) from error


def read_base64_image(fields: Fields, name: str) -> bytes | None:
    """Read a picture's bytes from base64; None where left out.

    Raises:
        InvalidQuery: It is no base64.
        ImageTooLarge: It has more than MAX_IMAGE_BYTES; told from its length, before decoding.
    """
    if name not in fields:
        return None
    value = fields[name]
    if not isinstance(value, str):
        raise _mistyped(name, value, "a string")
    check_image_size(len(value) * 3 // 4 - value[-2:].count("="))
    try:
        image = base64.b64decode(value, validate=True)
    except ValueError as error:  # binascii.Error is one, and so is a character beyond ASCII
        msg = f"{name} is no valid base64"
        raise InvalidQuery(msg) from error
    if not image:
        msg = f"{name} is empty"
        raise InvalidQuery(msg)
    return image


def check_image_size(size_bytes: int) -> None:
    """Refuse a picture of more than MAX_IMAGE_BYTES.

    Raises:
        ImageTooLarge: It is.
    """
    if size_bytes > MAX_IMAGE_BYTES:
        msg = f"the image has {size_bytes} bytes; the limit is {MAX_IMAGE_BYTES}"
        raise ImageTooLarge(msg)


def echo(value: str) -> str:
    """Quote a caller's text in a message: escaped, and short whatever its length."""
    if len(value) > _MAX_ECHO_CHARACTERS:
        return f"{value[:_MAX_ECHO_CHARACTERS]!r}…"
    return repr(value)


def _choice(name: str, value: object, choices: type[Choice]) -> Choice:
    if not isinstance(value, str):
        raise _mistyped(name, value, "a string")
    try:
        return choices(value)
    except ValueError as error:
        msg = f"{name} is {echo(value)}; it may be {', '.join(choices)}"
        raise InvalidQuery(msg) from error


def _mistyped(name: str, value: object, wanted: str) -> InvalidQuery:
    given = _JSON_TYPES.get(type(value), "null" if value is None else "an object or list")
    if isinstance(value, str):
        given = f"the string {echo(value)}"
    return InvalidQuery(f"{name} must be {wanted}, not {given}")
