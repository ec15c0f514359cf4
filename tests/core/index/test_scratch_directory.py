from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from photo_search.errors import DiskFull, PhotoIndexError
from photo_search.index.scratch_directory import ScratchDirectory, disk_errors
from tests.conftest import REPOSITORY

DIES = """
import os, signal, sys
from pathlib import Path
from photo_search.index.scratch_directory import ScratchDirectory
directory = ScratchDirectory(Path(sys.argv[1]))
(directory.path / "photos.db").write_bytes(b"x" * 1000)
print(directory.path, flush=True)
{end}
"""


def run(parent, end):
    return subprocess.run(
        [sys.executable, "-c", DIES.format(end=end), str(parent)],
        cwd=REPOSITORY,
        env={"PYTHONPATH": "lambda_src"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def directories(parent):
    return sorted(parent.glob("*photo-search-*"))


def test_a_directory_is_there_until_it_is_closed(tmp_path):
    directory = ScratchDirectory(tmp_path)
    (directory.path / "photos.db").touch()
    assert directories(tmp_path) == [directory.path]

    directory.close()
    directory.close()

    assert directories(tmp_path) == []


def test_a_process_that_ends_leaves_nothing(tmp_path):
    assert run(tmp_path, "") != ""

    assert directories(tmp_path) == []


def test_what_a_killed_process_left_is_taken_out_by_the_next(tmp_path):
    left = run(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert [str(path) for path in directories(tmp_path)] == [left]

    directory = ScratchDirectory(tmp_path)

    assert directories(tmp_path) == [directory.path]
    directory.close()


def test_the_directory_of_a_living_process_stays(tmp_path):
    first, second = ScratchDirectory(tmp_path), ScratchDirectory(tmp_path)

    assert directories(tmp_path) == sorted([first.path, second.path])
    first.close()
    second.close()


def test_a_place_where_nothing_can_be_made_is_told(tmp_path):
    with pytest.raises(PhotoIndexError, match="cannot be written"):
        ScratchDirectory(tmp_path / "missing")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_from_other_errors(tmp_path, number):
    with pytest.raises(DiskFull, match=str(tmp_path)), disk_errors(tmp_path):
        raise OSError(number, "as the system says it")
