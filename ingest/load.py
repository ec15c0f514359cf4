"""Shards into an index: whatever happened before, afterwards the index holds what the shards say.

Every step may be repeated: photos are stored by photo_id, and the mark of how far an index was
filled moves only after the index has the photos. A mark is the number of a shard; a compaction
keeps those numbers with the photos, so it makes no mark wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.atomic_file import replacing
from ingest.shards import ShardReader
from ingest.writer_lock import LOCK_NAME, writer_lock
from photo_search.errors import BulkRejected, IndexUnavailable, SettingsError
from photo_search.index import EmbeddedPhoto, PhotoIndex

MARKS_NAME = "marks.json"
"""Beside the shards: how far each index has been filled from them."""


@dataclass(slots=True)
class Filled:
    """What was put into an index.

    Attributes:
        stored: Photos stored.
        rejected: The index's reason by photo_id for photos that it refuses for good.
    """

    stored: int = 0
    rejected: dict[str, str] = field(default_factory=dict)


class Loader:
    """Fills one index from one directory of shards."""

    def __init__(
        self, shards: ShardReader, index: PhotoIndex, *, marks: Path | None, name: str
    ) -> None:
        """Join shards and index.

        Args:
            shards: What the index shall hold; the index may hold other collections besides.
            index: Where it goes.
            marks: The file that records how far each index has been filled; None where none can be
                written, at the price that every photo is stored each time.
            name: The index's name in that file: which very index it is.
        """
        self._shards = shards
        self._index = index
        self._marks = marks
        self._name = name

    def catch_up(self) -> Filled:
        """Bring the index up to the shards, as after a kill or with a new index."""
        filled_to = self._read_marks().get(self._name, 0)
        present = set(self._index.photo_ids())
        filled = Filled()
        for photos in self._shards.read(
            lambda photo_id, live: live.shard > filled_to or photo_id not in present
        ):
            self._upsert(photos, filled)
        if gone := sorted(self._shards.gone & present):
            self._index.delete(gone)
        self._mark()
        return filled

    def store(self, photos: Sequence[EmbeddedPhoto]) -> Filled:
        """Store the photos of the newest shard."""
        filled = Filled()
        self._upsert(photos, filled)
        self._mark()
        return filled

    def delete(self, photo_ids: Sequence[str]) -> None:
        """Take photos out, after the shards say that they are gone."""
        self._index.delete(photo_ids)
        self._mark()

    def _upsert(self, photos: Sequence[EmbeddedPhoto], filled: Filled) -> None:
        filled.stored += len(photos)
        try:
            self._index.upsert(photos)
        except BulkRejected as error:
            filled.stored -= len(error.reasons)
            filled.rejected |= error.reasons
            # It may hold them as an older shard had them; an index made anew would not.
            self._index.delete(sorted(error.reasons))

    def _read_marks(self) -> dict[str, int]:
        return {} if self._marks is None else _read_marks(self._marks)

    def _mark(self) -> None:
        if self._marks is not None:
            _write_mark(self._marks, self._name, self._shards.last_shard)


def note_filled(directory: Path, *, name: str, filled_to: int) -> bool:
    """Let the next ingest know of an index that was filled without a ``Loader``.

    Otherwise it would store every photo again.

    Args:
        directory: The shards that the index was filled from.
        name: The index's own.
        filled_to: Number of the newest shard that is in it.

    Returns:
        Whether it was noted: only in the work directory of ingests, and while none is at work.
    """
    work_dir = directory.parent.parent
    if not (work_dir / LOCK_NAME).is_file():
        return False
    try:
        with writer_lock(work_dir):
            _write_mark(directory / MARKS_NAME, name, filled_to)
    except (IndexUnavailable, SettingsError, OSError):
        return False
    return True


def _read_marks(path: Path) -> dict[str, int]:
    try:
        marks = json.loads(path.read_text())
        return {str(name): int(number) for name, number in marks.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        # Without marks everything is stored again, which costs time and nothing else.
        return {}


def _write_mark(path: Path, name: str, filled_to: int) -> None:
    marks = _read_marks(path) | {name: filled_to}
    with replacing(path) as partial:
        partial.write_text(json.dumps(marks))
