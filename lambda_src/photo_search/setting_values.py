"""What the values of settings may be: each reader takes one by its name, or says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from photo_search.errors import SettingsError

_ORIGIN = re.compile(r"https?://[^\s/,?#@]+")
_TRUE_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read_file(given: Mapping[str, str], name: str) -> Path | None:
    """A file that is there."""
    value = given.get(name)
    if value is None:
        return None
    if not Path(value).is_file():
        msg = f"{name} is {value!r}; there is no such file"
        raise SettingsError(msg)
    return Path(value)


def read_bool(given: Mapping[str, str], name: str, *, default: bool) -> bool:
    """True or false, in the usual words."""
    value = given.get(name)
    if value is None:
        return default
    if value.lower() not in _TRUE_WORDS:
        msg = f"{name} is {value!r}; it may be true or false"
        raise SettingsError(msg)
    return _TRUE_WORDS[value.lower()]


def read_count(given: Mapping[str, str], name: str, *, default: int, limit: int) -> int:
    """A whole number from 0 to a limit."""
    value = given.get(name)
    if value is None:
        return default
    # Its length first: int() refuses a number of thousands of digits with an error of its own.
    if not value.isdecimal() or len(value) > len(str(limit)) or int(value) > limit:
        msg = f"{name} is {value[:20]!r}; it must be a whole number from 0 to {limit}"
        raise SettingsError(msg)
    return int(value)


def read_origin(given: Mapping[str, str], name: str, *, or_all: bool = False) -> str:
    """Scheme, host and port; with ``or_all`` also ``*``."""
    origin = given.get(name, "")
    if origin and not (or_all and origin == "*") and not _ORIGIN.fullmatch(origin):
        msg = (
            f"{name} is {origin!r}; it may be one origin such as https://photos.example, "
            f"without a path{', or *' if or_all else ''}"
        )
        raise SettingsError(msg)
    return origin
