"""Assumptions: every number of a bill that is no price, with its unit and origin."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ASSUMPTIONS_PATH = Path(__file__).with_name("assumptions.toml")


@dataclass(frozen=True, slots=True)
class Assumption:
    """One number, what it counts, and where it comes from."""

    name: str
    value: float
    unit: str
    source: str


def read_assumptions(path: Path = ASSUMPTIONS_PATH) -> Mapping[str, Assumption]:
    """Read all assumptions.

    Args:
        path: A TOML file with a table of value, unit and source for each.

    Raises:
        ValueError: One of them lacks a field or has another.
    """
    with path.open("rb") as file:
        tables = tomllib.load(file)
    assumptions = {}
    for name, table in tables.items():
        if set(table) != {"value", "unit", "source"}:
            msg = f"assumption {name!r} has {sorted(table)}, not value, unit and source"
            raise ValueError(msg)
        assumptions[name] = Assumption(
            name, float(table["value"]), str(table["unit"]), str(table["source"])
        )
    return assumptions
