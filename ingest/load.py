"""Shards into an index: whatever happened before, afterwards the index holds what the shards say.

Every step may be repeated: photos are stored by photo_id, and the mark of how far an index was
filled moves only after the index has the photos.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ingest.atomic_file import replacing
from ingest.shards import ShardStore
from photo_search.index import EmbeddedPhoto, PhotoIndex


class Loader:
    """Fills one index from one directory of shards."""

    def __init__(self, shards: ShardStore, index: PhotoIndex, *, marks: Path, url: str) -> None:
        """Join shards and index.

        Args:
            shards: What the index shall hold; the index may hold other collections besides.
            index: Where it goes.
            marks: The file that records how far each index has been filled.
            url: The index's name in that file.
        """
        self._shards = shards
        self._index = index
        self._marks = marks
        self._url = url

    def catch_up(self) -> int:
        """Bring the index up to the shards, as after a kill or with a new index.

        Returns:
            Number of photos stored.
        """
        filled_to = self._read_marks().get(self._url, 0)
        present = set(self._index.photo_ids())
        stored = 0
        for photos in self._shards.read(
            lambda photo_id, live: live.shard > filled_to or photo_id not in present
        ):
            self._index.upsert(photos)
            stored += len(photos)
        if gone := sorted(self._shards.gone & present):
            self._index.delete(gone)
        self._mark()
        return stored

    def store(self, photos: Sequence[EmbeddedPhoto]) -> None:
        """Store the photos of the newest shard."""
        self._index.upsert(photos)
        self._mark()

    def delete(self, photo_ids: Sequence[str]) -> None:
        """Take photos out, after the shards say that they are gone."""
        self._index.delete(photo_ids)
        self._mark()

    def _read_marks(self) -> dict[str, int]:
        try:
            marks = json.loads(self._marks.read_text())
            return {str(url): int(number) for url, number in marks.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            # Without marks everything is stored again, which costs time and nothing else.
            return {}

    def _mark(self) -> None:
        marks = self._read_marks() | {self._url: self._shards.last_shard}
        with replacing(self._marks) as partial:
            partial.write_text(json.dumps(marks))
