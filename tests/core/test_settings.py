from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from photo_search.errors import SettingsError
from photo_search.s3_url import S3Url
from photo_search.settings import (
    SETTING_NAMES,
    AwsEnvironment,
    IndexAccess,
    Settings,
    may_connect_at_start,
    read_aws_environment,
    read_settings,
    refuse_credentials_in,
)
from tests.conftest import REPOSITORY

PASSWORD = "kœnig/lich#s3cret"


def test_nothing_given_is_the_defaults(monkeypatch):
    monkeypatch.setenv("MODEL_DIR", "/elsewhere")

    assert read_settings({"UNRELATED": "x"}) == Settings()
    assert read_settings({}) == Settings()
    assert read_settings().model_dir == Path("/elsewhere")


def test_every_setting_is_read(tmp_path):
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    settings = read_settings(
        {
            "MODEL_DIR": "build/bundle",
            "INDEX_URL": "https://photos.example:9200/photos",
            "INDEX_AUTH": "basic",
            "INDEX_USER": "reader",
            "INDEX_PASSWORD": PASSWORD,
            "INDEX_CA_FILE": str(ca_file),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PRELOAD": "text, image",
            "ALLOW_IMAGE_URL": "False",
            "ALLOW_HTTP_IMAGE_URL": "1",
            "ENCODER_THREADS": "3",
            "ENCODER_DEVICE": "cuda",
            "PRECISION": "fp16",
            "CORS_ALLOW_ORIGIN": "https://photos.example",
            "PHOTOS_URL": "s3://our-photos/from cameras/",
            "THUMBS_URL": "s3://our-photos/thumbs",
            "WORK_URL": "s3://our.shards",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000",
        }
    )

    assert settings == Settings(
        model_dir=Path("build/bundle"),
        index_url="https://photos.example:9200/photos",
        index_access=IndexAccess(
            "basic", "reader", PASSWORD, ca_file, "eu-central-1", "http://127.0.0.1:9000"
        ),
        preload=("text", "image"),
        allow_image_url=False,
        allow_http_image_url=True,
        encoder_threads=3,
        encoder_device="cuda",
        precision="fp16",
        cors_allow_origin="https://photos.example",
        photos_url=S3Url("our-photos", "from cameras"),
        thumbs_url=S3Url("our-photos", "thumbs"),
        work_url=S3Url("our.shards"),
    )


