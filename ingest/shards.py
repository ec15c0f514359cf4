"""Shards: the embeddings and facts of a collection as parquet files, from which an index is filled.

A directory holds numbered files that are never changed: ``000001.photos.parquet`` adds or replaces
photos, ``000002.gone.parquet`` takes some out. Replayed in order they give the collection.
Everything in one directory is of one embedding space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.atomic_file import remove_partial_files, replacing
from photo_search.arrays import Float32Array
from photo_search.encoder import normalised
from photo_search.errors import ModelError, SourceInvalid
from photo_search.index import EmbeddedPhoto
from photo_search.model_bundle import ModelBundle
from photo_search.photo import Colour, Photo, Source

_PHOTOS, _GONE = "photos", "gone"
_TEXTS = pa.list_(pa.string())
_TYPE_OF_ANNOTATION = {
    "str": pa.string(),
    "int": pa.int32(),
    "Source": pa.string(),
    "float | None": pa.float64(),
    "datetime | None": pa.timestamp("us", tz="UTC"),
    "tuple[str, ...]": _TEXTS,
    "tuple[Colour, ...]": _TEXTS,
}
# A new field of Photo becomes a column by itself; one of a new type fails here, not in a reader.
_FACTS = [(field.name, _TYPE_OF_ANNOTATION[str(field.type)]) for field in fields(Photo)]


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A photo as a shard holds it; ``version`` tells whether its source has changed since."""

    embedded: EmbeddedPhoto
    version: str


@dataclass(frozen=True, slots=True)
class LivePhoto:
    """Where the newest version of a photo lies: the number of its shard."""

    version: str
    shard: int


