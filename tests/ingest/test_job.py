from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from ingest.download import DownloadLimits
from ingest.failure import Reason
from ingest.shards import ShardRow, ShardStore
from ingest.sources.folder import FolderSource, photo_id_of
from ingest.sources.unsplash import UnsplashSource
from ingest.writer_lock import writer_lock
from photo_search.encoder import Encoder
from photo_search.errors import (
    FingerprintMismatch,
    IndexUnavailable,
    ModelError,
    SettingsError,
    SourceInvalid,
    TooManyFailures,
)
from photo_search.index import EmbeddedPhoto, open_index
from photo_search.model_bundle import read_model_bundle
from photo_search.photo import Photo
from photo_search.search import PhotoSearch
from photo_search.search_request import SearchRequest
from tests.ingest.pictures import COLOURS, jpeg, picture, write_pictures
from tests.ingest.unsplash_files import photo_row, table, write_directory
from tests.tiny_bundle import write_tiny_bundle


def report_of(bench):
    return json.loads((bench.work / "report.json").read_text())


def test_a_folder_becomes_searchable(bench):
    write_pictures(bench.photos, 6)

    report = bench.run(FolderSource(bench.photos))

    assert (report.found, report.indexed, report.failures) == (6, 6, [])
    assert bench.paths() == [f"{number:03}.jpg" for number in range(6)]
    with closing(open_index(bench.index_url, fingerprint=bench.bundle.fingerprint)) as index:
        hits = PhotoSearch(bench.encoder, index).search(SearchRequest(text="green", k=2)).hits
    assert {hit.photo.path for hit in hits} == {"001.jpg", "004.jpg"}


def test_each_photo_has_its_thumbnail(bench):
    write_pictures(bench.photos, 3)

    bench.run(FolderSource(bench.photos))

    assert {path.stem for path in bench.thumbs.iterdir()} == set(bench.indexed())


def test_a_second_run_has_nothing_to_do(bench):
    write_pictures(bench.photos, 5)
    bench.run(FolderSource(bench.photos))

    report = bench.run(FolderSource(bench.photos))

    assert (report.indexed, report.unchanged, report.removed) == (0, 5, 0)
    assert len(list(bench.work.glob("shards/*/*.parquet"))) == 1


def test_new_changed_and_deleted_files_are_noticed(bench):
    paths = write_pictures(bench.photos, 4)
    bench.run(FolderSource(bench.photos))
    before = bench.indexed()
    paths[0].unlink()
    paths[1].write_bytes(jpeg(picture(COLOURS["blue"], seed=99)))
    write_pictures(bench.photos, 1, first=7)

    report = bench.run(FolderSource(bench.photos))

    after = bench.indexed()
    changed = photo_id_of("001.jpg")
    assert (report.indexed, report.unchanged, report.removed) == (2, 2, 1)
    assert bench.paths() == ["001.jpg", "002.jpg", "003.jpg", "007.jpg"]
    assert not np.allclose(before[changed].embedding, after[changed].embedding)
    assert not (bench.thumbs / f"{photo_id_of('000.jpg')}.webp").exists()


def test_a_photo_that_is_damaged_later_leaves_the_index(bench):
    paths = write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    paths[2].write_bytes(b"no picture any more")

    report = bench.run(FolderSource(bench.photos))

    assert (report.removed, len(report.failures)) == (1, 1)
    assert bench.paths() == ["000.jpg", "001.jpg"]


def test_nothing_is_taken_for_deleted_when_a_directory_cannot_be_listed(bench):
    write_pictures(bench.photos, 2)
    write_pictures(bench.photos / "more", 2, first=5)
    source = FolderSource(bench.photos)
    bench.run(source)

    class HalfListed(FolderSource):
        """What a listing says when permission is missing; root, who runs tests, has it always."""

        def list_photos(self):
            listing = FolderSource(self.root).list_photos()
            listing.photos = [one for one in listing.photos if one.photo.path.startswith("0")]
            listing.complete = False
            return listing

    report = bench.run(HalfListed(bench.photos))

    assert report.removed == 0
    assert len(bench.indexed()) == 4


