"""The writer of new photos: looks at some objects as they are now, and brings that to the index.

First the shards say it, then the index, so that an index made anew from the shards is the same.
Whatever stops it, the same call finishes the rest. docs/decisions/0011-one-writer.md says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.cloud.delta_index import DeltaIndex
from ingest.cloud.delta_log import DeltaLog
from ingest.cloud.photo_look import Delta, PhotoLook
from ingest.cloud.work_bucket import WorkBucket
from ingest.collection import claim
from ingest.remove import read_list
from ingest.shard_files import space_directory
from ingest.shard_table import ShardFacts, as_stored
from ingest.sources.bucket import BucketSource
from ingest.thumbnails import Thumbnails
from photo_search.encoder import Encoder
from photo_search.errors import IndexUnavailable

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of some objects.

    Attributes:
        delta: What they are.
        refused: The index's reasons by photo_id for photos that it does not take.
    """

    delta: Delta
    refused: dict[str, str]


class PhotoWriter:
    """Brings objects of a bucket to shards and index. One call at a time."""

    def __init__(
        self,
        source: BucketSource,
        work: WorkBucket,
        thumbnails: Thumbnails,
        encoder: Encoder,
        index: DeltaIndex,
    ) -> None:
        """Join the parts.

        Args:
            source: Which objects are photos.
            work: Where the shards go.
            thumbnails: Where thumbnails go.
            encoder: Embeds the photos.
            index: Is written to after the shards.
        """
        self.source = source
        self._work = work
        self._thumbnails = thumbnails
        self._look = PhotoLook(source, thumbnails, encoder)
        self._index = index
        bundle = encoder.bundle
        self._log = DeltaLog(
            work,
            space_directory(work.directory, bundle.fingerprint),
            ShardFacts(bundle.fingerprint, bundle.dimension, bundle.build, source.rendition),
        )

    def bring(self, keys: Iterable[str]) -> Brought:
        """Look at objects and bring what they are now to shards and index.

        Args:
            keys: Of objects that may have come, changed or gone; those that can be no photos are
                passed over.

        Raises:
            PhotoSearchError: Some step failed; the same call does it all.
        """
        found = (self.source.path_of(key) for key in dict.fromkeys(keys))
        paths = [path for path in found if path is not None]
        if not paths:
            return Brought(Delta(), {})
        self._thumbnails.prepare()
        for _ in range(_TRIES):
            # Before anything is looked at: what is newer than this may be newer than the look.
            last = self._log.last()
            self._work.pull_lists()
            claim(self._work.directory, self.source.identity)
            delta = self._look.look(paths, read_list(self._work.directory))
            self._thumbnails.keep([row.embedded.photo.photo_id for row in delta.rows])
            numbers = self._log.publish(delta)
            out = [*delta.gone, *delta.kept_out]
            refused = {}
            if delta.photo_ids:
                stored = as_stored(delta.rows) if delta.rows else []
                refused = self._index.write(stored, out, numbers)
            self._thumbnails.remove(out)
            if not self._log.is_overtaken(delta.photo_ids, last=last, numbers=numbers):
                return Brought(delta, refused)
        msg = f"others wrote to the same photos {_TRIES} times meanwhile: {', '.join(paths)}"
        raise IndexUnavailable(msg)