class ShardStore:
    """The shards in one directory. For one writer at a time."""

    def __init__(
        self, directory: Path, bundle: ModelBundle, *, rendition: str = "original"
    ) -> None:
        """Open the directory, made first where there is none, and replay what it holds.

        Args:
            directory: One embedding space's shards.
            bundle: The model of that space.
            rendition: Which rendition of the pictures is embedded; a record, never compared.

        Raises:
            SourceInvalid: A shard there is damaged or of another embedding space.
        """
        directory.mkdir(parents=True, exist_ok=True)
        remove_partial_files(directory)
        self._directory = directory
        self._dimension = bundle.dimension
        self._metadata = {
            "fingerprint": bundle.fingerprint,
            "build": bundle.build,
            "rendition": rendition,
        }
        self._last = 0
        self._live: dict[str, LivePhoto] = {}
        self._gone: set[str] = set()
        for path in sorted(directory.glob("[0-9]*.*.parquet")):
            self._replay(path)

    @property
    def live(self) -> dict[str, LivePhoto]:
        """Every photo of the collection by photo_id."""
        return self._live

    @property
    def gone(self) -> frozenset[str]:
        """Every photo_id that was taken out and has not come back."""
        return frozenset(self._gone)

    @property
    def last_shard(self) -> int:
        """Number of the newest file; 0 when there is none."""
        return self._last

    def add(self, rows: Sequence[ShardRow]) -> list[EmbeddedPhoto]:
        """Write a shard and return its photos as a later reading would give them.

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        embeddings = np.stack([row.embedded.embedding for row in rows]).astype(np.float16)  # (B, D)
        columns: dict[str, Any] = {
            name: pa.array([_to_column(getattr(row.embedded.photo, name)) for row in rows], kind)
            for name, kind in _FACTS
        }
        columns["version"] = pa.array([row.version for row in rows], pa.string())
        columns["embedding"] = pa.FixedSizeListArray.from_arrays(
            pa.array(embeddings.reshape(-1)), self._dimension
        )
        self._write(pa.table(columns), _PHOTOS)
        for row in rows:
            self._note_live(row.embedded.photo.photo_id, row.version)
        return [
            replace(row.embedded, embedding=embedding)
            for row, embedding in zip(rows, _from_half(embeddings), strict=True)
        ]

    def remove(self, photo_ids: Sequence[str]) -> None:
        """Write that photos are no longer part of the collection.

        Raises:
            DiskFull: There is no room; nothing was written.
        """
        self._write(pa.table({"photo_id": pa.array(photo_ids, pa.string())}), _GONE)
        self._note_gone(photo_ids)

    def read(self, wanted: Callable[[str, LivePhoto], bool]) -> Iterator[list[EmbeddedPhoto]]:
        """Read the live photos that are wanted, shard by shard.

        Raises:
            SourceInvalid: A shard is damaged.
        """
        shards: dict[int, set[str]] = {}
        for photo_id, live in self._live.items():
            if wanted(photo_id, live):
                shards.setdefault(live.shard, set()).add(photo_id)
        for shard, photo_ids in sorted(shards.items()):
            path = self._path(shard, _PHOTOS)
            with _damage_named(path):
                table = pq.read_table(path)
                chosen = table.filter(pa.array([i.as_py() in photo_ids for i in table["photo_id"]]))
                photos = _embedded_photos(chosen, self._dimension)
            yield photos

    def _path(self, shard: int, kind: str) -> Path:
        return self._directory / f"{shard:06}.{kind}.parquet"

    def _write(self, table: Any, kind: str) -> None:
        with replacing(self._path(self._last + 1, kind)) as partial:
            pq.write_table(
                table.replace_schema_metadata(self._metadata), partial, compression="zstd"
            )
        self._last += 1

    def _replay(self, path: Path) -> None:
        number, kind, _ = path.name.split(".")
        is_photos = kind == _PHOTOS
        with _damage_named(path):
            table = pq.read_table(path, columns=["photo_id", *(["version"] if is_photos else [])])
        fingerprint = (table.schema.metadata or {}).get(b"fingerprint", b"").decode()
        if fingerprint != self._metadata["fingerprint"]:
            msg = f"{path} has fingerprint {fingerprint!r}, not {self._metadata['fingerprint']!r}"
            raise SourceInvalid(msg)
        self._last = int(number)
        photo_ids = table["photo_id"].to_pylist()
        if is_photos:
            for photo_id, version in zip(photo_ids, table["version"].to_pylist(), strict=True):
                self._note_live(photo_id, version)
        else:
            self._note_gone(photo_ids)

    def _note_live(self, photo_id: str, version: str) -> None:
        self._live[photo_id] = LivePhoto(version, self._last)
        self._gone.discard(photo_id)

    def _note_gone(self, photo_ids: Sequence[str]) -> None:
        for photo_id in photo_ids:
            self._live.pop(photo_id, None)
        self._gone.update(photo_ids)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn every way in which a damaged file can fail to be read into SourceInvalid."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError, LookupError, TypeError, ModelError) as error:
        msg = f"{path} is damaged ({error}); delete it, and its photos will be ingested again"
        raise SourceInvalid(msg) from error


def _to_column(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _from_half(embeddings: Any) -> Float32Array:
    """Widen ``(B, D)`` float16 to unit-norm float32: rounding moved the norm by up to 1e-3."""
    return normalised(np.asarray(embeddings, dtype=np.float32))


def _embedded_photos(table: Any, dimension: int) -> list[EmbeddedPhoto]:
    flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    embeddings = _from_half(flat.reshape(-1, dimension))
    rows = table.select([name for name, _ in _FACTS]).to_pylist()
    return [
        EmbeddedPhoto(_photo(row), embedding)
        for row, embedding in zip(rows, embeddings, strict=True)
    ]


def _photo(row: dict[str, Any]) -> Photo:
    taken_at: datetime | None = row["taken_at"]
    row["source"] = Source(row["source"])
    row["keywords"] = tuple(row["keywords"])
    row["colours"] = tuple(Colour(name) for name in row["colours"])
    return Photo(**row | {"taken_at": taken_at})