def test_bad_photos_are_counted_and_listed_and_the_others_indexed(bench):
    write_pictures(bench.photos, 4)
    (bench.photos / "text.jpg").write_text("not a picture")
    (bench.photos / "blank.png").write_bytes(jpeg(picture((90, 90, 90)).resize((1, 1))))
    (bench.photos / "nowhere.jpg").symlink_to("missing.jpg")
    os.mkfifo(bench.photos / "pipe.jpg")
    (bench.photos / "notes.txt").touch()

    bench.run(FolderSource(bench.photos))

    report = report_of(bench)
    assert report["indexed"] == 4
    assert report["failed"] == 4
    assert report["failed_by_reason"] == {"unreadable": 2, "unsupported_image": 1, "blank": 1}
    assert [(one["place"], one["reason"]) for one in report["failures"]] == [
        ("blank.png", "blank"),
        ("nowhere.jpg", "unreadable"),
        ("pipe.jpg", "unreadable"),
        ("text.jpg", "unsupported_image"),
    ]
    assert all(one["photo_id"] and one["detail"] for one in report["failures"])
    assert report["other_files"] == {".txt": 1}
    assert report["finished"] is True
    assert {"list", "decode_wait", "encode", "shards", "index", "total"} <= set(report["seconds"])
    assert report["model"]["fingerprint"] == "tiny"


def test_when_most_photos_fail_the_run_stops_and_says_why(bench):
    write_pictures(bench.photos, 5)
    for number in range(30):
        (bench.photos / f"x{number}.jpg").write_text("text")

    with pytest.raises(
        TooManyFailures, match=r"20 of 35 photos failed, 20 of them as unsupported_image: 4 bytes"
    ) as caught:
        bench.run(FolderSource(bench.photos))

    assert not caught.value.transient
    assert report_of(bench)["finished"] is False


def test_a_small_run_goes_to_its_end_and_then_says_that_most_photos_failed(bench):
    write_pictures(bench.photos, 1, first=500)
    for number in range(19):
        (bench.photos / f"{number}.jpg").write_text("text")

    with pytest.raises(TooManyFailures, match="19 of 20 photos failed"):
        bench.run(FolderSource(bench.photos))

    assert bench.paths() == ["500.jpg"]
    assert report_of(bench)["finished"] is True


def test_bad_photos_that_come_first_do_not_stop_a_run_whose_others_are_good(bench):
    write_pictures(bench.photos, 30, first=500)
    for number in range(25):
        (bench.photos / f"{number:03}.jpg").write_text("text")

    report = bench.run(FolderSource(bench.photos))

    assert (report.indexed, len(report.failures)) == (30, 25)


def test_a_dead_network_ends_a_run_long_before_most_photos_have_failed(bench, server, tmp_path):
    kinds = ["missing"] * 15 + ["ok"] * 5 + ["broken"] * 100
    rows = [
        photo_row(n, photo_image_url=f"{server.url}/{kind}/{n}") for n, kind in enumerate(kinds)
    ]
    lite = write_directory(tmp_path / "lite", {"photos.tsv000": table(rows)})
    limits = DownloadLimits(tries=1)

    with pytest.raises(TooManyFailures, match="20 of 25 photos failed, 20 of them as server_err"):
        bench.run(UnsplashSource(lite), download=limits, batch=5)

    assert len(bench.indexed()) == 5


def test_a_passing_fault_does_not_end_a_run_because_other_photos_are_bad(bench, server, tmp_path):
    kinds = ["missing"] * 30 + ["broken"] + ["ok"] * 35
    rows = [
        photo_row(n, photo_image_url=f"{server.url}/{kind}/{n}") for n, kind in enumerate(kinds)
    ]
    lite = write_directory(tmp_path / "lite", {"photos.tsv000": table(rows)})

    report = bench.run(UnsplashSource(lite), download=DownloadLimits(tries=1))

    assert (report.indexed, len(report.failures)) == (35, 31)


def test_a_source_that_is_refused_claims_nothing(bench, tmp_path):
    write_pictures(bench.photos, 1)
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path / "nosuch", tmp_path / "empty"):
        with pytest.raises(SourceInvalid, match=r"no directory|without photos"):
            bench.run(FolderSource(directory))

    assert bench.run(FolderSource(bench.photos)).indexed == 1


def test_failures_of_earlier_runs_do_not_stop_a_later_one(bench):
    write_pictures(bench.photos, 30)
    for number in range(25):
        (bench.photos / f"x{number}.jpg").write_text("text")
    bench.run(FolderSource(bench.photos))

    report = bench.run(FolderSource(bench.photos))

    assert (report.unchanged, len(report.failures)) == (30, 25)


