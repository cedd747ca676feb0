"""Let accounts be made, and collateral come and go.

Models `contracts/derivatives/perp/PerpDoors.sol`; the token's part is left to the chain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.oracle_types import Action, Quote
from clearing.spec.perp_ledger import (
    Account,
    Ledger,
    Market,
    Quotes,
    account_of,
    health_of,
    market_of,
    put_account,
    put_market,
)
from clearing.spec.perp_types import FEES, FIRST_OWNED, OpenInterest, Pause, Purpose, Role
from clearing.spec.perp_units import PICO_TO_WAD, notional
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import WAD, Address, div_floor

__all__ = [
    "SMALL_DEBT",
    "AccountCreated",
    "CashMoved",
    "Deposited",
    "FeesCollected",
    "SessionSet",
    "Withdrawn",
    "collect_fees",
    "create_account",
    "deposit",
    "is_trader",
    "require_trader",
    "set_session",
    "transfer_cash",
    "withdraw",
]

SMALL_DEBT: Final = 100 * WAD
"""What a market may owe before its participants wait."""
SMALL_PART: Final = 1_000
"""Or this part of its open interest at mid."""


@dataclass(frozen=True, slots=True)
class AccountCreated(Event):
    """An account exists."""

    account: int
    owner: Address


@dataclass(frozen=True, slots=True)
class Deposited(Event):
    """Collateral came in, raw units."""

    account: int
    sender: Address
    amount_raw: int


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """Collateral went out, raw units."""

    account: int
    to: Address
    amount_raw: int


@dataclass(frozen=True, slots=True)
class CashMoved(Event):
    """Cash moved between accounts, wad; NONE: by the owner."""

    sender: int
    to: int
    amount: int
    role: Role


@dataclass(frozen=True, slots=True)
class SessionSet(Event):
    """A key may trade until `expiry`; 0: no more."""

    account: int
    key: Address
    expiry: int


@dataclass(frozen=True, slots=True)
class FeesCollected(Event):
    """A market's fees went to account 3, pico."""

    market: int
    amount: int


def create_account(ledger: Ledger, sender: Address) -> tuple[Ledger, int, Effects]:
    """Make an account of the sender's."""
    account = len(ledger.accounts)
    ledger = put_account(ledger, account, Account(sender))
    return ledger, account, (AccountCreated(account, sender),)


def deposit(
    ledger: Ledger, sender: Address, account: int, amount_raw: int, scale: int
) -> tuple[Ledger, Effects]:
    """Bring collateral in; `scale` wad to a raw unit. Raises ZeroAmount, UnknownAccount."""
    if amount_raw == 0:
        raise SpecError("ZeroAmount")
    ledger = _credit(ledger, account, amount_raw * scale)
    return ledger, (Deposited(account, sender, amount_raw),)


def withdraw(
    ledger: Ledger,
    sender: Address,
    account: int,
    amount_raw: int,
    to: Address,
    scale: int,
    quotes: Quotes,
    now: int,
) -> tuple[Ledger, Effects]:
    """Take collateral out.

    Raises UnknownAccount, NotOwner, ZeroAmount, ZeroAddress, CashTooLow, Paused, FeedForbids,
    UnderInitialMargin.
    """
    _require_owner(ledger, account, sender)
    if amount_raw == 0:
        raise SpecError("ZeroAmount")
    if to == ZERO_ADDRESS:
        raise SpecError("ZeroAddress")
    ledger = _take_out(ledger, account, amount_raw * scale, quotes, now)
    return ledger, (Withdrawn(account, to, amount_raw),)


def transfer_cash(
    ledger: Ledger, sender: Address, source: int, to: int, amount: int, quotes: Quotes, now: int
) -> tuple[Ledger, Effects]:
    """Move cash to another account; the rules of `withdraw`."""
    _require_owner(ledger, source, sender)
    if amount == 0:
        raise SpecError("ZeroAmount")
    account_of(ledger, to)
    ledger = _take_out(ledger, source, amount, quotes, now)
    return _credit(ledger, to, amount), (CashMoved(source, to, amount, Role.NONE),)


def set_session(
    ledger: Ledger, sender: Address, account: int, key: Address, expiry: int, now: int
) -> tuple[Ledger, Effects]:
    """Let a key trade, or (expiry 0) no more.

    Raises UnknownAccount, NotOwner, ZeroAddress, SessionInPast.
    """
    _require_owner(ledger, account, sender)
    if expiry:
        if key == ZERO_ADDRESS:
            raise SpecError("ZeroAddress")
        if expiry <= now:
            raise SpecError("SessionInPast", expiry)
    sessions = {**ledger.sessions, (account, key): expiry}
    return replace(ledger, sessions=sessions), (SessionSet(account, key, expiry),)


def is_trader(ledger: Ledger, account: int, actor: Address, now: int) -> bool:
    """Return whether somebody may trade for an account."""
    if actor == ZERO_ADDRESS or account not in ledger.accounts:
        return False
    is_live = now < ledger.sessions.get((account, actor), 0)
    return actor == ledger.accounts[account].owner or is_live


def require_trader(ledger: Ledger, account: int, actor: Address, now: int) -> None:
    """Raise UnknownAccount or NotTrader."""
    account_of(ledger, account)
    if not is_trader(ledger, account, actor, now):
        raise SpecError("NotTrader", account, actor)


def collect_fees(ledger: Ledger, market: int) -> tuple[Ledger, Effects]:
    """Move a market's fees to account 3. Raises UnknownMarket."""
    stored = market_of(ledger, market)
    ledger = put_market(
        ledger, market, replace(stored, oi=OpenInterest(stored.oi.open_interest, 0))
    )
    ledger = _credit(ledger, FEES, stored.oi.fees * PICO_TO_WAD)
    return ledger, (FeesCollected(market, stored.oi.fees),)


def _require_owner(ledger: Ledger, account: int, sender: Address) -> None:
    owner = account_of(ledger, account).owner
    if account < FIRST_OWNED or sender != owner:
        raise SpecError("NotOwner", account, sender)


def _credit(ledger: Ledger, account: int, amount: int) -> Ledger:
    found = account_of(ledger, account)
    return put_account(ledger, account, replace(found, cash=found.cash + amount))


def _require_released(market: int, stored: Market, quote: Quote) -> None:
    """Refuse while a market that the account is in does not let go."""
    if stored.is_settled:
        raise SpecError("MarketNotLive", market, stored.risk.status)
    if stored.risk.pause & Pause.WITHDRAW:
        raise SpecError("Paused", market, stored.risk.pause)
    if not quote.allowed >> Action.WITHDRAW & 1:
        raise SpecError("FeedForbids", market, quote.state, quote.gates)
    small = max(SMALL_DEBT, div_floor(notional(stored.oi.open_interest, quote.mid), SMALL_PART))
    if stored.debt > small:
        raise SpecError("DebtUncovered", market, stored.debt)


def _take_out(ledger: Ledger, account: int, amount: int, quotes: Quotes, now: int) -> Ledger:
    """Take cash, if the account lets go of it and stays above initial margin."""
    cash = account_of(ledger, account).cash
    if cash < amount:
        raise SpecError("CashTooLow", account, cash, amount)
    ledger = _credit(ledger, account, -amount)
    for market in ledger.markets_of(account):
        _require_released(market, ledger.markets[market], quotes[market])
    if ledger.markets_of(account):
        health = health_of(ledger, account, Purpose.OPEN, quotes, now)
        if health.equity < health.im:
            raise SpecError("UnderInitialMargin", account, health.equity, health.im)
    return ledger
