"""Keep what insurance and the backstop may lose for others, market by market.

Models `contracts/derivatives/InsuranceFund.sol`. All amounts are wad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.perp_doors import CashMoved
from clearing.spec.perp_ledger import Ledger, account_of, put_account
from clearing.spec.perp_types import FEES, INSURANCE, Role
from clearing.spec.units import DAY_S, Address, div_ceil

__all__ = [
    "FORGIVEN_AFTER_S",
    "NO_LIMITS",
    "Donated",
    "Fund",
    "Limits",
    "Spent",
    "Swept",
    "backstop_left",
    "donate",
    "insurance_left",
    "move_cash",
    "spend",
    "spent_of",
    "sweep",
    "with_limits",
]

FORGIVEN_AFTER_S: Final = 30 * DAY_S
"""What was spent is forgiven evenly over so long after the last spending."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What each may lose in a market, and what it had lost at `spent_at`."""

    insurance: int = 0
    backstop: int = 0
    insurance_spent: int = 0
    backstop_spent: int = 0
    spent_at: int = 0


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Fund:
    """The limits of all markets, and what insurance keeps."""

    limits: Mapping[int, Limits] = field(default_factory=dict)
    target: int = 2**256 - 1

    def of(self, market: int) -> Limits:
        """Return a market's limits: none were set means nothing is covered."""
        return self.limits.get(market, NO_LIMITS)


@dataclass(frozen=True, slots=True)
class Spent(Event):
    """What a loss took, and what is spent in all with it."""

    market: int
    insurance: int
    backstop: int
    insurance_spent: int
    backstop_spent: int


@dataclass(frozen=True, slots=True)
class Donated(Event):
    """An account gave cash to insurance."""

    account: int
    amount: int


@dataclass(frozen=True, slots=True)
class Swept(Event):
    """What insurance had above its target went to account 3."""

    amount: int


def with_limits(fund: Fund, market: int, insurance: int, backstop: int) -> Fund:
    """Set a market's limits; what is spent stays spent."""
    changed = replace(fund.of(market), insurance=insurance, backstop=backstop)
    return replace(fund, limits={**fund.limits, market: changed})


def spent_of(limits: Limits, now: int) -> tuple[int, int]:
    """Return what counts as spent now by insurance and by the backstop, up."""
    left = max(0, FORGIVEN_AFTER_S - (now - limits.spent_at))
    return (
        div_ceil(limits.insurance_spent * left, FORGIVEN_AFTER_S),
        div_ceil(limits.backstop_spent * left, FORGIVEN_AFTER_S),
    )


def insurance_left(fund: Fund, market: int, now: int) -> int:
    """Return what insurance may still lose in a market."""
    limits = fund.of(market)
    return max(0, limits.insurance - spent_of(limits, now)[0])


def backstop_left(fund: Fund, market: int, now: int) -> int:
    """Return what the backstop may still lose in a market for others."""
    limits = fund.of(market)
    return max(0, limits.backstop - spent_of(limits, now)[1])


def spend(fund: Fund, market: int, insurance: int, backstop: int, now: int) -> tuple[Fund, Spent]:
    """Note what a loss took. Raises LimitExceeded."""
    limits = fund.of(market)
    spent = spent_of(limits, now)
    after = (spent[0] + insurance, spent[1] + backstop)
    if insurance and after[0] > limits.insurance:
        raise SpecError("LimitExceeded", market, after[0], limits.insurance)
    if backstop and after[1] > limits.backstop:
        raise SpecError("LimitExceeded", market, after[1], limits.backstop)
    changed = replace(limits, insurance_spent=after[0], backstop_spent=after[1], spent_at=now)
    event = Spent(market, insurance, backstop, *after)
    return replace(fund, limits={**fund.limits, market: changed}), event


def move_cash(
    ledger: Ledger, source: int, to: int, amount: int, role: Role
) -> tuple[Ledger, Effects]:
    """Move cash between accounts as a module does. Raises UnknownAccount."""
    for account, more in ((source, -amount), (to, amount)):
        found = account_of(ledger, account)
        ledger = put_account(ledger, account, replace(found, cash=found.cash + more))
    return ledger, (CashMoved(source, to, amount, role),)


def donate(ledger: Ledger, sender: Address, account: int, amount: int) -> tuple[Ledger, Effects]:
    """Give an account's cash to insurance.

    Raises UnknownAccount, NotOwner, ZeroAmount, HasPositions, CashTooLow.
    """
    found = account_of(ledger, account)
    if found.owner != sender:
        raise SpecError("NotOwner", account, sender)
    if amount == 0:
        raise SpecError("ZeroAmount")
    if ledger.markets_of(account):
        raise SpecError("HasPositions", account)
    if found.cash < amount:
        raise SpecError("CashTooLow", account, found.cash, amount)
    ledger, moved = move_cash(ledger, account, INSURANCE, amount, Role.INSURANCE)
    return ledger, (Donated(account, amount), *moved)


def sweep(ledger: Ledger, fund: Fund) -> tuple[Ledger, Effects]:
    """Move what insurance has above its target to account 3.

    Raises DebtOutstanding, ZeroAmount.
    """
    for market, stored in sorted(ledger.markets.items()):
        if stored.debt:
            raise SpecError("DebtOutstanding", market, stored.debt)
    amount = account_of(ledger, INSURANCE).cash - fund.target
    if amount <= 0:
        raise SpecError("ZeroAmount")
    ledger, moved = move_cash(ledger, INSURANCE, FEES, amount, Role.INSURANCE)
    return ledger, (Swept(amount), *moved)
