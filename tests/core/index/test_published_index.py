from __future__ import annotations

import logging
import socket
import threading
from contextlib import closing

import pytest

from photo_search.errors import (
    DiskFull,
    FingerprintMismatch,
    IndexAccessDenied,
    IndexCorrupt,
    IndexNotFound,
    IndexReadOnly,
    IndexUnavailable,
    PhotoIndexError,
    SettingsError,
)
from photo_search.index import Facet, HybridQuery, KnnQuery, TextQuery, create_index, open_index
from photo_search.index.published import CHECK_EVERY_S, PublishedIndex
from photo_search.index.s3_object import S3Object
from photo_search.index.scratch_directory import ScratchDirectory
from photo_search.index.sqlite import SqliteIndex
from photo_search.s3_url import S3Url
from photo_search.settings import IndexAccess
from tests.core.index.s3_server import (
    BUCKET,
    KEY,
    REGION,
    credentials,
    published_file,
    running_bucket,
)
from tests.core.index.samples import DIMENSION, FINGERPRINT, collection, embedded, ids, unit_rows

PLACE = S3Url(BUCKET, "index/photos v1.db")
OLD, NEW = collection(40), collection(25, seed=1, prefix="new")
QUERY = unit_rows(1, seed=7)[0]


@pytest.fixture(scope="module")
def bucket():
    with running_bucket() as bucket:
        yield bucket


@pytest.fixture
def published(bucket, tmp_path):
    """Publishes photos at PLACE; the first are there from the beginning."""

    def publish(photos, **how):
        bucket.put(PLACE.key, published_file(tmp_path, photos, **how))

    publish(OLD)
    return publish


class Watched(S3Object):
    """Counts how often S3 is asked."""

    asked = 0

    def fetch(self, *arguments, **more):
        self.asked += 1
        return super().fetch(*arguments, **more)


class Bench:
    """An index that was opened, its clock, and where its copies lie."""

    def __init__(self, access, directory):
        self.now_s = 1_000_000.0
        self.s3 = Watched(PLACE, access, credentials=credentials())
        self.scratch = ScratchDirectory(directory)
        self.index = PublishedIndex(
            self.s3, self.scratch, fingerprint=FINGERPRINT, now=lambda: self.now_s
        )

    def a_minute_later(self):
        self.now_s += CHECK_EVERY_S
        return self.index

    @property
    def copies(self):
        return sorted(path.name for path in self.scratch.path.glob("*.db*"))


@pytest.fixture
def bench(bucket, published, tmp_path):
    bench = Bench(bucket.access, tmp_path)
    yield bench
    bench.index.close()


@pytest.fixture
def warnings_of(caplog):
    caplog.set_level(logging.INFO, logger="photo_search")
    return lambda: [record.getMessage() for record in caplog.records if record.levelname != "INFO"]


def test_a_published_index_answers_as_the_file_that_it_was_made_from(bench, tmp_path):
    queries = {
        "knn": KnnQuery(QUERY, k=10, facets=(Facet.COUNTRY,)),
        "match_text": TextQuery("cat", k=10),
        "hybrid": HybridQuery(QUERY, "dog", k=10),
    }
    with closing(SqliteIndex.open(tmp_path / "published-0.db", fingerprint=FINGERPRINT)) as file:
        for name, query in queries.items():
            assert getattr(bench.index, name)(query) == getattr(file, name)(query)
        found, there = bench.index.get("p00003"), file.get("p00003")
        assert found is not None
        assert there is not None
        assert found.photo == there.photo
        assert (found.embedding == there.embedding).all()
        assert list(bench.index.photo_ids()) == list(file.photo_ids())
        assert (bench.index.count(), bench.index.size_bytes()) == (40, file.size_bytes())
    assert bench.index.name == f"s3://{BUCKET}/index/photos v1.db"
    assert (bench.index.fingerprint, bench.index.dimension) == (FINGERPRINT, DIMENSION)


def test_an_index_url_opens_one_with_the_environment_s_credentials(
    bucket, published, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret_key)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with closing(open_index(str(PLACE), fingerprint=FINGERPRINT, access=bucket.access)) as index:
        assert index.count() == 40

    assert list(tmp_path.glob("photo-search-*")) == []


def test_a_published_index_is_not_written(bench, bucket):
    with pytest.raises(IndexReadOnly, match="published"):
        bench.index.upsert([embedded("a", QUERY)])
    with pytest.raises(IndexReadOnly, match="published"):
        bench.index.delete(["p00001"])
    with pytest.raises(IndexReadOnly, match=r"sqlite:///PATH"):
        create_index(str(PLACE), fingerprint=FINGERPRINT, dimension=DIMENSION)


def test_s3_is_asked_at_most_once_a_minute(bench):
    for _ in range(5):
        bench.index.knn(KnnQuery(QUERY, k=1))
    assert bench.s3.asked == 1

    for _ in range(5):
        bench.a_minute_later().count()
        bench.index.count()
    assert bench.s3.asked == 6
    assert bench.copies == ["photos-0.db"]


def test_a_clock_that_was_set_back_does_not_stop_the_checks(bench):
    bench.now_s -= 1e6

    bench.index.count()
    bench.index.count()

    assert bench.s3.asked == 2


def test_a_newer_index_answers_from_the_next_check_on(bench, published, warnings_of):
    published(NEW)
    assert bench.index.count() == 40

    page = bench.a_minute_later().knn(KnnQuery(QUERY, k=100))

    assert sorted(ids(page)) == sorted(one.photo.photo_id for one in NEW)
    assert bench.copies == ["photos-1.db"]
    assert warnings_of() == []


