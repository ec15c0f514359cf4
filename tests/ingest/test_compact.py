from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ingest.compact
from ingest.collection import claim
from ingest.compact import compact, compact_collection
from ingest.load import Loader
from ingest.shard_reader import ShardReader
from ingest.shards import ShardRow, ShardStore
from ingest.writer_lock import writer_lock
from photo_search.errors import DiskFull, IndexUnavailable, SourceInvalid
from photo_search.index import EmbeddedPhoto
from photo_search.photo import Photo
from photo_search.unit_norm import normalised
from tests.core.index.memory_index import MemoryIndex
from tests.ingest.shard_rows import DIMENSION, SPACE, check_same, everything, indexed, row
from tests.ingest.sudden_death import survive_every_death

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SECRET = "what is known of the removed photo"


def fill(directory: Path) -> ShardStore:
    """Some history: a changed, a gone, a returned, a removed and a restored photo."""
    store = ShardStore(directory, SPACE)
    store.add([row(photo_id, seed=number) for number, photo_id in enumerate("abcdefg")])
    store.add([row("b", version="2", seed=20), row("h", seed=21)])
    store.remove(["c", "d"])
    store.add([row("d", version="3", seed=22)])
    secret = replace(row("x").embedded.photo, description=SECRET)
    store.add([row("x", photo=secret, seed=23)])
    store.add_tombstones({"x": NOON, "never seen": NOON, "f": NOON})
    store.restore(["f"])
    return store


class CountingIndex(MemoryIndex):
    """Remembers which photos it was given."""

    def __init__(self):
        super().__init__("tiny", DIMENSION)
        self.given = []

    def upsert(self, photos):
        self.given += [embedded.photo.photo_id for embedded in photos]
        super().upsert(photos)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@dataclass(frozen=True)
class State:
    """What must be the same before and after."""

    live: dict[str, tuple[str, int]]
    gone: frozenset[str]
    tombstones: dict[str, datetime]


def state(reader: ShardReader) -> State:
    live = {photo_id: (live.version, live.shard) for photo_id, live in reader.live.items()}
    return State(live, reader.gone, dict(reader.tombstones))


def test_a_base_takes_the_place_of_all_shards_and_says_the_same(tmp_path):
    store = fill(tmp_path)
    before, photos = state(store), everything(store)

    done = compact(tmp_path)

    assert names(tmp_path) == [
        "000008.base.parquet",
        "000008.gone.parquet",
        "000008.removed.parquet",
    ]
    assert (done.photos, done.files_before, done.files_after) == (6, 7, 3)
    assert done.size_after_bytes < done.size_before_bytes
    after = ShardStore(tmp_path, SPACE)
    assert state(after) == before
    assert after.last_shard == 8
    check_same(everything(after), photos)


def test_a_compaction_keeps_of_a_removed_photo_its_id_alone(tmp_path):
    embeddings = [row("y", seed=99).embedded.embedding, row("x", seed=23).embedded.embedding]
    fill(tmp_path).add([row("y", seed=99)])
    ShardStore(tmp_path, SPACE).add_tombstones({"y": NOON})

    compact(tmp_path)

    tables = {path.suffixes[0]: pq.read_table(path) for path in tmp_path.iterdir()}
    base = tables.pop(".base")
    assert set(base["photo_id"].to_pylist()) == {"a", "b", "d", "e", "g", "h"}
    assert SECRET not in base["description"].to_pylist()
    stored = np.array(base["embedding"].to_pylist(), np.float32)  # (B, D)
    assert np.max(stored @ np.array(embeddings).T) < 0.99
    assert {name: table.column_names for name, table in tables.items()} == {
        ".gone": ["photo_id"],
        ".removed": ["photo_id", "removed_at"],
    }
    assert tables[".removed"]["photo_id"].to_pylist() == ["x", "never seen", "y"]
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_what_is_added_after_a_compaction_counts_and_is_merged_by_the_next(tmp_path):
    fill(tmp_path)
    compact(tmp_path)
    store = ShardStore(tmp_path, SPACE)
    store.add([row("a", version="9", seed=50), row("c", version="9", seed=51)])
    store.remove(["b"])
    before, photos = state(store), everything(store)
    assert before.live["a"] == ("9", 9)

    compact(tmp_path)

    assert names(tmp_path)[0] == "000011.base.parquet"
    after = ShardStore(tmp_path, SPACE)
    assert state(after) == before
    check_same(everything(after), photos)


