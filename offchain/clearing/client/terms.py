"""Fix what two brokers agree on before they trade: which token stands for which asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clearing.channel.risk_hash import DatedPrices
from clearing.client.errors import MoveRefusedError
from clearing.spec.assets import AssetId, symbol_of
from clearing.spec.risk import Collateral, FactorTable, PriceSet
from clearing.spec.types import AssetSplit
from clearing.spec.units import WAD, Address, mul_div_down, mul_div_up

__all__ = ["Market", "Terms", "Token"]


@dataclass(frozen=True, slots=True)
class Token:
    """An asset and the token that delivers it."""

    asset: AssetId
    address: Address
    decimals: int

    @property
    def unit(self) -> int:
        """Raw units of one whole unit."""
        unit: int = 10**self.decimals
        return unit

    def raw(self, quantity_wad: int) -> int:
        """Return a quantity in raw units. Raises MoveRefusedError if it needs more decimals."""
        raw, rest = divmod(quantity_wad * self.unit, WAD)
        if rest:
            raise MoveRefusedError(
                f"{quantity_wad} / 10^18 {symbol_of(self.asset)} has more than "
                f"{self.decimals} decimals and cannot be delivered exactly"
            )
        return raw

    def raw_up(self, value_wad: int, price_wad: int) -> int:
        """Return how many raw units are worth at least `value_wad` USD, rounded up."""
        return mul_div_up(value_wad, self.unit, price_wad)

    def value(self, raw: int, price_wad: int) -> int:
        """Return what raw units are worth, WAD USD, rounded towards zero."""
        magnitude = mul_div_down(abs(raw), price_wad, self.unit)
        return magnitude if raw >= 0 else -magnitude


@dataclass(frozen=True, slots=True)
class Market:
    """What a risk is computed from: prices with their times, and factors."""

    dated: DatedPrices
    factors: FactorTable

    @property
    def prices(self) -> PriceSet:
        """The prices alone."""
        return self.dated.prices


@dataclass(frozen=True, slots=True)
class Terms:
    """`collateral` follows the assets of the definition; `deliverable` is what may be traded."""

    collateral: tuple[Token, ...]
    deliverable: Mapping[AssetId, Token]

    def token_of(self, asset: AssetId) -> Token:
        """Return what delivers an asset. Raises MoveRefusedError."""
        token = self.deliverable.get(asset)
        if token is None:
            raise MoveRefusedError(f"{symbol_of(asset)} cannot be delivered in this channel")
        return token

    def collateral_of(self, splits: tuple[AssetSplit, ...], prices: PriceSet) -> Collateral:
        """Return what each side's split is worth, WAD USD, rounded down."""
        return Collateral(
            low_wad=self.value_of(tuple(split.low for split in splits), prices),
            high_wad=self.value_of(tuple(split.high for split in splits), prices),
        )

    def value_of(self, amounts_raw: tuple[int, ...], prices: PriceSet) -> int:
        """Return what amounts of the collateral assets are worth, WAD USD, rounded towards zero.

        Raises MoveRefusedError if a collateral asset has no price.
        """
        return sum(
            token.value(raw, self.price_of(token.asset, prices))
            for token, raw in zip(self.collateral, amounts_raw, strict=True)
            if raw
        )

    @staticmethod
    def price_of(asset: AssetId, prices: PriceSet) -> int:
        """Return a price, WAD USD. Raises MoveRefusedError if there is none."""
        price_wad = prices.find(asset)
        if price_wad is None:
            raise MoveRefusedError(f"{symbol_of(asset)} has no price")
        return price_wad
