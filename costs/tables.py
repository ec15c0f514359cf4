"""The tables of docs/cost.md, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from costs.assumptions import Assumption
from costs.bill import Bill
from costs.domain import DEV, PRODUCTION, PROFILES, DomainSize, choose_domain, most_photos
from costs.embedded import embedded_limits
from costs.monthly import QUERIES, Month, monthly_bill
from costs.one_off import additions, first_ingests
from costs.peers import peers
from costs.prices import Price

COLLECTIONS = (25_000, 1_000_000, 10_000_000)
"""Photos that the tables show."""

_QUERY_HEADINGS = ("idle", "10k queries", "1M queries")
_CENTS_BELOW_USD, _TENTHS_BELOW_USD = 10, 100


def dollars(usd: float) -> str:
    """Write an amount with three digits or so."""
    if usd < _CENTS_BELOW_USD:
        return f"{usd:.2f}"
    return f"{usd:.1f}" if usd < _TENTHS_BELOW_USD else f"{usd:,.0f}"


def count(number: int) -> str:
    """Write a number of photos short, rounded down to two digits."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            tenths = number * 10 // size
            return f"{tenths / 10:g}{letter}" if tenths < 100 else f"{tenths // 10}{letter}"
    return str(number)


def month_table(
    photos: int, prices: Mapping[str, Price], assumptions: Mapping[str, Assumption]
) -> str:
    """One collection: each mode and profile beside each number of queries."""
    rows = [
        _embedded_row(photos, prices, assumptions),
        *(
            _domain_row(size, profile, photos, prices, assumptions)
            for size in (DEV, PRODUCTION)
            for profile in PROFILES
        ),
    ]
    return _table(("mode", "nodes", *_QUERY_HEADINGS), rows)


def _embedded_row(
    photos: int, prices: Mapping[str, Price], assumptions: Mapping[str, Assumption]
) -> tuple[str, ...]:
    limit = embedded_limits(assumptions)[0]
    if photos > limit.photos:
        no = f"does not fit: at most {count(limit.photos)}, for {limit.why}"
        return ("**embedded**", no, *("–" for _ in QUERIES))
    cells = (
        _cell(monthly_bill(Month(photos, queries, None), assumptions), prices)
        for queries in QUERIES
    )
    return ("**embedded**", "none", *cells)


def _domain_row(
    size: DomainSize,
    profile: str,
    photos: int,
    prices: Mapping[str, Price],
    assumptions: Mapping[str, Assumption],
) -> tuple[str, ...]:
    name = f"{size.name} domain, `{profile}`"
    domain = choose_domain(size, profile, photos, assumptions)
    if domain is None:
        most = count(most_photos(profile, size.types[-1], assumptions))
        return (name, f"does not fit: at most {most}", *("–" for _ in QUERIES))
    nodes = f"{size.nodes} × {domain.node.name.removesuffix('.search')}, {domain.volume_gb} GB"
    if not domain.is_default:
        default = size.types[0]
        most = count(most_photos(profile, default, assumptions))
        nodes += f" ({default.name.removesuffix('.search')} holds {most})"
    cells = (
        _cell(monthly_bill(Month(photos, queries, domain), assumptions), prices)
        for queries in QUERIES
    )
    return (name, nodes, *cells)


def _cell(bill: Bill, prices: Mapping[str, Price]) -> str:
    return f"{dollars(bill.cost_usd(prices))} ({dollars(bill.cost_after_free_usd(prices))})"


def embedded_limits_table(assumptions: Mapping[str, Assumption]) -> str:
    """What stops the embedded index, the first thing first."""
    rows = [(count(limit.photos), limit.why) for limit in embedded_limits(assumptions)]
    return _table(("photos at most", "because"), rows)


def node_limits_table(assumptions: Mapping[str, Assumption]) -> str:
    """How many photos each type of data node holds, by profile."""
    rows = [
        (
            node.name.removesuffix(".search"),
            f"{node.memory_gib:g} GiB",
            *(count(most_photos(profile, node, assumptions)) for profile in PROFILES),
        )
        for node in DEV.types
    ]
    return _table(("data node", "memory", *(f"`{profile}`" for profile in PROFILES)), rows)


