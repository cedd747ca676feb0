"""Compute the risk of a channel: how much collateral each side must have standing behind its debts.

Prices and values are WAD USD (per whole unit), quantities WAD of whole units, factors WAD (1e18 is
100 %). Each side is charged the value of what it owes. The side that owes more has its factors
counted up and the other's counted down; the difference is the risk, and the side that owes more
must cover it. What mark-to-market has already moved between the splits is a debt of whoever
received it (settling the liabilities gives it back), moves with no factor, and so reduces the risk
of the side that paid. Sides that owe exactly the same must both cover.

Rounding: a debt that counts towards a requirement rounds up, the debt set against it rounds down;
each number of a row is rounded once, and the rows add up to the totals exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

from clearing.spec.assets import AssetId, AssetTable
from clearing.spec.errors import SpecError
from clearing.spec.liabilities import Liabilities, debtor_of
from clearing.spec.types import Side
from clearing.spec.units import DAY_S, WAD, div_up, mul_div_down, mul_div_up, mul_up

__all__ = [
    "DEFAULT_TRIGGER_SHARE_WAD",
    "AssetRisk",
    "Collateral",
    "FactorTable",
    "PriceSet",
    "RiskReport",
    "SideRisk",
    "initial_margin_factors",
    "is_settlement_due",
    "is_trade_admissible",
    "risk_of",
    "utilisation_of",
    "value_of",
]

DEFAULT_TRIGGER_SHARE_WAD = mul_div_up(80, WAD, 100)


@dataclass(frozen=True, slots=True)
class PriceSet(AssetTable):
    """The price of one whole unit of each asset, WAD USD, positive."""

    @staticmethod
    def is_amount(amount: int) -> bool:
        """Refuse a price that is not positive: it says that nobody saw one."""
        return amount > 0


@dataclass(frozen=True, slots=True)
class FactorTable(AssetTable):
    """The relative price move of each asset that the margin must withstand, WAD, not negative."""

    @staticmethod
    def is_amount(amount: int) -> bool:
        """Refuse a negative factor, which would turn a risk into a relief."""
        return amount >= 0


@dataclass(frozen=True, slots=True)
class Collateral:
    """What each side's split of the channel is worth now, WAD USD, mark-to-market included."""

    low_wad: int
    high_wad: int

    def of(self, side: Side) -> int:
        """Return one side's collateral, WAD USD."""
        return self.low_wad if side is Side.LOW else self.high_wad


@dataclass(frozen=True, slots=True)
class AssetRisk:
    """One debt, valued. All in WAD; values in USD.

    `value_wad` and `up_wad` (price moved up by the factor) round up, `down_wad` (price moved down
    by it, not below nil) rounds down.
    """

    asset: AssetId
    debtor: Side
    quantity_wad: int
    price_wad: int
    factor_wad: int
    value_wad: int
    up_wad: int
    down_wad: int


@dataclass(frozen=True, slots=True)
class SideRisk:
    """What one side owes in all, WAD USD: the sums of its rows, and the collateral it must have."""

    value_wad: int
    up_wad: int
    down_wad: int
    required_wad: int


@dataclass(frozen=True, slots=True)
class RiskReport:
    """The risk of a channel at one set of prices and factors.

    `settled_variation_wad` is the mark-to-market already moved, WAD USD, positive if low paid high.
    """

    assets: tuple[AssetRisk, ...]
    low: SideRisk
    high: SideRisk
    settled_variation_wad: int

    def of(self, side: Side) -> SideRisk:
        """Return one side's totals."""
        return self.low if side is Side.LOW else self.high

    @property
    def risk_wad(self) -> int:
        """The most that either side must cover, WAD USD, rounded up."""
        return max(self.low.required_wad, self.high.required_wad)

    @property
    def bearers(self) -> tuple[Side, ...]:
        """The sides that must cover something: one, or both on a tie, or none if nothing moves."""
        return tuple(side for side in Side if self.of(side).required_wad > 0)


def value_of(quantity_wad: int, price_wad: int) -> int:
    """Return quantity · price, WAD USD, rounded up: the value of a debt. Both are not negative."""
    return mul_up(quantity_wad, price_wad)


