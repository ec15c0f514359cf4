"""A collection in shards that grows while it is loaded, and what an index of it must hold.

What must come of the shards is kept beside them as they are written, and not read back from them:
an error in the replay of shards would otherwise be on both sides of the comparison.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.shard_files import Kind, shard_path
from ingest.shard_table import (
    ShardFacts,
    ShardRow,
    from_half,
    ids_table,
    photos_table,
    tombstones_table,
    write_shard,
)
from photo_search.arrays import Float32Array
from photo_search.index import EmbeddedPhoto
from photo_search.photo import Colour, Photo, Source
from photo_search.unit_norm import normalised

DIMENSION = 16
SPACE = ShardFacts("loadunderfaults", DIMENSION, "build-1", "original")
_BASE_SHARDS = 3
_FEW = 3
_FIRST_DAY = datetime(2000, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
# What a shard can hold and an index cannot: the photo, and a word of the reason that must be given.
_OUT_OF_RANGE = "out of range of int"  # the server's
_NOT_A_NUMBER = "is no place"  # ours, since JSON has no NaN
_LONG_ID, _ID_TOO_LONG = "x" * 513, "513 bytes"  # ours, since the server takes 512


class GrowingCollection:
    """Shards in one directory. Safe in threads.

    Attributes:
        directory: Where the shards lie.
        wanted: What an index of them must hold, by photo_id; embeddings as the index gives them.
        poison: A part of the reason why the index cannot hold a photo, by photo_id.
        last_shard: Number of the newest shard.
    """

    def __init__(self, directory: Path, *, seed: int, photos: int) -> None:
        """Write the first shards.

        Args:
            directory: An empty one.
            seed: Of all its choices.
            photos: How many the first shards bring, before some are taken out again.
        """
        self.directory = directory
        self.wanted: dict[str, EmbeddedPhoto] = {}
        self.poison: dict[str, str] = {}
        self.last_shard = 0
        self._random = Random(seed)  # noqa: S311 (a collection, no secret)
        self._embeddings = np.random.default_rng(seed)
        self._made = 0
        self._gone: list[str] = []
        self._buried: list[str] = []
        self._lock = threading.Lock()
        share = -(-photos // _BASE_SHARDS)
        for first in range(0, photos, share):
            self._add(self._new(min(share, photos - first)))
        self.grow()

    def grow(self) -> None:
        """Add what a day may bring: new photos, changed and removed ones, and some of poison."""
        with self._lock:
            chosen = self._random.sample(sorted(self.wanted), 6 * _FEW)
            changed, gone, buried, spoilt = (
                chosen[: 3 * _FEW],
                chosen[3 * _FEW : 4 * _FEW],
                chosen[4 * _FEW : 5 * _FEW],
                chosen[5 * _FEW :],
            )
            back, self._gone = self._gone, gone
            curable = sorted(one for one in self.poison if one != _LONG_ID)
            mended = self._random.sample(curable, min(_FEW, len(curable)))
            self._take_out(Kind.GONE, ids_table(gone), gone)
            moment = datetime(2026, 1, 1, tzinfo=UTC)
            self._take_out(Kind.REMOVED, tombstones_table(dict.fromkeys(buried, moment)), buried)
            self._buried += buried
            self._add(
                [
                    *self._new(3 * _FEW),
                    *(self._photo(photo_id) for photo_id in (*changed, *back, *mended)),
                    # The source lists them still; tombstones are to keep them out.
                    *(self._photo(photo_id) for photo_id in self._buried[-_FEW:]),
                    *self._poisoned([*spoilt, *(self._next_id() for _ in range(_FEW))]),
                    self._photo(_LONG_ID),
                ]
            )

    def _new(self, count: int) -> list[Photo]:
        return [self._photo(self._next_id()) for _ in range(count)]

    def _next_id(self) -> str:
        self._made += 1
        return f"{self._made:06}"

    def _photo(self, photo_id: str) -> Photo:
        """A photo whose words tell which shard it is of, so that an older version shows."""
        random = self._random
        number = len(photo_id) + random.randrange(10_000)
        has_location = random.random() < 0.5
        return Photo(
            photo_id=photo_id,
            width=640,
            height=480 + number % 300,
            source=random.choice(list(Source)),
            path=f"a/{number} é.jpg",
            description=f"photo {photo_id[:6]} “as of” shard {self.last_shard + 1}",
            keywords=("sea", f"boat {number}"),
            photographer=random.choice(("", "Ana Ñ", "b")),
            taken_at=_FIRST_DAY + timedelta(hours=number) if random.random() < 0.8 else None,
            latitude=random.uniform(-90, 90) if has_location else None,
            longitude=random.uniform(-180, 180) if has_location else None,
            colours=tuple(random.sample(list(Colour), 2)),
        )

    def _poisoned(self, photo_ids: Iterable[str]) -> list[Photo]:
        return [
            replace(photo, width=2**40) if number % 2 else replace(photo, latitude=float("nan"))
            for number, photo in enumerate(map(self._photo, photo_ids))
        ]

    def _add(self, photos: Sequence[Photo]) -> None:
        raw = self._embeddings.normal(size=(len(photos), DIMENSION)).astype(np.float32)
        embeddings = normalised(raw)  # (B, D)
        rows = [
            ShardRow(EmbeddedPhoto(photo, embedding), version=str(self.last_shard + 1))
            for photo, embedding in zip(photos, embeddings, strict=True)
        ]
        self._write(Kind.PHOTOS, _table(rows))
        for photo, embedding in zip(photos, _as_indexed(embeddings), strict=True):
            if photo.photo_id not in self._buried:
                self._note(EmbeddedPhoto(photo, embedding))

    def _note(self, embedded: EmbeddedPhoto) -> None:
        photo_id = embedded.photo.photo_id
        self.wanted.pop(photo_id, None)
        self.poison.pop(photo_id, None)
        if (reason := _reason(embedded.photo)) is not None:
            self.poison[photo_id] = reason
        else:
            self.wanted[photo_id] = embedded

    def _take_out(self, kind: Kind, table: Any, photo_ids: Sequence[str]) -> None:
        self._write(kind, table)
        for photo_id in photo_ids:
            del self.wanted[photo_id]

    def _write(self, kind: Kind, table: Any) -> None:
        path = shard_path(self.directory, self.last_shard + 1, kind)
        write_shard(path, table, SPACE)
        self.last_shard += 1


def _reason(photo: Photo) -> str | None:
    """A part of the reason why no index can hold a photo; None where one can."""
    if photo.photo_id == _LONG_ID:
        return _ID_TOO_LONG
    if photo.latitude is not None and np.isnan(photo.latitude):
        return _NOT_A_NUMBER
    return _OUT_OF_RANGE if photo.width >= 2**31 else None


def _table(rows: Sequence[ShardRow]) -> Any:
    """Rows of a shard that can hold a width of more than 32 bits, as others may have written it."""
    table = photos_table([_of_width(row, 0) for row in rows], DIMENSION)
    widths = pa.array([row.embedded.photo.width for row in rows], pa.int64())
    return table.set_column(table.schema.get_field_index("width"), "width", widths)


def _of_width(row: ShardRow, width: int) -> ShardRow:
    photo = replace(row.embedded.photo, width=width)
    return replace(row, embedded=replace(row.embedded, photo=photo))


def _as_indexed(embeddings: Float32Array) -> Float32Array:
    """What an index gives back: rounded in the shard, of unit norm again, rounded in the index."""
    read = from_half(embeddings.astype(np.float16))  # (B, D)
    return read.astype(np.float16).astype(np.float32)  # (B, D)
