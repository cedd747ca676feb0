"""Give cash to the vault for shares of it, and take it back a day later.

Models the liquidity of `contracts/derivatives/VaultModule.sol` and `vault/ShareMath.sol`. Amounts
and values are wad; shares have 24 decimals. Everything rounds down, in favour of those who stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.oracle_types import PriceState
from clearing.spec.perp_doors import CashMoved
from clearing.spec.perp_ledger import Ledger, Quotes, account_of, health_of, put_account
from clearing.spec.perp_types import VAULT, Purpose, Role
from clearing.spec.units import DAY_S, Address, mul_div_down

__all__ = [
    "CLAIM_DELAY_S",
    "CLAIM_WINDOW_S",
    "MAX_SHARES_OF_WAD",
    "NAV_SPACING_S",
    "ClaimRequested",
    "Liquidity",
    "LiquidityAdded",
    "LiquidityClaimed",
    "NavTaken",
    "Request",
    "add_liquidity",
    "claim",
    "request_claim",
    "take_nav",
]

CLAIM_DELAY_S: Final = DAY_S
CLAIM_WINDOW_S: Final = DAY_S
NAV_SPACING_S: Final = 3_600
VIRTUAL_SHARES: Final = 10**6
VIRTUAL_WAD: Final = 1
MAX_SHARES_OF_WAD: Final = 10**12
"""A million times those of the first. Without a bound, shares outgrow what a request can name."""
PRICED: Final = (PriceState.NORMAL, PriceState.PRIMARY_ONLY)


@dataclass(frozen=True, slots=True)
class Request:
    """Shares that may be claimed from `begins` on, for a day."""

    shares: int
    begins: int

    @property
    def ends(self) -> int:
        """The first second that is too late."""
        return self.begins + CLAIM_WINDOW_S


@dataclass(frozen=True, slots=True)
class Liquidity:
    """The module's storage: shares and requests by account, the value last taken and when."""

    shares: Mapping[int, int] = field(default_factory=dict)
    requests: Mapping[int, Request] = field(default_factory=dict)
    nav: int = 0
    nav_at: int = 0

    @property
    def total(self) -> int:
        """All shares."""
        return sum(self.shares.values())

    def plus(self, account: int, shares: int) -> Liquidity:
        """Return the storage with more (or fewer) shares of an account."""
        return replace(self, shares={**self.shares, account: self.shares.get(account, 0) + shares})

    def asking(self, account: int, request: Request | None) -> Liquidity:
        """Return the storage with another request of an account, or none."""
        rest = {key: it for key, it in self.requests.items() if key != account}
        return replace(self, requests={**rest, account: request} if request else rest)


Step = tuple[Ledger, Liquidity, Effects]


@dataclass(frozen=True, slots=True)
class LiquidityAdded(Event):
    """An account gave cash for shares."""

    account: int
    amount: int
    shares: int


@dataclass(frozen=True, slots=True)
class ClaimRequested(Event):
    """Shares may be claimed between two moments; 0: the request is withdrawn."""

    account: int
    shares: int
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class LiquidityClaimed(Event):
    """Shares were paid out."""

    account: int
    shares: int
    amount: int


@dataclass(frozen=True, slots=True)
class NavTaken(Event):
    """The value that caps are measured by."""

    nav: int


def add_liquidity(
    ledger: Ledger,
    liquidity: Liquidity,
    sender: Address,
    account: int,
    amount: int,
    min_shares: int,
    quotes: Quotes,
    now: int,
) -> Step:
    """Give cash for shares at the vault's best value.

    Raises UnknownAccount, NotOwner, ZeroAmount, HasPositions, CashTooLow, VaultNotPriced,
    VaultWaits, VaultEmpty, TooFewShares, VaultDiluted.
    """
    _require_owner(ledger, account, sender)
    if amount == 0:
        raise SpecError("ZeroAmount")
    if ledger.markets_of(account):
        raise SpecError("HasPositions", account)
    cash = account_of(ledger, account).cash
    if cash < amount:
        raise SpecError("CashTooLow", account, cash, amount)
    _require_priced(ledger, quotes)

    value = _value(ledger, Purpose.LIQUIDATE, quotes, now)
    if liquidity.total + VIRTUAL_SHARES > (value + VIRTUAL_WAD) * MAX_SHARES_OF_WAD:
        raise SpecError("VaultDiluted", value, liquidity.total)
    shares = mul_div_down(amount, liquidity.total + VIRTUAL_SHARES, value + VIRTUAL_WAD)
    if shares == 0 or shares < min_shares:
        raise SpecError("TooFewShares", shares, min_shares)
    ledger, moved = _move(ledger, account, VAULT, amount)
    ledger, liquidity, taken = _take(ledger, liquidity.plus(account, shares), quotes, now)
    return ledger, liquidity, (LiquidityAdded(account, amount, shares), *moved, *taken)


