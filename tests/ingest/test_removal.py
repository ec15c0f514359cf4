"""Photos that were taken out for good stay out: every load, every ingest, every model."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ingest.collection import claim
from ingest.compact import compact_collection
from ingest.load import Loader
from ingest.remove import keep_removed_out, remove_photos, restore_photos
from ingest.shard_reader import ShardReader, read_tombstones
from ingest.shards import ShardStore
from ingest.sources.folder import FolderSource, photo_id_of
from ingest.sources.unsplash import UnsplashSource
from ingest.writer_lock import writer_lock
from photo_search.encoder import Encoder
from photo_search.errors import (
    IndexReadOnly,
    IndexUnavailable,
    SettingsError,
    SourceInvalid,
)
from photo_search.index import create_index
from photo_search.model_bundle import read_model_bundle
from tests.core.index.memory_index import MemoryIndex
from tests.ingest.pictures import jpeg, picture, write_pictures
from tests.ingest.shard_rows import DIMENSION, SPACE, row
from tests.ingest.sudden_death import survive_every_death
from tests.ingest.unsplash_files import photo_row, table, write_directory
from tests.tiny_bundle import write_tiny_bundle

REMOVED = photo_id_of("001.jpg")
OTHER_SPACE = replace(SPACE, fingerprint="other")


def remove(bench, *photo_ids):
    with closing(
        create_index(
            bench.index_url, fingerprint=bench.bundle.fingerprint, dimension=bench.bundle.dimension
        )
    ) as index:
        return remove_photos(bench.work, photo_ids, [index], thumbnails_dir=bench.thumbs)


@pytest.fixture
def collection(tmp_path):
    """A work directory with photos a, b and c in two embedding spaces."""
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    claim(work_dir, "folder:/photos")
    for space in (SPACE, OTHER_SPACE):
        ShardStore(work_dir / "shards" / space.fingerprint, space).add(
            [row("a"), row("b", seed=1), row("c", seed=2)]
        )
    return work_dir


@pytest.fixture
def index(collection):
    """An index of the first space, filled."""
    index = MemoryIndex("tiny", DIMENSION)
    Loader(ShardReader.open(collection / "shards" / "tiny"), index, marks=None, name="").catch_up()
    return index


def live(collection):
    return {one.name: list(ShardReader.open(one).live) for one in collection.glob("shards/*")}


def test_a_removed_photo_leaves_the_index_the_shards_and_the_thumbnails(bench):
    write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))

    removal = remove(bench, REMOVED)

    assert (removal.photo_ids, removal.taken_out, removal.unknown) == ((REMOVED,), 1, ())
    assert bench.paths() == ["000.jpg", "002.jpg"]
    assert {path.stem for path in bench.thumbs.iterdir()} == set(bench.indexed())


def test_a_removed_photo_stays_out_of_later_ingests_though_its_file_is_there(bench):
    paths = write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    remove(bench, REMOVED)
    paths[1].write_bytes(jpeg(picture(seed=77)))
    seen = []
    encoder = bench.encoder

    class CountingEncoder:
        bundle, device, threads = bench.bundle, "cpu", 1

        def warm_up(self, towers):
            assert towers == ("image",)

        def encode_image(self, pixel_values):
            seen.append(len(pixel_values))
            return encoder.encode_image(pixel_values)

    bench.encoder = CountingEncoder()
    report = bench.run(FolderSource(bench.photos))

    assert (report.found, report.indexed, report.unchanged, report.kept_out) == (3, 0, 2, 1)
    assert (report.removed, seen) == (0, [])
    assert "2 unchanged, 0 removed, 1 kept out, 0 failed" in report.summary()
    assert json.loads((bench.work / "report.json").read_text())["kept_out"] == 1
    assert bench.paths() == ["000.jpg", "002.jpg"]
    assert not (bench.thumbs / f"{REMOVED}.webp").exists()


def test_a_summary_does_not_speak_of_photos_kept_out_where_there_are_none(bench):
    write_pictures(bench.photos, 1)

    assert "kept out" not in bench.run(FolderSource(bench.photos)).summary()


def test_a_removed_photo_whose_file_is_missing_is_no_failure(bench, tmp_path):
    lite = write_directory(tmp_path / "lite", {"photos.tsv000": table([*map(photo_row, range(2))])})
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "photo-00001.jpg").write_bytes(jpeg(picture()))
    source = UnsplashSource(lite, tmp_path / "images")
    bench.work.mkdir()
    claim(bench.work, source.identity)
    remove(bench, "photo-00000")

    report = bench.run(source)

    assert (report.found, report.indexed, report.kept_out) == (2, 1, 1)
    assert report.failures == []


def test_a_removed_photo_stays_out_of_a_new_index(bench):
    write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    remove(bench, REMOVED)
    shutil.rmtree(bench.index_path.parent)
    bench.index_path.parent.mkdir()

    bench.run(FolderSource(bench.photos))

    assert bench.paths() == ["000.jpg", "002.jpg"]


def test_a_removed_photo_stays_out_when_another_model_embeds_the_collection(bench, tmp_path):
    write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    remove(bench, REMOVED)
    bench.bundle = read_model_bundle(write_tiny_bundle(tmp_path / "model", fingerprint="other"))
    bench.encoder = Encoder(bench.bundle, threads=1)
    bench.index_path = bench.index_path.with_name("other.db")

    report = bench.run(FolderSource(bench.photos))

    assert (report.indexed, report.kept_out) == (2, 1)
    assert bench.paths() == ["000.jpg", "002.jpg"]
    assert read_tombstones(bench.work / "shards" / "other").keys() == {REMOVED}


def test_a_restored_photo_comes_back_with_the_next_ingest(bench):
    write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    remove(bench, REMOVED)
    compact_collection(bench.work)

    assert restore_photos(bench.work, [REMOVED, "unknown", REMOVED]) == (REMOVED,)
    report = bench.run(FolderSource(bench.photos))

    assert (report.indexed, report.kept_out) == (1, 0)
    assert bench.paths() == ["000.jpg", "001.jpg", "002.jpg"]
    assert (bench.thumbs / f"{REMOVED}.webp").exists()


def test_a_removal_holds_in_every_space_and_in_shards_copied_alone(collection, index, tmp_path):
    removal = remove_photos(collection, ["b", "new", "b"], [index])

    assert (removal.photo_ids, removal.taken_out) == (("b", "new"), 1)
    assert removal.unknown == ("new",)
    assert live(collection) == {"tiny": ["a", "c"], "other": ["a", "c"]}
    assert list(index.photo_ids()) == ["a", "c"]
    for space in ("tiny", "other"):
        shutil.copytree(collection / "shards" / space, tmp_path / "copy" / space)
        tombstones = ShardReader.open(tmp_path / "copy" / space).tombstones
        assert tombstones.keys() == {"b", "new"}
        assert all(datetime.now(UTC) >= at for at in tombstones.values())


def test_a_photo_that_was_unknown_when_it_was_removed_never_comes_in(collection, index):
    remove_photos(collection, ["d"], [index])
    store = ShardStore.open(collection / "shards" / "tiny")
    store.add([row("d"), row("e")])

    Loader(store, index, marks=None, name="").catch_up()

    assert list(index.photo_ids()) == ["a", "b", "c", "e"]


def test_removing_again_keeps_the_first_moment_and_writes_no_second_tombstone(collection, index):
    remove_photos(collection, ["b"], [index])
    before = ShardReader.open(collection / "shards" / "tiny")

    removal = remove_photos(collection, ["b"], [index])

    after = ShardReader.open(collection / "shards" / "tiny")
    assert (removal.taken_out, removal.unknown) == (0, ())
    assert after.last_shard == before.last_shard
    assert after.tombstones == before.tombstones


def test_a_removal_holds_when_the_shards_of_the_space_that_knew_it_are_deleted(collection, index):
    remove_photos(collection, ["b"], [index])
    shutil.rmtree(collection / "shards")

    store = ShardStore(collection / "shards" / "later", replace(SPACE, fingerprint="later"))
    keep_removed_out(collection, store)

    assert store.tombstones.keys() == {"b"}


def test_a_removal_holds_when_only_shards_that_were_copied_here_know_it(collection, index):
    remove_photos(collection, ["b"], [index])
    (collection / "removed.json").unlink()

    store = ShardStore(collection / "shards" / "later", replace(SPACE, fingerprint="later"))
    keep_removed_out(collection, store)

    assert store.tombstones.keys() == {"b"}
    assert json.loads((collection / "removed.json").read_text()).keys() == {"b"}


def test_a_removal_that_dies_at_any_step_is_ended_by_the_same_call_or_by_an_ingest(
    collection, tmp_path
):
    first = tmp_path / "first"
    collection.rename(first)
    thumbnails = tmp_path / "thumbs"
    thumbnails.mkdir()
    indexes = []

    def start():
        shutil.rmtree(collection, ignore_errors=True)
        shutil.copytree(first, collection)
        (thumbnails / "b.webp").touch()
        indexes.append(MemoryIndex("tiny", DIMENSION))
        indexes[-1].upsert([row(name).embedded for name in "abc"])

    def act():
        remove_photos(collection, ["b"], [indexes[-1]], thumbnails_dir=thumbnails)

    steps = 0
    for step in survive_every_death(start, act):
        steps = step
        if not (thumbnails / "b.webp").exists() or indexes[-1].count() == 2:
            # What is out of the index is out of the shards for good: never the reverse.
            assert live(collection) == {"tiny": ["a", "c"], "other": ["a", "c"]}
        if (collection / "removed.json").exists():
            for space in (SPACE, OTHER_SPACE):
                store = ShardStore(collection / "shards" / space.fingerprint, space)
                keep_removed_out(collection, store)
                assert list(store.live) == ["a", "c"]
        act()
        assert live(collection) == {"tiny": ["a", "c"], "other": ["a", "c"]}
        assert indexes[-1].count() == 2
        assert list(thumbnails.iterdir()) == []
        assert list(collection.rglob("*.partial")) == []
    assert steps >= 8


def test_a_restoring_that_dies_at_any_step_is_ended_by_the_same_call(collection, index, tmp_path):
    first = tmp_path / "first"
    remove_photos(collection, ["b", "c"], [index])
    collection.rename(first)

    def start():
        shutil.rmtree(collection, ignore_errors=True)
        shutil.copytree(first, collection)

    steps = 0
    for step in survive_every_death(start, lambda: restore_photos(collection, ["b"])):
        steps = step
        restore_photos(collection, ["b"])
        for directory in collection.glob("shards/*"):
            assert read_tombstones(directory).keys() == {"c"}
        assert json.loads((collection / "removed.json").read_text()).keys() == {"c"}
    assert steps >= 6


def test_an_index_that_refuses_leaves_the_photos_out_all_the_same(collection):
    class ReadOnly(MemoryIndex):
        def delete(self, photo_ids):
            msg = "opened for reading"
            raise IndexReadOnly(msg)

    with pytest.raises(IndexReadOnly):
        remove_photos(collection, ["b"], [ReadOnly("tiny", DIMENSION)])

    assert live(collection) == {"tiny": ["a", "c"], "other": ["a", "c"]}


def test_another_index_of_the_collection_loses_a_removed_photo_when_it_is_filled(collection, index):
    other = MemoryIndex("other", DIMENSION)
    directory = collection / "shards" / "other"
    marks = directory / "marks.json"
    Loader(ShardReader.open(directory), other, marks=marks, name="other").catch_up()
    remove_photos(collection, ["b"], [index])
    assert other.count() == 3

    stored = Loader(ShardReader.open(directory), other, marks=marks, name="other").catch_up().stored

    assert stored == 0
    assert list(other.photo_ids()) == ["a", "c"]


@pytest.mark.parametrize("photo_id", ["", "\udcff", "x" * 513, "é" * 257])
def test_what_cannot_be_a_photo_id_is_refused_before_anything_is_done(collection, index, photo_id):
    with pytest.raises(SettingsError, match="is no photo_id"):
        remove_photos(collection, ["a", photo_id], [index])

    assert index.count() == 3
    assert not (collection / "removed.json").exists()


def test_any_photo_id_that_an_index_takes_can_be_removed(collection, index, tmp_path):
    odd = ("x" * 512, "é" * 256, "a\0b", "two\nlines", "\u200b")

    remove_photos(collection, odd, [index], thumbnails_dir=tmp_path)

    assert ShardReader.open(collection / "shards" / "tiny").tombstones.keys() == set(odd)


def test_a_removal_cannot_lead_out_of_the_thumbnails(collection, index, tmp_path):
    (tmp_path / "thumbs").mkdir()
    (tmp_path / "mine.webp").touch()

    remove_photos(collection, ["../mine"], [index], thumbnails_dir=tmp_path / "thumbs")

    assert (tmp_path / "mine.webp").exists()


def test_a_directory_that_holds_no_collection_is_refused_and_stays_as_it_is(index, tmp_path):
    (tmp_path / "empty").mkdir()
    for work_dir in (tmp_path / "empty", tmp_path / "nosuch"):
        with pytest.raises(SourceInvalid, match="holds no collection"):
            remove_photos(work_dir, ["a"], [index])
        with pytest.raises(SourceInvalid, match="holds no collection"):
            restore_photos(work_dir, ["a"])

    assert list((tmp_path / "empty").iterdir()) == []


def test_photos_are_not_removed_while_an_ingest_writes(collection, index):
    with writer_lock(collection), pytest.raises(IndexUnavailable, match="another ingest"):
        remove_photos(collection, ["a"], [index])

    assert index.count() == 3


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 7}', '{"a": "yesterday"}'])
def test_a_damaged_list_of_removals_is_named(collection, index, text):
    (collection / "removed.json").write_text(text)

    with pytest.raises(SourceInvalid, match=r"removed\.json is damaged.*make it anew"):
        remove_photos(collection, ["a"], [index])
