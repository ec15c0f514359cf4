"""One of several equal parts of a source, so that as many machines can share the work."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ingest.sources.source import Listing, PhotoSource, SourcePhoto


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of how many; the first one is 0."""

    number: int
    parts: int

    def holds(self, photo_id: str) -> bool:
        """Whether a photo belongs to it: by its id alone, so that it stays where it is."""
        digest = hashlib.sha256(photo_id.encode(errors="surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.parts == self.number


@dataclass(frozen=True, slots=True)
class PartOfSource:
    """A part that is a source of its own; see PhotoSource. It knows too little to forget photos."""

    source: PhotoSource
    part: Part

    @property
    def identity(self) -> str:
        """That of the whole."""
        return self.source.identity

    @property
    def rendition(self) -> str:
        """That of the whole."""
        return self.source.rendition

    @property
    def writes_thumbnails(self) -> bool:
        """As the whole does."""
        return self.source.writes_thumbnails

    @property
    def forgets_missing(self) -> bool:
        """What is missing here may be in another part."""
        return False

    def list_photos(self) -> Listing:
        """Find the part's photos."""
        listing = self.source.list_photos()
        listing.photos = [one for one in listing.photos if self.part.holds(one.photo.photo_id)]
        listing.failures = [one for one in listing.failures if self.part.holds(one.photo_id)]
        return listing

    def download_url(self, photo: SourcePhoto) -> str:
        """As of the whole."""
        return self.source.download_url(photo)
