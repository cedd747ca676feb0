"""Net trades into what the two sides of a channel owe each other.

A quantity is a count of whole units of the asset times 1e18 (WAD), whatever decimals a token has
on a chain, and signed: positive is owed by low to high, negative by high to low. Netting adds and
subtracts integers, so nothing here rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

from clearing.spec.assets import AssetId, AssetTable
from clearing.spec.errors import SpecError
from clearing.spec.types import Side

__all__ = ["NO_LIABILITIES", "Liabilities", "Trade", "book", "debtor_of", "deliver"]


@dataclass(frozen=True, slots=True)
class Liabilities(AssetTable):
    """What low owes high in each asset: WAD of whole units, negative if high owes low, never 0."""

    @staticmethod
    def is_amount(amount: int) -> bool:
        """Refuse zero: a debt that is nil has one spelling, its absence."""
        return amount != 0


NO_LIABILITIES = Liabilities()


@dataclass(frozen=True, slots=True)
class Trade:
    """A sale of `base` by `seller`, paid by the other side in `quote`; both amounts in WAD."""

    seller: Side
    base: AssetId
    base_wad: int
    quote: AssetId
    quote_wad: int


def debtor_of(owed_wad: int) -> Side:
    """Return the side that owes a non-zero signed quantity."""
    return Side.LOW if owed_wad > 0 else Side.HIGH


def book(liabilities: Liabilities, trade: Trade) -> Liabilities:
    """Return the liabilities after the trade: its seller owes the base, its buyer the quote.

    Raises SpecError `TradeAmount` (an amount is not positive), `TradeAssets` (base is quote) or
    `AssetAmount` (a sum leaves int256).
    """
    if trade.base_wad <= 0 or trade.quote_wad <= 0:
        raise SpecError("TradeAmount", trade.base_wad, trade.quote_wad)
    if trade.base == trade.quote:
        raise SpecError("TradeAssets", trade.base)
    sold = _owe(liabilities, trade.seller, trade.base, trade.base_wad)
    return _owe(sold, trade.seller.other, trade.quote, trade.quote_wad)


def deliver(liabilities: Liabilities, debtor: Side, asset: AssetId, paid_wad: int) -> Liabilities:
    """Return the liabilities after `debtor` has delivered `paid_wad` of what it owes.

    Raises SpecError `DeliveryAmount` if the amount is not positive or exceeds the debt.
    """
    owed_wad = liabilities.find(asset) or 0
    debt_wad = owed_wad if debtor is Side.LOW else -owed_wad
    if not 0 < paid_wad <= debt_wad:
        raise SpecError("DeliveryAmount", asset, paid_wad, debt_wad)
    return _owe(liabilities, debtor.other, asset, paid_wad)


def _owe(liabilities: Liabilities, debtor: Side, asset: AssetId, amount_wad: int) -> Liabilities:
    """Add a debt and drop the asset if that nets it to nil."""
    owed = dict(liabilities.rows)
    owed[asset] = owed.get(asset, 0) + (amount_wad if debtor is Side.LOW else -amount_wad)
    return Liabilities.of({held: amount for held, amount in owed.items() if amount != 0})
