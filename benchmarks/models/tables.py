"""Ratios and limits, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.machine import Figure
from benchmarks.models.limits import Limits

TEXT_TOKENS = 8
IMAGE_PLACES = 50
_LESS_IS_BETTER = ("text_ms", "text_after_pause_ms", "image_ms", "text_resident_mb")

Row = Mapping[str, Figure]


def ratio_rows(warm: Sequence[Row], starts: Sequence[Row]) -> list[dict[str, Figure]]:
    """How many times as fast, or as small, ours are as each rival: above 1 is better."""
    start_s = {str(row["contender"]): float(row["first_text_s"]) for row in starts}
    ours = [row for row in warm if _is_ours(row)]
    rivals = [row for row in warm if not _is_ours(row)]
    return [
        _ratios(our, their, start_s)
        for our in ours
        for their in rivals
        if their["threads"] == our["threads"]
    ]


def _is_ours(row: Row) -> bool:
    return str(row["contender"]).startswith("ours")


def _ratios(our: Row, their: Row, start_s: Mapping[str, float]) -> dict[str, Figure]:
    names = (str(our["contender"]), str(their["contender"]))
    quotients = {key: float(their[key]) / float(our[key]) for key in _LESS_IS_BETTER}
    return {
        "ours": names[0],
        "against": names[1],
        "threads": our["threads"],
        **quotients,
        "images_per_s": float(our["images_per_s"]) / float(their["images_per_s"]),
        "first_text_s": start_s[names[1]] / start_s[names[0]],
    }


def limit_rows(limits: Mapping[int, Limits], warm: Sequence[Row]) -> list[dict[str, Figure]]:
    """The least time that bytes and products leave, and how many times it ours take."""
    rows: list[dict[str, Figure]] = []
    for row in warm:
        if not _is_ours(row):
            continue
        precision = str(row["contender"]).removeprefix("ours, ")
        limit = limits[int(row["threads"])]
        text_ms = limit.shortest_ms("text", TEXT_TOKENS, precision)
        image_ms = limit.shortest_ms("image", IMAGE_PLACES, precision)
        rows.append(
            {
                "precision": precision,
                "threads": row["threads"],
                "GB/s": limit.bytes_per_s / 1e9,
                "fp32 GFLOP/s": limit.fp32_per_s / 1e9,
                "int8 GOP/s": limit.int8_per_s / 1e9,
                "text limit ms": text_ms,
                # Of texts in a row the weights may come from the CPU's caches.
                "text / limit": float(row["text_after_pause_ms"]) / text_ms,
                "image limit ms": image_ms,
                "image / limit": float(row["image_ms"]) / image_ms,
            }
        )
    return rows
