"""An embedded index in a bucket: fetched, changed here, put back if nobody else has meanwhile.

Beside the file is noted how far it has been filled from the shards, so that an older version of the
object that somebody puts back says of itself what it lacks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ingest.cloud.s3 import S3
from photo_search.errors import IndexUnavailable, PhotoIndexError
from photo_search.index.sqlite import SqliteIndex
from photo_search.s3_url import S3Url

_FILLED_TO, _PHOTOS, _FINGERPRINT = "filled-to", "photos", "fingerprint"
_TRIES = 8
"""Other writers put a new one every ten seconds at most."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An index that was fetched, or a new one.

    Attributes:
        index: Open for writing.
        filled_to: The newest shard that it has been filled from, and all before; 0 for a new one.
    """

    index: SqliteIndex
    filled_to: int


class IndexPublisher:
    """The one file of an embedded index in a bucket."""

    def __init__(self, s3: S3, place: S3Url, scratch: Path) -> None:
        """Name the places; nothing is asked.

        Args:
            s3: The client.
            place: The object.
            scratch: A directory with room for three of the file, which nothing else uses.
        """
        self.place = place
        self._s3 = s3
        self._copy = scratch / "fetched.db"
        self._packed = scratch / "packed.db"
        # ETag of what the copy holds; empty where it holds nothing that could be gone on with.
        self._etag = ""
        self._filled_to = 0

    def exists(self) -> bool:
        """Whether there is an index."""
        return self._s3.head(self.place) is not None

    def change(
        self, change: Callable[[Fetched], int | None], *, fingerprint: str, dimension: int
    ) -> None:
        """Change the index, made first where there is none.

        Args:
            change: Writes to the index and tells how far it is filled now; None where nothing has
                to be put. It is repeated with a fresh copy when another writer came between.
            fingerprint: Embedding space of everything stored.
            dimension: D.

        Raises:
            FingerprintMismatch: The index there holds another embedding space.
            IndexUnavailable: S3 does not answer, or others were faster each time.
            DiskFull: There is no room for the copies.
        """
        for _ in range(_TRIES):
            etag = self._fetch()
            # Whatever happens to the copy from here on, it is what S3 has only after the put.
            self._etag = ""
            index = SqliteIndex.create(self._copy, fingerprint=fingerprint, dimension=dimension)
            with closing(index):
                filled_to = change(Fetched(index, self._filled_to))
                if filled_to is None:
                    self._etag = etag or ""
                    return
                put_etag = self._put(index, etag, filled_to)
            if put_etag is not None:
                self._etag, self._filled_to = put_etag, filled_to
                return
        msg = f"others replaced {self.place} {_TRIES} times meanwhile; run again"
        raise IndexUnavailable(msg)

    def replace(
        self,
        fill: Callable[[SqliteIndex], int],
        *,
        fingerprint: str,
        dimension: int,
        smallest_share: float,
    ) -> None:
        """Put an index that is filled from nothing in the place of the one there, of any space.

        Args:
            fill: Fills it and tells how far.
            fingerprint: Embedding space of everything stored.
            dimension: D.
            smallest_share: Least photos of the new one, as a share of the old one's.

        Raises:
            PhotoIndexError: It has fewer; nothing was put.
            IndexUnavailable: S3 does not answer, or the one there was replaced meanwhile.
        """
        self._etag = ""
        there = self._s3.head(self.place)
        self._remove_copy()
        with closing(
            SqliteIndex.create(self._copy, fingerprint=fingerprint, dimension=dimension)
        ) as index:
            filled_to = fill(index)
            before = 0 if there is None else _number(there.notes.get(_PHOTOS, ""))
            if index.count() < smallest_share * before:
                msg = (
                    f"the new index has {index.count()} photos, {self.place} has {before}; "
                    "--allow-smaller lets it be, or give another --index"
                )
                raise PhotoIndexError(msg)
            if self._put(index, None if there is None else there.etag, filled_to) is None:
                msg = f"{self.place} was replaced meanwhile; run again"
                raise IndexUnavailable(msg)

    def _fetch(self) -> str | None:
        """Bring the object here unless it is; its ETag, None when there is none."""
        if not self._etag:
            self._remove_copy()
        there = self._s3.download(self.place, self._copy, unless_etag=self._etag)
        if there is None:
            self._remove_copy()
            self._filled_to = 0
            return None
        if there.etag != self._etag:
            self._filled_to = _number(there.notes.get(_FILLED_TO, ""))
        return there.etag

    def _put(self, index: SqliteIndex, etag: str | None, filled_to: int) -> str | None:
        index.publish(self._packed)
        notes = {
            _FILLED_TO: str(filled_to),
            _PHOTOS: str(index.count()),
            _FINGERPRINT: index.fingerprint,
        }
        try:
            return self._s3.put_if(self.place, self._packed, etag=etag, notes=notes)
        finally:
            self._packed.unlink(missing_ok=True)

    def _remove_copy(self) -> None:
        for path in self._copy.parent.glob(f"{self._copy.name}*"):
            path.unlink(missing_ok=True)


def _number(noted: str) -> int:
    return int(noted) if noted.isdecimal() else 0
