from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from local.opensearch_server.account import Account
from local.opensearch_server.checksums import SHA256
from tests.opensearch_server.fakes import sums_of_fakes, write_java, write_maven


@pytest.fixture
def ourselves() -> Account:
    """Whoever runs the tests; pytest's directories are closed to any other user."""
    return Account(getpass.getuser())


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory at the head of the PATH with a Java 21 and a Maven."""
    directory = tmp_path / "programs"
    directory.mkdir()
    java = write_java(tmp_path / "java-21", "21.0.9")
    (directory / "java").symlink_to(java / "bin" / "java")
    write_maven(directory)
    for coordinates, sha256 in sums_of_fakes(directory).items():
        monkeypatch.setitem(SHA256, coordinates, sha256)
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    return directory


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"
