"""Photos in the SQLite file: looked up, filtered, matched by words, put in and taken out.

Knows nothing of embeddings but the slots that they share with photos.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from photo_search.arrays import Int64Array
from photo_search.errors import PhotoIndexError
from photo_search.index.checks import check_filters
from photo_search.index.photo_row import (
    INSERT_PHOTO,
    PHOTO_COLUMNS,
    Value,
    conditions,
    photo_from_row,
    row_from_photo,
    storable,
)
from photo_search.index.protocol import Filters
from photo_search.index.sqlite_file import Damaged
from photo_search.index.words import search_words
from photo_search.photo import Photo

# S608 below: what is put into a statement are constants and conditions made of them, never input.
_SLOTS_GIVEN = "slot IN (SELECT value FROM json_each(?))"


def slots_of(connection: sqlite3.Connection, photo_ids: Iterable[str]) -> dict[str, int]:
    """Slots of those ids that are stored."""
    found = {}
    for photo_id in photo_ids:
        row = connection.execute(
            "SELECT slot FROM photos WHERE photo_id = ?", (storable(photo_id),)
        ).fetchone()
        if row:
            found[photo_id] = int(row[0])
    return found


def photo_ids_at(connection: sqlite3.Connection, slots: Sequence[int]) -> dict[int, str]:
    """Ids of the photos in the slots.

    Raises:
        Damaged: A slot has no photo.
    """
    rows = connection.execute(
        f"SELECT slot, photo_id FROM photos WHERE {_SLOTS_GIVEN}",  # noqa: S608
        (json.dumps(slots),),
    ).fetchall()
    if len(rows) < len(slots):
        msg = "an embedding has no photo"
        raise Damaged(msg)
    return dict(rows)


def photos_at(connection: sqlite3.Connection, slots: Sequence[int]) -> list[Photo]:
    """The photos in the slots, in their order.

    Raises:
        Damaged: A slot has no photo, or a row is none.
    """
    rows = connection.execute(
        f"SELECT slot, {PHOTO_COLUMNS} FROM photos WHERE {_SLOTS_GIVEN}",  # noqa: S608
        (json.dumps(slots),),
    )
    by_slot = {row[0]: _photo(row[1:]) for row in rows}
    if len(by_slot) < len(slots):
        msg = "an embedding has no photo"
        raise Damaged(msg)
    return [by_slot[slot] for slot in slots]


def photo_with_id(connection: sqlite3.Connection, photo_id: str) -> tuple[int, Photo] | None:
    """The slot and the photo of an id; None when it is not there."""
    row = connection.execute(
        f"SELECT slot, {PHOTO_COLUMNS} FROM photos WHERE photo_id = ?",  # noqa: S608
        (storable(photo_id),),
    ).fetchone()
    return (int(row[0]), _photo(row[1:])) if row else None


def photo_ids_after(connection: sqlite3.Connection, last: str | None, limit: int) -> list[str]:
    """The next ids, ascending; from the first one on where ``last`` is None."""
    comparison = ">=" if last is None else ">"
    rows = connection.execute(
        f"SELECT photo_id FROM photos WHERE photo_id {comparison} ? "  # noqa: S608
        "ORDER BY photo_id LIMIT ?",
        (last or "", limit),
    )
    photo_ids = [row[0] for row in rows]
    known = photo_ids if last is None else [last, *photo_ids]
    # A damaged file can give the same ids for ever.
    if any(type(i) is not str for i in known) or any(a >= b for a, b in pairwise(known)):
        msg = "photo ids are out of order"
        raise Damaged(msg)
    return photo_ids


def slots_matching(connection: sqlite3.Connection, filters: Filters) -> Int64Array | None:
    """Slots of the photos that meet the filters, ascending; None where nothing is filtered.

    Raises:
        PhotoIndexError: A moment has no time zone.
    """
    condition, values = _condition(filters)
    if not condition:
        return None
    rows = connection.execute(f"SELECT slot FROM photos WHERE {condition}", values)  # noqa: S608
    return np.sort(np.fromiter((row[0] for row in rows), np.int64))


def slots_matching_words(
    connection: sqlite3.Connection, text: str, filters: Filters, *, offset: int = 0, limit: int
) -> list[tuple[int, float]]:
    """Slots and scores (BM25, higher is better) of photos that hold every word, best first.

    Args:
        connection: A reading one.
        text: The words.
        filters: Conditions on every photo.
        offset: Photos to pass over.
        limit: Most photos; a negative one means all.

    Raises:
        PhotoIndexError: A moment has no time zone.
    """
    words = search_words(text)
    if not words:
        return []
    # Quoted, a word is text to FTS5 and never an operator.
    match = " ".join('"' + storable(word).replace('"', '""') + '"' for word in words)
    condition, values = _condition(filters)
    rows = connection.execute(
        "WITH found AS MATERIALIZED (SELECT rowid AS slot, bm25(photo_text) AS rank "  # noqa: S608
        "FROM photo_text WHERE photo_text MATCH ?) "
        "SELECT slot, -rank FROM found JOIN photos USING(slot) "
        f"WHERE {condition or 'TRUE'} ORDER BY rank, photo_id LIMIT ? OFFSET ?",
        [match, *values, limit, offset],
    )
    return [(int(slot), float(score)) for slot, score in rows]


def insert_photo(connection: sqlite3.Connection, photo: Photo, slot: int) -> None:
    """Put a photo into a free slot.

    Raises:
        PhotoIndexError: A field cannot be stored.
    """
    try:
        connection.execute(INSERT_PHOTO, row_from_photo(photo, slot=slot))
    except (ValueError, OverflowError) as error:
        msg = f"photo {photo.photo_id!r} cannot be stored: {error}"
        raise PhotoIndexError(msg) from error
    connection.executemany(
        "INSERT INTO photo_colours VALUES(?, ?)", [(slot, c.value) for c in set(photo.colours)]
    )


def remove_photos(connection: sqlite3.Connection, slots: Iterable[int]) -> None:
    """Take the photos out of the slots."""
    connection.executemany("DELETE FROM photos WHERE slot = ?", [(slot,) for slot in slots])


def _condition(filters: Filters) -> tuple[str, list[Value]]:
    check_filters(filters)
    return conditions(filters)


def _photo(row: Sequence[Value]) -> Photo:
    try:
        return photo_from_row(row)
    except (ValueError, TypeError) as error:
        msg = f"the row of photo {row[0]!r} is none: {error}"
        raise Damaged(msg) from error
