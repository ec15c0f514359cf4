"""What a source of photos offers to the job."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ingest.failure import Failure, Reason
from photo_search.photo import Photo


@dataclass(frozen=True, slots=True)
class SourcePhoto:
    """One photo to ingest; its bytes are in ``file`` or behind ``url``.

    Attributes:
        photo: What the source knows of it; sides of 0 are unknown until it is decoded.
        version: Changes whenever the picture or what is known of it does.
        file: Where the picture lies on this machine.
        url: Where to download it from, with the rendition set.
    """

    photo: Photo
    version: str
    file: Path | None = None
    url: str = ""

    def failure(self, reason: Reason, detail: str) -> Failure:
        """Say why this photo is left out."""
        place = self.photo.path or self.url or str(self.file)
        return Failure(self.photo.photo_id, place, reason, detail)


@dataclass(slots=True)
class Listing:
    """Everything a source found, in an order that never depends on the file system.

    Attributes:
        photos: Sorted, each photo_id once.
        failures: Photos that are out before their bytes were read.
        notes: What a person should know: columns ignored, rows without a file.
        other_files: Files that are no pictures, by extension.
        complete: False when part of the source could not be listed, so that a photo that is not
            here cannot be taken for deleted.
    """

    photos: list[SourcePhoto] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    other_files: Counter[str] = field(default_factory=Counter)
    complete: bool = True


class PhotoSource(Protocol):
    """A collection of photos."""

    @property
    def identity(self) -> str:
        """Names the collection; a work directory holds one."""

    @property
    def rendition(self) -> str:
        """Which rendition of the pictures is embedded; recorded in the shards."""

    @property
    def writes_thumbnails(self) -> bool:
        """Whether thumbnails may be made: of one's own photos only."""

    @property
    def forgets_missing(self) -> bool:
        """Whether a photo that is no longer listed leaves the index."""

    def list_photos(self) -> Listing:
        """Find the photos.

        Raises:
            SourceInvalid: There is no collection here.
        """

    def download_url(self, photo: SourcePhoto) -> str:
        """Where a photo without a file is downloaded from, asked for when its turn comes.

        It may hold a signature, so it stays out of every message.
        """
