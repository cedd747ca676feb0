"""A replica of the perpetual swaps that knows events alone.

`Recorder` is a chain that keeps every event with its time, those of constructors included.
`Replica` takes them up, and shares no code with the specification. `tests.harness.perp_views`
compares it with what the contracts say.
"""

# ruff: noqa: N802 - a handler is named after its event

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

import pyrevm

from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address, div_ceil, div_floor, div_trunc
from tests.harness.contract import Contract, Log
from tests.harness.revm import Revm

__all__ = ["FILLED_MAX", "LIVE", "SLOTS", "Recorder", "Replica", "Told"]

PROTOCOLS: Final = 4
"""Accounts that exist from the start and have no owner."""
SLOTS: Final = 64
FILLED_MAX: Final = 2**128 - 1
LOTS: Final = 10**8
PICO_TO_WAD: Final = 10**6
OWED_PER_WAD: Final = 100
LIVE: Final = 1
DAY_S: Final = 86_400
FADE_S: Final = 300
HALF_S: Final = 150
WHOLE: Final = 10**6
MAX_WEIGHT: Final = 4 * 10**9


@dataclass(frozen=True, slots=True)
class Told:
    """An event and when it was told, Unix seconds."""

    at: int
    log: Log


class Recorder(Revm):
    """A chain that keeps whatever its contracts tell; what `isolated` undoes is forgotten too."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        super().__init__()

    def log_of(self, log: pyrevm.Log) -> Log:
        """Return an event, and keep it. Raises KeyError for one that no ABI has."""
        known = super().log_of(log)
        self.told.append(Told(self.now, known))
        return known

    def deploy(self, name: str, *args: Any, sender: Address) -> Contract:
        """Deploy, and keep what the constructor tells. Raises Refused."""
        contract = super().deploy(name, *args, sender=sender)
        result = self.evm.result
        assert result is not None, "revm has a result after each deployment"
        for log in result.logs:
            self.log_of(log)
        return contract

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Undo on leaving whatever happens inside."""
        before = len(self.told)
        with super().isolated():
            yield
        del self.told[before:]


# STATE


@dataclass
class Account:
    """An account; cash in wad."""

    owner: Address = ZERO_ADDRESS
    cash: int = 0
    sessions: dict[Address, int] = field(default_factory=dict)


@dataclass
class Position:
    """Lots, pico, pico per unit."""

    size: int = 0
    quote: int = 0
    index: int = 0


@dataclass
class Premium:
    """The average of samples, pico, and its integral, pico · s · 600."""

    ema: int = 0
    ema_at: int = 0
    anchor_age: int = 0
    pending_at: int = 0
    mean: int = 0
    weight: int = 0
    integral: int = 0

    def fold(self, now: int) -> None:
        """Let the samples of an earlier timestamp join the average."""
        if not self.weight or self.pending_at >= now:
            return
        weight, age = min(self.weight, WHOLE), self.pending_at - self.ema_at
        base = div_trunc(self.ema * (FADE_S - age), FADE_S) if age < FADE_S else 0
        elapsed = min(age + self.anchor_age, FADE_S)
        gap = (self.mean - base) * weight
        if elapsed >= HALF_S:
            step = div_trunc(gap, 2 * WHOLE)
        else:
            step = div_trunc(gap * elapsed, (elapsed + HALF_S) * WHOLE)
        self.integral += self.ema * _grown(age)
        self.ema, self.ema_at = base + step, self.pending_at
        self.anchor_age = elapsed - div_floor(weight * elapsed, WHOLE)
        self.mean = self.weight = 0

    def sample(self, sample: int, weight: int, now: int) -> None:
        """Take a sample in; too much of one timestamp is told and dropped."""
        self.fold(now)
        total = self.weight + weight
        if weight == 0 or total > MAX_WEIGHT:
            return
        self.mean = div_trunc(self.mean * self.weight + sample * weight, total)
        self.weight, self.pending_at = total, now

    def restart(self, to: int) -> None:
        """Begin the integral anew at the end of an interval."""
        self.integral = -self.ema * _grown(to - self.ema_at) if to > self.ema_at else 0


def _grown(age: int) -> int:
    x = min(age, FADE_S)
    return 600 * x - x * x


