"""Settings: the only reader of the process environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from photo_search.errors import SettingsError

MODEL_DIR_ENV = "MODEL_DIR"
INDEX_URL_ENV = "INDEX_URL"
PRELOAD_ENV = "PRELOAD"
ALLOW_IMAGE_URL_ENV = "ALLOW_IMAGE_URL"
ALLOW_HTTP_IMAGE_URL_ENV = "ALLOW_HTTP_IMAGE_URL"
ENCODER_THREADS_ENV = "ENCODER_THREADS"
CORS_ALLOW_ORIGIN_ENV = "CORS_ALLOW_ORIGIN"

MAX_THREADS = 1024
TOWERS = ("text", "image")
_ORIGIN = re.compile(r"https?://[^\s/,?#]+")
_TRUE_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment decides; the README's table has a row for each field."""

    model_dir: Path = Path("models/demo")
    index_url: str = "sqlite:///build/photos.db"
    preload: tuple[str, ...] = ()
    """Towers that ``warm_up()`` loads: any of ``text``, ``image``."""
    allow_image_url: bool = True
    allow_http_image_url: bool = False
    encoder_threads: int = 0
    """Threads of one encoder call; 0 means one per CPU this process may use."""
    cors_allow_origin: str = ""
    """Origin that browsers may call the API from; empty sends no CORS header."""


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: Names to values; the process environment when left out. An empty value counts
            as not given.

    Raises:
        SettingsError: A value is malformed; the message names the variable and what it may be.
    """
    given = {
        name: value
        for name, value in (os.environ if environ is None else environ).items()  # noqa: TID251
        if value
    }
    defaults = Settings()
    return Settings(
        model_dir=Path(given.get(MODEL_DIR_ENV, defaults.model_dir)),
        index_url=given.get(INDEX_URL_ENV, defaults.index_url),
        preload=_read_towers(given.get(PRELOAD_ENV, "")),
        allow_image_url=_read_bool(given, ALLOW_IMAGE_URL_ENV, default=defaults.allow_image_url),
        allow_http_image_url=_read_bool(
            given, ALLOW_HTTP_IMAGE_URL_ENV, default=defaults.allow_http_image_url
        ),
        encoder_threads=_read_count(given, ENCODER_THREADS_ENV, default=defaults.encoder_threads),
        cors_allow_origin=_read_origin(given, defaults.cors_allow_origin),
    )


def _read_bool(given: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = given.get(name)
    if value is None:
        return default
    if value.lower() not in _TRUE_WORDS:
        msg = f"{name} is {value!r}; it may be true or false"
        raise SettingsError(msg)
    return _TRUE_WORDS[value.lower()]


def _read_count(given: Mapping[str, str], name: str, *, default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    # Its length first: int() refuses a number of thousands of digits with an error of its own.
    if not value.isdecimal() or len(value) > len(str(MAX_THREADS)) or int(value) > MAX_THREADS:
        msg = f"{name} is {value[:20]!r}; it must be a whole number from 0 to {MAX_THREADS}"
        raise SettingsError(msg)
    return int(value)


def _read_origin(given: Mapping[str, str], default: str) -> str:
    origin = given.get(CORS_ALLOW_ORIGIN_ENV, default)
    if origin not in ("", "*") and not _ORIGIN.fullmatch(origin):
        msg = (
            f"{CORS_ALLOW_ORIGIN_ENV} is {origin!r}; it may be one origin such as "
            "https://photos.example, without a path, or *"
        )
        raise SettingsError(msg)
    return origin


def _read_towers(value: str) -> tuple[str, ...]:
    towers = tuple(tower.strip() for tower in value.split(",") if tower.strip())
    for tower in towers:
        if tower not in TOWERS:
            msg = f"{PRELOAD_ENV} names {tower!r}; it may name {', '.join(TOWERS)}"
            raise SettingsError(msg)
    return towers
