"""Deltas appended to a log of shards without reading what it holds, only how far it goes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ingest.atomic_file import make_directory
from ingest.cloud.photo_look import Delta
from ingest.cloud.work_bucket import WorkBucket
from ingest.shard_files import Kind, ShardFile, list_shards, shard_path
from ingest.shard_table import ShardFacts, ids_table, photos_table, read_batches, write_shard
from ingest.shards import ShardRow


class DeltaLog:
    """The end of one embedding space's log."""

    def __init__(self, work: WorkBucket, directory: Path, facts: ShardFacts) -> None:
        """Join the parts; nothing is asked.

        Args:
            work: Where the log is. Its mirror holds no more than what is being written.
            directory: The space's, in the mirror.
            facts: What each shard says of itself.
        """
        self._work = work
        self._log = work.log(directory.name)
        self._directory = directory
        self._facts = facts
        self._last = 0
        # What the newest shards say, for as long as nobody else writes: version and number.
        self._said: dict[str, tuple[str | None, int]] = {}

    def last(self) -> int:
        """Number of the newest shard; 0 where there is none."""
        # From the one that was last, so that a log that was begun anew is noticed.
        newest = self._log.entries(after=max(0, self._last - 1)) or self._log.entries()
        last = newest[-1].number if newest else 0
        if last != self._last:
            self._said.clear()
        self._last = last
        return last

    def publish(self, delta: Delta) -> set[int]:
        """Append what the newest shards do not say already.

        Args:
            delta: What to say.

        Returns:
            Numbers of the shards that say it.

        Raises:
            IndexUnavailable: S3 does not answer.
        """
        make_directory(self._directory)
        versions = delta.versions
        said = {one: self._said[one] for one in versions if one in self._said}
        new = {one for one in versions if one not in said or said[one][0] != versions[one]}
        numbers = {said[one][1] for one in versions.keys() - new}
        rows = [row for row in delta.rows if _id(row) in new]
        gone = [one for one in delta.gone if one in new]
        if rows:
            number = self._append(photos_table(rows, self._facts.dimension), Kind.PHOTOS)
            self._said |= {_id(row): (row.version, number) for row in rows}
            numbers.add(number)
        if gone:
            number = self._append(ids_table(gone), Kind.GONE)
            self._said |= dict.fromkeys(gone, (None, number))
            numbers.add(number)
        return numbers

    def is_overtaken(self, photo_ids: Collection[str], *, last: int, numbers: set[int]) -> bool:
        """Whether another writer has written to some of the photos.

        Args:
            photo_ids: The photos.
            last: The newest shard before they were looked at.
            numbers: Shards of our own.
        """
        for entry in self._log.entries(after=last):
            if entry.number in numbers:
                continue
            # One that a base has replaced already can no longer be asked.
            if not entry.size_bytes:
                return True
            # A base says nothing that the numbers before its own do not say.
            if not self._log.is_base(entry.number) and self._says(entry.number, photo_ids):
                return True
        return False

    def _says(self, number: int, photo_ids: Collection[str]) -> bool:
        if self._log.fetch(number, self._directory) is None:
            return True
        files = self._files(number)
        try:
            return any(
                not set(table["photo_id"].to_pylist()).isdisjoint(photo_ids)
                for file in files
                for table in read_batches(file.path, file.kind, ["photo_id"])
            )
        finally:
            _delete(files)

    def _append(self, table: Any, kind: Kind) -> int:
        while True:
            number = self._last + 1
            path = shard_path(self._directory, number, kind)
            write_shard(path, table, self._facts)
            try:
                published = self._work.publish(self._directory, number)
            finally:
                path.unlink(missing_ok=True)
            if published:
                self._last = number
                return number
            self.last()

    def _files(self, number: int) -> list[ShardFile]:
        return [file for file in list_shards(self._directory).current if file.number == number]


def _id(row: ShardRow) -> str:
    return row.embedded.photo.photo_id


def _delete(files: list[ShardFile]) -> None:
    for file in files:
        file.path.unlink(missing_ok=True)
