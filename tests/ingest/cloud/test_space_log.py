"""The log of shards in a bucket: one writer gets a number, readers see whole numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.cloud.mirror import Mirror
from ingest.cloud.s3 import S3
from ingest.cloud.space_log import SpaceLog
from ingest.compact import compact
from ingest.shards import ShardStore
from photo_search.errors import IndexUnavailable, SourceInvalid
from tests.ingest.cloud.cloud import Cloud, client
from tests.ingest.cloud.s3_fault_proxy import LOST_ANSWER, once, running_fault_proxy
from tests.ingest.shard_rows import SPACE, everything, row


class Machine:
    """A directory of shards and its log, without a work directory about it."""

    def __init__(self, cloud: Cloud, name: str, s3: S3 | None = None) -> None:
        self.directory = cloud.directory / name / "tiny"
        self.log = SpaceLog(s3 or cloud.s3, cloud.work.object("shards/tiny"))
        self.mirror = Mirror(self.log, self.directory)
        self.mirror.pull()

    def store(self) -> ShardStore:
        return ShardStore(self.directory, SPACE, log=self)

    def publish(self, directory: Path, number: int) -> bool:
        assert directory == self.directory
        return self.mirror.append(number)

    def pull(self, directory: Path) -> bool:
        return self.mirror.pull()


def test_a_number_is_given_once(cloud):
    one, other = Machine(cloud, "one"), Machine(cloud, "other")
    for machine in (one, other):
        ShardStore(machine.directory, SPACE).add([row("a")])

    assert one.mirror.append(1)
    assert not other.mirror.append(1)


def test_a_yes_that_was_lost_on_the_way_is_no_no(cloud):
    with running_fault_proxy(cloud.endpoint) as proxy:
        machine = Machine(cloud, "one", S3(retrying_client(proxy.url)))
        ShardStore(machine.directory, SPACE).add([row("a")])
        proxy.plan = once("PUT", "000001.zip", LOST_ANSWER)

        assert machine.mirror.append(1)
        assert proxy.faults == 1


def retrying_client(url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
    )


def test_a_compaction_is_published_whole_and_its_numbers_stay_taken(cloud):
    machine = Machine(cloud, "one")
    store = machine.store()
    store.add([row("a"), row("b")])
    store.remove(["b"])
    late = Machine(cloud, "late")
    ShardStore(late.directory, SPACE).add([row("late")])
    compact(machine.directory)

    assert machine.mirror.append_new()
    machine.log.empty_before(3)

    assert [one.number for one in machine.log.entries() if one.size_bytes] == [3]
    assert cloud.numbers() == [1, 2, 3]
    assert not late.mirror.append(2)
    fresh = Machine(cloud, "fresh")
    assert everything(fresh.store()).keys() == {"a"}
    assert fresh.store().gone == {"b"}
    assert fresh.log.is_base(3)


def test_emptied_numbers_go_when_no_put_can_be_under_way_any_more(cloud, monkeypatch):
    machine = Machine(cloud, "one")
    store = machine.store()
    for photo_id in "abc":
        store.add([row(photo_id)])
    machine.log.empty_before(3)
    assert cloud.numbers() == [1, 2, 3]

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(days=1, minutes=1)

    monkeypatch.setattr("ingest.cloud.space_log.datetime", Tomorrow)
    machine.log.empty_before(3)

    assert cloud.numbers() == [3]


def test_a_base_that_another_writer_was_faster_than_is_not_published(cloud):
    one, other = Machine(cloud, "one"), Machine(cloud, "other")
    one.store().add([row("a")])
    other.mirror.pull()
    compact(one.directory)
    other.store().add([row("b")])

    assert not one.mirror.append_new()

    one.mirror.pull()
    assert everything(one.store()).keys() == {"a", "b"}


def test_a_base_above_a_number_that_others_may_take_is_not_published(cloud):
    machine = Machine(cloud, "one")
    machine.store().add([row("a")])
    ShardStore(machine.directory, SPACE).add([row("b")])
    compact(machine.directory)

    with pytest.raises(IndexUnavailable, match="has shard 3 and no 2; run again"):
        machine.mirror.append_new()


def test_a_mirror_follows_a_log_that_was_begun_anew(cloud):
    machine = Machine(cloud, "one")
    machine.store().add([row("a")])
    other = Machine(cloud, "other")
    for key in cloud.keys(cloud.work):
        cloud.client.delete_object(Bucket=cloud.work.bucket, Key=key)
    other.mirror.pull()
    other.store().add([row("b")])

    assert machine.mirror.pull()

    assert everything(machine.store()).keys() == {"b"}


def test_files_that_vanish_from_a_mirror_are_brought_again(cloud):
    machine = Machine(cloud, "one")
    machine.store().add([row("a")])
    next(machine.directory.glob("*.parquet")).unlink()

    machine.mirror.pull()

    assert everything(machine.store()).keys() == {"a"}


@pytest.mark.parametrize("data", [b"no zip", b"PK\x05\x06" + bytes(18)])
def test_an_object_that_is_no_shard_is_named(cloud, data):
    cloud.client.put_object(
        Bucket=cloud.work.bucket, Key=f"{cloud.work.key}/shards/tiny/000001.zip", Body=data
    )

    if data.startswith(b"PK"):  # an empty archive holds nothing, and nothing is wrong with that
        assert Machine(cloud, "one").store().live == {}
    else:
        with pytest.raises(SourceInvalid, match=r"000001\.zip is damaged or no shard"):
            Machine(cloud, "one")


def test_a_shard_of_another_number_or_place_is_refused(cloud, tmp_path):
    import zipfile

    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../000001.photos.parquet", b"x")
    cloud.client.put_object(
        Bucket=cloud.work.bucket,
        Key=f"{cloud.work.key}/shards/tiny/000001.zip",
        Body=path.read_bytes(),
    )

    with pytest.raises(SourceInvalid, match="which is no file of shard 1"):
        Machine(cloud, "one")


def test_a_large_file_is_put_in_parts_on_the_same_condition(cloud, tmp_path):
    part_bytes = 5 << 20  # S3's least
    path = tmp_path / "large"
    path.write_bytes(bytes(part_bytes + 1))
    s3, place = S3(client(cloud.endpoint), part_bytes=part_bytes), cloud.work.object("large")

    etag = s3.put_if(place, path, etag=None, notes={"a": "b"})

    assert etag is not None
    head = s3.head(place)
    assert head is not None
    assert (head.size_bytes, head.notes) == (part_bytes + 1, {"a": "b"})
    assert s3.put_if(place, path, etag=None) is None
    assert s3.put_if(place, b"small", etag="0" * 32) is None
    assert s3.put_if(place, b"small", etag=etag) is not None
    assert s3.put_if(place.object("missing"), b"small", etag=etag) is None
