from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from costs.assumptions import read_assumptions
from costs.prices import Price, Trust, read_prices

GIVEN = """
[requests]
usd = 0.2
per = 1_000_000
unit = "requests"
free_per_month = 1_000_000
region = "us-east-1"
read = 2026-11-24
as_of = "undated"
source = "a page"
trust = "unverified"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("price", read_prices().values(), ids=lambda price: price.name)
def test_every_price_has_a_region_a_day_a_source_and_a_trust(price: Price):
    assert price.region
    assert date(2026, 1, 1) <= price.read <= date(2100, 1, 1)
    assert price.as_of
    assert len(price.source) > 10
    assert price.trust in Trust
    assert price.unit


def test_nothing_is_said_to_be_awss_own_that_was_not_read_there():
    assert {price.trust for price in read_prices().values()} <= {Trust.AWS_COPY, Trust.UNVERIFIED}


def test_a_copy_of_awss_page_names_that_page():
    copies = [price for price in read_prices().values() if price.trust is Trust.AWS_COPY]

    assert copies
    assert all("aws.amazon.com/" in price.source for price in copies)


def test_units_cost_their_share(tmp_path: Path):
    price = read_prices(written(tmp_path, GIVEN))["requests"]

    assert price.cost_usd(2_500_000) == pytest.approx(0.5)
    assert price.cost_after_free_usd(2_500_000) == pytest.approx(0.3)
    assert price.cost_after_free_usd(900_000) == 0


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('region = "us-east-1"\n', "", "missing.*region"),
        ("read = 2026-11-24\n", "", "missing.*read"),
        ("read = 2026-11-24", 'read = "yesterday"', "not a day"),
        ('source = "a page"', 'source = " "', "source"),
        ('trust = "unverified"', 'trust = "sure"', "sure"),
        ("usd = 0.2", "usd = 0", "above 0"),
        ("usd = 0.2", "usd = true", "not a number"),
        ("usd = 0.2", 'usd = 0.2\ncurrency = "EUR"', "not known.*currency"),
    ],
)
def test_a_price_that_lacks_something_is_refused(
    tmp_path: Path, old: str, new: str, complaint: str
):
    path = written(tmp_path, GIVEN.replace(old, new))

    with pytest.raises(ValueError, match=complaint):
        read_prices(path)


def test_an_assumption_without_a_source_is_refused(tmp_path: Path):
    path = written(tmp_path, '[cold_share]\nvalue = 1\nunit = "x"\n')

    with pytest.raises(ValueError, match="cold_share"):
        read_assumptions(path)
