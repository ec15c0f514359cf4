"""How many CPUs there are to use."""

from __future__ import annotations

import os
import sys


def usable_cpus() -> int:
    """CPUs that this process may use; all of them where the system does not tell (macOS)."""
    if sys.platform == "darwin":
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))
