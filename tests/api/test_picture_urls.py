from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from handler import make_handler
from http_api.picture_urls import pictures_of
from photo_search.aws_credentials import AwsCredentialSource
from photo_search.errors import SettingsError
from photo_search.photo import Photo, Source
from photo_search.s3_url import S3Url
from photo_search.settings import AwsEnvironment, IndexAccess, Settings
from tests.api.events import Context, http_event

OURS = Photo("a/b ü", 30, 20, path="2019/red.JPG")
THEIRS = Photo("x1", 30, 20, source=Source.UNSPLASH, original_url="https://images.example/1?a=b")
BUCKETS = Settings(
    index_access=IndexAccess(region="eu-central-1"),
    photos_url=S3Url("our-photos", "originals"),
    thumbs_url=S3Url("our-photos", "thumbs"),
)
HOST = "our-photos.s3.eu-central-1.amazonaws.com"


def pictures(settings):
    source = AwsCredentialSource(read=lambda: AwsEnvironment("AKIDEXAMPLE", "secret"))
    return pictures_of(settings, credentials=source)


def place(url):
    parts = urlsplit(url)
    assert "X-Amz-Signature=" in parts.query
    return parts.netloc + parts.path


def test_without_buckets_the_site_serves_one_s_own_photos():
    urls = pictures(Settings())(OURS)

    assert (urls.image, urls.thumbnail) == ("/originals/a%2Fb%20%C3%BC", "/thumbs/a%2Fb%20%C3%BC")


def test_with_buckets_one_s_own_photos_are_links_into_them():
    urls = pictures(BUCKETS)(OURS)

    assert place(urls.image) == f"{HOST}/originals/2019/red.JPG"
    assert place(urls.thumbnail) == f"{HOST}/thumbs/a%252Fb%2520%25C3%25BC.webp"


def test_unsplash_s_photos_stay_hotlinks():
    urls = pictures(BUCKETS)(THEIRS)

    assert (urls.image, urls.thumbnail) == (THEIRS.image_url, THEIRS.thumbnail_url)


@pytest.mark.parametrize("path", ["holiday.HEIC", "scan.tif", "no suffix", ""])
def test_what_browsers_do_not_show_is_shown_as_its_thumbnail(path):
    urls = pictures(BUCKETS)(Photo("p", 30, 20, path=path))

    assert urls.image == urls.thumbnail
    assert place(urls.image) == f"{HOST}/thumbs/p.webp"


def test_without_originals_the_thumbnail_is_the_picture():
    urls = pictures(Settings(index_access=BUCKETS.index_access, thumbs_url=BUCKETS.thumbs_url))(
        OURS
    )

    assert urls.image == urls.thumbnail
    assert place(urls.thumbnail).startswith(f"{HOST}/thumbs/")


def test_buckets_without_a_region_are_a_wrong_setting():
    with pytest.raises(SettingsError, match="AWS_REGION"):
        pictures(Settings(thumbs_url=BUCKETS.thumbs_url))


def test_the_api_answers_with_links(photo_search, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    handler = make_handler(lambda: photo_search, read=lambda: BUCKETS, report=False)

    found = handler(http_event("GET", "/search", query="q=red&k=4"), Context())
    one = handler(http_event("GET", "/photos/red"), Context())

    hits = {hit["photo_id"]: hit for hit in json.loads(str(found["body"]))["hits"]}
    assert place(hits["red"]["thumbnail_url"]) == f"{HOST}/thumbs/red.webp"
    assert place(json.loads(str(one["body"]))["image_url"]) == f"{HOST}/originals/red.png"
    assert hits["green"]["image_url"] == "https://images.unsplash.com/photo-1"


def test_an_answer_without_credentials_is_a_problem_that_tells_nothing(photo_search, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/secret-path")
    handler = make_handler(lambda: photo_search, read=lambda: BUCKETS, report=False)

    answer = handler(http_event("GET", "/photos/red"), Context())

    assert answer["statusCode"] == 503
    assert "secret-path" not in json.dumps(answer)