def test_compacting_twice_changes_nothing_the_second_time(tmp_path):
    fill(tmp_path)
    compact(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    done = compact(tmp_path)

    assert done.size_before_bytes == done.size_after_bytes
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_collection_without_photos_can_be_compacted(tmp_path):
    store = ShardStore(tmp_path, SPACE)
    store.add([row("a")])
    store.add_tombstones({"a": NOON})

    assert compact(tmp_path).photos == 0

    again = ShardReader.open(tmp_path)
    assert (dict(again.live), dict(again.tombstones)) == ({}, {"a": NOON})


def test_a_directory_without_shards_is_not_compacted(tmp_path):
    with pytest.raises(SourceInvalid, match="holds no shards"):
        compact(tmp_path)
    with pytest.raises(SourceInvalid, match=r"holds no shards.*--work"):
        compact_collection(tmp_path)

    assert names(tmp_path) == []


def test_an_index_that_was_filled_is_not_filled_again_after_a_compaction(tmp_path):
    index = CountingIndex()
    marks = tmp_path / "marks.json"
    Loader(fill(tmp_path), index, marks=marks, name="one").catch_up()
    assert len(index.given) == 6
    compact(tmp_path)
    store = ShardStore(tmp_path, SPACE)

    assert Loader(store, index, marks=marks, name="one").catch_up().stored == 0
    store.add([row("new")])
    Loader(store, index, marks=marks, name="one").catch_up()

    assert index.given[6:] == ["new"]


def test_an_index_that_was_filled_in_part_gets_the_rest_after_a_compaction(tmp_path):
    store = ShardStore(tmp_path, SPACE)
    index = CountingIndex()
    marks = tmp_path / "marks.json"
    store.add([row("a"), row("b"), row("c"), row("d")])
    Loader(store, index, marks=marks, name="one").catch_up()
    index.given.clear()
    store.add([row("b", version="2", seed=5)])
    store.remove(["c"])
    store.add_tombstones({"d": NOON})
    photos = everything(store)

    compact(tmp_path)
    Loader(ShardReader.open(tmp_path), index, marks=marks, name="one").catch_up()

    assert index.given == ["b"]
    check_same(indexed(index), photos)


def test_a_compaction_that_dies_at_any_step_changes_nothing_and_the_next_one_ends_it(tmp_path):
    first, directory = tmp_path / "first", tmp_path / "shards"
    store = fill(first)
    compact(first)
    store = ShardStore(first, SPACE)
    store.add([row("a", version="5", seed=60), row("z", seed=61)])
    store.remove(["b"])
    before, photos = state(store), everything(store)
    seen = set()

    def start():
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(first, directory)

    for _ in survive_every_death(start, lambda: compact(directory)):
        seen.add(tuple(name for name in names(directory) if name.endswith(".parquet")))
        reader = ShardReader.open(directory)
        assert state(reader) == before
        check_same(everything(reader), photos)

        writer = ShardStore.open(directory)
        assert state(writer) == before
        writer.add([row("later", seed=70)])
        compact(directory)

        after = ShardReader.open(directory)
        assert set(after.live) == {*before.live, "later"}
        assert (after.gone, after.tombstones) == (before.gone, before.tombstones)
        assert len(names(directory)) == 3

    # Before anything, between the files of the new base, and while the older files go.
    assert len(seen) >= 6


def test_a_base_that_lacks_a_photo_never_takes_the_place_of_the_shards(tmp_path, monkeypatch):
    store = fill(tmp_path)
    before = state(store)
    monkeypatch.setattr(
        ingest.compact, "_row_groups", lambda store, schema: iter([schema.empty_table()])
    )

    with pytest.raises(SourceInvalid, match="6 of 6 photos are not in the shards"):
        compact(tmp_path)

    assert not list(tmp_path.glob("*.base.parquet"))
    assert state(ShardStore(tmp_path, SPACE)) == before


def test_a_damaged_shard_stops_a_compaction_and_all_is_as_before(tmp_path):
    fill(tmp_path)
    path = tmp_path / "000001.photos.parquet"
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + 20] = bytes(20)
    path.write_bytes(data)

    with pytest.raises(SourceInvalid, match=r"000001\.photos\.parquet is damaged"):
        compact(tmp_path)

    assert path.read_bytes() == bytes(data)
    assert not list(tmp_path.glob("*.base.parquet"))


