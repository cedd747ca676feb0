"""Hold what a market of perpetual swaps and a position in it are made of.

What stands in one word of storage refuses values that its fields cannot hold, as the contract does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, NewType

from clearing.spec.perp_units import LOTS, fit_int, fit_uint

__all__ = [
    "BACKSTOP",
    "CARRIERS",
    "FEES",
    "FIRST_OWNED",
    "INSURANCE",
    "MAX_MARKETS",
    "MAX_MARKETS_PER_ACCOUNT",
    "MOST_LISTED",
    "NO_INTEREST",
    "NO_POSITION",
    "VAULT",
    "AccountId",
    "Funding",
    "Kind",
    "LimitParams",
    "MarginRules",
    "MarketId",
    "MarketStatus",
    "OpenInterest",
    "Pause",
    "Position",
    "Premium",
    "Purpose",
    "Risk",
    "RiskNow",
    "RiskParams",
    "Role",
    "TradeParams",
]

AccountId = NewType("AccountId", int)
MarketId = NewType("MarketId", int)

VAULT: Final = AccountId(0)
BACKSTOP: Final = AccountId(1)
INSURANCE: Final = AccountId(2)
FEES: Final = AccountId(3)
FIRST_OWNED: Final = AccountId(4)
CARRIERS: Final = frozenset({VAULT, BACKSTOP})
"""The protocol's accounts that have positions."""

MAX_MARKETS: Final = 128
"""That the engine has room for."""
MOST_LISTED: Final = 24
"""Markets that MarketAdmin lists: whoever must be absorbed then, it fits into one transaction."""
MAX_MARKETS_PER_ACCOUNT: Final = 8


class Pause(IntFlag):
    """Kinds of action that are stopped in a market. Deposits have no bit."""

    NOTHING = 0
    OPEN = 1
    REDUCE = 2
    LIQUIDATE = 4
    WITHDRAW = 8
    SETTLE = 16
    FUNDING = 32


class MarketStatus(IntEnum):
    """Where a market is in its life."""

    NONE = 0
    LIVE = 1
    WIND_DOWN = 2
    SETTLED = 3


class Role(IntEnum):
    """What a module is in the system."""

    NONE = 0
    VAULT = 1
    SETTLER = 2
    RISK = 3
    RESOLUTION = 4
    INSURANCE = 5
    ADMIN = 6
    SETTLEMENT = 7


class Kind(IntEnum):
    """What a booking is, and so what may forbid it."""

    VAULT = 0
    MATCH = 1
    LIQUIDATION = 2
    RESOLUTION = 3


class Purpose(IntEnum):
    """What a position is valued for."""

    OPEN = 0
    LIQUIDATE = 1
    MID = 2


# WORDS


@dataclass(frozen=True, slots=True)
class Position:
    """`size` lots, negative for a short; `quote` pico; `index` pico per unit, of its side."""

    size: int
    quote: int
    index: int

    def __post_init__(self) -> None:
        """Refuse what does not fit a word."""
        fit_int(self.size, 72)
        fit_int(self.quote, 96)
        fit_int(self.index, 88)


NO_POSITION: Final = Position(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Funding:
    """The two indices, pico per unit; start of the interval; rate of the last one, pico."""

    f_long: int
    f_short: int
    funded_at: int
    rate: int

    def __post_init__(self) -> None:
        """Refuse what does not fit a word."""
        fit_int(self.f_long, 88)
        fit_int(self.f_short, 88)
        fit_uint(self.funded_at, 40)
        fit_int(self.rate, 40)


@dataclass(frozen=True, slots=True)
class Premium:
    """`ema` pico at `ema_at`; samples of `pending_at` as (mean, weight); `integral` so far.

    `anchor_age` seconds before `ema_at` lies the moment from which the next fold counts.
    `integral` is pico · seconds · 600 since the start of the funding interval, weight 1e-6.
    """

    ema: int
    ema_at: int
    anchor_age: int
    pending_at: int
    mean: int
    weight: int
    integral: int

    def __post_init__(self) -> None:
        """Refuse what does not fit a word."""
        fit_int(self.ema, 40)
        fit_uint(self.ema_at, 32)
        fit_uint(self.anchor_age, 16)
        fit_uint(self.pending_at, 32)
        fit_int(self.mean, 40)
        fit_uint(self.weight, 32)
        fit_int(self.integral, 64)


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Σ longs, lots; fees that the market holds, pico."""

    open_interest: int = 0
    fees: int = 0

    def __post_init__(self) -> None:
        """Refuse what does not fit a word."""
        fit_uint(self.open_interest, 72)
        fit_uint(self.fees, 88)


NO_INTEREST: Final = OpenInterest()


@dataclass(frozen=True, slots=True)
class MarginRules:
    """The rules that phase in: ppm, bps, ppm per 1e6 USD, ppm."""

    im: int
    kappa: int
    slope: int
    im_max: int

    def __post_init__(self) -> None:
        """Refuse what does not fit a word."""
        fit_uint(self.im, 20)
        fit_uint(self.kappa, 14)
        fit_uint(self.slope, 24)
        fit_uint(self.im_max, 20)


@dataclass(frozen=True, slots=True)
class Risk:
    """A market's margin rules, old and new, with what else stands in their word."""

    old: MarginRules
    new: MarginRules
    phase_start: int
    penalty: int
    pause: Pause
    status: MarketStatus
    impact_notional: int

    def __post_init__(self) -> None:
        """Refuse what does not fit a word."""
        fit_uint(self.phase_start, 32)
        fit_uint(self.penalty, 17)
        fit_uint(self.impact_notional, 32)


# PARAMETERS, any integers: perp_params bounds them


@dataclass(frozen=True, slots=True)
class RiskParams:
    """What governance sets of a market's margin rules; contracts/interfaces/PerpTypes.sol."""

    im: int
    kappa: int
    slope: int
    im_max: int
    penalty: int
    impact_notional: int


@dataclass(frozen=True, slots=True)
class TradeParams:
    """A market's terms of trade; contracts/interfaces/PerpTypes.sol tells the units."""

    feed: bytes
    taker_fee: int
    maker_fee: int
    vault_spread: int
    prem_cap: int
    min_notional: int
    skew_scale: int
    coefficient_inverse: int

    @property
    def skew_lots(self) -> int:
        """`skew_scale` in lots."""
        return self.skew_scale * LOTS


@dataclass(frozen=True, slots=True)
class LimitParams:
    """A market's limits; contracts/interfaces/PerpTypes.sol tells the units."""

    max_rate: int
    interval: int
    band: int
    min_fee: int
    open_cap: int
    vault_share: int
    max_oi: int


@dataclass(frozen=True, slots=True)
class RiskNow:
    """A market's margin rules at one moment."""

    im: int
    kappa: int
    slope: int
    im_max: int
    penalty: int
