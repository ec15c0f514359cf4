"""Reading a directory of shards: its files, replayed in order, are the collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pyarrow.parquet as pq

from ingest.shard_files import Kind, ShardFile, list_shards
from ingest.shard_table import (
    SHARD_COLUMN,
    EmbeddingSpace,
    ShardFacts,
    chosen_rows,
    damage_named,
    embedded_photos,
    facts_of,
    read_batches,
    read_facts,
)
from photo_search.errors import SourceInvalid
from photo_search.index import EmbeddedPhoto

_REPLAYED_COLUMNS = ("photo_id", "version", SHARD_COLUMN.name, "removed_at")


@dataclass(frozen=True, slots=True)
class LivePhoto:
    """Where the newest version of a photo lies.

    Attributes:
        version: Tells whether its source has changed since.
        shard: Number of the shard that brought it. A compaction does not change it, so that what
            is known of how far an index has been filled stays true.
        file: Number of the file that holds it now.
    """

    version: str
    shard: int
    file: int


class ShardReader:
    """The shards in one directory, replayed; changes nothing there, so needs no right to write."""

    def __init__(self, directory: Path, space: EmbeddingSpace) -> None:
        """Replay what the directory holds.

        Args:
            directory: One embedding space's shards.
            space: That space, as its model or ``open`` tells it.

        Raises:
            SourceInvalid: A shard there is damaged or of another embedding space.
            IndexUnavailable: A compaction took a file away meanwhile.
        """
        self._directory = directory
        self._facts = ShardFacts(space.fingerprint, space.dimension, space.build, "")
        self._last = 0
        self._live: dict[str, LivePhoto] = {}
        self._gone: set[str] = set()
        self._tombstones: dict[str, datetime] = {}
        self._photo_files: dict[int, ShardFile] = {}
        self._builds: dict[str, None] = {}
        self._renditions: dict[str, None] = {}
        for file in list_shards(directory).current:
            self._replay(file)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a directory by what its shards say of themselves, without a model.

        Raises:
            SourceInvalid: There are no shards, or one is damaged.
            IndexUnavailable: A compaction took a file away meanwhile.
        """
        return cls(directory, read_facts(directory))

    @property
    def directory(self) -> Path:
        """Where the shards lie."""
        return self._directory

    @property
    def fingerprint(self) -> str:
        """Identity of the embedding space."""
        return self._facts.fingerprint

    @property
    def dimension(self) -> int:
        """Length D of the embeddings."""
        return self._facts.dimension

    @property
    def origin(self) -> ShardFacts:
        """How the photos were made: every build and rendition among them, one a line."""
        return replace(
            self._facts, build="\n".join(self._builds), rendition="\n".join(self._renditions)
        )

    @property
    def live(self) -> dict[str, LivePhoto]:
        """Every photo of the collection by photo_id."""
        return self._live

    @property
    def gone(self) -> frozenset[str]:
        """Every photo_id that was taken out, for good or not, and has not come back."""
        return frozenset(self._gone)

    @property
    def tombstones(self) -> Mapping[str, datetime]:
        """Every photo_id that stays out, and the moment of its removal (UTC)."""
        return self._tombstones

    @property
    def last_shard(self) -> int:
        """Number of the newest file; 0 when there is none."""
        return self._last

    def read(self, wanted: Callable[[str, LivePhoto], bool]) -> Iterator[list[EmbeddedPhoto]]:
        """Read the live photos that are wanted, shard by shard, some at a time.

        Raises:
            SourceInvalid: A shard is damaged.
            IndexUnavailable: A compaction took a file away meanwhile.
        """
        for file, table in self.tables(wanted):
            with damage_named(file.path, file.kind):
                photos = embedded_photos(table, self.dimension)
            yield photos

    def tables(self, wanted: Callable[[str, LivePhoto], bool]) -> Iterator[tuple[ShardFile, Any]]:
        """Read the rows of the live photos that are wanted, file by file, some at a time.

        Raises:
            SourceInvalid: A shard is damaged.
            IndexUnavailable: A compaction took a file away meanwhile.
        """
        files: dict[int, set[str]] = {}
        for photo_id, live in self._live.items():
            if wanted(photo_id, live):
                files.setdefault(live.file, set()).add(photo_id)
        for number, photo_ids in sorted(files.items()):
            file = self._photo_files[number]
            for table in read_batches(file.path, file.kind):
                chosen = chosen_rows(table, photo_ids)
                if chosen.num_rows:
                    yield file, chosen

    def _replay(self, file: ShardFile) -> None:
        with damage_named(file.path, file.kind):
            schema = pq.read_schema(file.path)
        metadata = schema.metadata or {}
        fingerprint = metadata.get(b"fingerprint", b"").decode()
        if fingerprint != self.fingerprint:
            msg = f"{file.path} has fingerprint {fingerprint!r}, not {self.fingerprint!r}"
            raise SourceInvalid(msg)
        self._last = file.number
        if file.kind in (Kind.BASE, Kind.PHOTOS):
            self._note_photo_file(file, facts_of(schema))
        columns = [name for name in _REPLAYED_COLUMNS if name in schema.names]
        for table in read_batches(file.path, file.kind, columns):
            with damage_named(file.path, file.kind):
                self._replay_rows(file, table.to_pydict())

    def _replay_rows(self, file: ShardFile, rows: dict[str, list[Any]]) -> None:
        photo_ids = rows["photo_id"]
        if file.kind in (Kind.BASE, Kind.PHOTOS):
            shards = rows.get(SHARD_COLUMN.name) or [file.number] * len(photo_ids)
            for photo_id, version, shard in zip(photo_ids, rows["version"], shards, strict=True):
                self._note_live(photo_id, LivePhoto(version, shard, file.number))
        elif file.kind is Kind.GONE:
            self._note_gone(photo_ids)
        elif file.kind is Kind.REMOVED:
            self._note_tombstones(dict(zip(photo_ids, rows["removed_at"], strict=True)))
        else:
            self._note_restored(photo_ids)

    def _note_photo_file(self, file: ShardFile, facts: ShardFacts | None) -> None:
        self._photo_files[file.number] = file
        if facts is not None:
            self._builds |= dict.fromkeys(facts.build.splitlines())
            self._renditions |= dict.fromkeys(facts.rendition.splitlines())

    def _note_live(self, photo_id: str, live: LivePhoto) -> None:
        if photo_id not in self._tombstones:
            self._live[photo_id] = live
            self._gone.discard(photo_id)

    def _note_gone(self, photo_ids: Sequence[str]) -> None:
        for photo_id in photo_ids:
            self._live.pop(photo_id, None)
        self._gone.update(photo_ids)

    def _note_tombstones(self, tombstones: Mapping[str, datetime]) -> None:
        self._note_gone(list(tombstones))
        self._tombstones |= tombstones

    def _note_restored(self, photo_ids: Sequence[str]) -> None:
        # They stay gone until an ingest brings them again: a compaction may have dropped them.
        for photo_id in photo_ids:
            self._tombstones.pop(photo_id, None)


def read_tombstones(directory: Path) -> dict[str, datetime]:
    """Read only which photos stay out.

    Raises:
        SourceInvalid: A shard is damaged.
        IndexUnavailable: A compaction took a file away meanwhile.
    """
    tombstones: dict[str, datetime] = {}
    for file in list_shards(directory).current:
        if file.kind not in (Kind.REMOVED, Kind.RESTORED):
            continue
        for table in read_batches(file.path, file.kind):
            with damage_named(file.path, file.kind):
                rows = table.to_pydict()
                for row, photo_id in enumerate(rows["photo_id"]):
                    if file.kind is Kind.REMOVED:
                        tombstones[photo_id] = rows["removed_at"][row]
                    else:
                        tombstones.pop(photo_id, None)
    return tombstones
