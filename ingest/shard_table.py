"""What one shard holds: photos, embeddings and ids as parquet tables, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.atomic_file import replacing
from ingest.shard_files import Kind, list_shards
from photo_search.arrays import Float32Array
from photo_search.errors import IndexUnavailable, ModelError, SourceInvalid
from photo_search.index import EmbeddedPhoto
from photo_search.photo import Colour, Photo, Source
from photo_search.unit_norm import normalised

READ_ROWS = 1024
"""Rows in memory at a time: 1 MiB of embeddings of 512 dimensions in half precision."""
SHARD_COLUMN = pa.field("shard", pa.int32())
_MOMENT = pa.timestamp("us", tz="UTC")
_TEXTS = pa.list_(pa.string())
_TYPE_OF_ANNOTATION = {
    "str": pa.string(),
    "int": pa.int32(),
    "Source": pa.string(),
    "float | None": pa.float64(),
    "datetime | None": _MOMENT,
    "tuple[str, ...]": _TEXTS,
    "tuple[Colour, ...]": _TEXTS,
}
# A new field of Photo becomes a column by itself; one of a new type fails here, not in a reader.
_FACTS = [(field.name, _TYPE_OF_ANNOTATION[str(field.type)]) for field in fields(Photo)]
_WHAT_TO_DO = {
    Kind.REMOVED: "put a copy of it back: it says which photos must stay out",
    Kind.RESTORED: "delete it, and restore its photos again",
}
# A dictionary of embeddings, no two alike, would make a file half as fast to write and a fifth to
# read (measured with 8,192 of 512 dimensions).
_DICTIONARY_COLUMNS = [
    f"{name}.list.element" if kind == _TEXTS else name
    for name, kind in _FACTS
    if name != "photo_id"
]
WRITE_OPTIONS: dict[str, Any] = {"compression": "zstd", "use_dictionary": _DICTIONARY_COLUMNS}
_DELETE_IT = "delete it, and its photos will be ingested again"


class EmbeddingSpace(Protocol):
    """What shards know of the model: a ModelBundle tells it, and so do shards."""

    @property
    def fingerprint(self) -> str:
        """Identity of the embedding space."""

    @property
    def dimension(self) -> int:
        """Length D of the embeddings."""

    @property
    def build(self) -> str:
        """How the model ran; a record, never compared."""


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What every file says of itself in its metadata; see EmbeddingSpace.

    Attributes:
        fingerprint: Identity of the embedding space.
        dimension: Length D of the embeddings.
        build: How the model ran; one a line where a base was merged from several.
        rendition: Which rendition of the pictures is embedded; likewise.
    """

    fingerprint: str
    dimension: int
    build: str
    rendition: str

    def as_metadata(self) -> dict[str, str]:
        """Write the facts as a parquet file keeps them."""
        return {
            "fingerprint": self.fingerprint,
            "dimension": str(self.dimension),
            "build": self.build,
            "rendition": self.rendition,
        }


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A photo as a shard holds it; ``version`` tells whether its source has changed since."""

    embedded: EmbeddedPhoto
    version: str


def photos_table(rows: Sequence[ShardRow], dimension: int) -> Any:
    """Put photos into a table; embeddings are rounded to float16."""
    embeddings = np.stack([row.embedded.embedding for row in rows]).astype(np.float16)  # (B, D)
    columns: dict[str, Any] = {
        name: pa.array([_to_column(getattr(row.embedded.photo, name)) for row in rows], kind)
        for name, kind in _FACTS
    }
    columns["version"] = pa.array([row.version for row in rows], pa.string())
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(
        pa.array(embeddings.reshape(-1)), dimension
    )
    return pa.table(columns)


def base_schema(facts: ShardFacts) -> Any:
    """Columns of a base: those of photos, and the number of the shard that brought each."""
    photos = [
        *(pa.field(name, kind) for name, kind in _FACTS),
        pa.field("version", pa.string()),
        pa.field("embedding", pa.list_(pa.float16(), facts.dimension)),
    ]
    return pa.schema([*photos, SHARD_COLUMN], metadata=facts.as_metadata())


def ids_table(photo_ids: Sequence[str]) -> Any:
    """Put photo_ids into a table."""
    return pa.table({"photo_id": pa.array(photo_ids, pa.string())})


def tombstones_table(tombstones: Mapping[str, datetime]) -> Any:
    """Put photo_ids and the moments of their removal into a table."""
    moments = pa.array(tombstones.values(), _MOMENT)
    return ids_table(list(tombstones)).append_column("removed_at", moments)


def write_shard(path: Path, table: Any, facts: ShardFacts) -> None:
    """Write a shard, whole or not at all, and wait until the disk has it.

    Raises:
        DiskFull: There is no room; nothing was written.
    """
    with replacing(path) as partial:
        labelled = table.replace_schema_metadata(facts.as_metadata())
        pq.write_table(labelled, partial, **WRITE_OPTIONS)


def read_facts(directory: Path) -> ShardFacts:
    """Read what a directory of shards says of itself.

    Raises:
        SourceInvalid: There are no shards, or the newest is damaged.
    """
    for file in reversed(list_shards(directory).current):
        with damage_named(file.path, file.kind):
            schema = pq.read_schema(file.path)
        if (facts := facts_of(schema)) is not None:
            return facts
    msg = f"{directory} holds no shards (NNNNNN.photos.parquet); an ingest writes some"
    raise SourceInvalid(msg)


def facts_of(schema: Any) -> ShardFacts | None:
    """Read the facts of one file; None where it does not tell the dimension.

    Files of the first version say it by the embeddings alone, which only photos have.
    """
    told = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    dimension = told.get("dimension")
    if dimension is None and "embedding" in schema.names:
        dimension = schema.field("embedding").type.list_size
    if dimension is None or "fingerprint" not in told:
        return None
    build, rendition = told.get("build", ""), told.get("rendition", "")
    return ShardFacts(told["fingerprint"], int(dimension), build, rendition)


def read_batches(path: Path, kind: Kind, columns: list[str] | None = None) -> Iterator[Any]:
    """Read a shard as tables of at most READ_ROWS rows.

    Raises:
        SourceInvalid: It is damaged.
    """
    # Buffering ahead would hold all of a base's bytes by its end.
    with damage_named(path, kind), pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(READ_ROWS, columns=columns):
            yield pa.table(batch)


def chosen_rows(table: Any, photo_ids: Collection[str]) -> Any:
    """Keep the rows of some photos."""
    return table.filter(pa.array([i in photo_ids for i in table["photo_id"].to_pylist()]))


def embedded_photos(table: Any, dimension: int) -> list[EmbeddedPhoto]:
    """Take photos out of a table; their embeddings are of unit norm again."""
    flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    embeddings = from_half(flat.reshape(-1, dimension))
    rows = table.select([name for name, _ in _FACTS]).to_pylist()
    return [
        EmbeddedPhoto(_photo(row), embedding)
        for row, embedding in zip(rows, embeddings, strict=True)
    ]


def as_stored(rows: Sequence[ShardRow]) -> list[EmbeddedPhoto]:
    """Give photos as a later reading of their shard would."""
    embeddings = np.stack([row.embedded.embedding for row in rows]).astype(np.float16)  # (B, D)
    return [
        replace(row.embedded, embedding=embedding)
        for row, embedding in zip(rows, from_half(embeddings), strict=True)
    ]


def from_half(embeddings: Any) -> Float32Array:
    """Widen ``(B, D)`` float16 to unit-norm float32: rounding moved the norm by up to 1e-3."""
    return normalised(np.asarray(embeddings, dtype=np.float32))


@contextmanager
def damage_named(path: Path, kind: Kind) -> Iterator[None]:
    """Turn every way in which a damaged file can fail to be read into SourceInvalid.

    Raises:
        SourceInvalid: The file is damaged.
        IndexUnavailable: It went away meanwhile, as when a base takes its place.
    """
    try:
        yield
    except FileNotFoundError as error:
        msg = f"{path} was taken away meanwhile, as a compaction does; run again"
        raise IndexUnavailable(msg) from error
    except (OSError, pa.ArrowException, ValueError, LookupError, TypeError, ModelError) as error:
        msg = f"{path} is damaged ({error}); {_WHAT_TO_DO.get(kind, _DELETE_IT)}"
        raise SourceInvalid(msg) from error


def _to_column(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _photo(row: dict[str, Any]) -> Photo:
    taken_at: datetime | None = row["taken_at"]
    row["source"] = Source(row["source"])
    row["keywords"] = tuple(row["keywords"])
    row["colours"] = tuple(Colour(name) for name in row["colours"])
    return Photo(**row | {"taken_at": taken_at})