@dataclass
class Market:
    """What is stored of a market; parameters in the order of their structs."""

    feed: bytes
    risk: tuple[int, ...]
    trade: tuple[int, ...]
    limit: tuple[int, ...]
    funded_at: int
    old: tuple[int, ...] = ()
    phase_start: int = 0
    pause: int = 0
    open_interest: int = 0
    fees: int = 0
    f_long: int = 0
    f_short: int = 0
    rate: int = 0
    status: int = 1
    price: int = 0
    debt: int = 0
    premium: Premium = field(default_factory=Premium)

    def index_of(self, lots: int) -> int:
        """Return the funding index of a side; nothing counts as short."""
        return self.f_long if lots > 0 else self.f_short

    def in_force(self, now: int) -> tuple[int, ...]:
        """Return im, kappa, slope, imMax as they are now."""
        elapsed = min(now - self.phase_start, DAY_S)
        im, kappa, slope, im_max = (
            new if new <= old else old + div_floor((new - old) * elapsed, DAY_S)
            for old, new in zip(self.old, self.risk[:4], strict=True)
        )
        return im, kappa, slope, max(im, im_max)


@dataclass
class Vault:
    """Shares of the vault."""

    shares: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    requests: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    nav: tuple[int, int] = (0, 0)


@dataclass
class Orders:
    """Rings of nonces: a slot is a nonce and the lots filled of it."""

    settler: Address = ZERO_ADDRESS
    last_batch: int = 0
    least: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    slots: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


