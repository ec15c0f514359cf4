from __future__ import annotations

import pytest

from photo_search.errors import SettingsError
from photo_search.s3_url import S3Url, object_url


@pytest.mark.parametrize(
    ("url", "bucket", "key"),
    [
        ("s3://our-photos", "our-photos", ""),
        ("s3://our-photos/", "our-photos", ""),
        ("s3://our-photos/index/photos v1.db", "our-photos", "index/photos v1.db"),
        ("s3://photos.example.com/100%25/ü?#/", "photos.example.com", "100%25/ü?#"),
    ],
)
def test_a_place_is_read_as_it_is_written(url, bucket, key):
    place = S3Url.parse(url, name="PHOTOS_URL")

    assert place == S3Url(bucket, key)
    assert str(place) == url.removesuffix("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3:/our-photos",
        "S3://our-photos",
        "s3://ab",
        "s3://Our-Photos/x",
        "s3://key:secret@our-photos/x",
        "s3://our-photos//x",
        "s3://our-photos/a/./b",
        "s3://our-photos/../b",
        "s3://our-photos/" + "ü" * 513,
    ],
)
def test_what_is_no_place_is_refused_by_the_setting_s_name(url):
    with pytest.raises(SettingsError, match="PHOTOS_URL"):
        S3Url.parse(url, name="PHOTOS_URL")


def test_an_object_lies_below_its_prefix_or_in_the_bucket():
    assert S3Url("our-photos", "thumbs").object("a/b.webp").key == "thumbs/a/b.webp"
    assert S3Url("our-photos").object("a/b.webp").key == "a/b.webp"


@pytest.mark.parametrize(
    ("place", "region", "endpoint", "url"),
    [
        (
            S3Url("our-photos", "a b/ü%2F.webp"),
            "eu-central-1",
            "",
            "https://our-photos.s3.eu-central-1.amazonaws.com/a%20b/%C3%BC%252F.webp",
        ),
        (
            S3Url("our.photos", "a"),
            "eu-central-1",
            "",
            "https://s3.eu-central-1.amazonaws.com/our.photos/a",
        ),
        (
            S3Url("our-photos", "a"),
            "cn-north-1",
            "",
            "https://our-photos.s3.cn-north-1.amazonaws.com.cn/a",
        ),
        (
            S3Url("our-photos", "a"),
            "eu-central-1",
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9000/our-photos/a",
        ),
    ],
    ids=["AWS", "dots", "China", "own server"],
)
def test_an_object_s_address_names_the_bucket_where_its_server_can_tell(
    place, region, endpoint, url
):
    assert object_url(place, region=region, endpoint=endpoint) == url
