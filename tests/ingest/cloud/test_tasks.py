"""The operator's tasks on AWS: remove, restore, compact, load, verify."""

from __future__ import annotations

import json

import pytest

from ingest.command import main
from ingest.shards import ShardStore
from ingest.sources.folder import photo_id_of
from tests.ingest.cloud.cloud import check_alike
from tests.ingest.cloud.s3_fault_proxy import once, running_fault_proxy
from tests.ingest.pictures import COLOURS, jpeg, picture
from tests.ingest.shard_rows import check_same
from tests.tiny_bundle import write_tiny_bundle

A = photo_id_of("a.jpg")


@pytest.fixture
def filled(cloud):
    """Three photos, ingested by a job on another machine."""
    for colour, name in zip(COLOURS, "abc", strict=True):
        cloud.put(f"{name}.jpg", jpeg(picture(COLOURS[colour])))
    assert cloud.ingest() == 0
    cloud.forget_mirror()
    return cloud


def notes(cloud):
    return cloud.s3.head(cloud.index).notes


def test_a_photo_is_removed_from_shards_index_and_thumbnails(filled, capsys):
    assert filled.run("remove", A, "unknown", "--thumbs", filled.thumbs) == 0

    out = capsys.readouterr().out
    assert "2 photos to stay out from now on; 1 taken out of 1 index" in out
    assert "unknown has never been in the collection" in out
    assert filled.paths() == ["b.jpg", "c.jpg"]
    assert A not in filled.reader().live
    assert filled.reader().tombstones.keys() == {A, "unknown"}
    assert f"thumbs/{A}.webp" not in filled.keys(filled.thumbs)
    removed = json.loads(filled.s3.get(filled.work.object("removed.json")).data)
    assert removed.keys() == {A, "unknown"}

    filled.forget_mirror()
    assert filled.ingest() == 0
    assert "0 photos indexed, 2 unchanged, 0 removed, 1 kept out" in capsys.readouterr().out
    assert filled.paths() == ["b.jpg", "c.jpg"]

    assert filled.run("restore", A) == 0
    assert "1 photo may come back" in capsys.readouterr().out
    assert filled.ingest() == 0
    assert filled.paths() == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_removal_without_an_index_holds_for_the_one_to_come(filled, capsys):
    filled.client.delete_object(Bucket=filled.index.bucket, Key=filled.index.key)

    assert filled.run("remove", A, "--thumbs", filled.thumbs) == 0

    assert "0 taken out of 0 indexes" in capsys.readouterr().out
    assert filled.keys(filled.index) == []
    assert filled.ingest() == 0
    assert filled.paths() == ["b.jpg", "c.jpg"]