def test_the_number_of_workers_changes_nothing_in_the_result(make_bench):
    results = []
    for workers in (1, 3):
        bench = make_bench()
        write_pictures(bench.photos, 40)
        (bench.photos / "010.jpg").write_text("text")
        report = bench.run(FolderSource(bench.photos), workers=workers, batch=4, shard_photos=8)
        assert report.reasons == {Reason.UNSUPPORTED_IMAGE: 1}
        (directory,) = bench.work.glob("shards/*")
        live = ShardStore(directory, bench.bundle).live
        results.append((bench.indexed(), list(live)))

    (first, first_order), (second, second_order) = results
    assert first_order == second_order
    assert [one.photo for one in first.values()] == [one.photo for one in second.values()]
    for photo_id, embedded in first.items():
        np.testing.assert_array_equal(embedded.embedding, second[photo_id].embedding)


def test_a_new_index_is_filled_from_the_shards_without_encoding(bench):
    write_pictures(bench.photos, 5)
    bench.run(FolderSource(bench.photos), shard_photos=2)
    before = bench.indexed()
    shutil.rmtree(bench.index_path.parent)
    bench.index_path.parent.mkdir()

    report = bench.run(FolderSource(bench.photos))

    after = bench.indexed()
    assert (report.indexed, report.unchanged) == (0, 5)
    assert [one.photo for one in after.values()] == [one.photo for one in before.values()]
    for photo_id, embedded in before.items():
        np.testing.assert_array_equal(embedded.embedding, after[photo_id].embedding)


def test_a_shard_that_was_written_but_not_loaded_is_loaded_by_the_next_run(bench):
    write_pictures(bench.photos, 3)
    source = FolderSource(bench.photos)
    bench.run(source)
    listed = source.list_photos().photos
    (directory,) = bench.work.glob("shards/*")
    turned = np.eye(8, dtype=np.float32)
    # As a run leaves it that was killed between the shard and the index: one new, one replaced.
    new = ShardRow(EmbeddedPhoto(Photo("new", 4, 3), turned[5]), "v")
    replaced = ShardRow(EmbeddedPhoto(listed[0].photo, turned[6]), listed[0].version)
    ShardStore(directory, bench.bundle).add([new, replaced])

    class Unforgetting(FolderSource):
        @property
        def forgets_missing(self):
            return False

    bench.run(Unforgetting(bench.photos))

    np.testing.assert_array_equal(bench.indexed()["new"].embedding, turned[5])
    replaced_id = listed[0].photo.photo_id
    np.testing.assert_array_equal(bench.indexed()[replaced_id].embedding, turned[6])


def test_a_removal_that_reached_only_the_shards_reaches_the_index_next_time(bench):
    write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    (directory,) = bench.work.glob("shards/*")
    (bench.photos / "001.jpg").unlink()
    ShardStore(directory, bench.bundle).remove([photo_id_of("001.jpg")])

    bench.run(FolderSource(bench.photos))

    assert bench.paths() == ["000.jpg", "002.jpg"]


