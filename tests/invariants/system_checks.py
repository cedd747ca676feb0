"""What must hold after every step of the whole system, computed from storage and events alone.

SYS-01 and the solvency of each contract are sums over everybody who ever held anything. SYS-02
compares what honest people had before and after a step that was the adversary's alone. GOV-10 and
GOV-14 look at every word that only a proposal may change, and at how long pauses have to go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from clearing.spec.perp_types import FIRST_OWNED, Purpose
from clearing.spec.perp_units import PICO_TO_WAD
from clearing.spec.types import (
    EXECUTED,
    HIGH_FUNDED,
    LOW_FUNDED,
    REFUNDED,
    ZERO_ADDRESS,
    Side,
    Status,
)
from clearing.spec.units import Address, div_ceil
from tests.invariants.system_books import TOKENS, Picture, signed
from tests.invariants.system_desk import Log
from tests.invariants.system_stage import FEED_OF, FEEDS
from tests.invariants.system_town import PREIMAGE, Line, Lock, Town

__all__ = ["Broken", "Checks", "Excuses"]

STILL: Final = 8
"""Every so many steps that changed something, what should stand still is read, too."""
PAUSE_S: Final = 72 * 3_600
SCALE: Final = 10**12
STATUS_AT: Final = 213
LIVE: Final = (Status.OPEN, Status.CHALLENGED)
UINT40: Final = 2**40 - 1
LOW_160: Final = 2**160 - 1
MARKETS: Final = range(len(FEED_OF))


class Broken(AssertionError):
    """Something that must hold does not."""


@dataclass(slots=True)
class Excuses:
    """Why an honest account may change in a step of the adversary's.

    `liquidatable`: accounts that were below maintenance margin before it.
    """

    liquidatable: frozenset[int] = frozenset()
    named: dict[int, str] = field(default_factory=dict)


class Checks:
    """Looks at the books before and after."""

    def __init__(self, town: Town) -> None:
        self.town, self.desk = town, town.desk
        self.picture = town.books.read()
        self._transfer = self.desk.topic("USDC", "Transfer")
        self._locked = self.desk.topic("HashTimeLock", "Locked")
        self._executed = self.desk.topic("ProtocolTimelock", "CallExecuted")
        resolution = "ResolutionModule"
        self._liquidated = self.desk.topic("RiskManager", "Liquidated")
        self._absorbed = self.desk.topic(resolution, "Absorbed")
        self._deleveraged = self.desk.topic(resolution, "Deleveraged")
        self._closed = self.desk.topic("SettlementModule", "ClosedAt")
        self._paid = self.desk.topic("SettlementModule", "ClaimPaid")
        self._filled = self.desk.topic("MatchSettler", "OrderFilled")
        stage = town.stage
        self._tokens = {name: town.address(name) for name in TOKENS}
        self._honest = stage.brokers[:2]
        self._mine = {account: owner.address for owner, account in stage.traders}
        self._watched = [
            *(owner.address for owner, _ in stage.traders),
            *(key.address for key in stage.roles.values()),
        ]
        self._supplies = {name: self.picture["supply", name] for name in TOKENS}
        self._changes = 0
        self._guarded = self.picture
        self.hold(self.picture)

    # A STEP

    def after(self, told: Iterable[Log], *, excuses: Excuses | None = None) -> None:
        """Judge a step that changed something; with `excuses` it was the adversary's alone.

        Raises Broken.
        """
        before, logs = self.picture, tuple(told)
        for log in logs:
            if log.topics[:1] == (self._locked,):
                lock_id, *terms = self._fields(log)
                self.town.locks.setdefault(lock_id, Lock(tuple(terms), PREIMAGE))
                self.town.books.meet_lock(lock_id)
            if log.topics and log.topics[0] == self._transfer and len(log.topics) == 3:
                self.town.books.meet(Address(log.topics[1][12:]))
                self.town.books.meet(Address(log.topics[2][12:]))
        self._changes += 1
        passed = self._passed(logs)
        is_whole = passed or self._changes % STILL == 0
        after = self.picture = self.town.books.read(is_whole=is_whole)
        self.hold(after)
        if is_whole:
            if not passed:
                self._hold_powers(self._guarded, after)
            self._guarded = after
        if excuses is not None:
            self._excuse(excuses, logs)
            self._hold_brokers(before, after)
            self._hold_accounts(before, after, excuses)

    def hold(self, picture: Picture) -> None:
        """Hold what must be true of a picture by itself. Raises Broken."""
        wallets = dict.fromkeys(TOKENS, 0)
        owed = dict.fromkeys(TOKENS, 0)
        credited = dict.fromkeys((*TOKENS, "ether"), 0)
        staked = shares = cash = 0
        for key, value in picture.items():
            if not value:
                continue
            match key[0]:
                case "wallet":
                    wallets[key[1]] += value
                case "ledger":
                    owed[key[1]] += value
                case "credit":
                    credited[key[1]] += value
                case "stake" | "leaving":
                    staked += value
                case "shares":
                    shares += value
                case "cash":
                    cash += signed(value, 0, 128)
        for token, held in wallets.items():
            _require(
                held == picture["supply", token] == self._supplies[token],
                f"SYS-01: {token} in all wallets is {held}, not the supply",
                picture["supply", token],
                self._supplies[token],
            )
        _require(
            shares == picture["all shares",],
            "SYS-01: the shares of all accounts are all shares",
            shares,
            picture["all shares",],
        )
        self._hold_vault(picture, owed)
        registry = picture["wallet", "Yellow", self.town.address("BrokerRegistry")]
        _require(registry >= staked, "REG-04: stakes are covered", registry, staked)
        self._hold_locks(picture, credited)
        self._hold_engine(picture, cash)
        self._hold_pauses(picture)

    # SOLVENCY

    def _hold_vault(self, picture: Picture, owed: dict[str, int]) -> None:
        """Ledgers, nets of live channels and locked legs, by token."""
        town = self.town
        for line in town.lines.values():
            meta = picture["meta", line.id]
            if meta & 0xFF not in LIVE and not meta >> 208 & 0xFF:
                continue
            view = town.look(line, picture)
            if view.status in LIVE:
                for asset, (low, high) in zip(line.assets, view.nets, strict=True):
                    owed[town.name_of(asset)] += low + high
            funded = view.flags & (LOW_FUNDED | HIGH_FUNDED)
            if funded and not view.flags & (EXECUTED | REFUNDED) and picture["order", line.id]:
                for at_token, amount in _locked(line, picture, funded):
                    owed[town.name_of(at_token)] += amount
        at = town.address("Adjudicator")
        for token, sum_ in owed.items():
            held = picture["wallet", token, at]
            _require(held >= sum_, f"ADJ-01: {token} covers ledgers, nets and locks", held, sum_)

    def _hold_locks(self, picture: Picture, credited: dict[str, int]) -> None:
        town = self.town
        for lock_id, lock in town.locks.items():
            if picture["locked", lock_id]:
                token = lock.terms[2]
                name = "ether" if token == ZERO_ADDRESS else town.name_of(token)
                credited[name] += lock.terms[3]
        at = town.address("HashTimeLock")
        for name, sum_ in credited.items():
            if name == "ether":
                held = town.stage.chain.balance_of(at)
            else:
                held = picture["wallet", name, at]
            _require(held >= sum_, f"HTL-01: {name} covers locks and credited", held, sum_)

    def _hold_engine(self, picture: Picture, cash: int) -> None:
        """Sizes sum to zero, open interest is the longs, tokens cover the ledger (PERP-01..04)."""
        owed, accounts = cash, range(self.town.books.accounts)
        for market in MARKETS:
            if market >= picture["core",] >> 240:
                break
            funding, total, longs = picture["funding", market], 0, 0
            f_long, f_short = signed(funding, 0, 88), signed(funding, 88, 88)
            for account in accounts:
                word = picture["position", account, market]
                if not word:
                    continue
                size, quote = signed(word, 0, 72), signed(word, 72, 96)
                total += size
                longs += max(0, size)
                index = f_long if size > 0 else f_short
                owed += quote * PICO_TO_WAD
                owed -= div_ceil(size * (index - signed(word, 168, 88)), 100)
            oi = picture["oi", market]
            _require(total == 0, f"PERP-01: sizes in market {market} sum to zero", total)
            _require(
                longs == oi & 2**72 - 1, f"PERP-02: open interest {market} is the longs", longs
            )
            owed += (oi >> 144 & 2**88 - 1) * PICO_TO_WAD - picture["debt", market]
        tokens = picture["wallet", "USDC", self.town.address("DerivativesEngine")] * SCALE
        _require(tokens >= owed, "PERP-03: tokens cover what the engine owes", tokens, owed)
        for account in range(FIRST_OWNED, self.town.books.accounts):
            word = picture["cash", account]
            if not word >> 128:
                debt = -signed(word, 0, 128)
                _require(debt <= 0, f"PERP-48: account {account} owes without a position", debt)

    def _hold_pauses(self, picture: Picture) -> None:
        """No pause has more than 72 hours to go (GOV-14)."""
        last = self.town.now + PAUSE_S
        ends = {
            "openings": picture["paused", "openings"] & UINT40,
            "trading": picture["core",] >> 160 & UINT40,
        }
        ends |= {str(feed): picture["memo", feed] >> 136 & UINT40 for feed in FEEDS}
        for scope, end in ends.items():
            _require(end <= last, f"GOV-14: {scope} is paused for 72 hours at most", end, last)

    # POWERS

    def _passed(self, logs: tuple[Log, ...]) -> bool:
        """Say whether the timelock acted; hold that it did what was voted for."""
        passed = False
        for log in logs:
            if log.topics[:1] != (self._executed,):
                continue
            _, (_, _, target, _, data) = self.desk.fields_of(log)
            _require(
                (target, data) in self.town.wanted,
                "GOV-10: the timelock does what was voted for alone",
                target.hex(),
                data.hex(),
            )
            self.desk.count_inside(target, data)
            passed = True
        return passed

    def _hold_powers(self, before: Picture, after: Picture) -> None:
        """Whatever only a proposal may change is as it was when it was looked at last.

        A step that executed one is not judged: what it wrote is where the next ones begin. Those
        before it are, for what an unproposed one wrote is looked at first.
        """
        for key, value in after.items():
            if key[0] == "power" and value != before.get(key, 0):
                raise Broken(f"GOV-10: {key} changed without a proposal: {value:#x}")
        for key in (("core",), ("settler",), ("next timelock",)):
            changed = (before[key] ^ after[key]) & LOW_160
            _require(not changed, f"GOV-10: {key} changed without a proposal")
        for market in MARKETS:
            # the rest of the word changes with trades and with the ends of markets
            changed = before["risk", market] ^ after["risk", market]
            changed &= ~(15 << STATUS_AT)
            _require(not changed, f"GOV-10: margins of {market} changed without a proposal")
            changed = before["limit", market] ^ after["limit", market]
            _require(not changed, f"GOV-10: limits of {market} changed without a proposal")

    # WHAT HONEST PEOPLE HAVE

    def _hold_brokers(self, before: Picture, after: Picture) -> None:
        """A broker's wallet, ledger, credited, stake and claims are no less, token by token."""
        for broker in self._honest:
            mine = [line for line in self.town.lines.values() if broker in line.brokers]
            settled, closed = False, []
            for line in mine:
                old, new = self.town.look(line, before), self.town.look(line, after)
                if line.is_open_ended(old):
                    settled |= bool((old.flags ^ new.flags) & EXECUTED)
                else:
                    closed.append(line)
            if settled:
                continue  # an order that both have signed moved both tokens
            had = self._wealth(before, broker.address, closed)
            has = self._wealth(after, broker.address, closed)
            for token in TOKENS:
                _require(
                    has[token] >= had[token],
                    f"SYS-02: a broker's {token} fell by a step of the adversary",
                    had[token],
                    has[token],
                )
        for who in self._watched:
            for token in TOKENS:
                had_, has_ = before.get(("wallet", token, who), 0), after["wallet", token, who]
                _require(has_ >= had_, f"SYS-02: a wallet's {token} fell", who.hex(), had_, has_)

    def _wealth(self, picture: Picture, who: Address, lines: Iterable[Line]) -> Mapping[str, int]:
        sums = {
            token: picture["wallet", token, who]
            + picture["ledger", token, who]
            + picture["credit", token, who]
            for token in TOKENS
        }
        sums["Yellow"] += picture["stake", who] + picture["leaving", who]
        for line in lines:
            if picture["meta", line.id] & 0xFF not in LIVE:
                continue
            side = Side.LOW if line.brokers[0].address == who else Side.HIGH
            claims = self.town.claim(line, self.town.look(line, picture), side)
            for asset, claim in zip(line.assets, claims, strict=True):
                sums[self.town.name_of(asset)] += claim
        return sums

    def _hold_accounts(self, before: Picture, after: Picture, excuses: Excuses) -> None:
        """An account keeps its owner, shares, positions and cash, but for what is excused."""
        for account in self._mine:
            for kind in ("owner", "shares"):
                old, new = before[kind, account], after[kind, account]
                _require(old == new, f"SYS-02: {kind} of account {account} changed", old, new)
            moved = [
                market
                for market in MARKETS
                if before["position", account, market] != after["position", account, market]
            ]
            had = signed(before["cash", account], 0, 128)
            has = signed(after["cash", account], 0, 128)
            if (not moved and has >= had) or account in excuses.named:
                continue
            raise Broken(
                f"SYS-02: account {account} changed by a step of the adversary:"
                f" cash {had} -> {has}, markets {moved}"
            )

    def _excuse(self, excuses: Excuses, logs: tuple[Log, ...]) -> None:
        """Read from events who was liquidated, absorbed, deleveraged, closed or filled."""
        for log in logs:
            topic = log.topics[0] if log.topics else b""
            if topic in (self._liquidated, self._absorbed):
                (account, *_), name = self._fields(log), "liquidated"
                _require(
                    account in excuses.liquidatable or account not in self._mine,
                    f"PERP-20: account {account} is liquidated though it is sound",
                )
                excuses.named[account] = name
            elif topic == self._deleveraged:
                _, account, counterparty, *_ = self._fields(log)
                excuses.named[account] = excuses.named[counterparty] = "deleveraged"
            elif topic in (self._closed, self._paid):
                excuses.named[self._fields(log)[1]] = "settled"
            elif topic == self._filled:
                account, slot, size, quote = self._fields(log)
                self._hold_fill(account, slot, size, quote)
                excuses.named[account] = "filled"

    def _hold_fill(self, account: int, slot: int, size: int, quote_pico: int) -> None:
        """What was filled of an honest account's order is what it signed."""
        if account not in self._mine:
            return
        nonce, filled = slot & 2**40 - 1, slot >> 40
        found = [
            each.order
            for each in self.town.orders
            if (each.order.account, each.order.nonce) == (account, nonce)
        ]
        if not found:
            return  # older than what is remembered
        (order,) = found
        _require(
            size * order.size > 0 and filled <= abs(order.size),
            "SYS-02: an order is filled beyond what was signed",
            account,
            nonce,
        )
        paid, bound = quote_pico * 10**14, abs(size) * order.limit_price
        fair = paid <= bound + 10**14 * 2 if size > 0 else paid + 10**14 * 2 >= bound
        _require(fair, "SYS-02: an order is filled beyond its limit", account, nonce)

    def _fields(self, log: Log) -> tuple[Any, ...]:
        return self.desk.fields_of(log)[1]

    def liquidatable(self) -> frozenset[int]:
        """Return the honest accounts that are below maintenance margin now."""
        held = [account for account in self._mine if self.picture["cash", account] >> 128]
        healths = ((each, self.town.health(each, Purpose.LIQUIDATE)) for each in held)
        return frozenset(each for each, health in healths if health.equity < health.mm)


def _locked(line: Line, picture: Picture, funded: int) -> Iterable[tuple[Address, int]]:
    """Return the legs that stand locked for a channel's order."""
    order_hash = picture["order", line.id].to_bytes(32, "big")
    for entry in line.entries:
        if entry.order is not None and entry.state.condition.ref == order_hash:
            for leg in entry.order.legs:
                if funded & (LOW_FUNDED if leg.from_low else HIGH_FUNDED):
                    yield leg.token, leg.amount
            return


def _require(holds: bool, message: str, *values: object) -> None:  # noqa: FBT001 - a verdict
    if not holds:
        raise Broken(f"{message}: {', '.join(map(str, values))}")