def test_a_removal_that_another_writer_came_before_is_done_again(filled, monkeypatch):
    with running_fault_proxy(filled.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        beside = filled.writer()
        filled.put("d.jpg", jpeg(picture()))
        sent: list[str] = []

        def plan(method: str, path: str) -> None:
            if method == "PUT" and path.endswith("000002.zip") and not sent:
                sent.append(path)
                with_lock_released(proxy, lambda: filled.send("d.jpg", writer=beside))

        proxy.plan = plan

        assert filled.run("remove", A, "--thumbs", filled.thumbs) == 0

    assert sent
    assert filled.numbers() == [1, 2, 3]
    assert filled.paths() == ["b.jpg", "c.jpg", "d.jpg"]
    check_alike(filled.indexed(), filled.in_shards())


def with_lock_released(proxy, act) -> None:
    proxy.lock.release()
    try:
        act()
    finally:
        proxy.lock.acquire()


def test_a_list_of_removals_that_changed_meanwhile_is_read_again(filled, monkeypatch):
    with running_fault_proxy(filled.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        proxy.plan = once("PUT", "/removed.json", (412, "PreconditionFailed"))

        assert filled.run("remove", A, "--thumbs", filled.thumbs) == 0

        assert proxy.faults == 1
    assert filled.paths() == ["b.jpg", "c.jpg"]


def test_shards_are_compacted_and_what_they_replace_is_emptied(filled, capsys):
    filled.put("b.jpg", jpeg(picture(COLOURS["red"], seed=5)))
    filled.delete("c.jpg")
    filled.ingest()
    filled.run("remove", A, "--thumbs", filled.thumbs)
    before, index = filled.reader(), filled.indexed()

    assert filled.run("compact") == 0

    assert "1 photo, 4 files" in capsys.readouterr().out
    after = filled.reader()
    assert (after.live.keys(), after.gone) == (before.live.keys(), before.gone)
    assert after.tombstones == before.tombstones
    entries = [
        one for one in filled.s3.objects(filled.work.object("shards")) if one.key.endswith(".zip")
    ]
    assert [one.size_bytes > 0 for one in entries] == [False] * 4 + [True]
    filled.forget_mirror()
    assert filled.ingest() == 0
    check_same(filled.indexed(), index)


def test_an_index_made_anew_from_the_shards_is_the_same(filled, capsys):
    before = filled.indexed()

    assert filled.run("load", filled.work) == 0

    assert f"3 photos in {filled.index}, 3 stored" in capsys.readouterr().out
    check_same(filled.indexed(), before)
    assert notes(filled) == {"filled-to": "1", "photos": "3", "fingerprint": "tiny"}
    (space,) = filled.s3.folders(filled.work.object("shards"))
    assert filled.run("load", filled.work.object(f"shards/{space}"), "--quiet") == 0
    assert filled.run("load", filled.directory / "build/buckets" / filled.work.bucket / "work") == 2


class DeadIndex:
    def write(self, *_: object) -> dict[str, str]:
        raise ZeroDivisionError


def test_a_load_brings_what_is_published_while_it_fills(filled, monkeypatch):
    beside = filled.writer()
    with running_fault_proxy(filled.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        filled.put("late.jpg", jpeg(picture()))
        filled.delete("a.jpg")
        sent: list[str] = []
        beside._index = DeadIndex()

        def plan(method: str, path: str) -> None:
            if method == "HEAD" and path.endswith("/photos.db") and not sent:
                sent.append(path)
                # A writer that dies before it comes to the index.
                with pytest.raises(ZeroDivisionError):
                    beside.bring(["late.jpg", "a.jpg"])

        proxy.plan = plan
        assert filled.run("load", filled.work) == 0

    assert sent
    assert filled.paths() == ["b.jpg", "c.jpg", "late.jpg"]


def test_a_load_that_was_overtaken_by_a_writer_puts_nothing(filled, monkeypatch, capsys):
    with running_fault_proxy(filled.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        proxy.plan = once("PUT", "/photos.db", (412, "PreconditionFailed"))

        assert filled.run("load", filled.work) == 75

    assert "was replaced meanwhile; run again" in capsys.readouterr().err


def test_a_load_that_would_leave_less_than_half_is_refused(filled, capsys, tmp_path):
    (space,) = filled.s3.folders(filled.work.object("shards"))
    reader = filled.reader()
    small = ShardStore(tmp_path / "small" / "shards" / space, filled.bundle)
    small.add([])
    from tests.ingest.shard_rows import row

    small.add([row("only")])
    assert len(reader.live) == 3

    assert filled.run("load", small.directory) == 2
    assert "has 1 photos" in (err := capsys.readouterr().err)
    assert "--allow-smaller" in err
    assert len(filled.indexed()) == 3

    assert filled.run("load", small.directory, "--allow-smaller") == 0
    assert filled.indexed().keys() == {"only"}


def test_another_model_gets_its_shards_beside_and_its_index_by_a_load(filled, tmp_path, capsys):
    other = write_tiny_bundle(tmp_path / "other", fingerprint="other-model")

    assert filled.ingest("--model", other) == 2
    assert "other-model" in capsys.readouterr().err
    assert len(filled.indexed()) == 3

    assert filled.run("load", filled.work.object("shards/other-model")) == 0
    assert notes(filled)["fingerprint"] == "other-model"
    assert filled.run("load", filled.work) == 2
    assert "holds shards of several models" in capsys.readouterr().err
    assert filled.run("remove", A, "--thumbs", filled.thumbs) == 0
    assert "1 taken out of 1 index" in capsys.readouterr().out


def test_an_index_in_a_bucket_is_searched_and_measured(filled, capsys):
    assert main(["search", "red", "-k", "1"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("a.jpg")

    assert filled.run("verify", "--queries", 2) == 0
    assert str(filled.index) in capsys.readouterr().out
    assert filled.run("verify", "--queries", 2, "--shards", filled.work) == 2
    assert "3 photos are too few to measure recall" in capsys.readouterr().err


def test_shards_in_a_bucket_fill_a_file_on_this_machine(filled, capsys):
    url = f"sqlite:///{filled.directory / 'own.db'}"

    for stored in ("3 stored", "0 stored"):
        assert filled.run("load", filled.work, "--index", url) == 0
        assert f"3 photos in {url}, {stored}" in capsys.readouterr().out


def test_shards_in_a_bucket_are_transformed_on_this_machine(filled, tmp_path, capsys):
    arguments = ["--centre", "--out", str(tmp_path / "out")]

    assert main(["ingest", "transform", str(filled.work), *arguments]) == 0

    assert "3 photos of 8 dimensions" in capsys.readouterr().out


def test_only_a_server_has_older_indexes_to_go_back_to(filled, capsys):
    assert filled.run("rollback") == 2

    assert "only an index on a server has older ones" in capsys.readouterr().err


def test_two_commands_do_not_work_in_one_mirror(filled, capsys):
    from ingest.writer_lock import writer_lock

    base = filled.directory / "build/buckets" / filled.work.bucket / filled.work.key
    base.mkdir(parents=True)
    with writer_lock(base):
        assert filled.run("compact") == 75

    assert "another ingest is writing" in capsys.readouterr().err
