"""Counts of photos by what they have in common, in the SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from photo_search.index.protocol import MAX_FACET_VALUES, Facet, FacetCount, FacetCounts

_COLUMN_OF_FACET = {
    Facet.ORIENTATION: "orientation",
    Facet.COLOUR: "colour",
    Facet.COUNTRY: "country",
    Facet.CAMERA: "camera",
    Facet.PHOTOGRAPHER: "photographer",
}


def facet_counts(
    connection: sqlite3.Connection, slots: Sequence[int], facets: Iterable[Facet]
) -> FacetCounts:
    """Count the photos in the slots by each facet; an empty value is none."""
    given = json.dumps(slots)
    return {facet: _counts(connection, given, facet) for facet in facets}


def _counts(connection: sqlite3.Connection, slots: str, facet: Facet) -> tuple[FacetCount, ...]:
    column = _COLUMN_OF_FACET[facet]
    table = "photo_colours" if facet is Facet.COLOUR else "photos"
    rows = connection.execute(
        f"SELECT {column}, count(*) AS photos FROM {table} "  # noqa: S608 - constants alone
        f"WHERE slot IN (SELECT value FROM json_each(?)) AND {column} != '' "
        f"GROUP BY {column} ORDER BY photos DESC, {column} LIMIT {MAX_FACET_VALUES}",
        (slots,),
    )
    return tuple(FacetCount(str(value), int(count)) for value, count in rows)
