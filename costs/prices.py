"""Prices: what each thing costs, where, since when, and who says so; from ``prices.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from pathlib import Path

PRICES_PATH = Path(__file__).with_name("prices.toml")


class Trust(StrEnum):
    """Who says what a price is."""

    AWS = "aws"
    AWS_COPY = "aws-copy"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Price:
    """So many US dollars for so many units.

    Attributes:
        name: What it is the price of.
        usd: Dollars without tax for ``per`` units.
        per: Units that ``usd`` buys.
        unit: The unit in words.
        region: Where it holds.
        read: The day on which its source was read.
        as_of: The day that the source gives for it, or ``undated``.
        source: Who says so.
        trust: Whether that is AWS itself.
        free_per_month: Units that AWS gives each account every month, for ever.
    """

    name: str
    usd: float
    per: float
    unit: str
    region: str
    read: date
    as_of: str
    source: str
    trust: Trust
    free_per_month: float = 0.0

    def cost_usd(self, units: float) -> float:
        """Price of so many units, without what is free."""
        return units * self.usd / self.per

    def cost_after_free_usd(self, units: float) -> float:
        """Price of a month's units, less what AWS gives each account."""
        return self.cost_usd(max(0.0, units - self.free_per_month))


def read_prices(path: Path = PRICES_PATH) -> Mapping[str, Price]:
    """Read all prices.

    Args:
        path: A TOML file with a table for each price.

    Raises:
        ValueError: A price lacks a field, has one too many, or an impossible value.
    """
    with path.open("rb") as file:
        tables = tomllib.load(file)
    return {name: _price(name, table) for name, table in tables.items()}


def _price(name: str, table: Mapping[str, object]) -> Price:
    known = {field.name for field in fields(Price)} - {"name"}
    missing = sorted(known - {"free_per_month"} - table.keys())
    extra = sorted(table.keys() - known)
    if missing or extra:
        msg = f"price {name!r}: missing {missing}, not known {extra}"
        raise ValueError(msg)
    price = Price(
        name=name,
        usd=_number(name, table, "usd"),
        per=_number(name, table, "per"),
        unit=_text(name, table, "unit"),
        region=_text(name, table, "region"),
        read=_day(name, table),
        as_of=_text(name, table, "as_of"),
        source=_text(name, table, "source"),
        trust=Trust(_text(name, table, "trust")),
        free_per_month=_number(name, table, "free_per_month") if "free_per_month" in table else 0.0,
    )
    if price.usd <= 0 or price.per <= 0 or price.free_per_month < 0:
        msg = f"price {name!r}: usd and per must be above 0, free_per_month not below"
        raise ValueError(msg)
    return price


def _number(name: str, table: Mapping[str, object], key: str) -> float:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"price {name!r}: {key} is {value!r}, not a number"
        raise ValueError(msg)  # noqa: TRY004 - a wrong file, not a wrong argument
    return float(value)


def _text(name: str, table: Mapping[str, object], key: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        msg = f"price {name!r}: {key} is {value!r}, not a text"
        raise ValueError(msg)
    return value


def _day(name: str, table: Mapping[str, object]) -> date:
    value = table["read"]
    if not isinstance(value, date):
        msg = f"price {name!r}: read is {value!r}, not a day"
        raise ValueError(msg)  # noqa: TRY004 - a wrong file, not a wrong argument
    return value