def test_an_index_of_an_older_schema_is_filled_anew_from_the_shards(bench):
    write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    with closing(sqlite3.connect(bench.index_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("ALTER TABLE facts DROP COLUMN centre_lasts")
        connection.execute("PRAGMA user_version=1")

    report = bench.run(FolderSource(bench.photos))

    assert (report.unchanged, report.indexed) == (3, 0)
    assert bench.paths() == ["000.jpg", "001.jpg", "002.jpg"]


def test_marks_that_make_no_sense_cost_a_refill_and_nothing_else(bench):
    write_pictures(bench.photos, 2)
    bench.run(FolderSource(bench.photos))
    (marks,) = bench.work.rglob("marks.json")
    marks.write_text("[]")

    bench.run(FolderSource(bench.photos))

    assert bench.paths() == ["000.jpg", "001.jpg"]


def test_a_place_that_is_no_directory_is_a_settings_error_that_names_it(bench):
    write_pictures(bench.photos, 1)
    bench.thumbs.parent.mkdir(parents=True, exist_ok=True)
    bench.thumbs.write_text("a file")

    with pytest.raises(SettingsError, match=str(bench.thumbs)):
        bench.run(FolderSource(bench.photos))


def test_a_lost_thumbnail_is_made_again(bench):
    write_pictures(bench.photos, 3)
    bench.run(FolderSource(bench.photos))
    thumbnail = bench.thumbs / f"{photo_id_of('001.jpg')}.webp"
    thumbnail.write_bytes(b"")

    report = bench.run(FolderSource(bench.photos))

    assert (report.indexed, report.unchanged) == (1, 2)
    assert thumbnail.stat().st_size > 0


def test_search_works_while_an_ingest_is_under_way(bench):
    write_pictures(bench.photos, 10)
    encoder = bench.encoder
    seen = []

    class WatchedEncoder:
        """Looks into the index between batches, as a reader in another process would."""

        bundle, device, threads = bench.bundle, "cpu", 1

        def warm_up(self, towers):
            assert towers == ("image",)

        def encode_image(self, pixel_values):
            seen.append(len(bench.indexed()))
            return encoder.encode_image(pixel_values)

    bench.encoder = WatchedEncoder()
    bench.run(FolderSource(bench.photos), batch=2, shard_photos=2)

    # A batch is begun when all are stored but the one before it, which may be by then.
    assert len(seen) == 5
    assert all(2 * number - seen[number] in (0, 2) for number in range(5))


def test_ctrl_c_keeps_what_is_encoded(bench):
    write_pictures(bench.photos, 6)
    encoder = bench.encoder

    class Interrupted:
        bundle, device, threads = bench.bundle, "cpu", 1
        calls = 0

        def warm_up(self, towers):
            assert towers == ("image",)

        def encode_image(self, pixel_values):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return encoder.encode_image(pixel_values)

    bench.encoder = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        bench.run(FolderSource(bench.photos), batch=2)

    assert len(bench.indexed()) == 4
    assert report_of(bench)["finished"] is False
    bench.encoder = encoder
    assert bench.run(FolderSource(bench.photos)).indexed == 2


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_does_not_wait_for_servers_that_never_answer(bench, server, tmp_path):
    rows = [photo_row(n, photo_image_url=f"{server.url}/silent/{n}") for n in range(40)]
    lite = write_directory(tmp_path / "lite", {"photos.tsv000": table(rows)})
    interrupt = threading.Timer(1.0, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
    limits = DownloadLimits(timeout_s=5.0, first_pause_s=30.0)

    start_s = time.monotonic()
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        bench.run(UnsplashSource(lite), download=limits)

    assert time.monotonic() - start_s < limits.timeout_s
    assert report_of(bench)["finished"] is False


def test_what_a_killed_run_left_half_written_is_cleared_away(bench):
    write_pictures(bench.photos, 1)
    leftovers = [
        directory / f"{name}.4711.partial"
        for directory, name in ((bench.work, "report.json"), (bench.thumbs, "00.webp"))
    ]
    for leftover in leftovers:
        leftover.parent.mkdir(parents=True, exist_ok=True)
        leftover.write_bytes(b"half")

    bench.run(FolderSource(bench.photos))

    assert [leftover for leftover in leftovers if leftover.exists()] == []


def test_two_ingests_at_a_time_do_not_share_a_work_directory(bench):
    write_pictures(bench.photos, 2)
    bench.work.mkdir()

    with (
        writer_lock(bench.work),
        pytest.raises(IndexUnavailable, match="another ingest is writing"),
    ):
        bench.run(FolderSource(bench.photos))


def test_a_work_directory_holds_one_collection(bench, tmp_path):
    write_pictures(bench.photos, 2)
    write_pictures(tmp_path / "other", 2)
    bench.run(FolderSource(bench.photos))

    with pytest.raises(SourceInvalid, match=r"give folder:.*other another --work and --index"):
        bench.run(FolderSource(tmp_path / "other"))

    assert len(bench.indexed()) == 2


def test_an_index_of_another_model_is_refused_and_stays_as_it_is(bench, tmp_path):
    write_pictures(bench.photos, 2)
    bench.run(FolderSource(bench.photos))
    other = write_tiny_bundle(tmp_path / "model", fingerprint="other")
    before = bench.index_path.read_bytes()
    bench.encoder = Encoder(read_model_bundle(other), threads=1)

    with pytest.raises(FingerprintMismatch):
        bench.run(FolderSource(bench.photos))

    assert bench.index_path.read_bytes() == before


def test_a_model_that_gives_nonsense_ends_the_run(bench):
    write_pictures(bench.photos, 2)

    class Nonsense:
        bundle, device, threads = bench.bundle, "cpu", 1

        def warm_up(self, towers):
            assert towers == ("image",)

        def encode_image(self, pixel_values):
            msg = "an embedding has norm nan"
            raise ModelError(msg)

    bench.encoder = Nonsense()
    with pytest.raises(ModelError):
        bench.run(FolderSource(bench.photos))

    assert bench.indexed() == {}