class Replica:
    """Everything that can be asked of engine, vault module and settler."""

    def __init__(self, emitters: Iterable[Contract], decimals: int) -> None:
        """Follow engine, admin, vault module and settler."""
        self._emitters = frozenset(each.address for each in emitters)
        self._scale = 10 ** (18 - decimals)
        self.accounts = {account: Account() for account in range(PROTOCOLS)}
        self.markets: dict[int, Market] = {}
        self.positions: dict[tuple[int, int], Position] = defaultdict(Position)
        self.modules: dict[int, Address] = {}
        self.tokens = 0
        self.oracle = self.timelock = self.proposed = ZERO_ADDRESS
        self.guardian_pause = (0, 0)
        self.vault, self.orders = Vault(), Orders()
        self.seen = 0
        """Events that were offered so far."""
        self._now = 0

    def take(self, events: Iterable[Told]) -> None:
        """Take events up; those of other contracts are passed over. Raises AttributeError."""
        for told in events:
            self.seen += 1
            if told.log.emitter in self._emitters:
                self._now = told.at
                getattr(self, f"_on_{told.log.event}")(*told.log.args)

    def after(self, events: Iterable[Told]) -> Replica:
        """Return what this would be after some events."""
        copy = deepcopy(self)
        copy.take(events)
        return copy

    # ACCOUNTS

    def _on_AccountCreated(self, account: int, owner: Address) -> None:
        assert account == len(self.accounts)
        self.accounts[account] = Account(owner)

    def _on_Deposited(self, account: int, _payer: Address, amount_raw: int) -> None:
        self.accounts[account].cash += amount_raw * self._scale
        self.tokens += amount_raw

    def _on_Withdrawn(self, account: int, _to: Address, amount_raw: int) -> None:
        self.accounts[account].cash -= amount_raw * self._scale
        self.tokens -= amount_raw

    def _on_CashMoved(self, source: int, to: int, amount: int, _role: int) -> None:
        self.accounts[source].cash -= amount
        self.accounts[to].cash += amount

    def _on_SessionSet(self, account: int, key: Address, expiry: int) -> None:
        self.accounts[account].sessions[key] = expiry

    # MARKETS

    def _on_Booked(
        self, market: int, account: int, lots: int, quote: int, fee: int, cash: int, _kind: int
    ) -> None:
        stored, key = self.markets[market], (account, market)
        held = self.positions[key]
        self.accounts[account].cash += cash
        stored.fees += fee
        size = held.size + lots
        stored.open_interest += max(size, 0) - max(held.size, 0)
        after = Position(size, held.quote + quote, stored.index_of(size)) if size else Position()
        self.positions[key] = after

    def _on_FundingTicked(
        self, market: int, f_long: int, f_short: int, rate: int, intervals: int
    ) -> None:
        stored = self.markets[market]
        stored.f_long, stored.f_short, stored.rate = f_long, f_short, rate
        stored.funded_at += intervals * stored.limit[1]
        stored.premium.fold(self._now)
        stored.premium.restart(stored.funded_at)

    def _on_PremiumSampled(self, market: int, sample: int, weight: int) -> None:
        self.markets[market].premium.sample(sample, weight, self._now)

    def _on_FeesCollected(self, market: int, amount: int) -> None:
        stored = self.markets[market]
        assert stored.fees == amount
        stored.fees = 0
        self.accounts[3].cash += amount * PICO_TO_WAD

    def _on_MarketAdded(self, market: int, feed: bytes, risk: Any, trade: Any, limit: Any) -> None:
        assert market == len(self.markets)
        terms = (tuple(risk), tuple(trade), tuple(limit))
        self.markets[market] = Market(feed, *terms, self._now, old=tuple(risk[:4]))

    def _on_MarketChanged(self, market: int, risk: Any, trade: Any, limit: Any) -> None:
        stored = self.markets[market]
        stored.old, stored.phase_start = stored.in_force(self._now), self._now
        stored.risk, stored.trade, stored.limit = tuple(risk), tuple(trade), tuple(limit)

    # RESOLUTION

    def _on_LossShared(
        self, market: int, account: int, delta: int, amount: int, backstop: int
    ) -> None:
        stored = self.markets[market]
        stored.f_long, stored.f_short = stored.f_long + delta, stored.f_short - delta
        self.accounts[account].cash += amount
        self.accounts[1].cash += backstop

    def _on_DebtMoved(self, market: int, account: int, amount: int, debt: int) -> None:
        self.accounts[account].cash += amount
        self.markets[market].debt = debt

    def _on_StatusChanged(self, market: int, status: int, price: int) -> None:
        self.markets[market].status, self.markets[market].price = status, price

    def _on_TermsSet(self, market: int, *_words: int) -> None:
        """Of the engine; what the admin module says just after is the same in plain words."""

    # POWERS

    def _on_PauseChanged(self, market: int, old: int, new: int) -> None:
        assert self.markets[market].pause == old
        self.markets[market].pause = new

    def _on_GuardianPaused(self, mask: int, until: int) -> None:
        self.guardian_pause = (mask, until)

    def _on_ModuleChanged(self, role: int, old: Address, new: Address) -> None:
        assert self.modules.get(role, ZERO_ADDRESS) == old
        self.modules[role] = new

    def _on_OracleChanged(self, old: Address, new: Address) -> None:
        assert self.oracle == old
        self.oracle = new

    def _on_TimelockProposed(self, proposed: Address) -> None:
        self.proposed = proposed

    def _on_TimelockChanged(self, old: Address, new: Address) -> None:
        assert self.timelock == old
        self.timelock, self.proposed = new, ZERO_ADDRESS

    # VAULT

    def _on_Traded(self, *_: int) -> None:
        """The engine's Booked says it too."""

    def _on_LiquidityAdded(self, account: int, _amount: int, shares: int) -> None:
        self.vault.shares[account] += shares

    def _on_ClaimRequested(self, account: int, shares: int, start: int, end: int) -> None:
        self.vault.requests[account] = (shares, start, end)

    def _on_LiquidityClaimed(self, account: int, shares: int, _amount: int) -> None:
        self.vault.shares[account] -= shares
        del self.vault.requests[account]

    def _on_NavTaken(self, nav: int) -> None:
        self.vault.nav = (nav, self._now)

    # ORDERS

    def _on_OrderFilled(self, account: int, slot: int, _lots: int, _quote: int) -> None:
        nonce, filled = slot % 2**40, slot >> 40
        self.orders.slots[account, nonce % SLOTS] = (nonce, filled)

    def _on_OrderCancelled(self, account: int, nonce: int) -> None:
        self.orders.slots[account, nonce % SLOTS] = (nonce, FILLED_MAX)

    def _on_NoncesCancelled(self, account: int, least: int) -> None:
        self.orders.least[account] = least

    def _on_BatchSettled(self, batch: int, _groups: int, _skipped: int) -> None:
        self.orders.last_batch = batch

    def _on_FillSkipped(self, *_: Any) -> None:
        """Nothing happened."""

    def _on_SettlerChanged(self, old: Address, new: Address) -> None:
        assert self.orders.settler == old
        self.orders.settler = new

    # WHAT FOLLOWS

    def bits_of(self, account: int) -> int:
        """Return the markets that an account is in, one bit each."""
        return sum(1 << market for market in self.markets if self.positions[account, market].size)

    def owed(self, account: int, market: int) -> int:
        """Return the funding that a position has not settled, wad, up."""
        held = self.positions[account, market]
        delta = self.markets[market].index_of(held.size) - held.index
        return div_ceil(held.size * delta, OWED_PER_WAD) if held.size else 0

    def equity(self, account: int, mids: Mapping[int, int]) -> int:
        """Return what an account is worth at these prices (wad), wad, down."""
        worth = self.accounts[account].cash
        for market, mid in mids.items():
            held = self.positions[account, market]
            worth += held.quote * PICO_TO_WAD - self.owed(account, market)
            worth += div_floor(held.size * mid, LOTS)
        return worth
