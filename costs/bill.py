"""Bill: what is used of which price, and what that comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from costs.prices import Price


@dataclass(frozen=True, slots=True)
class Use:
    """So many units of a price, for something.

    Attributes:
        what: For what.
        price: Name of the price.
        units: How many a month, or once.
    """

    what: str
    price: str
    units: float


@dataclass(frozen=True, slots=True)
class Bill:
    """Everything that is used in a month, or once."""

    uses: tuple[Use, ...]

    def cost_usd(self, prices: Mapping[str, Price]) -> float:
        """The sum at list prices."""
        return sum(prices[use.price].cost_usd(use.units) for use in self.uses)

    def cost_after_free_usd(self, prices: Mapping[str, Price]) -> float:
        """The sum, less what AWS gives an account that has nothing else running."""
        units: dict[str, float] = {}
        for use in self.uses:
            units[use.price] = units.get(use.price, 0.0) + use.units
        return sum(prices[name].cost_after_free_usd(count) for name, count in units.items())


@dataclass(frozen=True, slots=True)
class Named:
    """A bill with a name, and what has to be said of it."""

    name: str
    bill: Bill
    remark: str = ""