def risk_of(
    liabilities: Liabilities,
    prices: PriceSet,
    factors: FactorTable,
    settled_variation_wad: int = 0,
) -> RiskReport:
    """Return the risk of a channel by asset and side.

    `settled_variation_wad`: mark-to-market already moved, WAD USD, positive if low paid high.
    Raises SpecError `PriceMissing` or `FactorMissing` with the asset that has none.
    """
    assets = tuple(
        _asset_risk(asset, owed, _need("PriceMissing", prices, asset), factors)
        for asset, owed in liabilities.rows
    )
    low_excess = _exact_excess_of_low(assets, settled_variation_wad)
    return RiskReport(
        assets=assets,
        low=_side_risk(assets, Side.LOW, -settled_variation_wad, is_bearer=low_excess >= 0),
        high=_side_risk(assets, Side.HIGH, settled_variation_wad, is_bearer=low_excess <= 0),
        settled_variation_wad=settled_variation_wad,
    )


def is_trade_admissible(risk_after: RiskReport, collateral: Collateral) -> bool:
    """Say whether each side that would bear risk after a trade has the collateral for it."""
    return all(risk_after.of(side).required_wad <= collateral.of(side) for side in Side)


def is_settlement_due(
    risk: RiskReport,
    collateral: Collateral,
    trigger_share_wad: int = DEFAULT_TRIGGER_SHARE_WAD,
) -> bool:
    """Say whether a side must cover at least `trigger_share_wad` of its collateral (exact)."""
    return any(
        risk.of(side).required_wad * WAD >= collateral.of(side) * trigger_share_wad
        for side in risk.bearers
    )


def utilisation_of(required_wad: int, collateral_wad: int) -> int | None:
    """Return required / collateral, WAD, rounded up; None if something is required of nothing."""
    if required_wad == 0:
        return 0
    if collateral_wad <= 0:
        return None
    return div_up(required_wad, collateral_wad)


def initial_margin_factors(
    factors: FactorTable, margin_call_interval_s: int, challenge_window_s: int
) -> FactorTable:
    """Return the daily factors stretched to the time that a force close can take.

    A force close pays the last co-signed split, so the initial margin must cover the move since
    the last margin call and until the challenge ends. Prices wander: the move grows with the square
    root of the time, in days, and never counts as less than one day's. Rounded up.
    Raises SpecError `Horizon` for a negative time.
    """
    if margin_call_interval_s < 0 or challenge_window_s < 0:
        raise SpecError("Horizon", margin_call_interval_s, challenge_window_s)
    horizon_s = max(DAY_S, margin_call_interval_s + challenge_window_s)
    return FactorTable(
        tuple(
            (asset, _sqrt_up(mul_div_up(factor * factor, horizon_s, DAY_S)))
            for asset, factor in factors.rows
        )
    )


def _asset_risk(asset: AssetId, owed_wad: int, price_wad: int, factors: FactorTable) -> AssetRisk:
    """Value one debt and move its price both ways."""
    quantity_wad = abs(owed_wad)
    exact_value = quantity_wad * price_wad
    factor_wad = _need("FactorMissing", factors, asset)
    return AssetRisk(
        asset=asset,
        debtor=debtor_of(owed_wad),
        quantity_wad=quantity_wad,
        price_wad=price_wad,
        factor_wad=factor_wad,
        value_wad=value_of(quantity_wad, price_wad),
        up_wad=mul_div_up(exact_value, WAD + factor_wad, WAD * WAD),
        down_wad=mul_div_down(exact_value, max(0, WAD - factor_wad), WAD * WAD),
    )


def _exact_excess_of_low(assets: tuple[AssetRisk, ...], settled_variation_wad: int) -> int:
    """Return what low owes beyond high, in 1e-36 USD: unrounded, so that a tie is a tie."""
    owed_by_low = sum(
        row.quantity_wad * row.price_wad * (1 if row.debtor is Side.LOW else -1) for row in assets
    )
    return owed_by_low - settled_variation_wad * WAD


def _side_risk(
    assets: tuple[AssetRisk, ...], side: Side, received_wad: int, *, is_bearer: bool
) -> SideRisk:
    """Sum one side's debts; a bearer covers them and what it received, less the peer's debts."""
    own = [row for row in assets if row.debtor is side]
    peers = [row for row in assets if row.debtor is side.other]
    up_wad = sum(row.up_wad for row in own)
    exposure_wad = up_wad + received_wad - sum(row.down_wad for row in peers)
    return SideRisk(
        value_wad=sum(row.value_wad for row in own),
        up_wad=up_wad,
        down_wad=sum(row.down_wad for row in own),
        required_wad=exposure_wad if is_bearer else 0,
    )


def _need(error: str, table: AssetTable, asset: AssetId) -> int:
    """Return the asset's number, or raise the named error."""
    number = table.find(asset)
    if number is None:
        raise SpecError(error, asset)
    return number


def _sqrt_up(square: int) -> int:
    """Return the square root of a non-negative integer, rounded up."""
    root = isqrt(square)
    return root if root * root == square else root + 1