def itemised_table(
    months: Sequence[tuple[str, Month]],
    prices: Mapping[str, Price],
    assumptions: Mapping[str, Assumption],
) -> str:
    """Where the money goes: one row for each thing, one column for each month."""
    bills = [(name, monthly_bill(month, assumptions)) for name, month in months]
    things = list(dict.fromkeys(use.what for _, bill in bills for use in bill.uses))
    rows = []
    for thing in things:
        costs = (
            sum(prices[use.price].cost_usd(use.units) for use in bill.uses if use.what == thing)
            for _, bill in bills
        )
        rows.append((thing, *(dollars(usd) if usd else "–" for usd in costs)))
    rows.append(("**sum**", *(f"**{dollars(bill.cost_usd(prices))}**" for _, bill in bills)))
    free = (dollars(bill.cost_after_free_usd(prices)) for _, bill in bills)
    rows.append(("less what AWS gives every account", *free))
    return _table(("", *(name for name, _ in bills)), rows)


def ingest_table(prices: Mapping[str, Price], assumptions: Mapping[str, Assumption]) -> str:
    """What the first ingest of each collection costs, and how long machines run."""
    columns = [first_ingests(photos, assumptions) for photos in COLLECTIONS]
    rows = [
        (
            column[0].name,
            *(f"{dollars(named.bill.cost_usd(prices))} ({named.remark})" for named in column),
        )
        for column in zip(*columns, strict=True)
    ]
    return _table(("", *(count(photos) for photos in COLLECTIONS)), rows)


def additions_table(prices: Mapping[str, Price], assumptions: Mapping[str, Assumption]) -> str:
    """What options add to a month."""
    rows = [
        (named.name, dollars(named.bill.cost_usd(prices)), named.remark)
        for named in additions(assumptions)
    ]
    return _table(("", "a month", ""), rows)


def peers_table(prices: Mapping[str, Price], assumptions: Mapping[str, Assumption]) -> str:
    """Our modes at 25,000 photos beside the peers' set-ups."""
    photos = COLLECTIONS[0]
    domains = [choose_domain(size, "float", photos, assumptions) for size in (DEV, PRODUCTION)]
    ours = {
        "photo-search, embedded": (None, "nothing runs while nobody asks"),
        "photo-search, dev domain": (domains[0], "one node"),
        "photo-search, production domain": (domains[1], "three nodes and three managers"),
    }
    rows = []
    for name, (domain, remark) in ours.items():
        months = (Month(photos, queries, domain) for queries in QUERIES)
        bills = (monthly_bill(month, assumptions) for month in months)
        rows.append((name, *(dollars(bill.cost_usd(prices)) for bill in bills), remark))
    for column in zip(*(peers(queries, assumptions) for queries in QUERIES), strict=True):
        costs = (dollars(named.bill.cost_usd(prices)) for named in column)
        rows.append((column[0].name, *costs, column[0].remark))
    return _table(("", *_QUERY_HEADINGS, ""), rows)


def prices_table(prices: Iterable[Price]) -> str:
    """Every price and who says so."""
    rows = [
        (
            price.name.replace("_", " "),
            f"{price.usd:.10f}".rstrip("0").rstrip("."),
            f"{price.per:,.0f} {price.unit}" if price.per > 1 else price.unit,
            f"{price.free_per_month:,.0f}" if price.free_per_month else "",
            price.region,
            f"{price.read}",
            price.as_of,
            price.trust.value,
            price.source,
        )
        for price in prices
    ]
    headings = (
        "price of",
        "$",
        "for",
        "free a month",
        "region",
        "read",
        "as of",
        "trust",
        "source",
    )
    return _table(headings, rows)


def assumptions_table(assumptions: Iterable[Assumption]) -> str:
    """Every number that is no price."""
    rows = [
        (item.name.replace("_", " "), f"{item.value:,.10g}", item.unit, item.source)
        for item in assumptions
    ]
    return _table(("", "", "", "from"), rows)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