def test_a_call_under_way_ends_on_the_old_index_which_is_then_deleted(bench, published):
    under_way = bench.index.photo_ids()
    assert next(under_way) == "p00000"
    published(NEW)

    assert bench.a_minute_later().count() == 25
    assert bench.copies == ["photos-0.db", "photos-1.db"]
    assert len(list(under_way)) == 39

    assert bench.copies == ["photos-1.db"]


def test_searches_in_threads_see_whole_versions_while_these_are_swapped(bench, published):
    versions = {frozenset(one.photo.photo_id for one in photos) for photos in (OLD, NEW)}
    over, failures = threading.Event(), []

    def search():
        while not over.is_set():
            try:
                seen = frozenset(ids(bench.index.knn(KnnQuery(QUERY, k=100))))
                assert seen in versions
            except Exception as error:  # noqa: BLE001 - told by the test itself
                failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for photos in (NEW, OLD) * 4:
        published(photos)
        bench.a_minute_later().count()
    over.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(bench.copies) == 1


def test_an_index_of_another_model_is_warned_of_once_and_not_taken(bench, published, warnings_of):
    published(NEW, fingerprint="space-b")

    for _ in range(3):
        assert bench.a_minute_later().count() == 40
    (warning,) = warnings_of()
    assert "its old copy answers on" in warning
    assert "space-b" in warning
    assert bench.copies == ["photos-0.db"]

    published(NEW)
    assert bench.a_minute_later().count() == 25


def test_an_object_that_is_no_index_is_not_taken(bench, bucket, tmp_path, warnings_of):
    (tmp_path / "note").write_text("not an index at all" * 1000)
    bucket.put(PLACE.key, tmp_path / "note")

    assert bench.a_minute_later().count() == 40
    assert "damaged" in warnings_of()[0]
    assert bench.copies == ["photos-0.db"]


def test_going_back_to_the_version_that_is_open_fetches_nothing(bench, bucket, published, tmp_path):
    published(NEW, fingerprint="space-b")
    bench.a_minute_later().count()
    bucket.put(PLACE.key, tmp_path / "published-0.db")

    assert bench.a_minute_later().count() == 40
    assert bench.copies == ["photos-0.db"]


def test_an_index_that_was_deleted_answers_on_and_is_warned_of(bench, bucket, warnings_of):
    bucket.delete(PLACE.key)

    assert bench.a_minute_later().count() == 40
    assert bench.index.count() == 40
    (warning,) = warnings_of()
    assert f"there is no index at {PLACE}" in warning


def test_a_newer_index_without_room_is_warned_of_and_tried_again(
    bench, published, warnings_of, monkeypatch
):
    published(NEW)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 10}))
        assert bench.a_minute_later().count() == 40
    (warning,) = warnings_of()
    assert "has room for 10" in warning

    assert bench.a_minute_later().count() == 25


def test_a_disk_without_room_at_the_start_is_told(bucket, published, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 10}))

    with pytest.raises(DiskFull, match="room for 10"):
        Bench(bucket.access, tmp_path)


@pytest.mark.parametrize("key", ["index/none.db", "none"])
def test_a_missing_object_is_not_found(bucket, tmp_path, key):
    place = S3Url(BUCKET, key)

    with pytest.raises(IndexNotFound, match=f"s3://{BUCKET}/{key}"):
        S3Object(place, bucket.access, credentials=credentials()).fetch(tmp_path / "x", within_s=5)


def test_a_missing_bucket_is_not_found(bucket, tmp_path):
    place = S3Url("no-such-bucket", "photos.db")

    with pytest.raises(IndexNotFound, match="NoSuchBucket"):
        S3Object(place, bucket.access, credentials=credentials()).fetch(tmp_path / "x", within_s=5)


def test_an_index_of_another_model_is_not_opened_and_leaves_nothing(
    bucket, published, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret_key)
    with pytest.raises(FingerprintMismatch):
        PublishedIndex.open(PLACE, fingerprint="space-b", access=bucket.access, directory=tmp_path)

    assert list(tmp_path.glob("photo-search-*")) == []


def test_an_object_that_is_no_index_is_corrupt(bucket, tmp_path):
    (tmp_path / "note").write_text("not an index at all" * 1000)
    bucket.put(PLACE.key, tmp_path / "note")

    with pytest.raises(IndexCorrupt):
        Bench(bucket.access, tmp_path)


def test_a_server_that_is_away_is_unavailable(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(IndexUnavailable, match=str(PLACE)):
        Bench(IndexAccess(region=REGION, s3_endpoint=f"http://127.0.0.1:{port}"), tmp_path)


def test_a_server_that_goes_away_is_warned_of_and_the_old_copy_answers(bench, warnings_of):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    bench.s3._url = f"http://127.0.0.1:{port}/"

    assert bench.a_minute_later().count() == 40
    assert "cannot be fetched now" in warnings_of()[0]


def test_without_a_region_nothing_is_opened(bucket):
    with pytest.raises(SettingsError, match="AWS_REGION is not given"):
        open_index(str(PLACE), fingerprint=FINGERPRINT)


def test_a_closed_index_answers_no_more_and_leaves_nothing(bench):
    bench.index.close()

    assert not bench.scratch.path.exists()
    with pytest.raises(PhotoIndexError, match="is closed"):
        bench.index.count()


def test_what_s3_denies_says_what_the_role_needs(bucket, published, tmp_path):
    anonymous = S3Object(PLACE, bucket.access, credentials=credentials())
    bucket.client.put_bucket_policy(
        Bucket=BUCKET,
        Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",'
        f'"Action":"s3:GetObject","Resource":"arn:aws:s3:::{BUCKET}/*"}}]}}',
    )
    try:
        with pytest.raises(IndexAccessDenied, match="s3:GetObject"):
            anonymous.fetch(tmp_path / "x", within_s=5)
    finally:
        bucket.client.delete_bucket_policy(Bucket=BUCKET)
