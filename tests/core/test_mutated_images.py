from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.core.mutated_images import TIME_LIMIT_S

MEMORY_LIMIT_MB = 600


@dataclass(frozen=True)
class Report:
    outcomes: dict[str, int]
    slowest_s: float
    peak_mb: float


def decode_mutated(count: int, seed: int) -> Report:
    code = (
        f"import sys; sys.path = {sys.path}; "
        f"from tests.core.mutated_images import main; main({count}, {seed})"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return Report(**json.loads(result.stdout))


def assert_harmless(report: Report, count: int) -> None:
    assert set(report.outcomes) == {"DecodedImage", "ImageTooLarge", "UnsupportedImage"}
    assert sum(report.outcomes.values()) == count
    # Were all refused, or none, the mutations would reach no decoder or spoil nothing.
    assert count * 0.1 < report.outcomes["DecodedImage"] < count * 0.9
    assert report.slowest_s < TIME_LIMIT_S
    assert report.peak_mb < MEMORY_LIMIT_MB


def test_a_thousand_mutated_images_are_decoded_or_refused():
    assert_harmless(decode_mutated(1000, seed=1), 1000)


@pytest.mark.slow
def test_twenty_thousand_mutated_images_are_decoded_or_refused():
    assert_harmless(decode_mutated(20_000, seed=2), 20_000)
