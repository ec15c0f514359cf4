"""Shards: the embeddings and facts of a collection as parquet files, from which an index is filled.

A directory holds numbered files that are never changed: ``000001.photos.parquet`` adds or replaces
photos, ``000002.gone.parquet`` takes some out that may come back, ``000003.removed.parquet`` takes
some out for good. Replayed in order they give the collection. A compaction merges them into
``000004.base.parquet``. Everything in one directory is of one embedding space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

from ingest.atomic_file import make_directory, remove_partial_files
from ingest.shard_files import Kind, ShardFile, list_shards, shard_path
from ingest.shard_reader import LivePhoto, ShardReader
from ingest.shard_table import (
    EmbeddingSpace,
    ShardRow,
    as_stored,
    ids_table,
    photos_table,
    read_batches,
    read_facts,
    tombstones_table,
    write_shard,
)
from photo_search.index import EmbeddedPhoto

__all__ = ["LivePhoto", "ShardLog", "ShardReader", "ShardRow", "ShardStore"]


class ShardLog(Protocol):
    """Where several writers publish the shards of one embedding space, one number after another."""

    def publish(self, directory: Path, number: int) -> bool:
        """Publish the files that have a number, all at once.

        Returns:
            False when another writer was first to take the number.
        """

    def pull(self, directory: Path) -> bool:
        """Bring what others have published; whether there was anything."""


class ShardStore(ShardReader):
    """The shards in one directory, for one writer at a time.

    With a log there may be others, each with a directory of its own. What one of them has written
    of a photo since this store was opened outranks what comes later from here: it has looked at the
    photo after the list that this writer works on was made.
    """

    def __init__(
        self,
        directory: Path,
        space: EmbeddingSpace,
        *,
        rendition: str = "original",
        log: ShardLog | None = None,
    ) -> None:
        """Open the directory, made first where there is none, and replay what it holds.

        What a killed writer left is cleared away.

        Args:
            directory: One embedding space's shards.
            space: The model of that space.
            rendition: Which rendition of the pictures is embedded; a record, never compared.
            log: Where each shard is published; the directory is what was pulled from it.

        Raises:
            SourceInvalid: A shard there is damaged or of another embedding space.
            SettingsError: The directory cannot be made.
        """
        make_directory(directory)
        remove_partial_files(directory)
        super().__init__(directory, space)
        self._facts = replace(self._facts, rendition=rendition)
        self._log = log
        self._changed_elsewhere: set[str] = set()
        # Not before the base has been read: what it replaces is the only other copy.
        for file in list_shards(directory).leftovers:
            file.path.unlink(missing_ok=True)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a directory by what its shards say of themselves, without a model.

        Raises:
            SourceInvalid: There are no shards, or one is damaged.
        """
        facts = read_facts(directory)
        return cls(directory, facts, rendition=facts.rendition)

    def add(self, rows: Sequence[ShardRow]) -> list[EmbeddedPhoto]:
        """Write a shard and return its photos as a later reading would give them.

        Photos with a tombstone are left out, and those that another writer has written meanwhile.

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        by_id = {row.embedded.photo.photo_id: row for row in rows}

        def is_wanted(photo_id: str) -> bool:
            return photo_id not in self._tombstones and photo_id not in self._changed_elsewhere

        def table(photo_ids: Sequence[str]) -> Any:
            return photos_table([by_id[photo_id] for photo_id in photo_ids], self.dimension)

        kept, file = self._write(list(by_id), is_wanted, table, Kind.PHOTOS)
        if file is None:
            return []
        self._note_photo_file(file, self._facts)
        for photo_id in kept:
            live = LivePhoto(by_id[photo_id].version, file.number, file.number)
            self._note_live(photo_id, live)
        return as_stored([by_id[photo_id] for photo_id in kept])

    def remove(self, photo_ids: Sequence[str]) -> list[str]:
        """Write that photos are no longer part of the collection; they may come back.

        Returns:
            All of them but those that another writer has written meanwhile.

        Raises:
            DiskFull: There is no room; nothing was written.
        """

        def is_wanted(photo_id: str) -> bool:
            return photo_id not in self._changed_elsewhere

        gone, _ = self._write(photo_ids, is_wanted, ids_table, Kind.GONE)
        self._note_gone(gone)
        return gone

    def add_tombstones(self, tombstones: Mapping[str, datetime]) -> None:
        """Write that photos are taken out and stay out, known or not.

        Args:
            tombstones: The moment of removal by photo_id (UTC).

        Raises:
            DiskFull: There is no room; nothing was written.
        """

        def table(photo_ids: Sequence[str]) -> Any:
            return tombstones_table({photo_id: tombstones[photo_id] for photo_id in photo_ids})

        self._write(list(tombstones), lambda _: True, table, Kind.REMOVED)
        self._note_tombstones(tombstones)

    def restore(self, photo_ids: Sequence[str]) -> None:
        """Write that photos may be added again; until then they stay out.

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        self._write(photo_ids, lambda _: True, ids_table, Kind.RESTORED)
        self._note_restored(photo_ids)

    def _write(
        self,
        photo_ids: Sequence[str],
        is_wanted: Callable[[str], bool],
        table: Callable[[Sequence[str]], Any],
        kind: Kind,
    ) -> tuple[list[str], ShardFile | None]:
        """Write a shard of those that are wanted when it is published; none of none."""
        while kept := [photo_id for photo_id in photo_ids if is_wanted(photo_id)]:
            number = self._last + 1
            path = shard_path(self._directory, number, kind)
            write_shard(path, table(kept), self._facts)
            if self._is_published(number, path):
                self._last = number
                return kept, ShardFile(number, kind, path)
            self._take_in_others()
        return [], None

    def _is_published(self, number: int, path: Path) -> bool:
        if self._log is None:
            return True
        published = False
        try:
            published = self._log.publish(self._directory, number)
        finally:
            if not published:
                path.unlink(missing_ok=True)
        return published

    def _take_in_others(self) -> None:
        """Replay what other writers have published."""
        if self._log is not None:
            self._log.pull(self._directory)
        before, gone_before = dict(self._live), set(self._gone)
        files = [one for one in list_shards(self._directory).current if one.number > self._last]
        bases = {one.number for one in files if one.kind is Kind.BASE}
        for file in files:
            self._replay(file)
            if file.number not in bases:
                for table in read_batches(file.path, file.kind, ["photo_id"]):
                    self._changed_elsewhere.update(table["photo_id"].to_pylist())
        # A base repeats all that its writer knew; what it changes came from shards it replaced.
        self._changed_elsewhere |= self._gone - gone_before
        self._changed_elsewhere |= {
            photo_id
            for photo_id, live in self._live.items()
            if photo_id not in before or before[photo_id].shard != live.shard
        }
