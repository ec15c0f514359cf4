"""Some photos written to an index at once, without a look at all that the shards say."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import closing
from typing import Protocol

from ingest.cloud.published_index import Fetched, IndexPublisher
from photo_search.errors import BulkRejected, IndexNotFound
from photo_search.index import EmbeddedPhoto, create_index, open_index
from photo_search.settings import IndexAccess

_LOG = logging.getLogger(__name__)


class DeltaIndex(Protocol):
    """Where a delta goes."""

    def write(
        self, photos: Sequence[EmbeddedPhoto], gone: Sequence[str], numbers: Collection[int]
    ) -> dict[str, str]:
        """Store some photos and take others out.

        Args:
            photos: Those that are there.
            gone: photo_ids of those that are not.
            numbers: Of the shards that say so.

        Returns:
            The index's reasons by photo_id for photos that it refuses for good.
        """


class OpenedIndex:
    """An index on a server, or a file on this machine."""

    def __init__(self, url: str, access: IndexAccess, *, fingerprint: str, dimension: int) -> None:
        """Name it; nothing is asked."""
        self._url = url
        self._access = access
        self._fingerprint = fingerprint
        self._dimension = dimension

    def write(
        self, photos: Sequence[EmbeddedPhoto], gone: Sequence[str], numbers: Collection[int]
    ) -> dict[str, str]:
        """See ``DeltaIndex``.

        The index is looked for each time, after the shards are published: a load that swaps in
        another one looks at the shards afterwards, so one of both brings the photos there. Where
        there is none yet, the job that makes it finds the shards: the writer may make none.
        """
        if not self._is_there():
            _LOG.warning("there is no index at %s yet; the next ingest job fills it", self._url)
            return {}
        with closing(
            create_index(
                self._url,
                fingerprint=self._fingerprint,
                dimension=self._dimension,
                access=self._access,
            )
        ) as index:
            index.delete(gone)
            try:
                index.upsert(photos)
            except BulkRejected as error:
                # It may hold them as they were before.
                index.delete(sorted(error.reasons))
                return dict(error.reasons)
        return {}

    def _is_there(self) -> bool:
        try:
            open_index(self._url, fingerprint=self._fingerprint, access=self._access).close()
        except IndexNotFound:
            return False
        return True


class PublishedDelta:
    """An embedded index in a bucket."""

    def __init__(self, publisher: IndexPublisher, *, fingerprint: str, dimension: int) -> None:
        """Name it; nothing is asked."""
        self._publisher = publisher
        self._fingerprint = fingerprint
        self._dimension = dimension

    def write(
        self, photos: Sequence[EmbeddedPhoto], gone: Sequence[str], numbers: Collection[int]
    ) -> dict[str, str]:
        """See ``DeltaIndex``."""

        def change(fetched: Fetched) -> int | None:
            # Filled from these shards already, and perhaps from newer ones that know better.
            if numbers and fetched.filled_to >= max(numbers):
                return None
            taken_out = fetched.index.delete(gone)
            fetched.index.upsert(photos)
            filled_to = fetched.filled_to
            for number in sorted(numbers):
                # It lacks what lies between, if anything does; the next job brings that.
                filled_to += number == filled_to + 1
            return filled_to if numbers or taken_out else None

        self._publisher.change(change, fingerprint=self._fingerprint, dimension=self._dimension)
        return {}
