"""Peak memory of this process, as Linux's /proc tells it.

Not ``ru_maxrss``: a new process inherits its parent's, and it never falls.
"""

from __future__ import annotations

import re
from pathlib import Path

_PROC = Path("/proc/self")
_RESET_PEAK = "5"  # proc(5), clear_refs


def reset_peak() -> int:
    """Let the peak start from what is resident now, and return that, in bytes."""
    (_PROC / "clear_refs").write_text(_RESET_PEAK)
    return peak_bytes()


def peak_bytes() -> int:
    """Most bytes that were resident since the process or the last reset began."""
    found = re.search(r"VmHWM:\s+(\d+) kB", (_PROC / "status").read_text())
    assert found is not None
    return int(found[1]) * 1024
