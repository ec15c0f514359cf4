"""One's own photos in a bucket: every picture below a prefix, and a CSV of what is known of them.

What holds for a folder (ingest.sources.folder) holds here: the same photos in a bucket are the same
photos, with the same ids.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ingest.cloud.s3 import S3
from ingest.sources.captions import Caption, path_key, read_captions
from ingest.sources.folder import (
    CAPTIONS_NAME,
    PICTURE_EXTENSIONS,
    SKIPPED_DIRECTORIES,
    drop_repeated_ids,
    photo_id_of,
)
from ingest.sources.source import Listing, SourcePhoto
from photo_search.errors import SourceInvalid
from photo_search.photo import Photo
from photo_search.s3_url import S3Url

BUCKET_PREFIX = "bucket:"


@dataclass(frozen=True, slots=True)
class BucketSource:
    """Pictures in a bucket.

    Attributes:
        s3: The client.
        place: Bucket and prefix; photos are named by their key below it.
        excluded: Places of our own that may lie below it.
    """

    s3: S3
    place: S3Url
    excluded: tuple[S3Url, ...] = ()

    @property
    def identity(self) -> str:
        """The place."""
        return f"{BUCKET_PREFIX}{self.place}"

    @property
    def rendition(self) -> str:
        """The objects themselves."""
        return "original"

    @property
    def writes_thumbnails(self) -> bool:
        """One's own photos may be copied."""
        return True

    @property
    def forgets_missing(self) -> bool:
        """A deleted object leaves the index."""
        return True

    def list_photos(self) -> Listing:
        """Find every picture below the prefix.

        Raises:
            SourceInvalid: There is none.
            SettingsError: There is no such bucket.
            IndexAccessDenied: It may not be listed.
            IndexUnavailable: S3 does not answer.
        """
        captions, notes = self.read_captions()
        listing = Listing(notes=notes)
        for one in self.s3.objects(self.place):
            path = self.path_of(one.key)
            if path is None:
                self._note_other(one.key, listing)
                continue
            caption = captions.pop(path_key(path), None)
            listing.photos.append(self.photo(path, one.etag, caption))
        if captions:
            listing.notes.append(f"{len(captions)} rows of {CAPTIONS_NAME} name no picture here")
        if not listing.photos:
            others = ", ".join(f"{n} {kind}" for kind, n in listing.other_files.most_common(3))
            msg = f"{self.place} holds no photos" + (f"; it has {others}" if others else "")
            raise SourceInvalid(msg)
        # As a folder is listed, so that of two with one id the same one has it.
        listing.photos.sort(key=lambda photo: photo.photo.path.split("/"))
        drop_repeated_ids(listing)
        return listing

    def download_url(self, photo: SourcePhoto) -> str:
        """A link that holds for some minutes."""
        return self.s3.link(self.place.object(photo.photo.path))

    def path_of(self, key: str) -> str | None:
        """A picture's path below the prefix; None for every other object."""
        path = self._below(key)
        if path is None:
            return None
        *directories, name = path.split("/")
        hidden = name.startswith(".") or any(
            one.startswith(".") or one.lower() in SKIPPED_DIRECTORIES for one in directories
        )
        is_picture = PurePosixPath(name).suffix.lower() in PICTURE_EXTENSIONS
        return path if is_picture and not hidden else None

    def photo(self, path: str, etag: str, caption: Caption | None) -> SourcePhoto:
        """What is known of a picture before its bytes are."""
        photo_id = (caption.photo_id if caption else "") or photo_id_of(path)
        photo, version = Photo(photo_id, width=0, height=0, path=path), etag
        if caption is not None:
            photo = caption.describe(photo)
            version += f":{caption.digest}"
        return SourcePhoto(photo, version, url=str(self.place.object(path)))

    def read_captions(self) -> tuple[dict[str, Caption], list[str]]:
        """Read ``captions.csv`` where there is one, and notes on what was not understood."""
        place = self.place.object(CAPTIONS_NAME)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / CAPTIONS_NAME
            if self.s3.download(place, path) is None:
                return {}, []
            try:
                return read_captions(path)
            except SourceInvalid as error:
                # A file of that name may be there for another purpose.
                return {}, [f"{place} is not taken for captions: {error}"]

    def _below(self, key: str) -> str | None:
        """A key without the prefix; None when it is not below it, or is one of our own."""
        prefix = f"{self.place.key}/" if self.place.key else ""
        for ours in self.excluded:
            if ours.bucket == self.place.bucket and key.startswith(f"{ours.key}/"):
                return None
        return key.removeprefix(prefix) if key.startswith(prefix) else None

    def _note_other(self, key: str, listing: Listing) -> None:
        name = (self._below(key) or "").rpartition("/")[2]
        if name and name != CAPTIONS_NAME:
            listing.other_files[PurePosixPath(name).suffix.lower() or "(none)"] += 1
