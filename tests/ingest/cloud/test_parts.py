"""An array job: parts that embed side by side, killed and started again, and the job after them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.cloud.work_bucket import WorkBucket
from ingest.shard_files import Kind, list_shards, space_directory
from ingest.shard_table import read_batches
from ingest.shards import ShardRow, ShardStore
from ingest.sources.folder import FolderSource
from ingest.sources.part import Part
from tests.ingest.cloud.cloud import Cloud, check_alike
from tests.ingest.pictures import COLOURS, jpeg, picture, write_pictures
from tests.ingest.shard_rows import DIMENSION, row
from tests.ingest.shell import PYTHON_PATH

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0


def embedded_times(cloud: Cloud) -> Counter[str]:
    """How often each photo was written to a shard."""
    times: Counter[str] = Counter()
    for file in list_shards(cloud.reader().directory).current:
        if file.kind is Kind.PHOTOS:
            for table in read_batches(file.path, file.kind, ["photo_id"]):
                times.update(table["photo_id"].to_pylist())
    return times


def store(cloud: Cloud, name: str) -> ShardStore:
    """A writer on a machine of its own."""
    work = WorkBucket(cloud.s3, cloud.work, cloud.directory / name)
    work.pull_all()
    directory = space_directory(work.directory, cloud.bundle.fingerprint)
    return ShardStore(directory, cloud.bundle, log=work)


def version(photo_id: str, name: str, *, seed: int = 0) -> ShardRow:
    assert DIMENSION == 8
    return replace(row(photo_id, seed=seed), version=name)


def test_parts_embed_and_the_job_after_them_finds_all_done(cloud, bench, monkeypatch, capsys):
    write_pictures(bench.photos, 12)
    cloud.put_folder(bench.photos)
    bench.run(FolderSource(bench.photos))

    for number in range(3):
        cloud.forget_mirror()
        monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", str(number))
        assert cloud.ingest("--part", "auto", "--parts", "3") == 0
        assert cloud.keys(cloud.index) == []
        assert cloud.s3.head(cloud.work.object(f"reports/report-{number}-of-3.json")) is not None
    assert sum(embedded_times(cloud).values()) == 12
    capsys.readouterr()
    cloud.forget_mirror()

    assert cloud.ingest() == 0

    assert "0 photos indexed, 12 unchanged, 0 removed" in capsys.readouterr().out
    check_alike(cloud.indexed(), bench.indexed())


def test_a_part_that_skips_photos_has_not_failed_and_the_job_after_it_tells_of_them(cloud, capsys):
    cloud.put("a.jpg", jpeg(picture()))
    cloud.put("b.jpg", jpeg(picture(seed=1)))
    cloud.put("text.jpg", b"no picture")

    assert cloud.ingest("--part", 0, "--parts", 1) == 0
    assert "1 unsupported_image" in capsys.readouterr().out

    assert cloud.ingest() == 1
    assert "1 unsupported_image" in capsys.readouterr().out


def test_every_photo_is_in_exactly_one_part():
    ids = [f"photo-{number}" for number in range(300)]

    owners = [[part for part in range(3) if Part(part, 3).holds(one)] for one in ids]

    assert {len(found) for found in owners} == {1}
    assert min(Counter(owner for (owner,) in owners).values()) > 60


def test_a_part_forgets_nothing(cloud):
    for name in ("a", "b", "c", "d"):
        cloud.put(f"{name}.jpg", jpeg(picture(seed=ord(name))))
    cloud.ingest()
    cloud.delete("a.jpg")
    cloud.delete("b.jpg")

    for number in range(2):
        assert cloud.ingest("--part", number, "--parts", 2) == 0
    assert len(cloud.in_shards()) == 4

    assert cloud.ingest() == 0
    assert cloud.paths() == ["c.jpg", "d.jpg"]


def start_part(cloud: Cloud, machine: Path) -> subprocess.Popen[bytes]:
    machine.mkdir()
    places = ["--work", str(cloud.work), "--thumbs", str(cloud.thumbs)]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.ingest.cloud.small_shards_part", str(cloud.photos)),
            *(*places, "--part", "0", "--parts", "2"),
        ],
        cwd=machine,
        env=cloud.environment | {"PYTHONPATH": PYTHON_PATH},
    )


def test_a_part_that_is_killed_at_half_goes_on_elsewhere_and_encodes_nothing_again(cloud, tmp_path):
    # As large as photos are, so that the kill comes between two shards.
    for number in range(40):
        picture_bytes = jpeg(picture(list(COLOURS.values())[number % 3], (900, 600), seed=number))
        cloud.put(f"{number:03}.jpg", picture_bytes)
    process = start_part(cloud, tmp_path / "first")
    deadline_s = time.monotonic() + PATIENCE_S
    while len(cloud.numbers()) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.01)

    process.kill()
    process.wait()

    done = embedded_times(cloud)
    assert 8 <= len(done) < 16
    again = start_part(cloud, tmp_path / "second")
    assert again.wait(timeout=PATIENCE_S) == 0
    assert cloud.ingest("--part", 1, "--parts", 2) == 0
    assert cloud.ingest() == 0
    assert len(cloud.indexed()) == 40
    assert set(embedded_times(cloud).values()) == {1}
    assert len(cloud.keys(cloud.thumbs)) == 40


def test_two_writers_that_race_for_a_number_are_both_kept(cloud):
    first, second = store(cloud, "first"), store(cloud, "second")

    first.add([version("a", "1")])
    second.add([version("b", "1")])
    first.add([version("c", "1")])

    assert cloud.numbers() == [1, 2, 3]
    assert cloud.reader().live.keys() == {"a", "b", "c"}
    assert first.live.keys() == {"a", "b", "c"}


def test_what_another_writer_has_written_meanwhile_outranks_what_a_list_said(cloud):
    store(cloud, "before").add(
        [version("kept", "1"), version("gone", "1"), version("changed", "1")]
    )
    job, writer = store(cloud, "job"), store(cloud, "writer")
    writer.remove(["gone", "never-listed"])
    writer.add([version("changed", "3", seed=3), version("new", "1")])

    stored = job.add([version(one, "2") for one in ("kept", "gone", "changed", "never-listed")])
    forgotten = job.remove(["kept", "changed", "new"])

    assert [one.photo.photo_id for one in stored] == ["kept"]
    assert forgotten == ["kept"]
    live = cloud.reader().live
    assert {photo_id: one.version for photo_id, one in live.items()} == {"changed": "3", "new": "1"}


def test_a_removal_that_comes_meanwhile_holds_for_what_a_job_adds(cloud):
    cloud.put("a.jpg", jpeg(picture()))
    cloud.ingest()
    job = store(cloud, "job")

    assert cloud.run("remove", "b", "--thumbs", cloud.thumbs) == 0
    stored = job.add([version("a", "2"), version("b", "2")])

    assert [one.photo.photo_id for one in stored] == ["a"]
    assert "b" not in cloud.reader().live


def test_a_compaction_that_comes_meanwhile_takes_nothing_from_a_job(cloud):
    before = store(cloud, "before")
    before.add([version("a", "1"), version("b", "1")])
    before.remove(["b"])
    job, writer = store(cloud, "job"), store(cloud, "writer")
    writer.add([version("a", "3", seed=3)])
    writer.remove(["c"])
    assert cloud.run("compact") == 0

    stored = job.add([version("a", "2"), version("b", "2"), version("c", "2"), version("d", "2")])

    assert [one.photo.photo_id for one in stored] == ["b", "d"]
    live = cloud.reader().live
    assert {photo_id: one.version for photo_id, one in live.items()} == {
        "a": "3",
        "b": "2",
        "d": "2",
    }


@pytest.mark.parametrize("name", ["first", "second"])
def test_what_a_killed_writer_did_not_publish_is_no_part_of_the_log(cloud, name):
    job = store(cloud, "first")
    job.add([version("a", "1")])
    stray = ShardStore(job.directory, cloud.bundle)
    stray.add([version("stray", "1")])

    again = store(cloud, name)

    assert again.live.keys() == {"a"}
    assert again.last_shard == 1
