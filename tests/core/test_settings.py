from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from photo_search.errors import SettingsError
from photo_search.settings import Settings, read_settings
from tests.conftest import REPOSITORY


def test_nothing_given_is_the_defaults(monkeypatch):
    monkeypatch.setenv("MODEL_DIR", "/elsewhere")

    assert read_settings({"UNRELATED": "x"}) == Settings()
    assert read_settings({}) == Settings()
    assert read_settings().model_dir == Path("/elsewhere")


def test_every_setting_is_read():
    settings = read_settings(
        {
            "MODEL_DIR": "build/bundle",
            "INDEX_URL": "sqlite:////srv/photos.db",
            "PRELOAD": "text, image",
            "ALLOW_IMAGE_URL": "False",
            "ALLOW_HTTP_IMAGE_URL": "1",
            "ENCODER_THREADS": "3",
            "CORS_ALLOW_ORIGIN": "https://photos.example",
        }
    )

    assert settings == Settings(
        model_dir=Path("build/bundle"),
        index_url="sqlite:////srv/photos.db",
        preload=("text", "image"),
        allow_image_url=False,
        allow_http_image_url=True,
        encoder_threads=3,
        cors_allow_origin="https://photos.example",
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
        ("ENCODER_THREADS", "1025"),
        ("ENCODER_THREADS", "9" * 5000),
        ("PRELOAD", "text,sound"),
        ("CORS_ALLOW_ORIGIN", "https://a.example,https://b.example"),
        ("CORS_ALLOW_ORIGIN", "https://a.example/"),
        ("CORS_ALLOW_ORIGIN", "a.example"),
    ],
)
def test_a_malformed_value_is_an_error_that_names_the_variable(name, value):
    with pytest.raises(SettingsError, match=name):
        read_settings({name: value})


def test_the_readme_has_a_row_for_every_setting():
    readme = (REPOSITORY / "README.md").read_text()

    for setting in fields(Settings):
        assert f"| `{setting.name.upper()}` |" in readme
