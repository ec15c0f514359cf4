"""Thumbnails of one's own photos in a bucket, by way of a directory on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingest.atomic_file import make_directory
from ingest.cloud.s3 import CONNECTIONS, S3
from ingest.thumbnail import thumbnail_path
from photo_search.s3_url import S3Url

_MAX_NAME_BYTES = 255  # as on a disk, where they are made
_MAY_BE_KEPT = "private, max-age=86400"


class ThumbnailBucket:
    """See ``Thumbnails``. An object is named as the file is: the quoted photo_id and ``.webp``."""

    def __init__(self, s3: S3, place: S3Url, directory: Path) -> None:
        """Name the places; nothing is asked.

        Args:
            s3: The client.
            place: The prefix.
            directory: Where the decoder leaves thumbnails; each goes when it is put.
        """
        self.directory = directory
        self._s3 = s3
        self._place = place
        self._names: set[str] | None = None

    def prepare(self) -> None:
        """Empty the directory: what a killed run left there is made again with its photo."""
        make_directory(self.directory)
        for path in self.directory.iterdir():
            path.unlink()

    def has(self, photo_id: str) -> bool:
        """Whether the bucket has it; the first question lists all there are."""
        if self._names is None:
            listed = self._s3.objects(self._place)
            self._names = {one.key.rpartition("/")[2] for one in listed if one.size_bytes}
        return thumbnail_path(self.directory, photo_id).name in self._names

    def keep(self, photo_ids: Sequence[str]) -> None:
        """Put what the decoder has left into the bucket."""
        paths = [thumbnail_path(self.directory, photo_id) for photo_id in photo_ids]
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(self._put, paths))

    def remove(self, photo_ids: Sequence[str]) -> None:
        """Delete from the bucket; where the names there are known, only those."""
        paths = [thumbnail_path(self.directory, photo_id) for photo_id in photo_ids]
        names = [path.name for path in paths if len(path.name) <= _MAX_NAME_BYTES]
        if self._names is not None:
            names = [name for name in names if name in self._names]
        self._s3.delete([self._place.object(name) for name in names])

    def _put(self, path: Path) -> None:
        self._s3.put(
            self._place.object(path.name),
            path,
            ContentType="image/webp",
            CacheControl=_MAY_BE_KEPT,
        )
        path.unlink()
