from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ingest.shards import ShardRow, ShardStore
from photo_search.encoder import normalised
from photo_search.errors import SourceInvalid
from photo_search.index import EmbeddedPhoto
from photo_search.model_bundle import ModelBundle
from photo_search.photo import Colour, Photo, Source

FULL = Photo(
    photo_id="p1",
    width=640,
    height=480,
    source=Source.UNSPLASH,
    path="a/b.jpg",
    original_url="https://images.example/p1",
    description="Two lines\nand an “é”",
    keywords=("sea", "boat"),
    photographer="A B",
    photographer_username="ab",
    taken_at=datetime(2020, 2, 29, 12, 30, 1, 5000, tzinfo=UTC),
    place="Bay",
    city="Town",
    country="Land",
    latitude=-33.5,
    longitude=151.25,
    camera="C",
    licence="CC0",
    colours=(Colour.RED, Colour.GREY),
    blur_hash="L00000fQfQfQ",
)


def row(photo_id: str, *, version: str = "1", seed: int = 0, photo: Photo = FULL) -> ShardRow:
    embedding = normalised(np.random.default_rng(seed).normal(size=8).astype(np.float32))
    return ShardRow(EmbeddedPhoto(replace(photo, photo_id=photo_id), embedding), version)


def everything(store: ShardStore) -> dict[str, EmbeddedPhoto]:
    return {
        embedded.photo.photo_id: embedded
        for photos in store.read(lambda photo_id, live: True)
        for embedded in photos
    }


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
