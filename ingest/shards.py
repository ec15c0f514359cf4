"""Shards: the embeddings and facts of a collection as parquet files, from which an index is filled.

A directory holds numbered files that are never changed: ``000001.photos.parquet`` adds or replaces
photos, ``000002.gone.parquet`` takes some out that may come back, ``000003.removed.parquet`` takes
some out for good. Replayed in order they give the collection. A compaction merges them into
``000004.base.parquet``. Everything in one directory is of one embedding space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from ingest.atomic_file import make_directory, remove_partial_files
from ingest.shard_files import Kind, ShardFile, list_shards, shard_path
from ingest.shard_reader import LivePhoto, ShardReader
from ingest.shard_table import (
    EmbeddingSpace,
    ShardRow,
    as_stored,
    ids_table,
    photos_table,
    read_facts,
    tombstones_table,
    write_shard,
)
from photo_search.index import EmbeddedPhoto

__all__ = ["LivePhoto", "ShardReader", "ShardRow", "ShardStore"]


class ShardStore(ShardReader):
    """The shards in one directory, for one writer at a time."""

    def __init__(
        self, directory: Path, space: EmbeddingSpace, *, rendition: str = "original"
    ) -> None:
        """Open the directory, made first where there is none, and replay what it holds.

        What a killed writer left is cleared away.

        Args:
            directory: One embedding space's shards.
            space: The model of that space.
            rendition: Which rendition of the pictures is embedded; a record, never compared.

        Raises:
            SourceInvalid: A shard there is damaged or of another embedding space.
            SettingsError: The directory cannot be made.
        """
        make_directory(directory)
        remove_partial_files(directory)
        super().__init__(directory, space)
        self._facts = replace(self._facts, rendition=rendition)
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

        Photos with a tombstone are left out.

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        rows = [row for row in rows if row.embedded.photo.photo_id not in self._tombstones]
        if not rows:
            return []
        file = self._write(photos_table(rows, self.dimension), Kind.PHOTOS)
        self._note_photo_file(file, self._facts)
        for row in rows:
            live = LivePhoto(row.version, file.number, file.number)
            self._note_live(row.embedded.photo.photo_id, live)
        return as_stored(rows)

    def remove(self, photo_ids: Sequence[str]) -> None:
        """Write that photos are no longer part of the collection; they may come back.

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        self._write(ids_table(photo_ids), Kind.GONE)
        self._note_gone(photo_ids)

    def add_tombstones(self, tombstones: Mapping[str, datetime]) -> None:
        """Write that photos are taken out and stay out, known or not.

        Args:
            tombstones: The moment of removal by photo_id (UTC).

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        self._write(tombstones_table(tombstones), Kind.REMOVED)
        self._note_tombstones(tombstones)

    def restore(self, photo_ids: Sequence[str]) -> None:
        """Write that photos may be added again; until then they stay out.

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        self._write(ids_table(photo_ids), Kind.RESTORED)
        self._note_restored(photo_ids)

    def _write(self, table: Any, kind: Kind) -> ShardFile:
        number = self._last + 1
        path = shard_path(self._directory, number, kind)
        write_shard(path, table, self._facts)
        self._last = number
        return ShardFile(number, kind, path)
