"""Some photos written to an index at once, without a look at all that the shards say."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import closing
from typing import Protocol

from ingest.cloud.published_index import Fetched, IndexPublisher
from photo_search.errors import BulkRejected, FingerprintMismatch, IndexNotFound
from photo_search.index import EmbeddedPhoto
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.url import OpenSearchUrl
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


class ServedIndex:
    """An index on a server."""

    def __init__(self, place: OpenSearchUrl, access: IndexAccess, *, fingerprint: str) -> None:
        """Name it; nothing is asked."""
        self._place = place
        self._access = access
        self._fingerprint = fingerprint

    def write(
        self, photos: Sequence[EmbeddedPhoto], gone: Sequence[str], numbers: Collection[int]
    ) -> dict[str, str]:
        """See ``DeltaIndex``.

        The index is looked for each time, after the shards are published: a load that swaps in
        another one looks at the shards afterwards, so one of both brings the photos there. Where
        this model has none yet, the job that makes it finds the shards: the writer may make none.
        """
        with closing(OpenSearchConnection(self._place.server, self._access)) as connection:
            catalogue = Catalogue(connection, self._place.alias)
            try:
                found = catalogue.find(self._fingerprint)
            except (IndexNotFound, FingerprintMismatch) as reason:
                _LOG.warning("%s; the next ingest job fills the index of this model", reason)
                return {}
            index = OpenSearchIndex.of(connection, catalogue, found)
            index.delete(gone)
            try:
                index.upsert(photos)
            except BulkRejected as error:
                # It may hold them as they were before.
                index.delete(sorted(error.reasons))
                return dict(error.reasons)
        return {}


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
