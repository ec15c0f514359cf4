"""PublishedIndex: an embedded index that lies in S3 and is searched in a copy on this machine.

Within a call, at most once a minute, S3 is asked for a newer one. It is fetched and opened beside
the old one, on which calls that are under way go on to their end.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from photo_search.errors import IndexReadOnly, PhotoIndexError, PhotoSearchError
from photo_search.index.protocol import (
    EmbeddedPhoto,
    HitPage,
    HybridQuery,
    KnnQuery,
    TextQuery,
)
from photo_search.index.s3_object import S3Object
from photo_search.index.scratch_directory import ScratchDirectory
from photo_search.index.sqlite import SqliteIndex
from photo_search.s3_url import S3Url
from photo_search.settings import IndexAccess

_LOG = logging.getLogger(__name__)

CHECK_EVERY_S = 60.0
OPEN_WITHIN_S = 20.0
"""What fetching the first copy may take: API Gateway cuts the call that waits for it at 30 s."""
REFRESH_WITHIN_S = 10.0
"""What the call that happens to fetch a newer one may lose to it."""


@dataclass(slots=True)
class _Copy:
    """One version on this machine; the index's lock guards ``readers``."""

    index: SqliteIndex
    path: Path
    etag: str
    readers: int = 0

    def remove(self) -> None:
        self.index.close()
        self.path.unlink(missing_ok=True)


class PublishedIndex:
    """The newest copy of a published index, for reading; see PhotoIndex. Safe in threads."""

    def __init__(
        self,
        published: S3Object,
        directory: ScratchDirectory,
        *,
        fingerprint: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Fetch and open the index.

        Args:
            published: The file that ``SqliteIndex.publish`` wrote.
            directory: Where copies lie; it is taken over.
            fingerprint: Embedding space of the queries to come.
            now: Seconds, also of the time that the machine was asleep: a Lambda is, between calls.

        Raises:
            PhotoSearchError: What ``S3Object.fetch`` and ``SqliteIndex.open`` raise.
        """
        self._published = published
        self._directory = directory
        self._fingerprint = fingerprint
        self._now = now
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._checking = threading.Lock()
        # The last version that S3 told of, beside the open one: it may be one that is no use.
        self._seen_etag = ""
        path = self._next_path()
        etag = published.fetch(path, within_s=OPEN_WITHIN_S)
        first = self._opened(path, etag)
        self._dimension = first.index.dimension
        self._current: _Copy | None = first
        self._checked_at_s = now()

    @classmethod
    def open(
        cls,
        place: S3Url,
        *,
        fingerprint: str,
        access: IndexAccess,
        directory: Path | None = None,
    ) -> PublishedIndex:
        """Fetch an index and open it.

        Args:
            place: Where it was published.
            fingerprint: Embedding space of the queries to come.
            access: How S3 is reached.
            directory: Where its copies may lie; the system's temporary one when left out.

        Raises:
            SettingsError: No region or no credentials are given.
            IndexNotFound: There is no object.
            IndexAccessDenied: The credentials may not read it.
            IndexUnavailable: S3 does not answer.
            DiskFull: The directory has no room for it.
            FingerprintMismatch: The index holds another embedding space.
            IndexCorrupt: The object is no index.
        """
        published = S3Object(place, access)
        scratch = ScratchDirectory(directory)
        try:
            return cls(published, scratch, fingerprint=fingerprint)
        except BaseException:
            scratch.close()
            raise

    @property
    def name(self) -> str:
        """The object."""
        return str(self._published.place)

    @property
    def fingerprint(self) -> str:
        """Identity of the embedding space of everything stored here."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """Length D of the embeddings."""
        return self._dimension

    def upsert(self, photos: Sequence[EmbeddedPhoto]) -> None:
        """Refuse: a published index is replaced, not written."""
        self._refuse_to_write()

    def delete(self, photo_ids: Sequence[str]) -> int:
        """Refuse: a published index is replaced, not written."""
        self._refuse_to_write()

    def knn(self, query: KnnQuery) -> HitPage:
        """Find the photos nearest to an embedding; the score is the cosine."""
        with self._reading() as index:
            return index.knn(query)

    def match_text(self, query: TextQuery) -> HitPage:
        """Find the photos that hold every word; the score is BM25, higher is better."""
        with self._reading() as index:
            return index.match_text(query)

    def hybrid(self, query: HybridQuery) -> HitPage:
        """Find photos by embedding and words; both rankings see the same state of the index."""
        with self._reading() as index:
            return index.hybrid(query)

    def get(self, photo_id: str) -> EmbeddedPhoto | None:
        """Look one photo up; its embedding was rounded to float16 and is of unit norm again."""
        with self._reading() as index:
            return index.get(photo_id)

    def photo_ids(self) -> Iterator[str]:
        """Every id of one version, ascending."""
        with self._reading() as index:
            yield from index.photo_ids()

    def count(self) -> int:
        """Number of photos."""
        with self._reading() as index:
            return index.count()

    def size_bytes(self) -> int:
        """What the copy takes on the disk; twice that while it is replaced."""
        with self._reading() as index:
            return index.size_bytes()

    def close(self) -> None:
        """Release the copy and its directory."""
        self._replace_with(None)
        self._directory.close()

    @contextmanager
    def _reading(self) -> Iterator[SqliteIndex]:
        """Lend the newest copy, which stays until it is given back."""
        self._look_for_newer()
        with self._lock:
            copy = self._current
            if copy is None:
                msg = f"the index {self.name} is closed"
                raise PhotoIndexError(msg)
            copy.readers += 1
        try:
            yield copy.index
        finally:
            with self._lock:
                copy.readers -= 1
                unused = copy.readers == 0 and copy is not self._current
            if unused:
                copy.remove()

    def _look_for_newer(self) -> None:
        """Ask S3 if it is time to; one thread does, the others go on with what there is."""
        if not self._is_time() or not self._checking.acquire(blocking=False):
            return
        try:
            if self._is_time():
                self._refresh()
                self._checked_at_s = self._now()
        finally:
            self._checking.release()

    def _is_time(self) -> bool:
        # A clock that was set back counts too.
        return not 0 <= self._now() - self._checked_at_s < CHECK_EVERY_S

    def _refresh(self) -> None:
        copy = self._current
        if copy is None:
            return
        known_etags = [copy.etag, self._seen_etag or copy.etag]
        path = self._next_path()
        try:
            etag = self._published.fetch(path, known_etags=known_etags, within_s=REFRESH_WITHIN_S)
            self._seen_etag = etag
            if etag in known_etags:
                return
            newer = self._opened(path, etag)
        except PhotoSearchError as error:
            # Answers of some minutes ago are better than none.
            _LOG.warning("%s is not renewed, its old copy answers on: %s", self.name, error)
            return
        self._replace_with(newer)
        _LOG.info("%s is renewed; its ETag is %s", self.name, etag)

    def _opened(self, path: Path, etag: str) -> _Copy:
        try:
            index = SqliteIndex.open(path, fingerprint=self._fingerprint, immutable=True)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return _Copy(index, path, etag)

    def _replace_with(self, newer: _Copy | None) -> None:
        with self._lock:
            old, self._current = self._current, newer
            unused = old is not None and old.readers == 0
        if old is not None and unused:
            old.remove()

    def _next_path(self) -> Path:
        return self._directory.path / f"photos-{next(self._numbers)}.db"

    def _refuse_to_write(self) -> NoReturn:
        msg = f"the index {self.name} is published and cannot be written; publish another one there"
        raise IndexReadOnly(msg)
