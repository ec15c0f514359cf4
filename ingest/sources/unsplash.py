"""Unsplash's data sets (Lite): rows of facts, and pictures from a local directory or by URL.

Photos are hotlinked, so no thumbnail is made. Columns have grown from release to release and any
but ``photo_id`` may be missing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from ingest.colours import main_colours_of_hex
from ingest.download import RENDITION, rendition_url
from ingest.failure import Reason
from ingest.moment import parse_moment
from ingest.sources.captions import parse_degrees
from ingest.sources.folder import PICTURE_EXTENSIONS
from ingest.sources.source import Listing, SourcePhoto
from ingest.sources.tables import Tables
from photo_search.errors import SourceInvalid
from photo_search.photo import Colour, Photo, Source

MIN_KEYWORD_CONFIDENCE = 40.0
"""Percent; Unsplash itself has dropped keywords below it since release 1.3."""
MAX_KEYWORDS = 40
_TRUE_WORDS = frozenset({"t", "true", "1", "yes", "y"})
_CONFIDENCES = ("ai_service_1_confidence", "ai_service_2_confidence")
_MAX_LATITUDE = 90
_LICENCE = "Unsplash"

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class UnsplashSource:
    """A data set.

    Attributes:
        path: Its directory or zip.
        images_dir: Pictures named ``<photo_id>.jpg`` or the like; None downloads them.
    """

    path: Path
    images_dir: Path | None = None

    @property
    def identity(self) -> str:
        """One for all releases: a newer one continues an older one's index."""
        return "unsplash"

    @property
    def rendition(self) -> str:
        """Files as they are, or the parameters of every download."""
        return "original" if self.images_dir else urlencode(RENDITION)

    @property
    def writes_thumbnails(self) -> bool:
        """Unsplash's photos are hotlinked, never re-hosted."""
        return False

    @property
    def forgets_missing(self) -> bool:
        """Lite and its releases are samples: a photo that one of them lacks is not deleted."""
        return False

    def list_photos(self) -> Listing:
        """Read the tables.

        Raises:
            SourceInvalid: There are no photos in them, or they are damaged.
        """
        tables = Tables(self.path)
        listing = Listing()
        rows = {row["photo_id"]: row for row in tables.rows("photos") if row.get("photo_id")}
        if not rows:
            msg = f"{self.path} has no table photos.*sv* with a column photo_id and a row"
            raise SourceInvalid(msg)
        keywords = _read_keywords(tables, rows)
        colours = _read_colours(tables, rows)
        swapped = _is_swapped(rows.values())
        if swapped:
            listing.notes.append("latitude and longitude are swapped in this release; put right")
        images = None if self.images_dir is None else _images(self.images_dir)
        for photo_id, row in sorted(rows.items()):
            photo = _photo(row, keywords[photo_id], colours[photo_id], swapped=swapped)
            _add(photo, images, listing)
        if tables.refused_rows:
            listing.notes.append(f"{tables.refused_rows} malformed rows were left out")
        return listing

    def download_url(self, photo: SourcePhoto) -> str:
        """Unsplash's own, with the rendition set."""
        return photo.url


def _add(photo: Photo, images: dict[str, Path] | None, listing: Listing) -> None:
    if images is None:
        try:
            # The facts are part of the version: a release that knows more replaces the photo.
            url = rendition_url(photo.original_url)
        except ValueError as error:
            broken = SourcePhoto(photo, "", url=photo.original_url)
            listing.failures.append(broken.failure(Reason.BAD_URL, str(error)))
            return
        listing.photos.append(SourcePhoto(photo, _digest(photo, RENDITION), url=url))
        return
    file = images.get(photo.photo_id)
    if file is None:
        listing.failures.append(
            SourcePhoto(photo, "").failure(
                Reason.NO_IMAGE_FILE, f"no {photo.photo_id}.jpg or the like"
            )
        )
        return
    facts = file.stat()
    version = _digest(photo, (facts.st_mtime_ns, facts.st_size))
    listing.photos.append(SourcePhoto(photo, version, file=file))


