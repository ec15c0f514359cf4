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
import ctypes, json, re, sys
from contextlib import nullcontext
from photo_search.huge_pages import huge_pages

def resident_kb():
    return int(re.search("Rss: +([0-9]+)", open("/proc/self/smaps_rollup").read())[1])

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
before_kb = resident_kb()
with huge_pages(64 << 20) if sys.argv[1] == "large" else nullcontext():
    pieces = [libc.malloc(1 << 20) for _ in range(32)]
    for piece in pieces:
        ctypes.memset(piece, 1, 1 << 20)
after_kb = resident_kb()
asked = 0
for area in re.split("\\n(?=[0-9a-f]+-)", open("/proc/self/smaps").read()):
    start, end = (int(address, 16) for address in area.split()[0].split("-"))
    if re.search("VmFlags:.* hg", area):
        asked += sum(start <= piece < end for piece in pieces)
print(json.dumps([asked, after_kb - before_kb]))
"""


def load(pages: str) -> tuple[int, int]:
    """Of 32 pieces of 1 MiB, for how many large pages are asked, and what all took in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, pages], check=True, capture_output=True, text=True
    )
    asked, resident_kb = json.loads(done.stdout)
    return asked, resident_kb


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has them")
def test_for_what_is_loaded_large_pages_are_asked_where_linux_knows_them():
    asked, _ = load("large")

    known = Path("/sys/kernel/mm/transparent_hugepage").exists()
    assert (asked >= 30) is known


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_address_space_that_is_set_aside_takes_no_memory():
    asked, expected_kb = load("small")
    assert asked == 0

    _, resident_kb = load("large")

    assert resident_kb < expected_kb + (4 << 10)


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
