from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import botocore.auth
import botocore.session
import pytest
import requests
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.errors import SettingsError
from photo_search.s3_links import LINK_LASTS, SIGNED_EVERY, S3Links
from photo_search.s3_url import S3Url
from photo_search.settings import AwsEnvironment, IndexAccess
from tests.core.index.s3_server import BUCKET, KEY, REGION, credentials, running_bucket

SESSION_KEY = AwsEnvironment("ASIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "session/token+==")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = [
    "red.jpg",
    "thumbs/a%2Fb%20%C3%BC.webp",
    "2019/São Paulo (1).JPG",
    "東京/🎈.png",
    "a+b&c=d;e?f#g'h\"i!*~$,:@[]{}|\\^`<>.jpg",
    "100%25 %zz.jpg",
    " lead and trail ",
    "double//slash/",
]


def links(environment=KEY, *, endpoint="", at=NOON):
    source = AwsCredentialSource(read=lambda: environment)
    access = IndexAccess(region=REGION, s3_endpoint=endpoint)
    return S3Links(access, credentials=source, now=lambda: at)


def botocores_link(environment, place, *, endpoint=None, at=NOON):
    """The same link by botocore's own presigner."""
    style = "path" if endpoint or "." in place.bucket else "virtual"
    client = botocore.session.Session().create_client(
        "s3",
        region_name=REGION,
        endpoint_url=endpoint or f"https://s3.{REGION}.amazonaws.com",
        aws_access_key_id=environment.access_key,
        aws_secret_access_key=environment.secret_key,
        aws_session_token=environment.session_token or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_: at)
        link = client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": place.bucket,
                "Key": place.key,
                "ResponseCacheControl": "private, max-age=3600",
            },
            ExpiresIn=7200,
        )
    client.close()
    return str(link)


def apart(link):
    parts = urlsplit(link)
    return parts.scheme, parts.netloc, parts.path, dict(parse_qsl(parts.query, True, True))


@pytest.mark.parametrize("environment", [KEY, SESSION_KEY], ids=["key", "session"])
@pytest.mark.parametrize("key", KEYS)
def test_a_link_is_the_one_that_botocore_makes(environment, key):
    place = S3Url(BUCKET, key)

    assert apart(links(environment).link(place)) == apart(botocores_link(environment, place))


@pytest.mark.parametrize(
    ("bucket", "endpoint"),
    [("photos.example.com", ""), (BUCKET, "http://127.0.0.1:9000"), ("a.b", "https://s3.example")],
)
def test_a_link_to_another_kind_of_host_is_too(bucket, endpoint):
    place = S3Url(bucket, "thumbs/ü b.webp")

    ours = links(SESSION_KEY, endpoint=endpoint).link(place)

    assert apart(ours) == apart(botocores_link(SESSION_KEY, place, endpoint=endpoint))


@pytest.fixture(scope="module")
def botocores_signature():
    """Botocore's signature of a ready path; its clients cost too much to make one for each."""

    def sign(path):
        request = botocore.awsrequest.AWSRequest(
            "GET",
            f"https://{BUCKET}.s3.{REGION}.amazonaws.com{path}"
            "?response-cache-control=private%2C%20max-age%3D3600",
        )
        frozen = botocore.credentials.Credentials(KEY.access_key, KEY.secret_key)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(botocore.auth, "get_current_datetime", lambda *_: NOON)
            botocore.auth.S3SigV4QueryAuth(frozen, "s3", REGION, expires=7200).add_auth(request)
        return dict(parse_qsl(urlsplit(request.url).query))["X-Amz-Signature"]

    return sign


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_key_is_signed_as_botocore_signs_it(botocores_signature, key):
    _, _, path, query = apart(links().link(S3Url(BUCKET, key)))

    assert query["X-Amz-Signature"] == botocores_signature(path)


def test_links_repeat_within_an_hour_and_are_good_for_at_least_another():
    late = NOON + SIGNED_EVERY - timedelta(seconds=1)
    place = S3Url(BUCKET, "red.jpg")

    assert links(at=late).link(place) == links().link(place)
    assert links(at=NOON + SIGNED_EVERY).link(place) != links().link(place)
    query = apart(links(at=late).link(place))[3]
    assert query["X-Amz-Date"] == "20260301T120000Z"
    assert NOON + timedelta(seconds=int(query["X-Amz-Expires"])) - late > SIGNED_EVERY
    assert timedelta(seconds=int(query["X-Amz-Expires"])) == LINK_LASTS


def test_a_link_gets_the_object_without_any_header():
    with running_bucket() as bucket:
        for key in KEYS[:4]:
            bucket.client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        made = S3Links(bucket.access, credentials=credentials())
        answers = [requests.get(made.link(S3Url(BUCKET, key)), timeout=10) for key in KEYS[:4]]

    assert [answer.content.decode() for answer in answers] == KEYS[:4]
    assert {answer.headers["cache-control"] for answer in answers} == {"private, max-age=3600"}


def test_without_a_region_no_link_is_made():
    with pytest.raises(SettingsError, match="AWS_REGION"):
        S3Links(IndexAccess())
