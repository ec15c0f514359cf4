"""Rows for shards, and everything that shards or an index hold, for tests to compare."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from ingest.shard_reader import ShardReader
from ingest.shard_table import ShardFacts
from ingest.shards import ShardRow
from photo_search.index import EmbeddedPhoto, PhotoIndex
from photo_search.photo import Colour, Photo, Source
from photo_search.unit_norm import normalised

DIMENSION = 8
SPACE = ShardFacts("tiny", DIMENSION, "build-1", "original")
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
    embedding = normalised(np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32))
    return ShardRow(EmbeddedPhoto(replace(photo, photo_id=photo_id), embedding), version)


def everything(store: ShardReader) -> dict[str, EmbeddedPhoto]:
    return {
        embedded.photo.photo_id: embedded
        for photos in store.read(lambda photo_id, live: True)
        for embedded in photos
    }


def indexed(index: PhotoIndex) -> dict[str, EmbeddedPhoto]:
    found = {photo_id: index.get(photo_id) for photo_id in index.photo_ids()}
    return {photo_id: embedded for photo_id, embedded in found.items() if embedded is not None}


def check_same(found: dict[str, EmbeddedPhoto], wanted: dict[str, EmbeddedPhoto]) -> None:
    assert found.keys() == wanted.keys()
    for photo_id, embedded in wanted.items():
        assert found[photo_id].photo == embedded.photo
        np.testing.assert_array_equal(found[photo_id].embedding, embedded.embedding)
