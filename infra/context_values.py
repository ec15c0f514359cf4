"""Values of the CDK context, as text (``-c key=value``) or JSON (``cdk.json``), checked.

Each reader names the key, the value and what it may be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


class ConfigError(Exception):
    """The deployment's configuration is missing something, malformed or contradicts itself."""


_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN_CHARACTERS = 80


class ContextValues:
    """The given values by key; an empty one counts as not given."""

    def __init__(self, given: Mapping[str, object]) -> None:
        """Keep what is given."""
        self._given = {key: value for key, value in given.items() if value not in (None, "")}

    def text(self, key: str, default: str, pattern: str, rule: str) -> str:
        """A text of a form.

        Args:
            key: Its name.
            default: What it is when not given.
            pattern: What the whole of it must match.
            rule: The same in words: "it must be …".

        Raises:
            ConfigError: It is of another form.
        """
        value = self._given.get(key, default)
        if not isinstance(value, str) or (value and not re.fullmatch(pattern, value)):
            raise self._refused(key, value, rule)
        return value

    def choice(self, key: str, default: str, choices: Sequence[str]) -> str:
        """One of some words."""
        value = self._given.get(key, default)
        if not isinstance(value, str) or value not in choices:
            raise self._refused(key, value, f"one of {', '.join(choices)}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._given.get(key, default)
        word = str(value).lower()
        if word not in _WORDS:
            raise self._refused(key, value, "true or false")
        return _WORDS[word]

    def whole(self, key: str, default: int, low: int, high: int, unit: str = "") -> int:
        """A whole number within limits, both of them allowed."""
        value = self._given.get(key, default)
        number = value
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            number = int(value)
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise self._refused(key, value, f"a whole number from {low} to {high} {unit}".strip())
        return number

    def texts(self, key: str, pattern: str, rule: str) -> tuple[str, ...]:
        """Some texts of a form, in a list or with commas between them."""
        value = self._given.get(key, ())
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, (list, tuple)):
            raise self._refused(key, value, f"a list, each {rule}")
        for part in value:
            if not isinstance(part, str) or not re.fullmatch(pattern, part):
                raise self._refused(key, part, rule)
        return tuple(value)

    @staticmethod
    def _refused(key: str, value: object, rule: str) -> ConfigError:
        return ConfigError(f"{key} is {str(value)[:_SHOWN_CHARACTERS]!r}; it must be {rule}")
