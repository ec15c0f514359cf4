from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.shard_reader import ShardReader, read_tombstones
from ingest.shards import ShardStore
from photo_search.errors import IndexUnavailable, SourceInvalid
from photo_search.model_bundle import ModelBundle
from photo_search.photo import Photo
from tests.ingest.shard_rows import FULL, SPACE, check_same, everything, row

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_a_photo_comes_back_from_a_shard_with_every_fact(tmp_path, tiny_bundle):
    sparse = Photo("p2", 1, 2)
    ShardStore(tmp_path, tiny_bundle).add([row("p1"), row("p2", photo=sparse)])

    read = everything(ShardStore(tmp_path, tiny_bundle))

    assert read["p1"].photo == FULL
    assert read["p2"].photo == sparse


def test_embeddings_are_stored_in_half_precision_and_read_at_unit_norm(tmp_path, tiny_bundle):
    store = ShardStore(tmp_path, tiny_bundle)
    given = row("p1", seed=3)

    (returned,) = store.add([given])
    read = everything(store)["p1"]

    np.testing.assert_array_equal(read.embedding, returned.embedding)
    np.testing.assert_allclose(read.embedding, given.embedded.embedding, atol=5e-4)
    assert np.linalg.norm(read.embedding) == pytest.approx(1, abs=1e-6)
    schema = pq.read_schema(tmp_path / "000001.photos.parquet")
    assert str(schema.field("embedding").type) == "fixed_size_list<element: halffloat>[8]"
    assert schema.metadata[b"fingerprint"] == b"tiny"
    assert schema.metadata[b"dimension"] == b"8"
    assert schema.metadata[b"build"].decode() == tiny_bundle.build


def test_the_newest_version_counts_and_what_is_gone_stays_gone(tmp_path, tiny_bundle):
    store = ShardStore(tmp_path, tiny_bundle)
    store.add([row("a"), row("b"), row("c")])
    store.add([row("b", version="2", seed=1)])
    store.remove(["c"])

    again = ShardStore(tmp_path, tiny_bundle)

    assert {name: (live.version, live.shard) for name, live in again.live.items()} == {
        "a": ("1", 1),
        "b": ("2", 2),
    }
    assert again.gone == {"c"}
    assert again.last_shard == 3
    np.testing.assert_allclose(
        everything(again)["b"].embedding, row("b", seed=1).embedded.embedding, atol=5e-4
    )


def test_a_photo_that_was_gone_may_come_back(tmp_path, tiny_bundle):
    store = ShardStore(tmp_path, tiny_bundle)
    store.add([row("a")])
    store.remove(["a"])
    store.add([row("a", version="3")])

    again = ShardStore(tmp_path, tiny_bundle)

    assert list(again.live) == ["a"]
    assert again.gone == frozenset()


def test_a_shard_whose_embeddings_are_damaged_is_named(tmp_path, tiny_bundle):
    store = ShardStore(tmp_path, tiny_bundle)
    store.add([row(f"{number:04}", seed=number) for number in range(200)])
    path = tmp_path / "000001.photos.parquet"
    column = pq.ParquetFile(path).metadata.row_group(0)
    facts = next(
        column.column(n)
        for n in range(column.num_columns)
        if column.column(n).path_in_schema.startswith("embedding")
    )
    data = bytearray(path.read_bytes())
    for position in range(facts.data_page_offset + 40, facts.data_page_offset + 140):
        data[position] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(SourceInvalid, match=r"000001\.photos\.parquet is damaged"):
        list(ShardStore(tmp_path, tiny_bundle).read(lambda *_: True))


def test_another_file_beside_the_shards_is_left_alone(tmp_path, tiny_bundle):
    (tmp_path / "copy.parquet").write_bytes(b"mine")

    assert ShardStore(tmp_path, tiny_bundle).last_shard == 0


def test_what_a_killed_writer_left_is_cleared_away(tmp_path, tiny_bundle):
    (tmp_path / "000001.photos.parquet.77.partial").write_bytes(b"half")

    store = ShardStore(tmp_path, tiny_bundle)

    assert list(tmp_path.iterdir()) == []
    assert store.last_shard == 0


def test_a_damaged_shard_is_named(tmp_path, tiny_bundle):
    (tmp_path / "000001.photos.parquet").write_bytes(b"PAR1 no more")

    with pytest.raises(SourceInvalid, match=r"000001\.photos\.parquet is damaged"):
        ShardStore(tmp_path, tiny_bundle)


def test_a_shard_of_another_embedding_space_is_refused(tmp_path: Path, tiny_bundle: ModelBundle):
    ShardStore(tmp_path, replace(tiny_bundle, fingerprint="other")).add([row("a")])

    with pytest.raises(SourceInvalid, match="fingerprint 'other', not 'tiny'"):
        ShardStore(tmp_path, tiny_bundle)


def test_a_photo_with_a_tombstone_stays_out_whatever_is_added_later(tmp_path):
    store = ShardStore(tmp_path, SPACE)
    store.add([row("a"), row("b")])
    store.add_tombstones({"a": NOON, "unheard of": NOON})

    assert [one.photo.photo_id for one in store.add([row("a", version="2"), row("c")])] == ["c"]
    assert store.add([row("a", version="3")]) == []

    assert store.last_shard == 3
    for again in (store, ShardStore(tmp_path, SPACE), ShardReader.open(tmp_path)):
        assert list(again.live) == ["b", "c"]
        assert again.gone == {"a", "unheard of"}
        assert again.tombstones == {"a": NOON, "unheard of": NOON}


