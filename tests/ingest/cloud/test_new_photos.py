"""The writer of new photos: what is put becomes searchable, what is deleted disappears."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ingest.cloud.new_photos import handler, make_handler
from ingest.sources.folder import photo_id_of
from photo_search.errors import SettingsError
from photo_search.image_limits import INGEST_LIMITS
from tests.ingest.cloud.cloud import Context, check_alike, queue_event
from tests.ingest.cloud.s3_fault_proxy import running_fault_proxy
from tests.ingest.pictures import COLOURS, jpeg, picture
from tests.tiny_bundle import GREEN, RED


def photo(colour: str = "red", seed: int = 0) -> bytes:
    return jpeg(picture(COLOURS[colour], seed=seed))


def test_an_object_put_becomes_searchable_and_one_deleted_disappears(cloud):
    cloud.put("a.jpg", photo())

    assert cloud.send("a.jpg") == []
    assert cloud.paths() == ["a.jpg"]
    assert cloud.keys(cloud.thumbs) == [f"thumbs/{photo_id_of('a.jpg')}.webp"]
    check_alike(cloud.in_shards(), cloud.indexed())

    cloud.delete("a.jpg")
    assert cloud.send("a.jpg") == []
    assert cloud.paths() == []
    assert cloud.in_shards() == {}
    assert cloud.keys(cloud.thumbs) == []


def test_a_job_and_the_writer_make_the_same_of_the_same_objects(cloud):
    cloud.put("captions.csv", b"path;photo_id;description\nb.jpg;own;Sea\n")
    for name in ("a", "b"):
        cloud.put(f"{name}.jpg", photo(seed=ord(name)))
    cloud.ingest()
    by_job, versions = cloud.indexed(), cloud.reader().live
    head = cloud.s3.head(cloud.index)

    assert cloud.send("a.jpg", "b.jpg") == []

    check_alike(cloud.indexed(), by_job)
    assert cloud.indexed()["own"].photo.description == "Sea"
    live = cloud.reader().live
    assert {one: live[one].version for one in live} == {
        one: versions[one].version for one in versions
    }
    assert cloud.s3.head(cloud.index).notes["filled-to"] == "2"
    assert head.notes["filled-to"] == "1"
    cloud.forget_mirror()
    assert cloud.ingest() == 0
    assert cloud.numbers() == [1, 2]


def test_a_batch_is_one_delta_and_one_index(cloud):
    cloud.put("old.jpg", photo())
    cloud.send("old.jpg")
    for number in range(4):
        cloud.put(f"{number}.jpg", photo(seed=number))
    cloud.delete("old.jpg")

    assert cloud.send("old.jpg", *(f"{number}.jpg" for number in range(4))) == []

    assert cloud.paths() == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert cloud.numbers() == [1, 2, 3]


def test_the_same_event_twice_changes_nothing(cloud):
    cloud.put("a.jpg", photo())
    writer = cloud.writer()
    cloud.send("a.jpg", "a.jpg", writer=writer)
    before = cloud.s3.head(cloud.index)

    assert cloud.send("a.jpg", writer=writer) == []

    assert cloud.numbers() == [1]
    assert cloud.s3.head(cloud.index) == before

    assert cloud.send("a.jpg") == []  # to a Lambda that has just started
    assert cloud.paths() == ["a.jpg"]
    assert len(cloud.in_shards()) == 1


def test_events_out_of_order_lead_to_what_is_true_now(cloud):
    cloud.put("put-last.jpg", photo())
    cloud.delete("put-last.jpg")
    cloud.put("put-last.jpg", photo("blue"))
    cloud.put("deleted-last.jpg", photo())
    cloud.delete("deleted-last.jpg")

    for path in ("put-last.jpg", "deleted-last.jpg", "put-last.jpg"):
        assert cloud.send(path) == []

    assert cloud.paths() == ["put-last.jpg"]
    check_alike(cloud.indexed(), cloud.in_shards())


@pytest.mark.parametrize(
    "path",
    [
        "with space.jpg",
        "with+plus.jpg",
        "with%20percent.jpg",
        "ünïcødé/日本.jpg",
        "e\u0301 apart.jpg",
        "a&b=c?d#e.jpg",
        "quote'\"<>.jpg",
        "double//slash.jpg",
    ],
)
def test_keys_are_taken_as_they_are(cloud, path):
    cloud.put(path, photo())

    assert cloud.send(path) == []

    (found,) = cloud.indexed().values()
    assert found.photo.path == path
    assert found.photo.photo_id == photo_id_of(path)
    cloud.delete(path)
    assert cloud.send(path) == []
    assert cloud.paths() == []


def test_an_object_that_is_no_picture_is_told_and_not_tried_again(cloud, capsys, caplog):
    cloud.put("a.jpg", photo())
    cloud.put("good.jpg", photo(seed=1))
    cloud.send("a.jpg", "good.jpg")
    cloud.put("a.jpg", b"no picture any more")
    capsys.readouterr()

    assert cloud.send("a.jpg") == []

    assert cloud.paths() == ["good.jpg"]
    assert cloud.in_shards().keys() == cloud.indexed().keys()
    (told,) = [one for one in caplog.records if one.getMessage() == "an object is no photo"]
    assert (told.reason, told.place) == ("unsupported_image", "a.jpg")
    lines = capsys.readouterr().out.splitlines()
    (metrics,) = [json.loads(line) for line in lines if "_aws" in line]
    assert metrics["NewPhotosNoPictures"] == [1]
    assert metrics["NewPhotosGone"] == [1]


def test_an_object_above_the_limit_is_no_photo_and_not_read(cloud, monkeypatch):
    monkeypatch.setattr(
        "ingest.cloud.photo_look.INGEST_LIMITS", replace(INGEST_LIMITS, size_bytes=100)
    )
    cloud.put("a.jpg", photo())

    brought = cloud.writer().bring(["a.jpg"])

    (failure,) = brought.delta.failures
    assert failure.reason == "too_large"
    assert "the limit is 100" in failure.detail
    assert cloud.paths() == []


def test_a_machine_that_fails_is_not_taken_for_an_object_that_is_no_picture(cloud):
    cloud.put("a.jpg", photo())
    writer = cloud.writer()
    cloud.send("a.jpg", writer=writer)
    writer._thumbnails.prepare = lambda: writer._thumbnails.directory.rmdir()

    assert cloud.send("a.jpg", writer=writer) == ["message-0"]

    assert cloud.paths() == ["a.jpg"]


def test_what_is_no_photo_by_its_name_is_passed_over(cloud):
    names = ["notes.txt", "captions.csv", ".hidden.jpg", "dir/", "@eaDir/a.jpg"]
    for name in names:
        cloud.put(name, photo())

    assert cloud.send(*names) == []

    assert cloud.keys(cloud.work) == cloud.keys(cloud.index) == []


def test_messages_that_are_no_events_of_the_bucket_are_told_and_not_tried_again(cloud, caplog):
    cloud.put("a.jpg", photo())
    event = queue_event(cloud.photos.bucket, ["a.jpg"])
    event["Records"][:0] = [
        {"messageId": "1", "body": "no json"},
        {"messageId": "2", "body": "[]"},
        {"messageId": "3", "body": json.dumps({"detail": {}})},
        *queue_event("another-bucket", ["b.jpg"])["Records"],
    ]
    writer = cloud.writer()

    answer = make_handler(lambda: writer)(event, Context())

    assert answer == {"batchItemFailures": []}
    assert cloud.paths() == ["a.jpg"]
    assert caplog.text.count("a message is about no object of the photos' bucket") == 4


def test_a_removed_photo_stays_out_and_a_restored_one_may_come_back(cloud):
    cloud.put("a.jpg", photo())
    cloud.put("b.jpg", photo("blue"))
    cloud.send("a.jpg", "b.jpg")
    a = photo_id_of("a.jpg")
    assert cloud.run("remove", a, "--thumbs", cloud.thumbs) == 0
    assert cloud.paths() == ["b.jpg"]
    cloud.put("a.jpg", photo("green"))

    assert cloud.send("a.jpg") == []

    assert cloud.paths() == ["b.jpg"]
    assert cloud.in_shards().keys() == {photo_id_of("b.jpg")}
    assert len(cloud.keys(cloud.thumbs)) == 1

    assert cloud.run("restore", a) == 0
    assert cloud.send("a.jpg") == []
    assert cloud.paths() == ["a.jpg", "b.jpg"]
    check_alike(cloud.indexed(), cloud.in_shards())


def test_captions_that_change_count_for_what_comes_after(cloud):
    writer = cloud.writer()
    cloud.put("a.jpg", photo())
    cloud.send("a.jpg", writer=writer)
    cloud.put("captions.csv", b"path;description\na.jpg;Sea\nb.jpg;Bay\n")
    cloud.put("b.jpg", photo())

    cloud.send("captions.csv", "b.jpg", writer=writer)
    described = [one.photo.description for one in cloud.indexed().values()]
    assert sorted(described) == ["", "Bay"]

    assert cloud.ingest() == 0
    assert {one.photo.description for one in cloud.indexed().values()} == {"Sea", "Bay"}


def test_two_photos_with_one_id_are_left_to_the_job(cloud):
    cloud.put("captions.csv", b"path;photo_id\na.jpg;same\nb.jpg;same\n")
    cloud.put("a.jpg", photo())
    cloud.put("b.jpg", photo("blue"))

    assert cloud.send("b.jpg", "a.jpg") == []
    assert cloud.keys(cloud.index) == []

    assert cloud.ingest() == 1
    assert cloud.paths() == ["a.jpg"]


def test_an_index_that_lacks_older_shards_does_not_claim_to_have_them(cloud):
    for name in ("a", "b", "c"):
        cloud.put(f"{name}.jpg", photo(seed=ord(name)))
    assert cloud.ingest("--part", 0, "--parts", 1) == 0

    cloud.put("d.jpg", photo("blue"))
    cloud.send("d.jpg")
    assert cloud.paths() == ["d.jpg"]
    assert cloud.s3.head(cloud.index).notes["filled-to"] == "0"

    assert cloud.ingest() == 0
    assert cloud.paths() == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_a_writer_that_was_overtaken_looks_again(cloud):
    cloud.put("a.jpg", photo())
    slow, fast = cloud.writer(), cloud.writer()
    write = slow._index.write
    calls = []

    def overtaken(photos, gone, numbers):
        calls.append(numbers)
        if len(calls) == 1:
            cloud.delete("a.jpg")
            assert cloud.send("a.jpg", writer=fast) == []
        return write(photos, gone, numbers)

    slow._index.write = overtaken

    assert cloud.send("a.jpg", writer=slow) == []

    assert len(calls) == 2
    assert cloud.paths() == []
    assert cloud.in_shards() == {}


def test_others_that_write_other_photos_do_not_hold_it_up(cloud):
    cloud.put("a.jpg", photo())
    cloud.put("b.jpg", photo("blue"))
    slow, fast = cloud.writer(), cloud.writer()
    write = slow._index.write
    calls = []

    def beside(photos, gone, numbers):
        calls.append(numbers)
        assert cloud.send("b.jpg", writer=fast) == []
        if len(calls) == 1:  # after which nobody can tell what the shard of b said
            assert cloud.run("compact") == 0
        return write(photos, gone, numbers)

    slow._index.write = beside

    assert cloud.send("a.jpg", writer=slow) == []

    assert len(calls) == 2
    assert cloud.paths() == ["a.jpg", "b.jpg"]
    check_alike(cloud.indexed(), cloud.in_shards())


def test_photos_that_come_and_go_while_a_job_runs_are_as_the_writer_saw_them(cloud, monkeypatch):
    for name in ("stays", "changes", "goes", "comes-again"):
        cloud.put(f"{name}.jpg", photo(seed=len(name)))
    cloud.ingest()
    cloud.delete("comes-again.jpg")
    for name in ("changes", "goes"):
        cloud.put(f"{name}.jpg", photo("blue"))
    cloud.put("listed.jpg", photo())
    writer = cloud.writer()
    with running_fault_proxy(cloud.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        begun: list[str] = []

        def plan(_method: str, path: str) -> None:
            """When the job has its list and fetches its first photo, all becomes different."""
            if ".jpg" not in path or begun:
                return
            begun.append(path)
            cloud.put("changes.jpg", photo("green"))
            cloud.delete("goes.jpg")
            cloud.delete("listed.jpg")
            cloud.put("comes-again.jpg", photo())
            cloud.put("comes.jpg", photo())
            for name in ("changes", "goes", "listed", "comes-again", "comes"):
                assert cloud.send(f"{name}.jpg", writer=writer) == []

        proxy.plan = plan
        # What vanished between list and download is told, and no more than that.
        assert cloud.ingest() in (0, 1)

    assert begun
    assert cloud.paths() == ["changes.jpg", "comes-again.jpg", "comes.jpg", "stays.jpg"]
    check_alike(cloud.indexed(), cloud.in_shards())
    green = cloud.indexed()[photo_id_of("changes.jpg")].embedding
    assert green[GREEN] > green[RED]
    assert len(cloud.keys(cloud.thumbs)) >= 4


def test_the_writer_of_another_collection_is_refused(cloud, caplog):
    cloud.put("sub/a.jpg", photo())
    cloud.ingest()
    writer = cloud.writer(PHOTOS_URL=f"{cloud.photos}/sub")

    assert cloud.send("sub/a.jpg", writer=writer) == ["message-0"]
    assert "another --work" in caplog.text


@pytest.mark.parametrize("name", ["PHOTOS_URL", "THUMBS_URL", "WORK_URL"])
def test_a_missing_setting_is_named_and_fails_the_batch(cloud, name):
    with pytest.raises(SettingsError, match=f"{name} is not given"):
        cloud.writer(**{name: ""})


def test_an_index_in_a_file_is_refused_for_a_lambda_loses_it(cloud):
    with pytest.raises(SettingsError, match=r"INDEX_URL is 'sqlite:///own\.db'; no file"):
        cloud.writer(INDEX_URL="sqlite:///own.db")


def test_the_lambda_opens_by_its_environment_and_a_failure_to_do_so_fails_the_batch(
    cloud, monkeypatch, caplog
):
    cloud.put("a.jpg", photo())
    event = queue_event(cloud.photos.bucket, ["a.jpg", "b.jpg"])
    monkeypatch.setenv("MODEL_DIR", "nowhere")
    failed = [{"itemIdentifier": "message-0"}, {"itemIdentifier": "message-1"}]
    assert handler(event, Context()) == {"batchItemFailures": failed}
    assert "MODEL_DIR must be a model bundle" in caplog.text

    monkeypatch.setenv("MODEL_DIR", cloud.environment["MODEL_DIR"])
    assert handler(event, Context()) == {"batchItemFailures": []}
    assert cloud.paths() == ["a.jpg"]
