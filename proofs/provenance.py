"""Where a proof comes from: commit and versions."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import version


@cache
def commit() -> str:
    """The commit, with ``-dirty`` where files differ from it."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def versions() -> dict[str, str]:
    """The software that takes part, less the server."""
    return {
        "python": platform.python_version(),
        "opensearch-py": version("opensearch-py"),
        "pyarrow": version("pyarrow"),
    }
