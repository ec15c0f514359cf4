"""The generated part of docs/cost.md."""

from __future__ import annotations

from pathlib import Path

from costs.assumptions import read_assumptions
from costs.domain import DEV, PRODUCTION, choose_domain
from costs.monthly import Month
from costs.prices import read_prices
from costs.tables import (
    COLLECTIONS,
    additions_table,
    assumptions_table,
    count,
    embedded_limits_table,
    ingest_table,
    itemised_table,
    month_table,
    node_limits_table,
    peers_table,
    prices_table,
)

DOCUMENT_PATH = Path(__file__).parent.parent / "docs" / "cost.md"
START = "<!-- from here on written by `make cost`: edit costs/, not this -->"
END = "<!-- up to here written by `make cost` -->"


def generated_part() -> str:
    """All tables, with their headings."""
    prices, assumptions = read_prices(), read_assumptions()
    parts = []
    for photos in COLLECTIONS:
        parts += [f"### {count(photos)} photos, a month", month_table(photos, prices, assumptions)]
    million = 1_000_000
    dev = choose_domain(DEV, "float", COLLECTIONS[0], assumptions)
    production = choose_domain(PRODUCTION, "byte4x", COLLECTIONS[1], assumptions)
    months = (
        ("embedded, 25k photos, idle", Month(COLLECTIONS[0], 0, None)),
        ("embedded, 25k, 1M queries", Month(COLLECTIONS[0], million, None)),
        ("dev domain, 25k, 1M queries", Month(COLLECTIONS[0], million, dev)),
        ("production domain, 1M, `byte4x`, 1M queries", Month(COLLECTIONS[1], million, production)),
    )
    parts += [
        "### Where it goes",
        itemised_table(months, prices, assumptions),
        "### The first ingest, once",
        "Dollars, and hours of all machines together:",
        ingest_table(prices, assumptions),
        "### What options add",
        additions_table(prices, assumptions),
        "### Beside the peers, 25k photos, a month",
        peers_table(prices, assumptions),
        "### What holds how many photos",
        "The embedded index, in a function of the default size:",
        embedded_limits_table(assumptions),
        "A domain, by the memory of its data nodes:",
        node_limits_table(assumptions),
        "### The prices",
        prices_table(prices.values()),
        "### The assumptions",
        assumptions_table(assumptions.values()),
    ]
    return "\n\n".join(parts)


def with_generated_part(text: str) -> str:
    """Put the generated part into the document, between its marks.

    Args:
        text: The whole document.

    Raises:
        ValueError: A mark is missing or there twice.
    """
    if text.count(START) != 1 or text.count(END) != 1:
        msg = f"{DOCUMENT_PATH} must have the marks {START!r} and {END!r} once each"
        raise ValueError(msg)
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{generated_part()}\n\n{END}{after}"