def request_claim(
    ledger: Ledger, liquidity: Liquidity, sender: Address, account: int, shares: int, now: int
) -> tuple[Liquidity, Effects]:
    """Ask for shares to be paid out; replaces what was asked before.

    Raises UnknownAccount, NotOwner, TooFewShares.
    """
    _require_owner(ledger, account, sender)
    have = liquidity.shares.get(account, 0)
    if shares > have:
        raise SpecError("TooFewShares", have, shares)
    if shares == 0:
        return liquidity.asking(account, None), (ClaimRequested(account, 0, 0, 0),)
    request = Request(shares, now + CLAIM_DELAY_S)
    event = ClaimRequested(account, shares, request.begins, request.ends)
    return liquidity.asking(account, request), (event,)


def claim(
    ledger: Ledger, liquidity: Liquidity, sender: Address, account: int, quotes: Quotes, now: int
) -> Step:
    """Pay out what was asked for at the vault's worst value; its own margin stays.

    Raises UnknownAccount, NotOwner, ZeroAmount, TooSoon, TooLate, VaultNotPriced, VaultWaits,
    VaultEmpty, VaultUnderMargin.
    """
    _require_owner(ledger, account, sender)
    request = liquidity.requests.get(account)
    if request is None:
        raise SpecError("ZeroAmount")
    if now < request.begins:
        raise SpecError("TooSoon", request.begins)
    if now >= request.ends:
        raise SpecError("TooLate", request.ends)
    _require_priced(ledger, quotes)

    shares, value = request.shares, _value(ledger, Purpose.OPEN, quotes, now)
    amount = mul_div_down(shares, value + VIRTUAL_WAD, liquidity.total + VIRTUAL_SHARES)
    ledger, moved = _move(ledger, VAULT, account, amount)
    health = health_of(ledger, VAULT, Purpose.OPEN, quotes, now)
    if health.equity < health.im:
        raise SpecError("VaultUnderMargin", health.equity, health.im)
    liquidity = liquidity.plus(account, -shares).asking(account, None)
    ledger, liquidity, taken = _take(ledger, liquidity, quotes, now)
    return ledger, liquidity, (LiquidityClaimed(account, shares, amount), *moved, *taken)


def take_nav(ledger: Ledger, liquidity: Liquidity, quotes: Quotes, now: int) -> Step:
    """Take the vault's worst value as the base of the caps, at most hourly. Raises TooSoon."""
    not_before = liquidity.nav_at + NAV_SPACING_S
    if now < not_before:
        raise SpecError("TooSoon", not_before)
    return _take(ledger, liquidity, quotes, now)


def _take(ledger: Ledger, liquidity: Liquidity, quotes: Quotes, now: int) -> Step:
    nav = max(0, health_of(ledger, VAULT, Purpose.OPEN, quotes, now).equity)
    return ledger, replace(liquidity, nav=nav, nav_at=now), (NavTaken(nav),)


def _require_owner(ledger: Ledger, account: int, sender: Address) -> None:
    if account_of(ledger, account).owner != sender:
        raise SpecError("NotOwner", account, sender)


def _require_priced(ledger: Ledger, quotes: Quotes) -> None:
    """Refuse while the vault's value is not known: prices in doubt, debt, a market settled."""
    for market in ledger.markets_of(VAULT):
        state, stored = quotes[market].state, ledger.markets[market]
        if state not in PRICED:
            raise SpecError("VaultNotPriced", market, state)
        if stored.debt or stored.is_settled:
            raise SpecError("VaultWaits", market, stored.debt)


def _value(ledger: Ledger, purpose: Purpose, quotes: Quotes, now: int) -> int:
    value = health_of(ledger, VAULT, purpose, quotes, now).equity
    if value < 0:
        raise SpecError("VaultEmpty", value)
    return value


def _move(ledger: Ledger, source: int, to: int, amount: int) -> tuple[Ledger, Effects]:
    for account, more in ((source, -amount), (to, amount)):
        found = account_of(ledger, account)
        ledger = put_account(ledger, account, replace(found, cash=found.cash + more))
    return ledger, (CashMoved(source, to, amount, Role.VAULT),)