def test_a_shard_that_another_writer_added_brings_no_removed_photo_back(tmp_path):
    first = ShardStore(tmp_path, SPACE)
    other = ShardStore(tmp_path / "other", SPACE)
    first.add_tombstones({"a": NOON})
    other.add([row("a"), row("b")])
    (tmp_path / "other" / "000001.photos.parquet").rename(tmp_path / "000002.photos.parquet")

    assert list(ShardReader.open(tmp_path).live) == ["b"]


def test_a_restored_photo_stays_out_until_it_is_added_again(tmp_path):
    store = ShardStore(tmp_path, SPACE)
    store.add([row("a")])
    store.add_tombstones({"a": NOON})
    store.restore(["a"])

    again = ShardStore(tmp_path, SPACE)
    assert not again.live
    assert not again.tombstones
    assert again.gone == {"a"}
    again.add([row("a", version="2")])

    assert list(ShardStore(tmp_path, SPACE).live) == ["a"]


def test_tombstones_are_read_without_the_photos(tmp_path):
    store = ShardStore(tmp_path, SPACE)
    store.add([row("a")])
    store.add_tombstones({"a": NOON, "b": NOON + timedelta(hours=1)})
    store.restore(["a"])

    assert read_tombstones(tmp_path) == {"b": NOON + timedelta(hours=1)}
    assert read_tombstones(tmp_path / "nosuch") == {}


def test_shards_are_opened_without_a_model_by_what_they_say_of_themselves(tmp_path):
    ShardStore(tmp_path, SPACE, rendition="w=640").add([row("a", seed=4)])

    for opened in (ShardReader.open(tmp_path), ShardStore.open(tmp_path)):
        assert (opened.fingerprint, opened.dimension) == ("tiny", 8)
        assert opened.origin == replace(SPACE, rendition="w=640")
        check_same(everything(opened), everything(ShardStore(tmp_path, SPACE)))


def test_shards_of_the_first_version_tell_their_dimension_by_the_embeddings(tmp_path):
    store = ShardStore(tmp_path, SPACE)
    store.add([row("a"), row("b")])
    store.remove(["b"])
    for path in tmp_path.iterdir():
        old = pq.read_table(path)
        facts = {key: value for key, value in old.schema.metadata.items() if key != b"dimension"}
        pq.write_table(old.replace_schema_metadata(facts), path)

    opened = ShardReader.open(tmp_path)

    assert opened.dimension == 8
    assert list(everything(opened)) == ["a"]


@pytest.mark.parametrize("name", [None, "copy.parquet", "000001.photos.parquet.7.partial"])
def test_a_directory_without_shards_cannot_be_opened_without_a_model(tmp_path, name):
    if name:
        (tmp_path / name).write_bytes(b"mine")

    with pytest.raises(SourceInvalid, match="holds no shards"):
        ShardReader.open(tmp_path)
    with pytest.raises(SourceInvalid, match="holds no shards"):
        ShardStore.open(tmp_path / "nosuch")

    assert not (tmp_path / "nosuch").exists()


def test_a_reader_changes_nothing_in_the_directory(tmp_path):
    ShardStore(tmp_path, SPACE).add([row("a")])
    (tmp_path / "000002.photos.parquet.7.partial").write_bytes(b"being written")
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.iterdir()]}

    assert list(everything(ShardReader.open(tmp_path))) == ["a"]

    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.iterdir()]} == before


def test_a_shard_that_goes_away_while_it_is_read_is_worth_another_try(tmp_path):
    ShardStore(tmp_path, SPACE).add([row("a")])
    reader = ShardReader.open(tmp_path)
    (tmp_path / "000001.photos.parquet").unlink()

    with pytest.raises(IndexUnavailable, match=r"000001\.photos\.parquet was taken away"):
        everything(reader)


def test_damaged_tombstones_are_not_to_be_deleted(tmp_path):
    ShardStore(tmp_path, SPACE).add_tombstones({"a": NOON})
    path = tmp_path / "000001.removed.parquet"
    path.write_bytes(path.read_bytes()[:-9])

    with pytest.raises(SourceInvalid, match=r"000001\.removed\.parquet is damaged.*put a copy"):
        ShardStore(tmp_path, SPACE)


def test_a_shard_of_a_later_version_is_refused_and_not_taken_for_something_else(tmp_path):
    pq.write_table(pa.table({"photo_id": ["a"]}), tmp_path / "000001.merged.parquet")

    with pytest.raises(SourceInvalid, match="kind 'merged'; this version knows base, gone"):
        ShardStore(tmp_path, SPACE)


def test_more_than_a_million_shards_keep_their_order(tmp_path):
    store = ShardStore(tmp_path, SPACE)
    store.add([row("a", version="old")])
    store.add([row("a", version="new")])
    (tmp_path / "000001.photos.parquet").rename(tmp_path / "999999.photos.parquet")
    (tmp_path / "000002.photos.parquet").rename(tmp_path / "1000000.photos.parquet")

    again = ShardStore(tmp_path, SPACE)

    assert (again.live["a"].version, again.last_shard) == ("new", 1_000_000)
