from __future__ import annotations

import os

import pytest

from local.opensearch_server.cache import default_cache_dir, open_cache
from photo_search.errors import SettingsError


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_new_cache_is_readable_by_all_and_writable_by_us_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        cache = open_cache(tmp_path / "cache")
    finally:
        os.umask(before)

    assert cache.stat().st_mode & 0o777 == 0o755
    assert open_cache(cache) == cache


def test_the_default_lies_where_the_server_s_user_can_go():
    parents = default_cache_dir().parents

    assert all(parent.stat().st_mode & 0o001 for parent in parents)
    assert str(os.geteuid()) in default_cache_dir().name


def test_a_link_is_not_trusted(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SettingsError, match="it is a link or no directory"):
        open_cache(tmp_path / "cache")


def test_a_file_is_not_trusted(tmp_path):
    (tmp_path / "cache").write_text("")

    with pytest.raises(SettingsError, match="it is a link or no directory"):
        open_cache(tmp_path / "cache")


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_that_others_may_write_to_is_not_trusted(tmp_path, mode):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)

    with pytest.raises(SettingsError, match=f"others may write to it \\(mode {mode:o}\\)"):
        open_cache(tmp_path / "cache")


def test_another_user_s_directory_is_not_trusted(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(SettingsError, match=f"it belongs to user {owner}"):
        open_cache(tmp_path / "cache")


def test_a_cache_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(SettingsError, match="missing/cache cannot be made: No such file"):
        open_cache(tmp_path / "missing" / "cache")
