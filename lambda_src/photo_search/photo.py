"""Photo: what is known of a picture besides its embedding, and how it is credited and shown."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

UNSPLASH_URL = "https://unsplash.com/"
# Links back to Unsplash name the application, as its guidelines on attribution ask.
UNSPLASH_REFERRAL = {"utm_source": "photo-search", "utm_medium": "referral"}
THUMBNAIL_SIDE_PX = 512


class Source(StrEnum):
    """Where a photo comes from; it decides how the photo is credited and shown."""

    UNSPLASH = "unsplash"
    OWN = "own"


class Orientation(StrEnum):
    """Shape of a picture; sides within 5 % of each other count as square."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"
    SQUARE = "square"


class Colour(StrEnum):
    """The colours that photos are filtered by."""

    BLACK = "black"
    WHITE = "white"
    GREY = "grey"
    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    TEAL = "teal"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"
    BROWN = "brown"


_SQUARE_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Attribution:
    """The credit to show beside a photo, once as text and once as safe HTML with links."""

    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a collection. Sides are those of the upright picture, in pixels."""

    photo_id: str
    width: int
    height: int
    source: Source = Source.OWN
    path: str = ""
    """Where an own photo lies, relative to its collection's root; empty for Unsplash."""
    original_url: str = ""
    """Unsplash's image URL without any size."""
    description: str = ""
    keywords: tuple[str, ...] = ()
    photographer: str = ""
    photographer_username: str = ""
    taken_at: datetime | None = None
    """When the photo was taken (own) or submitted (Unsplash); always with a time zone."""
    place: str = ""
    city: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    camera: str = ""
    licence: str = ""
    colours: tuple[Colour, ...] = ()
    """Main colours, the one that covers most first."""
    blur_hash: str = ""

    @property
    def orientation(self) -> Orientation:
        """Shape of the upright picture."""
        if abs(self.width - self.height) <= _SQUARE_TOLERANCE * max(self.width, self.height):
            return Orientation.SQUARE
        return Orientation.LANDSCAPE if self.width > self.height else Orientation.PORTRAIT

    @property
    def attribution(self) -> Attribution:
        """Credit in Unsplash's wording for its photos; name and licence, if known, for others."""
        if self.source is Source.UNSPLASH:
            name = self.photographer or self.photographer_username or "Unknown"
            profile = f"{UNSPLASH_URL}@{quote(self.photographer_username)}"
            return Attribution(
                text=f"Photo by {name} on Unsplash",
                html=f'Photo by <a href="{_referral(profile)}">{escape(name)}</a>'
                f' on <a href="{_referral(UNSPLASH_URL)}">Unsplash</a>',
            )
        credit = f"Photo by {self.photographer}" if self.photographer else ""
        text = ", ".join(part for part in (credit, self.licence) if part)
        return Attribution(text=text, html=escape(text))

    @property
    def image_url(self) -> str:
        """The picture itself: Unsplash's own URL, or a path below the site that serves the page."""
        if self.source is Source.UNSPLASH:
            return self.original_url
        return f"/originals/{quote(self.photo_id, safe='')}"

    @property
    def thumbnail_url(self) -> str:
        """A small rendition: hotlinked from Unsplash, or the WebP that ingest wrote."""
        if self.source is Source.UNSPLASH:
            return _with_parameters(
                self.original_url, {"w": str(THUMBNAIL_SIDE_PX), "q": "80", "fm": "jpg"}
            )
        return f"/thumbs/{quote(self.photo_id, safe='')}"

    @property
    def page_url(self) -> str:
        """Where a person reads more about the photo; empty when there is no such page."""
        if self.source is Source.UNSPLASH:
            return _with_parameters(f"{UNSPLASH_URL}photos/{self.photo_id}", UNSPLASH_REFERRAL)
        return ""


def thumbnail_name(photo_id: str) -> str:
    """The file of a photo's thumbnail; no photo_id leads out of the directory that holds it."""
    return f"{quote(photo_id, safe='')}.webp"


def _with_parameters(url: str, parameters: dict[str, str]) -> str:
    """Set query parameters on a URL that may already have some."""
    parts = urlsplit(url)
    merged = dict(parse_qsl(parts.query, keep_blank_values=True)) | parameters
    return urlunsplit(parts._replace(query=urlencode(merged)))


def _referral(url: str) -> str:
    return escape(_with_parameters(url, UNSPLASH_REFERRAL))


def name_key(name: str) -> str:
    """What two spellings of a name share: case, outer blanks and composition of accents aside."""
    return unicodedata.normalize("NFC", name.strip()).casefold()
