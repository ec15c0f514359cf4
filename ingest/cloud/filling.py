"""An index brought up to the shards that all writers have published, and not past them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from ingest.cloud.published_index import Fetched, IndexPublisher
from ingest.cloud.work_bucket import WorkBucket
from ingest.load import MARKS_NAME, Filled, Loader
from ingest.shards import ShardReader
from photo_search.index import create_index
from photo_search.index.sqlite import SqliteIndex
from photo_search.settings import IndexAccess

_SMALLEST_SHARE = 0.5


class IndexFiller:
    """Fills one index from a directory of shards, which may be the mirror of a bucket.

    A writer publishes a shard first and writes to the index afterwards. So when there is nothing
    newer in the bucket after the last write from here, every later write to the index is of a
    later shard: what is in it is never older than the shards.
    """

    def __init__(
        self,
        index_url: str,
        access: IndexAccess,
        *,
        publisher: IndexPublisher | None,
        work: WorkBucket | None,
        scratch: Path,
    ) -> None:
        """Join the parts.

        Args:
            index_url: The index, where it is a file or on a server.
            access: How the server is reached.
            publisher: The index, where it is a file in a bucket.
            work: Where the shards come from; None where they lie on this machine alone.
            scratch: A directory for what nobody needs afterwards.
        """
        self._url = index_url
        self._access = access
        self._publisher = publisher
        self._work = work
        self._scratch = scratch

    def fill(self, directory: Path) -> Filled:
        """Bring the index up to the shards, made first where there is none.

        Args:
            directory: One embedding space's shards.

        Returns:
            How many were stored, and what the index refuses.

        Raises:
            SourceInvalid: There are no shards.
            PhotoIndexError: The index cannot be written to.
        """
        stored = 0
        while True:
            reader = ShardReader.open(directory)
            filled = self._catch_up(reader)
            stored += filled.stored
            if self._work is None or not self._work.pull(directory):
                break
        if self._work is not None and self._publisher is None:
            self._work.put_marks(directory)
        return Filled(stored, filled.rejected)

    def replace(self, directory: Path, *, allow_smaller: bool) -> Filled:
        """Fill a new file from nothing and put it in the place of the published one.

        Args:
            directory: One embedding space's shards.
            allow_smaller: Whether less than half of the photos may remain.

        Raises:
            PhotoIndexError: Less than half would remain.
            IndexUnavailable: The file was replaced meanwhile.
        """
        if self._publisher is None:
            msg = f"{self._url} is no published index"
            raise ValueError(msg)
        reader = ShardReader.open(directory)
        outcome = Filled()

        def fill(index: SqliteIndex) -> int:
            outcome.stored = self._load(reader, index, filled_to=0).stored
            return reader.last_shard

        self._publisher.replace(
            fill,
            fingerprint=reader.fingerprint,
            dimension=reader.dimension,
            smallest_share=0.0 if allow_smaller else _SMALLEST_SHARE,
        )
        if self._work is not None and self._work.pull(directory):
            outcome.stored += self.fill(directory).stored
        return outcome

    def _catch_up(self, reader: ShardReader) -> Filled:
        if self._publisher is not None:
            return self._catch_up_published(reader, self._publisher)
        with closing(
            create_index(
                self._url,
                fingerprint=reader.fingerprint,
                dimension=reader.dimension,
                access=self._access,
            )
        ) as index:
            marks = None if self._work is None else reader.directory / MARKS_NAME
            return Loader(reader, index, marks=marks, name=index.name).catch_up()

    def _catch_up_published(self, reader: ShardReader, publisher: IndexPublisher) -> Filled:
        outcome = Filled()

        def change(fetched: Fetched) -> int | None:
            # Filled from newer shards than are here, it knows better than they what is gone.
            if fetched.filled_to >= reader.last_shard:
                return None
            filled = self._load(reader, fetched.index, filled_to=fetched.filled_to)
            outcome.stored += filled.stored
            return reader.last_shard

        publisher.change(change, fingerprint=reader.fingerprint, dimension=reader.dimension)
        return outcome

    def _load(self, reader: ShardReader, index: SqliteIndex, *, filled_to: int) -> Filled:
        marks = self._scratch / MARKS_NAME
        marks.write_text(json.dumps({index.name: filled_to}))
        return Loader(reader, index, marks=marks, name=index.name).catch_up()
