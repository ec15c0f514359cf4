from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import costs
from costs.assumptions import read_assumptions
from costs.bill import Bill, Use
from costs.domain import DEV, PRODUCTION, choose_domain
from costs.embedded import embedded_limits
from costs.monthly import Month, monthly_bill
from costs.one_off import additions, first_ingests
from costs.peers import peers
from costs.prices import read_prices
from costs.tables import COLLECTIONS, count, dollars, month_table

PRICES, ASSUMPTIONS = read_prices(), read_assumptions()
PICTURES = ("thumbnails asked for", "thumbnails sent from S3")
EMBEDDED = Month(photos=25_000, queries=0, domain=None)


def month_usd(month: Month) -> float:
    return monthly_bill(month, ASSUMPTIONS).cost_usd(PRICES)


def test_a_bill_is_the_sum_of_its_uses():
    bill = Bill((Use("a", "secrets", 2), Use("b", "s3_gb_months", 100)))

    assert bill.cost_usd(PRICES) == pytest.approx(2 * 0.40 + 100 * 0.023)


def test_what_is_free_is_free_once_for_all_uses_together():
    twice = Bill((Use("a", "cloudwatch_alarms", 8), Use("b", "cloudwatch_alarms", 8)))

    assert twice.cost_after_free_usd(PRICES) == pytest.approx((16 - 10) * 0.10)


def test_an_idle_embedded_deployment_costs_a_few_dollars_and_nearly_nothing_after_what_is_free():
    bill = monthly_bill(EMBEDDED, ASSUMPTIONS)

    assert bill.cost_usd(PRICES) < 6
    assert bill.cost_after_free_usd(PRICES) < 1


def test_queries_cost_the_same_for_each_of_them_but_for_cold_starts():
    few = month_usd(replace(EMBEDDED, queries=10_000))
    many = month_usd(replace(EMBEDDED, queries=1_000_000))

    assert month_usd(EMBEDDED) < few < many
    assert (many - month_usd(EMBEDDED)) / 1_000_000 < (few - month_usd(EMBEDDED)) / 10_000


def test_a_domain_is_paid_for_while_nobody_asks():
    dev = choose_domain(DEV, "float", 25_000, ASSUMPTIONS)
    production = choose_domain(PRODUCTION, "float", 25_000, ASSUMPTIONS)

    assert month_usd(replace(EMBEDDED, domain=dev)) > month_usd(EMBEDDED) + 730 * 0.036
    nodes = 730 * 3 * (0.167 + 0.128)
    assert month_usd(replace(EMBEDDED, domain=production)) > month_usd(EMBEDDED) + nodes


def test_the_summary_that_was_written_by_hand_still_holds():
    dev = choose_domain(DEV, "float", 25_000, ASSUMPTIONS)
    production = choose_domain(PRODUCTION, "float", 25_000, ASSUMPTIONS)
    busy = monthly_bill(replace(EMBEDDED, queries=1_000_000), ASSUMPTIONS)
    pictures = Bill(tuple(use for use in busy.uses if use.what in PICTURES))
    spot = first_ingests(10_000_000, ASSUMPTIONS)[0].bill

    assert month_usd(EMBEDDED) < 5
    assert monthly_bill(EMBEDDED, ASSUMPTIONS).cost_after_free_usd(PRICES) == pytest.approx(
        0.5, rel=0.1
    )
    assert month_usd(replace(EMBEDDED, domain=dev)) == pytest.approx(30, rel=0.1)
    assert month_usd(replace(EMBEDDED, domain=production)) == pytest.approx(690, rel=0.02)
    queries_usd = busy.cost_usd(PRICES) - month_usd(EMBEDDED)
    assert queries_usd == pytest.approx(65, rel=0.05)
    assert pictures.cost_usd(PRICES) / queries_usd == pytest.approx(0.7, rel=0.05)
    assert spot.cost_usd(PRICES) == pytest.approx(70, rel=0.05)


def test_the_embedded_index_says_what_stops_it_lowest_first():
    limits = embedded_limits(ASSUMPTIONS)

    assert [limit.photos for limit in limits] == sorted(limit.photos for limit in limits)
    # As many were fetched and replaced in 512 MB of /tmp (docs/performance.md).
    assert limits[0].photos == pytest.approx(135_000, rel=0.05)


@pytest.mark.parametrize("photos", COLLECTIONS[1:])
def test_a_mode_that_cannot_hold_a_collection_says_so_with_its_limit(photos: int):
    row = month_table(photos, PRICES, ASSUMPTIONS).splitlines()[2]

    assert row.startswith("| **embedded** | does not fit: at most ")
    assert count(embedded_limits(ASSUMPTIONS)[0].photos) in row


def test_ingest_costs_less_on_spot_and_grows_with_the_collection():
    small, large = (first_ingests(photos, ASSUMPTIONS) for photos in COLLECTIONS[:2])

    spot, on_demand = (named.bill.cost_usd(PRICES) for named in small[:2])
    assert spot < on_demand
    assert large[0].bill.cost_usd(PRICES) > 10 * spot


def test_every_price_is_used_by_some_bill():
    domains = [
        choose_domain(size, profile, photos, ASSUMPTIONS)
        for size in (DEV, PRODUCTION)
        for profile in ("float", "byte4x", "disk32x")
        for photos in COLLECTIONS
    ]
    months = (Month(1, 1_000_000, domain) for domain in (None, *domains))
    named = (*first_ingests(1, ASSUMPTIONS), *additions(ASSUMPTIONS), *peers(1, ASSUMPTIONS))
    bills = [monthly_bill(month, ASSUMPTIONS) for month in months] + [one.bill for one in named]
    nodes = {node.name for size in (DEV, PRODUCTION) for node in size.types}

    used = {use.price for bill in bills for use in bill.uses}

    assert used <= PRICES.keys()
    assert PRICES.keys() - used <= nodes


def test_every_assumption_is_named_by_the_code():
    code = "".join(path.read_text("utf-8") for path in Path(costs.__path__[0]).glob("*.py"))

    for name in ASSUMPTIONS:
        assert name in code or name.startswith("index_bytes_"), name


@pytest.mark.parametrize(
    ("usd", "words"), [(0.123, "0.12"), (9.999, "10.00"), (42.42, "42.4"), (1234.5, "1,234")]
)
def test_dollars_are_written_with_three_digits_or_so(usd: float, words: str):
    assert dollars(usd) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(999, "999"), (25_000, "25k"), (2_492_000, "2.4M"), (10_000_000, "10M"), (166_233, "166k")],
)
def test_numbers_of_photos_are_written_short_and_rounded_down(number: int, words: str):
    assert count(number) == words
