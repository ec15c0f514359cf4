"""S3 that fails at half, credentials that expire, buckets that are not there or not ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from ingest.cloud.s3 import S3
from ingest.command import main
from photo_search.errors import SettingsError
from photo_search.settings import IndexAccess
from tests.ingest.cloud.cloud import check_alike
from tests.ingest.cloud.s3_fault_proxy import (
    HALF,
    LOST_ANSWER,
    RESET,
    FaultProxy,
    always,
    once,
    running_fault_proxy,
    times,
)
from tests.ingest.pictures import COLOURS, jpeg, picture

pytestmark = pytest.mark.slow

EXPIRED, DENIED, BUSY = (400, "ExpiredToken"), (403, "AccessDenied"), (503, "SlowDown")


@pytest.fixture
def proxy(cloud, monkeypatch) -> Iterator[FaultProxy]:
    """What stands between this deployment and S3 from now on."""
    connect = S3.connect
    # Pauses between tries are botocore's own and long; what is tested is what comes after them.
    monkeypatch.setattr(S3, "connect", lambda access: connect(access, attempts=1))
    with running_fault_proxy(cloud.endpoint) as running:
        cloud.environment["AWS_ENDPOINT_URL_S3"] = running.url
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.url)
        yield running


def put_photos(cloud, count: int = 3) -> None:
    for number in range(count):
        colour = list(COLOURS.values())[number % 3]
        cloud.put(f"{number}.jpg", jpeg(picture(colour, seed=number)))


STEPS = [
    ("GET", "/0.jpg"),
    ("GET", "/work/removed.json"),
    ("GET", "list-type=2"),
    ("PUT", "/work/collection.json"),
    ("PUT", "/thumbs/"),
    ("PUT", ".zip"),
    ("GET", "/photos.db"),
    ("PUT", "/photos.db"),
]


@pytest.mark.parametrize("fault", [BUSY, RESET, LOST_ANSWER], ids=["503", "reset", "lost"])
@pytest.mark.parametrize(("method", "path"), STEPS, ids=[f"{m} {p}" for m, p in STEPS])
def test_a_batch_that_fails_at_half_is_reported_and_the_repeat_heals(
    cloud, proxy, method, path, fault
):
    put_photos(cloud)
    paths = [f"{number}.jpg" for number in range(3)]
    writer = cloud.writer()
    proxy.plan = once(method, path, fault)

    assert cloud.send(*paths, writer=writer) == ["message-0", "message-1", "message-2"]
    assert proxy.faults == 1
    assert cloud.send(*paths, writer=writer) == []

    assert cloud.paths() == paths
    check_alike(cloud.indexed(), cloud.in_shards())
    assert len(cloud.keys(cloud.thumbs)) == 3


def test_a_deletion_that_fails_at_half_heals_in_another_lambda(cloud, proxy):
    put_photos(cloud)
    cloud.send("0.jpg", "1.jpg", "2.jpg")
    cloud.delete("0.jpg")
    for plan in (once("PUT", ".zip", LOST_ANSWER), once("PUT", "/photos.db", BUSY)):
        proxy.plan = plan
        assert cloud.send("0.jpg") == ["message-0"]
    proxy.plan = once("POST", "delete", BUSY)
    assert cloud.send("0.jpg") == ["message-0"]

    assert cloud.send("0.jpg") == []

    assert cloud.paths() == ["1.jpg", "2.jpg"]
    assert len(cloud.in_shards()) == len(cloud.keys(cloud.thumbs)) == 2


def test_an_answer_that_ends_early_is_read_again(cloud, proxy):
    put_photos(cloud, 1)
    writer = cloud.writer()
    proxy.plan = times(2, "GET", "/0.jpg", HALF)

    assert cloud.send("0.jpg", writer=writer) == []
    assert proxy.faults == 2

    proxy.plan = times(3, "GET", "/0.jpg", HALF)
    assert cloud.send("0.jpg", writer=writer) == ["message-0"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "list-type=2"), ("PUT", ".zip"), ("PUT", "/thumbs/"), ("PUT", "/photos.db")],
)
def test_a_job_that_loses_s3_gives_75_and_the_next_goes_on(cloud, proxy, capsys, method, path):
    put_photos(cloud)
    proxy.plan = once(method, path, RESET)

    assert cloud.ingest() == 75
    assert "S3 does not answer" in capsys.readouterr().err

    assert cloud.ingest() == 0
    assert cloud.paths() == ["0.jpg", "1.jpg", "2.jpg"]
    check_alike(cloud.indexed(), cloud.in_shards())


def test_a_download_that_is_refused_for_a_while_is_tried_again_by_the_job(cloud, proxy):
    put_photos(cloud)
    proxy.plan = times(2, "GET", "/1.jpg", BUSY)

    assert cloud.ingest() == 0
    assert cloud.paths() == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize("task", ["ingest", "remove", "compact"])
def test_credentials_that_have_expired_give_75_and_say_so(cloud, proxy, capsys, task):
    put_photos(cloud)
    proxy.plan = always("GET", "list-type=2", EXPIRED)

    code = (
        cloud.ingest() if task == "ingest" else cloud.run(*([task, "x"][: 1 + (task == "remove")]))
    )

    assert code == 75
    assert "the AWS credentials have expired; renew them" in capsys.readouterr().err


def test_credentials_that_expire_while_photos_are_fetched_give_75(cloud, proxy, capsys):
    put_photos(cloud)
    seen = []

    def plan(method: str, path: str):
        seen.append(path)
        begun = any(".jpg" in one for one in seen)
        return EXPIRED if begun else None

    proxy.plan = plan

    assert cloud.ingest() == 75

    err = capsys.readouterr().err
    assert "the AWS credentials have expired" in err
    assert "X-Amz" not in err


def test_credentials_that_expire_fail_the_writers_batch(cloud, proxy, caplog):
    put_photos(cloud, 1)
    proxy.plan = always("GET", "/0.jpg", EXPIRED)

    assert cloud.send("0.jpg") == ["message-0"]
    assert "the AWS credentials have expired" in caplog.text


def test_rights_that_are_missing_give_2_and_say_what_to_do(cloud, proxy, capsys):
    put_photos(cloud)
    proxy.plan = always("GET", f"/{cloud.photos.bucket}?list-type=2", DENIED)

    assert cloud.ingest() == 2

    err = capsys.readouterr().err
    assert f"{cloud.photos}: S3 says AccessDenied to ListObjectsV2: check the name" in err


@pytest.mark.parametrize("place", ["photos", "work", "thumbs", "index"])
def test_a_bucket_that_is_not_there_gives_2_and_its_name(cloud, capsys, monkeypatch, place):
    put_photos(cloud)
    wrong = "s3://no-such-bucket/key"
    options = {
        "--work": str(cloud.work),
        "--thumbs": str(cloud.thumbs),
        "--index": str(cloud.index),
    }
    photos = wrong if place == "photos" else str(cloud.photos)
    if f"--{place}" in options:
        options[f"--{place}"] = wrong

    code = main(["ingest", "bucket", photos, *(word for item in options.items() for word in item)])

    assert code == 2
    assert "no-such-bucket" in (err := capsys.readouterr().err)
    assert "there is no such bucket; check its name" in err


def test_no_credentials_give_2_and_the_ways_to_get_some(cloud, capsys, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    assert cloud.ingest() == 2
    assert "there are no AWS credentials; sign in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "status", "message", "exit_code"),
    [
        ("InvalidAccessKeyId", 403, "it does not know these credentials", 2),
        ("SignatureDoesNotMatch", 403, "it does not know these credentials", 2),
        ("AuthorizationHeaderMalformed", 400, "another region; set AWS_REGION", 2),
        ("PermanentRedirect", 301, "another region; set AWS_REGION", 2),
        ("InternalError", 500, "it is busy or away", 75),
        ("ServiceUnavailable", 503, "it is busy or away", 75),
        ("KMS.DisabledException", 400, "S3 says KMS.DisabledException: planned", 2),
    ],
)
def test_what_s3_says_leads_to_what_to_do(cloud, proxy, capsys, code, status, message, exit_code):
    put_photos(cloud, 1)
    proxy.plan = always("GET", "list-type=2", (status, code))

    assert cloud.ingest() == exit_code
    assert message in capsys.readouterr().err


def test_an_index_that_others_replace_each_time_gives_75(cloud, proxy, capsys):
    put_photos(cloud)
    proxy.plan = always("PUT", "/photos.db", (412, "PreconditionFailed"))

    assert cloud.ingest() == 75
    assert "others replaced" in capsys.readouterr().err


def test_without_boto3_the_message_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(SettingsError, match=r"pip install photo-search\[aws\]"):
        S3.connect(IndexAccess())
