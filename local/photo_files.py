"""The files of one's own photos: thumbnails that ingest wrote, and originals of the collection.

Only a photo of the index has files here, and a path never leads out of its directory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from http_api.picture_urls import SHOWN_TYPES
from photo_search.photo import Photo, Source, thumbnail_name

THUMBNAIL_TYPE = "image/webp"


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file to send, and its media type."""

    path: Path
    media_type: str


class PhotoFiles:
    """Finds the files that belong to a photo_id."""

    def __init__(
        self, photo: Callable[[str], Photo], *, photos_root: Path | None, thumbs_dir: Path
    ) -> None:
        """Set the places.

        Args:
            photo: Looks a photo up in the index; raises PhotoNotFound.
            photos_root: Directory that ``Photo.path`` is relative to; None serves no originals.
            thumbs_dir: Directory of ``<quoted photo_id>.webp``.
        """
        self._photo = photo
        self._photos_root = photos_root.resolve() if photos_root else None
        self._thumbs_dir = thumbs_dir.resolve()

    def thumbnail(self, photo_id: str) -> PhotoFile | None:
        """Find a photo's thumbnail; None when there is none."""
        path = _inside(self._thumbs_dir, thumbnail_name(photo_id))
        return PhotoFile(path, THUMBNAIL_TYPE) if path else None

    def original(self, photo_id: str) -> PhotoFile | None:
        """Find a photo's own file, or its thumbnail where that cannot be shown.

        That is where browsers do not know the format, or where the file is gone or is a link that
        leads out of the collection.

        Raises:
            PhotoNotFound: No photo has this id.
            PhotoSearchError: The index cannot answer.
        """
        photo = self._photo(photo_id)
        if photo.source is not Source.OWN or not photo.path or self._photos_root is None:
            return None
        media_type = SHOWN_TYPES.get(Path(photo.path).suffix.lower())
        if media_type is None:
            return self.thumbnail(photo_id)
        path = _inside(self._photos_root, photo.path)
        return PhotoFile(path, media_type) if path else self.thumbnail(photo_id)


def _inside(directory: Path, name: str) -> Path | None:
    """Resolve a file below a directory; None when it is missing or lies outside of it."""
    try:
        path = (directory / name).resolve(strict=True)
    except (OSError, ValueError):  # ValueError: the name holds NUL
        return None
    return path if path.is_file() and path.is_relative_to(directory) else None
