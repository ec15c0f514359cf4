from __future__ import annotations

import hashlib
import resource
import time
from datetime import UTC, datetime
from pathlib import Path

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.errors import (
    DiskFull,
    IndexAccessDenied,
    IndexNotFound,
    IndexUnavailable,
    SettingsError,
)
from photo_search.index import s3_object
from photo_search.index.s3_object import S3Object
from photo_search.s3_url import S3Url
from photo_search.settings import AwsEnvironment, IndexAccess
from tests.core.index.request_recorder import RequestRecorder
from tests.core.index.s3_server import KEY, REGION, credentials
from tests.core.raw_server import RawServer, repeats, resets, response, says_nothing, sends

PLACE = S3Url("our-photos", "index/photos.db")
BODY = b"SQLite format 3\0" + bytes(range(256)) * 40
ETAG = f'"{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"'
SESSION_KEY = AwsEnvironment("ASIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "session/token+==")


class Fetch:
    """Fetches from a server that behaves as given; gives the ETag and the bytes."""

    def __init__(self, directory: Path) -> None:
        self.requests: list[str] = []
        self._directory = directory

    def __call__(self, behaviour, *, known_etags=(), within_s=5.0):
        path = self._directory / "photos.db"
        with RawServer(behaviour) as server:
            self.requests = server.requests
            access = IndexAccess(region=REGION, s3_endpoint=f"http://127.0.0.1:{server.port}")
            s3 = S3Object(PLACE, access, credentials=credentials())
            etag = s3.fetch(path, known_etags=known_etags, within_s=within_s)
        return etag, path.read_bytes() if path.exists() else None

    @property
    def left(self):
        return sorted(one.name for one in self._directory.iterdir())


@pytest.fixture
def fetch(tmp_path):
    return Fetch(tmp_path)


def whole(body=BODY, *, etag=ETAG, extra=""):
    return response(body, extra=f"ETag: {etag}\r\n{extra}")


def in_turn(*answers):
    left = list(answers)
    return lambda connection, _over: connection.sendall(left.pop(0))


def test_an_object_is_fetched_whole(fetch):
    assert fetch(sends(whole())) == (ETAG, BODY)
    assert fetch.left == ["photos.db"]
    (request,) = fetch.requests
    assert request.startswith("GET /our-photos/index/photos.db HTTP/1.1\r\n")


def test_an_object_that_is_known_is_not_fetched(fetch):
    unchanged = sends(response(b"", status="304 Not Modified", extra=f"ETag: {ETAG}\r\n"))

    assert fetch(unchanged, known_etags=('"older"', ETAG)) == (ETAG, None)
    assert f"If-None-Match: {ETAG}\r\n" in fetch.requests[0]
    assert fetch.left == []


def test_an_object_that_is_an_older_known_one_again_is_not_fetched(fetch):
    assert fetch(sends(whole()), known_etags=(ETAG, '"newer"')) == (ETAG, None)
    assert fetch.left == []


@pytest.mark.parametrize(
    "behaviour",
    [
        sends(response(BODY, length=len(BODY) + 1, extra=f"ETag: {ETAG}\r\n")),
        sends(whole(BODY[:-1] + b"x")),
        sends(b""),
        sends(b"HTTP/1.1 200 OK\r\nETag: x\r\n\r\n" + BODY),
        sends(response(BODY)),
        sends(response(b"<Code>SlowDown</Code>", status="503 Slow Down")),
        sends(response(b"", status="500 Internal Server Error")),
        sends(response(b"", status="429 Too Many Requests")),
        sends(response(b"<Code>ExpiredToken</Code>", status="400 Bad Request")),
        resets,
    ],
    ids=[
        *("cut off", "altered", "empty", "no size", "no ETag"),
        *("503", "500", "429", "expired", "reset"),
    ],
)
def test_what_does_not_come_whole_is_asked_for_once_more_and_then_unavailable(fetch, behaviour):
    with pytest.raises(IndexUnavailable, match=str(PLACE)):
        fetch(behaviour)

    assert len(fetch.requests) == 2
    assert fetch.left == []


def test_a_second_try_that_goes_well_is_enough(fetch):
    broken = response(BODY, length=len(BODY) + 9, extra=f"ETag: {ETAG}\r\n")

    assert fetch(in_turn(broken, whole())) == (ETAG, BODY)
    assert fetch.left == ["photos.db"]


def test_a_server_that_says_nothing_is_left_alone_in_time(fetch, monkeypatch):
    monkeypatch.setattr(s3_object, "_SILENCE_TIMEOUT_S", 0.2)

    start_s = time.monotonic()
    with pytest.raises(IndexUnavailable):
        fetch(says_nothing, within_s=0.3)

    assert time.monotonic() - start_s < 3


def test_a_trickle_does_not_outlast_the_time_that_a_fetch_has(fetch):
    head = response(b"", length=1_000_000, extra=f"ETag: {ETAG}\r\n")

    start_s = time.monotonic()
    with pytest.raises(IndexUnavailable, match="of 1000000 bytes came in time"):
        fetch(repeats(head, b"x", every_s=0.02), within_s=0.5)

    assert 0.4 < time.monotonic() - start_s < 3
    assert fetch.left == []


@pytest.mark.parametrize(
    "answer",
    [
        whole(etag='"0123456789abcdef0123456789abcdef-3"'),
        whole(
            etag='"0123456789abcdef0123456789abcdef"',
            extra="x-amz-server-side-encryption: aws:kms\r\n",
        ),
        whole(
            etag='"0123456789abcdef0123456789abcdef"',
            extra="x-amz-server-side-encryption-customer-algorithm: AES256\r\n",
        ),
    ],
    ids=["in parts", "KMS", "customer's key"],
)
def test_an_etag_that_is_no_md5_is_not_taken_for_one(fetch, answer):
    assert fetch(sends(answer))[1] == BODY


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("403 Forbidden", "AccessDenied", IndexAccessDenied),
        ("403 Forbidden", "RequestTimeTooSkewed", IndexAccessDenied),
        ("404 Not Found", "NoSuchKey", IndexNotFound),
    ],
)
def test_a_refusal_names_s3_s_reason_and_is_not_repeated(fetch, status, code, kind):
    with pytest.raises(kind, match=code):
        fetch(sends(response(f"<Error><Code>{code}</Code></Error>".encode(), status=status)))

    assert len(fetch.requests) == 1
    assert fetch.left == []