def test_a_full_disk_stops_a_compaction_and_all_is_as_before(tmp_path, monkeypatch):
    before = state(fill(tmp_path))

    real = pq.ParquetWriter.write_table

    def full(writer, table, **options):
        if "shard" in table.column_names:
            raise OSError(28, "No space left on device")
        real(writer, table, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(DiskFull, match=r"no room to write .*000008\.base\.parquet"):
        compact(tmp_path)

    assert state(ShardStore(tmp_path, SPACE)) == before
    assert not list(tmp_path.glob("*.partial"))


def test_a_base_remembers_every_build_and_rendition_it_was_made_of(tmp_path):
    ShardStore(tmp_path, SPACE, rendition="w=640").add([row("a")])
    other = ShardStore(tmp_path, replace(SPACE, build="build-2"), rendition="original")
    other.add([row("b")])
    other.add([row("c")])
    compact(tmp_path)
    ShardStore(tmp_path, SPACE).add([row("d")])

    compact(tmp_path)

    metadata = pq.read_schema(tmp_path / "000006.base.parquet").metadata
    assert metadata[b"build"] == b"build-1\nbuild-2"
    assert metadata[b"rendition"] == b"w=640\noriginal"


def test_neither_a_compaction_nor_a_reading_holds_the_whole_collection(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest.compact, "_ROW_GROUP_ROWS", 1024)
    space = replace(SPACE, dimension=512)
    store = ShardStore(tmp_path, space)
    rows, shards = 1024, 24
    embeddings = normalised(np.random.default_rng(0).normal(size=(rows, 512)).astype(np.float32))
    for shard in range(shards):
        photos = [Photo(f"{shard}-{number}", 4, 3) for number in range(rows)]
        store.add(
            [ShardRow(EmbeddedPhoto(*one), "1") for one in zip(photos, embeddings, strict=True)]
        )

    def watched(tables, held_bytes):
        for table in tables:
            held_bytes.append(pa.total_allocated_bytes())
            yield table

    held_bytes: list[int] = []
    row_groups = ingest.compact._row_groups
    monkeypatch.setattr(
        ingest.compact, "_row_groups", lambda *given: watched(row_groups(*given), held_bytes)
    )
    compact(tmp_path)
    reading = watched(ShardReader.open(tmp_path).read(lambda *_: True), held_bytes)

    assert sum(len(read) for read in reading) == rows * shards
    assert len(held_bytes) >= 2 * shards
    assert max(held_bytes) < 0.6 * rows * shards * 512 * 2
    (base,) = tmp_path.glob("*.base.parquet")
    assert pq.ParquetFile(base).num_row_groups == shards


def test_every_space_of_a_collection_is_compacted_and_learns_of_every_removal(tmp_path):
    claim(tmp_path, "folder:/photos")
    first = fill(tmp_path / "shards" / "tiny")
    other = ShardStore(tmp_path / "shards" / "other", replace(SPACE, fingerprint="other"))
    other.add([row("a"), row("x")])
    (tmp_path / "shards" / "empty").mkdir()

    done = compact_collection(tmp_path)

    assert [one.directory.name for one in done] == ["other", "tiny"]
    assert [one.photos for one in done] == [1, len(first.live)]
    assert list(ShardReader.open(tmp_path / "shards" / "other").live) == ["a"]


def test_a_collection_is_not_compacted_while_an_ingest_writes(tmp_path):
    fill(tmp_path / "shards" / "tiny")

    with writer_lock(tmp_path), pytest.raises(IndexUnavailable, match="another ingest"):
        compact_collection(tmp_path)
