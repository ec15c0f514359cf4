"""Photos as rows of a table, and filters as conditions on it. Knows no connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from photo_search.index.protocol import Filters
from photo_search.photo import Colour, Photo, Source, name_key

Value: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Value, ...]

PHOTO_TABLE = """
CREATE TABLE photos(
    slot INTEGER PRIMARY KEY,
    photo_id TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    original_url TEXT NOT NULL,
    description TEXT NOT NULL,
    keywords TEXT NOT NULL,
    photographer TEXT NOT NULL,
    photographer_username TEXT NOT NULL,
    taken_at TEXT,
    place TEXT NOT NULL,
    city TEXT NOT NULL,
    country TEXT NOT NULL,
    latitude REAL,
    longitude REAL,
    camera TEXT NOT NULL,
    licence TEXT NOT NULL,
    colours TEXT NOT NULL,
    blur_hash TEXT NOT NULL,
    orientation TEXT NOT NULL,
    photographer_key TEXT NOT NULL,
    username_key TEXT NOT NULL,
    country_key TEXT NOT NULL,
    camera_key TEXT NOT NULL,
    taken_ms INTEGER
)
"""
PHOTO_COLUMNS = (
    "photo_id, width, height, source, path, original_url, description, keywords, photographer, "
    "photographer_username, taken_at, place, city, country, latitude, longitude, camera, licence, "
    "colours, blur_hash"
)
_INSERTED_COLUMNS = (
    f"slot, {PHOTO_COLUMNS}, orientation, photographer_key, username_key, country_key, camera_key, "
    "taken_ms"
)
INSERT_PHOTO = (
    f"INSERT INTO photos({_INSERTED_COLUMNS}) "
    f"VALUES({', '.join('?' * len(_INSERTED_COLUMNS.split(',')))})"
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_from_photo(photo: Photo, *, slot: int) -> Row:
    """Values for INSERT_PHOTO.

    Raises:
        ValueError: A field cannot be stored: a time without zone, half of a surrogate pair.
    """
    row: Row = (
        slot,
        photo.photo_id,
        photo.width,
        photo.height,
        photo.source.value,
        photo.path,
        photo.original_url,
        photo.description,
        json.dumps(photo.keywords, ensure_ascii=False),
        photo.photographer,
        photo.photographer_username,
        photo.taken_at.isoformat() if photo.taken_at else None,
        photo.place,
        photo.city,
        photo.country,
        photo.latitude,
        photo.longitude,
        photo.camera,
        photo.licence,
        json.dumps(photo.colours),
        photo.blur_hash,
        photo.orientation.value,
        name_key(photo.photographer),
        name_key(photo.photographer_username),
        name_key(photo.country),
        name_key(photo.camera),
        _milliseconds(photo.taken_at) if photo.taken_at else None,
    )
    for value in row:
        if isinstance(value, str):
            value.encode()
    return row


def photo_from_row(row: Sequence[Value]) -> Photo:
    """The photo in the values of PHOTO_COLUMNS.

    Raises:
        ValueError: The values are no photo.
    """
    texts = [str(value) for value in row]
    return Photo(
        photo_id=texts[0],
        width=int(texts[1]),
        height=int(texts[2]),
        source=Source(texts[3]),
        path=texts[4],
        original_url=texts[5],
        description=texts[6],
        keywords=tuple(str(keyword) for keyword in json.loads(texts[7])),
        photographer=texts[8],
        photographer_username=texts[9],
        taken_at=None if row[10] is None else datetime.fromisoformat(texts[10]),
        place=texts[11],
        city=texts[12],
        country=texts[13],
        latitude=None if row[14] is None else float(texts[14]),
        longitude=None if row[15] is None else float(texts[15]),
        camera=texts[16],
        licence=texts[17],
        colours=tuple(Colour(colour) for colour in json.loads(texts[18])),
        blur_hash=texts[19],
    )


def conditions(filters: Filters) -> tuple[str, list[Value]]:
    """SQL on the table photos, true where the filters hold, and its parameters; "" for none."""
    parts: list[tuple[str, list[Value]]] = []
    if filters.orientation is not None:
        parts.append(("orientation = ?", [filters.orientation.value]))
    if filters.photographer is not None:
        parts.append(_named(filters.photographer, "photographer_key", "username_key"))
    if filters.country is not None:
        parts.append(_named(filters.country, "country_key"))
    if filters.camera is not None:
        parts.append(_named(filters.camera, "camera_key"))
    if filters.colour is not None:
        colour = filters.colour.value
        parts.append(("slot IN (SELECT slot FROM photo_colours WHERE colour = ?)", [colour]))
    if filters.taken_from is not None:
        parts.append(("taken_ms >= ?", [_milliseconds(filters.taken_from)]))
    if filters.taken_before is not None:
        parts.append(("taken_ms < ?", [_milliseconds(filters.taken_before)]))
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _named(name: str, *columns: str) -> tuple[str, list[Value]]:
    """Whether one of the columns has the name; no photo has a blank one."""
    key = storable(name_key(name))
    alternatives = " OR ".join(f"{column} = ?" for column in columns)
    return (f"({alternatives})", [key] * len(columns)) if key else ("FALSE", [])


def storable(text: str) -> str:
    """The text with halves of surrogate pairs escaped: SQLite takes none, so none is stored."""
    return text.encode(errors="backslashreplace").decode()


def _milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 UTC.

    Raises:
        ValueError: The moment has no time zone.
    """
    if moment.tzinfo is None:
        msg = f"{moment.isoformat()} has no time zone"
        raise ValueError(msg)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