def test_a_bucket_of_another_region_is_a_wrong_setting(fetch):
    elsewhere = "Location: http://127.0.0.1:1/\r\nx-amz-bucket-region: us-west-2\r\n"

    with pytest.raises(SettingsError, match="lies in 'us-west-2'; AWS_REGION is 'eu-central-1'"):
        fetch(sends(response(b"", status="301 Moved Permanently", extra=elsewhere)))
    assert len(fetch.requests) == 1


def test_an_object_larger_than_the_disk_is_told_before_it_comes(fetch):
    with pytest.raises(DiskFull, match="has 999999999999999 bytes"):
        fetch(sends(response(b"", length=999_999_999_999_999, extra=f"ETag: {ETAG}\r\n")))

    assert fetch.left == []


def test_a_disk_that_fills_up_meanwhile_is_told(fetch):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(DiskFull, match="no room left"):
            fetch(sends(whole()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert fetch.left == []


@pytest.mark.parametrize("environment", [KEY, SESSION_KEY])
@pytest.mark.parametrize("key", ["photos.db", "a b/ü+(1)'~;=&@,!$*.db", "100%25.db", "東京/p.db"])
def test_requests_carry_the_signature_that_botocore_would_give_them(tmp_path, environment, key):
    with RequestRecorder() as recorder:
        endpoint = f"http://127.0.0.1:{recorder.port}"
        place = S3Url("our-photos", key)
        source = AwsCredentialSource(read=lambda: environment)
        s3 = S3Object(place, IndexAccess(region=REGION, s3_endpoint=endpoint), credentials=source)
        with pytest.raises(IndexUnavailable):
            s3.fetch(tmp_path / "x", known_etags=('"seen"',), within_s=1)
    sent = recorder.requests[0]

    signed = {
        name: value
        for name, value in sent.headers.items()
        if name.lower() == "host" or name.lower().startswith("x-amz-")
    }
    request = AWSRequest("GET", f"{endpoint}{sent.target}", headers=signed)
    at = datetime.strptime(sent.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: at)
        token = environment.session_token or None
        frozen = Credentials(environment.access_key, environment.secret_key, token)
        botocore.auth.S3SigV4Auth(frozen, "s3", REGION).add_auth(request)

    assert sent.headers["authorization"] == str(request.headers["Authorization"])
