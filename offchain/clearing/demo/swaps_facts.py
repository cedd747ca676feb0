"""Collect what the second act did and found, for `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clearing.demo.numbers import Json, number
from clearing.risk.decimal_text import WAD_DECIMALS

__all__ = ["Liquidation", "Loss", "Sums", "SwapsFacts", "Worth"]

LOT_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Liquidation:
    """What a keeper took over in an hour of the crash: lots, wad."""

    hour: int
    lots: int
    price_wad: int
    penalty_wad: int

    def to_json(self) -> Json:
        """Return it in whole units and USD."""
        return {
            "hour": self.hour,
            "size": number(self.lots, LOT_DECIMALS),
            "price_usd": number(self.price_wad, WAD_DECIMALS),
            "penalty_usd": number(self.penalty_wad, WAD_DECIMALS),
        }


@dataclass(frozen=True, slots=True)
class Loss:
    """Who covered the lost account's hole in one market, wad, in the order in which they pay."""

    insurance: int
    backstop: int
    deleveraging: int
    shared: int
    vault: int
    debt: int

    def to_json(self) -> Json:
        """Return it in USD."""
        return {
            name: number(getattr(self, name), WAD_DECIMALS) for name in self.__dataclass_fields__
        }


@dataclass(frozen=True, slots=True)
class Worth:
    """What somebody paid into his account, USD, and what it is worth at mid, wad."""

    paid_in: int
    worth: int

    def to_json(self) -> Json:
        """Return it in USD."""
        return {"paid_in_usd": self.paid_in, "worth_usd": number(self.worth, WAD_DECIMALS)}


@dataclass(frozen=True, slots=True)
class Sums:
    """What must hold in the end: sizes of each market summed, lots; tokens and debts, wad."""

    sizes: Mapping[str, int]
    tokens: int
    owed: int

    def to_json(self) -> Json:
        """Return it in whole units and USD."""
        return {
            "sum_of_sizes": {
                symbol: number(lots, LOT_DECIMALS) for symbol, lots in self.sizes.items()
            },
            "tokens_usd": number(self.tokens, WAD_DECIMALS),
            "owed_usd": number(self.owed, WAD_DECIMALS),
        }


@dataclass
class SwapsFacts:
    """Everything of the second act. Funding (+ paid) and worth by name, losses by market."""

    funding: dict[str, int] = field(default_factory=dict)
    liquidations: list[Liquidation] = field(default_factory=list)
    claimed: int = 0
    losses: dict[str, Loss] = field(default_factory=dict)
    worth: dict[str, Worth] = field(default_factory=dict)
    sums: Sums | None = None

    def to_json(self) -> Json:
        """Return the facts for programs."""
        return {
            "funding_paid_usd": {
                name: number(paid, WAD_DECIMALS) for name, paid in self.funding.items()
            },
            "liquidations": [each.to_json() for each in self.liquidations],
            "claimed_usd": number(self.claimed, WAD_DECIMALS),
            "losses_usd": {symbol: loss.to_json() for symbol, loss in self.losses.items()},
            "accounts": {name: each.to_json() for name, each in self.worth.items()},
            **({} if self.sums is None else self.sums.to_json()),
        }