def _images(directory: Path) -> dict[str, Path]:
    if not directory.is_dir():
        msg = f"{directory} is no directory; --images takes one with <photo_id>.jpg files"
        raise SourceInvalid(msg)
    return {
        path.stem: path
        for path in sorted(directory.iterdir())
        if path.suffix.lower() in PICTURE_EXTENSIONS and path.is_file()
    }


def _digest(photo: Photo, picture: object) -> str:
    return hashlib.sha256(repr((photo, picture)).encode(errors="replace")).hexdigest()[:16]


def _photo(
    row: Row, keywords: tuple[str, ...], colours: tuple[Colour, ...], *, swapped: bool
) -> Photo:
    def text(name: str) -> str:
        return row.get(name, "").strip()

    def joined(*names: str) -> str:
        return " ".join(part for part in map(text, names) if part)

    latitude, longitude = text("photo_location_latitude"), text("photo_location_longitude")
    if swapped:
        latitude, longitude = longitude, latitude
    return Photo(
        photo_id=text("photo_id"),
        width=_count(text("photo_width")),
        height=_count(text("photo_height")),
        source=Source.UNSPLASH,
        original_url=text("photo_image_url"),
        description=text("photo_description") or text("ai_description"),
        keywords=keywords,
        photographer=joined("photographer_first_name", "photographer_last_name"),
        photographer_username=text("photographer_username"),
        taken_at=_moment(text("photo_submitted_at")),
        place=text("photo_location_name") or text("ai_primary_landmark_name"),
        city=text("photo_location_city"),
        country=text("photo_location_country"),
        latitude=parse_degrees(latitude, limit=_MAX_LATITUDE),
        longitude=parse_degrees(longitude, limit=180),
        camera=joined("exif_camera_make", "exif_camera_model"),
        licence=_LICENCE,
        colours=colours,
        blur_hash=text("blur_hash"),
    )


def _count(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() else 0


def _moment(text: str) -> datetime | None:
    return parse_moment(text.removesuffix(" UTC"))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _is_swapped(rows: Iterable[Row]) -> bool:
    """Tell a release with both swapped (before 1.3.0) by a latitude that cannot be."""
    return any(abs(_number(row.get("photo_location_latitude", ""))) > _MAX_LATITUDE for row in rows)


def _read_keywords(tables: Tables, wanted: dict[str, Row]) -> dict[str, tuple[str, ...]]:
    """Stream millions of rows; keep each photo's best keywords, the surest first."""
    found: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    words: dict[str, str] = {}
    for row in tables.rows("keywords"):
        photo_id, keyword = row.get("photo_id", ""), row.get("keyword", "").strip()
        suggested = row.get("suggested_by_user", "").strip().lower() in _TRUE_WORDS
        confidence = max(_number(row.get(name, "")) for name in _CONFIDENCES)
        if photo_id in wanted and keyword and (suggested or confidence >= MIN_KEYWORD_CONFIDENCE):
            # Each of some ten thousand words is held once, not once a row.
            word = words.setdefault(keyword, keyword)
            found[photo_id].append((-max(confidence, 100.0 * suggested), word))
    best: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for photo_id, pairs in found.items():
        best[photo_id] = tuple(dict.fromkeys(word for _, word in sorted(pairs)))[:MAX_KEYWORDS]
    return best


def _read_colours(tables: Tables, wanted: dict[str, Row]) -> dict[str, tuple[Colour, ...]]:
    """Name each photo's main colours; ``coverage`` is ``ai_coverage`` in some releases."""
    found: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in tables.rows("colors"):
        if row.get("photo_id") in wanted:
            coverage = _number(row.get("coverage") or row.get("ai_coverage") or "")
            found[row["photo_id"]].append((row.get("hex", ""), coverage))
    named: defaultdict[str, tuple[Colour, ...]] = defaultdict(tuple)
    for photo_id, pairs in found.items():
        # The documentation does not say whether coverage is a share or in percent.
        whole = 100.0 if max(coverage for _, coverage in pairs) > 1 else 1.0
        try:
            named[photo_id] = main_colours_of_hex(
                (digits, coverage / whole) for digits, coverage in pairs
            )
        except ValueError:
            # Without named colours they are taken from the pixels.
            continue
    return named
