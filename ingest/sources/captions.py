"""The CSV that says what is known of one's own photos. Columns are found by name, in any order."""

from __future__ import annotations

import csv
import hashlib
import math
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from ingest.moment import parse_moment
from photo_search.errors import SourceInvalid
from photo_search.photo import Photo

PATH_COLUMN = "path"
COLUMNS = (
    PATH_COLUMN,
    "photo_id",
    "description",
    "keywords",
    "photographer",
    "place",
    "city",
    "country",
    "latitude",
    "longitude",
    "taken_at",
    "licence",
    "camera",
)
# A thumbnail is named after the quoted photo_id, and file systems take 255 bytes.
_MAX_QUOTED_ID = 200


@dataclass(frozen=True, slots=True)
class Caption:
    """One row: facts by column, only those that are given and well formed."""

    facts: dict[str, str]
    digest: str

    @property
    def photo_id(self) -> str:
        """The row's own id for its photo; empty when it has none."""
        return self.facts.get("photo_id", "")

    def describe(self, photo: Photo) -> Photo:
        """Add the row's facts to a photo."""
        facts = self.facts
        return replace(
            photo,
            description=facts.get("description", ""),
            photographer=facts.get("photographer", ""),
            place=facts.get("place", ""),
            city=facts.get("city", ""),
            country=facts.get("country", ""),
            camera=facts.get("camera", ""),
            licence=facts.get("licence", ""),
            keywords=tuple(split_keywords(facts.get("keywords", ""))),
            taken_at=parse_moment(facts.get("taken_at", "")),
            latitude=parse_degrees(facts.get("latitude", ""), limit=90),
            longitude=parse_degrees(facts.get("longitude", ""), limit=180),
        )


def read_captions(path: Path) -> tuple[dict[str, Caption], list[str]]:
    """Read the rows by the path of their photo, and notes on what was not understood.

    Fields are separated by the one of comma, semicolon and tab that the header has most of.

    Raises:
        SourceInvalid: The file cannot be read as CSV in UTF-8 or has no column ``path``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max(",;\t", key=file.readline().count)
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter)
            header = [(name or "").strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} cannot be read as CSV in UTF-8: {error}"
        raise SourceInvalid(msg) from error
    if PATH_COLUMN not in header:
        msg = f"{path} has no column {PATH_COLUMN!r}; it has {', '.join(header) or 'none'}"
        raise SourceInvalid(msg)
    notes = [f"column {name!r} of {path.name} is ignored" for name in header if name not in COLUMNS]
    captions: dict[str, Caption] = {}
    malformed = repeated = overfull = 0
    for row in rows:
        overfull += None in row  # where DictReader puts fields that have no column
        given = {name: (row.get(name) or "").strip() for name in COLUMNS}
        facts = {
            name: value for name, value in given.items() if value and _is_well_formed(name, value)
        }
        malformed += sum(1 for name, value in given.items() if value and name not in facts)
        # Writers on Windows, and `find`, spell the same path in their own ways.
        key = path_key(given[PATH_COLUMN].replace("\\", "/").removeprefix("./"))
        repeated += key in captions
        captions[key] = Caption(facts, _digest(facts))
    for count, what in (
        (malformed, "values are malformed and were ignored"),
        (repeated, "rows name a photo again; of two the last one counts"),
        (overfull, "rows have more fields than the header; is a text with commas quoted?"),
    ):
        if count:
            notes.append(f"{path.name}: {count} {what}")
    return captions, notes


def path_key(path: str) -> str:
    """A path as it is compared: some systems store accents apart from their letters."""
    return unicodedata.normalize("NFC", path)


def split_keywords(text: str) -> list[str]:
    """Split at semicolons where there are any, otherwise at commas."""
    parts = text.split(";" if ";" in text else ",")
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def parse_degrees(text: str, *, limit: int) -> float | None:
    """Read an angle in degrees; None when it is none or beyond the limit."""
    try:
        angle = float(text)
    except ValueError:
        return None
    return angle if math.isfinite(angle) and abs(angle) <= limit else None


def _is_well_formed(name: str, value: str) -> bool:
    if name == "taken_at":
        return parse_moment(value) is not None
    if name in {"latitude", "longitude"}:
        return parse_degrees(value, limit=90 if name == "latitude" else 180) is not None
    if name == "photo_id":
        return value.isprintable() and len(quote(value, safe="")) <= _MAX_QUOTED_ID
    return True


def _digest(facts: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(facts.items())).encode(errors="replace")).hexdigest()[:12]