def test_an_empty_value_counts_as_not_given():
    assert read_settings({"ENCODER_THREADS": "", "MODEL_DIR": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOW_IMAGE_URL", "maybe"),
        ("ALLOW_HTTP_IMAGE_URL", "2"),
        ("ENCODER_THREADS", "-1"),
        ("ENCODER_THREADS", "two"),
        ("ENCODER_DEVICE", "gpu"),
        ("PRECISION", "float32"),
        ("ENCODER_THREADS", "1025"),
        ("ENCODER_THREADS", "9" * 5000),
        ("PRELOAD", "text,sound"),
        ("CORS_ALLOW_ORIGIN", "https://a.example,https://b.example"),
        ("CORS_ALLOW_ORIGIN", "https://a.example/"),
        ("CORS_ALLOW_ORIGIN", "a.example"),
        ("INDEX_AUTH", "kerberos"),
        ("INDEX_AUTH", "Basic"),
        ("INDEX_CA_FILE", "/no/such/file.pem"),
        ("INDEX_CA_FILE", "/"),
        ("PHOTOS_URL", "our-photos"),
        ("THUMBS_URL", "https://our-photos.s3.amazonaws.com/thumbs"),
        ("WORK_URL", "s3://"),
        ("WORK_URL", "s3://shards/a/../b"),
        ("AWS_ENDPOINT_URL_S3", "127.0.0.1:9000"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/s3"),
        ("AWS_ENDPOINT_URL_S3", "http://key:secret@127.0.0.1"),
        ("AWS_ENDPOINT_URL_S3", "*"),
    ],
)
def test_a_malformed_value_is_an_error_that_names_the_variable(name, value):
    with pytest.raises(SettingsError, match=name):
        read_settings({name: value})


@pytest.mark.parametrize("absent", ["INDEX_USER", "INDEX_PASSWORD"])
def test_basic_needs_a_user_and_a_password(absent):
    given = {"INDEX_AUTH": "basic", "INDEX_USER": "reader", "INDEX_PASSWORD": PASSWORD}

    with pytest.raises(SettingsError, match=f"{absent} is not given"):
        read_settings(given | {absent: ""})


@pytest.mark.parametrize("auth", ["", "none", "sigv4"])
@pytest.mark.parametrize("name", ["INDEX_USER", "INDEX_PASSWORD"])
def test_a_user_or_a_password_without_basic_is_a_contradiction(auth, name):
    with pytest.raises(SettingsError, match=f"{name} is given but INDEX_AUTH") as refusal:
        read_settings({"INDEX_AUTH": auth, name: PASSWORD})

    assert PASSWORD not in str(refusal.value)


def test_a_user_with_a_colon_is_refused():
    given = {"INDEX_AUTH": "basic", "INDEX_USER": "a:b", "INDEX_PASSWORD": PASSWORD}

    with pytest.raises(SettingsError, match="INDEX_USER is 'a:b'"):
        read_settings(given)


@pytest.mark.parametrize(
    "url",
    [
        f"https://reader:{PASSWORD}@photos.example/photos",
        f"HTTPS://{PASSWORD}@photos.example",
        f"reader:{PASSWORD}@photos.example:9200",
        f"https://reader:{PASSWORD}@[::1",
    ],
)
def test_credentials_in_the_index_url_are_refused_without_repeating_them(url):
    with pytest.raises(SettingsError, match="INDEX_PASSWORD") as refusal:
        read_settings({"INDEX_URL": url})

    assert PASSWORD not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_the_path_of_a_file_may_hold_an_at_sign():
    refuse_credentials_in("sqlite:////srv/me@home/photos.db")

    url = "sqlite:///photos@home.db"
    assert read_settings({"INDEX_URL": url}).index_url == url


def test_no_representation_holds_the_password():
    settings = read_settings(
        {"INDEX_AUTH": "basic", "INDEX_USER": "reader", "INDEX_PASSWORD": PASSWORD}
    )

    assert settings.index_access.password == PASSWORD
    for shown in (repr(settings), str(settings), f"{settings.index_access}"):
        assert "reader" in shown
        assert PASSWORD not in shown


def test_the_default_region_counts_where_no_region_is_given():
    assert read_settings({"AWS_DEFAULT_REGION": "eu-west-1"}).index_access.region == "eu-west-1"


def test_the_fallback_counts_where_the_environment_gives_none():
    fallback = {
        "INDEX_AUTH": "basic",
        "INDEX_USER": "of-the-file",
        "INDEX_PASSWORD": PASSWORD,
        "MODEL_DIR": "of-the-file",
        "PRELOAD": None,
        "AWS_SECRET_ACCESS_KEY": "no setting",
    }

    settings = read_settings(
        {"INDEX_USER": "of-the-environment", "MODEL_DIR": ""}, fallback=fallback
    )

    assert settings == Settings(
        model_dir=Path("of-the-file"),
        index_access=IndexAccess("basic", "of-the-environment", PASSWORD),
    )


def test_the_fallback_is_held_to_the_same_rules():
    with pytest.raises(SettingsError, match="ENCODER_THREADS"):
        read_settings({}, fallback={"ENCODER_THREADS": "many"})


def test_the_aws_environment_is_read():
    assert read_aws_environment({"UNRELATED": "x"}) == AwsEnvironment()
    assert read_aws_environment(
        {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "session",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/full",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/relative",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/token",
        }
    ) == AwsEnvironment(
        "key", "secret", "session", "http://127.0.0.1/full", "/relative", "token", Path("/token")
    )


def test_no_representation_holds_an_aws_secret():
    shown = repr(AwsEnvironment("key", "s3cret", "s3cret", container_token="s3cret"))

    assert "key" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize("given", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_key_is_an_error_that_names_the_other_half(given):
    (absent,) = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} - {given}

    with pytest.raises(SettingsError, match=f"{given} is given without {absent}") as refusal:
        read_aws_environment({given: "s3cret"})

    assert "s3cret" not in str(refusal.value)


def test_every_field_has_a_variable_of_its_name():
    names = {setting.name.upper() for setting in fields(Settings)} - {"INDEX_ACCESS"}
    parts = {f"INDEX_{part.name.upper()}" for part in fields(IndexAccess)}
    names |= parts - {"INDEX_REGION", "INDEX_S3_ENDPOINT"}

    of_aws = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"}
    assert set(SETTING_NAMES) == names | of_aws


@pytest.mark.parametrize(
    ("kind", "may_connect"),
    [
        ("on-demand", True),
        ("provisioned-concurrency", True),
        ("snap-start", False),
        ("another kind", False),
        ("", False),
    ],
)
def test_only_a_lambda_that_starts_for_itself_connects_at_its_start(kind, may_connect):
    assert may_connect_at_start({"AWS_LAMBDA_INITIALIZATION_TYPE": kind}) is may_connect
    assert may_connect_at_start({}) is False


def test_the_readme_has_every_setting_in_its_table():
    readme = (REPOSITORY / "README.md").read_text()
    rows = "\n".join(line for line in readme.splitlines() if line.startswith("| `"))

    for name in SETTING_NAMES:
        assert f"`{name}`" in rows
