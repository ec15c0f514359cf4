"""Where a figure comes from: commit, machine, versions."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from photo_search.cpus import usable_cpus

_CPU_INFO = Path("/proc/cpuinfo")


@cache
def commit() -> str:
    """The commit, with ``-dirty`` where files differ from it."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def machine() -> dict[str, str | int]:
    """What it ran on."""
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cpus": usable_cpus(),
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    """The software that takes part, less the server."""
    return {
        "python": platform.python_version(),
        "opensearch-py": version("opensearch-py"),
        "pyarrow": version("pyarrow"),
    }
