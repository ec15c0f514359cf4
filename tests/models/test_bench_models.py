"""Arithmetic of ``make bench-models``; its measuring takes torch and minutes."""

import pytest

from benchmarks.machine import Figure
from benchmarks.models.limits import Limits
from benchmarks.models.tables import limit_rows, ratio_rows

LIMITS = Limits(bytes_per_s=10e9, fp32_per_s=100e9, int8_per_s=1e12)


def warm(contender: str, *, threads: int = 1, ms: float = 10.0) -> dict[str, Figure]:
    return {
        "contender": contender,
        "threads": threads,
        "text_ms": ms,
        "text_after_pause_ms": ms,
        "image_ms": ms,
        "text_resident_mb": ms,
        "images_per_s": 1000 / ms,
    }


def test_a_short_text_is_bound_by_bytes_and_an_image_by_products():
    weights, projection = 12 * 12 * 512**2, 512 * 512

    text_ms = LIMITS.shortest_ms("text", 8, "fp32")

    assert text_ms == pytest.approx((weights + projection) * 4 / 10e9 * 1000)
    assert LIMITS.shortest_ms("text", 8, "int8") < text_ms / 3.8
    products = 2 * 50 * (12 * 12 * 768**2 + 3 * 32 * 32 * 768)
    assert LIMITS.shortest_ms("image", 50, "fp32") == pytest.approx(products / 100e9 * 1000)


def test_ratios_are_against_each_rival_with_as_many_threads():
    rows = [
        warm("torch (a1)", ms=80.0),
        warm("torch (a2)", ms=40.0),
        warm("torch (a2)", threads=2, ms=30.0),
        warm("ours, int8", ms=8.0),
    ]
    starts: list[dict[str, Figure]] = [
        {"contender": "torch (a1)", "first_text_s": 6.0},
        {"contender": "torch (a2)", "first_text_s": 4.0},
        {"contender": "ours, int8", "first_text_s": 0.5},
    ]

    ratios = ratio_rows(rows, starts)

    assert [(row["against"], row["text_ms"], row["first_text_s"]) for row in ratios] == [
        ("torch (a1)", 10.0, 12.0),
        ("torch (a2)", 5.0, 8.0),
    ]
    assert ratios[1]["images_per_s"] == pytest.approx(5.0)


def test_only_ours_are_held_to_the_limit():
    (row,) = limit_rows({1: LIMITS}, [warm("torch (a2)"), warm("ours, int8", ms=8.0)])

    assert row["precision"] == "int8"
    assert row["text / limit"] == pytest.approx(8.0 / LIMITS.shortest_ms("text", 8, "int8"))
