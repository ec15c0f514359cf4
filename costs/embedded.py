"""How large a collection the embedded index on AWS can be, and what stops it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from costs.assumptions import Assumption

_FILES_AT_ONCE = 2  # while a newer index replaces the old one


@dataclass(frozen=True, slots=True)
class Limit:
    """So many photos, and what more would break."""

    photos: int
    why: str


def embedded_limits(assumptions: Mapping[str, Assumption]) -> tuple[Limit, ...]:
    """The limits of the embedded index in a function of the default size, the lowest first."""
    file_bytes = assumptions["embedded_bytes_per_photo"].value
    memory_bytes = assumptions["embedded_memory_bytes_per_photo"].value
    free_mb = assumptions["lambda_memory_mb"].value - assumptions["base_memory_mb"].value
    fetch_s = assumptions["init_phase_seconds"].value - assumptions["init_seconds"].value
    limits = (
        Limit(
            int(assumptions["tmp_mb"].value * 1e6 / _FILES_AT_ONCE / file_bytes),
            f"two files at a change must fit into {assumptions['tmp_mb'].value:.0f} MB of `/tmp`",
        ),
        Limit(
            int(free_mb * 1e6 / _FILES_AT_ONCE / memory_bytes),
            f"so must they into {assumptions['lambda_memory_mb'].value:,.0f} MB of memory",
        ),
        Limit(
            int(fetch_s * assumptions["s3_mb_per_second"].value * 1e6 / file_bytes),
            "the file must be fetched within the 10 s of an init",
        ),
    )
    return tuple(sorted(limits, key=lambda limit: limit.photos))


def fetch_seconds(photos: int, assumptions: Mapping[str, Assumption]) -> float:
    """How long a cold start fetches the index."""
    file_bytes = photos * assumptions["embedded_bytes_per_photo"].value
    return file_bytes / 1e6 / assumptions["s3_mb_per_second"].value
