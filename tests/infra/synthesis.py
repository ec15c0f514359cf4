"""The template of a configuration, synthesised once for all tests of a process that ask for it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.infra.variants import synthesise

REGION = "us-east-1"
"""Where a configuration that names no region goes."""


@cache
def synthesised(*given: str) -> dict[str, Any]:
    """The template of a configuration.

    Args:
        given: What is said on top of ``cdk.json``, each ``key=value``.
    """
    with tempfile.TemporaryDirectory() as directory:
        return synthesise(given, Path(directory)).template
