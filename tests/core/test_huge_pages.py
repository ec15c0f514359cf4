from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from photo_search.huge_pages import huge_pages

# Small pieces, as a model's weights are, in memory that was never used before.
LOAD = """
import ctypes, json, sys
from contextlib import nullcontext
from photo_search.huge_pages import huge_pages

def taken_kb(kind):
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind + ":"))

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
before = taken_kb("AnonHugePages"), taken_kb("Rss")
with huge_pages(64 << 20) if sys.argv[1] == "large" else nullcontext():
    pieces = [libc.malloc(1 << 20) for _ in range(32)]
    for piece in pieces:
        ctypes.memset(piece, 1, 1 << 20)
after = taken_kb("AnonHugePages"), taken_kb("Rss")
print(json.dumps([now - then for now, then in zip(after, before)]))
"""


def load(pages: str) -> tuple[int, int]:
    """Kilobytes in large pages and in all that 32 MiB came to, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, pages], check=True, capture_output=True, text=True
    )
    large, resident = json.loads(done.stdout)
    return large, resident


def are_to_be_had() -> bool:
    """Whether this Linux gives large pages to who asks for them."""
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return setting.exists() and "[never]" not in setting.read_text("ascii")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has them")
def test_what_is_loaded_lies_in_large_pages_where_they_are_to_be_had():
    large, _ = load("large")

    assert (large >= 24 << 10) is are_to_be_had()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_address_space_that_is_set_aside_takes_no_memory():
    _, resident = load("large")
    _, expected = load("small")

    assert resident < expected + (4 << 10)


def test_another_thread_loads_as_ever():
    loaded = []

    def work() -> None:
        with huge_pages(1 << 20):
            loaded.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert loaded == [True]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_load_as_ever(monkeypatch: pytest.MonkeyPatch, platform: str):
    monkeypatch.setattr(sys, "platform", platform)

    with huge_pages(1 << 20):
        pass


def test_an_error_in_the_block_comes_through():
    with pytest.raises(ValueError, match="broken"), huge_pages(1 << 20):
        int("broken")
