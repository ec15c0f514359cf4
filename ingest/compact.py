"""Compaction: a directory's shards become one base, without the photos that were taken out.

It may be stopped anywhere and run again. The new files have a number of their own. First come those
with ids alone, which repeat what the older files say, so that without the base they change nothing;
then the base, read back before it takes the place of all older files in one step; then these go.

A row of the base keeps the number of the shard that brought it, so that marks of how far an index
has been filled stay true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.atomic_file import replacing
from ingest.remove import keep_removed_out
from ingest.shard_files import Kind, list_shards, shard_path, space_directories
from ingest.shard_reader import ShardReader
from ingest.shard_table import (
    SHARD_COLUMN,
    WRITE_OPTIONS,
    base_schema,
    ids_table,
    read_batches,
    tombstones_table,
    write_shard,
)
from ingest.shards import ShardStore
from ingest.writer_lock import writer_lock
from photo_search.errors import SourceInvalid

_ROW_GROUP_ROWS = 8192
"""Rows written at a time: 8 MiB of embeddings of 512 dimensions in half precision."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What became of a directory of shards.

    Attributes:
        directory: The directory.
        photos: Photos of the collection.
        files_before: Shards there were.
        files_after: Shards there are.
        size_before_bytes: Their size before.
        size_after_bytes: Their size now.
    """

    directory: Path
    photos: int
    files_before: int
    files_after: int
    size_before_bytes: int
    size_after_bytes: int


def compact_collection(work_dir: Path) -> list[Compaction]:
    """Compact the shards of every embedding space of a work directory.

    Raises:
        SourceInvalid: There are no shards, or one is damaged.
        SettingsError: The directory cannot be written to.
        IndexUnavailable: An ingest is at work.
        DiskFull: There is no room for a base beside the older files, which are as before.
    """
    if not space_directories(work_dir):
        msg = f"{work_dir} holds no shards; give the --work of an ingest"
        raise SourceInvalid(msg)
    with writer_lock(work_dir):
        directories = space_directories(work_dir)
        for directory in directories:
            keep_removed_out(work_dir, ShardStore.open(directory))
        return [compact(directory) for directory in directories]


def compact(directory: Path) -> Compaction:
    """Compact one directory of shards; only one writer may be at work there.

    Raises:
        SourceInvalid: There are no shards, or one is damaged; all are as before.
        DiskFull: There is no room for a base beside the older files, which are as before.
    """
    files_before, size_before_bytes = _count(directory)
    store = ShardStore.open(directory)
    current = list_shards(directory).current
    if current[0].kind is not Kind.BASE or current[-1].number != current[0].number:
        _write_base(store)
        # A writer that opens the directory clears away what the base has replaced.
        ShardStore.open(directory)
    files_after, size_after_bytes = _count(directory)
    return Compaction(
        directory=directory,
        photos=len(store.live),
        files_before=files_before,
        files_after=files_after,
        size_before_bytes=size_before_bytes,
        size_after_bytes=size_after_bytes,
    )


def _write_base(store: ShardStore) -> None:
    directory, number, origin = store.directory, store.last_shard + 1, store.origin
    if store.tombstones:
        path = shard_path(directory, number, Kind.REMOVED)
        write_shard(path, tombstones_table(store.tombstones), origin)
    if gone := sorted(store.gone - store.tombstones.keys()):
        # An index that has not been filled lately learns from them what it must give up.
        write_shard(shard_path(directory, number, Kind.GONE), ids_table(gone), origin)
    schema = base_schema(origin)
    with replacing(shard_path(directory, number, Kind.BASE)) as partial:
        with pq.ParquetWriter(partial, schema, **WRITE_OPTIONS) as writer:
            for table in _row_groups(store, schema):
                writer.write_table(table)
        _check(store, partial)


def _row_groups(store: ShardStore, schema: Any) -> Iterator[Any]:
    """Gather the live rows of many small shards, never more than two row groups of them."""
    pending: list[Any] = []
    rows = 0
    for file, table in store.tables(lambda _photo_id, _live: True):
        if SHARD_COLUMN.name not in table.column_names:
            shards = pa.array([file.number] * table.num_rows, SHARD_COLUMN.type)
            table = table.append_column(SHARD_COLUMN, shards)
        pending.append(table.select(schema.names).cast(schema))
        rows += table.num_rows
        if rows >= _ROW_GROUP_ROWS:
            yield pa.concat_tables(pending)
            pending, rows = [], 0
    if pending:
        yield pa.concat_tables(pending)


def _check(store: ShardReader, base: Path) -> None:
    """Read a base back, before the older files go."""
    missing = set(store.live)
    for table in read_batches(base, Kind.BASE):
        missing.difference_update(table["photo_id"].to_pylist())
    if missing:
        msg = f"{len(missing)} of {len(store.live)} photos are not in the shards of {base.parent}"
        raise SourceInvalid(msg)


def _count(directory: Path) -> tuple[int, int]:
    shards = list_shards(directory)
    files = [*shards.current, *shards.leftovers]
    return len(files), sum(file.path.stat().st_size for file in files)
