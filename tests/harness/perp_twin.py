"""The perpetual swaps' contracts and their specification, kept in step.

Each call is made on both; verdict with its values, events and storage must be equal. A difference
raises `Divergence`. What the oracle says is read from the real oracle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, replace
from typing import Any, Final, NoReturn

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event, events_of
from clearing.spec.oracle_types import FeedParams, Gate, PriceState, Quote
from clearing.spec.perp_book import Leg, Sample, book
from clearing.spec.perp_doors import (
    collect_fees,
    create_account,
    deposit,
    set_session,
    transfer_cash,
    withdraw,
)
from clearing.spec.perp_ledger import (
    Account,
    Ledger,
    Market,
    Quotes,
    look_at,
    position_of,
    tick,
)
from clearing.spec.perp_liquidity import Liquidity
from clearing.spec.perp_margin import listed, phased
from clearing.spec.perp_params import require_change
from clearing.spec.perp_risk import liquidate
from clearing.spec.perp_types import (
    Funding,
    Kind,
    LimitParams,
    MarketStatus,
    Pause,
    Premium,
    RiskParams,
    Role,
    TradeParams,
)
from clearing.spec.perp_units import PICO_TO_WAD
from clearing.spec.perp_vault import SILENCE_S, Ask, force_reduce, trade
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address, div_ceil
from tests.harness.errors import Refused
from tests.harness.perp import FAR, FEEDS, LIMIT, RAW, RISK, TRADE, VAULT, PerpRig
from tests.harness.results import ACCEPTED, Divergence
from tests.harness.revm import START

__all__ = ["SCALE", "PerpTwin"]

SCALE: Final = 10**12
"""Wad in a raw unit of the collateral."""
ACCOUNTS: Final = 4
"""Where the engine tells how many accounts there are."""
SIZE_BITS, QUOTE_BITS, INDEX_BITS = 72, 96, 88


def _signed(word: int, at: int, bits: int) -> int:
    value = word >> at & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


class PerpTwin:
    """A deployed system and the ledger that models it."""

    def __init__(self, rig: PerpRig) -> None:
        self.rig = rig
        self.heard: Counter[str] = Counter()
        nav, at = rig.vault.read("navTaken")
        self.liquidity = Liquidity(nav=nav, nav_at=at)
        made = rig.engine.read("parameters")[ACCOUNTS]
        accounts = {i: Account(rig.engine.read("accountOf", i)[0]) for i in range(made)}
        risk = RiskParams(*RISK.values())
        markets = {
            market: Market(
                trade=TradeParams(feed, *TRADE.values()),
                risk=listed(risk, MarketStatus.LIVE, 0),
                limit=LimitParams(*LIMIT.values()),
                funding=Funding(0, 0, START, 0),
                premium=Premium(0, 0, 0, 0, 0, 0, 0),
            )
            for market, feed in enumerate(FEEDS)
        }
        self.model = Ledger(accounts, markets)
        held = rig.cash(VAULT)
        if held:
            self.model, _ = deposit(self.model, rig.roles.outsider, VAULT, held // SCALE, SCALE)
        self.check()

    @property
    def now(self) -> int:
        """Time of the next call."""
        return self.rig.chain.now

    @property
    def quotes(self) -> Quotes:
        """What the oracle says now."""
        return {market: self.quote(market) for market in (0, 1)}

    def quote(self, market: int) -> Quote:
        """Return what the oracle says of one market."""
        said = self.rig.oracle.read("peekQuote", FEEDS[market])
        return replace(Quote(*said), state=PriceState(said[-2]), gates=Gate(said[-1]))

    # CALLS

    def create(self, owner: Address) -> int:
        """Make an account."""
        made = create_account(self.model, owner)
        self._both(self.rig.engine, "createAccount", (), owner, lambda: (made[0], made[2]))
        return made[1]

    def deposit(self, sender: Address, account: int, amount_raw: int) -> str:
        """Bring collateral in that was made for it."""
        self.rig.token.send("mint", sender, amount_raw, sender=sender)
        self.rig.token.send("approve", self.rig.engine.address, amount_raw, sender=sender)
        return self._both(
            self.rig.engine,
            "deposit",
            (account, amount_raw),
            sender,
            lambda: deposit(self.model, sender, account, amount_raw, SCALE),
        )

    def withdraw(self, sender: Address, account: int, amount_raw: int, to: Address) -> str:
        """Take collateral out."""
        return self._both(
            self.rig.engine,
            "withdraw",
            (account, amount_raw, to),
            sender,
            lambda: withdraw(
                self.model, sender, account, amount_raw, to, SCALE, self.quotes, self.now
            ),
        )

    def transfer(self, sender: Address, source: int, to: int, amount: int) -> str:
        """Move cash."""
        return self._both(
            self.rig.engine,
            "transferCash",
            (source, to, amount),
            sender,
            lambda: transfer_cash(self.model, sender, source, to, amount, self.quotes, self.now),
        )

    def session(self, sender: Address, account: int, key: Address, expiry: int) -> str:
        """Set a session, or revoke it (0)."""
        name, more = ("setSession", (expiry,)) if expiry else ("revokeSession", ())
        return self._both(
            self.rig.engine,
            name,
            (account, key, *more),
            sender,
            lambda: set_session(self.model, sender, account, key, expiry, self.now),
        )

    def tick(self, market: int) -> str:
        """Bring funding up to date."""

        def ticked() -> tuple[Ledger, Effects]:
            after, _, effects = tick(self.model, market, self.quotes, self.now)
            return after, effects

        return self._both(
            self.rig.engine, "tickFunding", (market,), self.rig.roles.outsider, ticked
        )

    def collect(self, market: int) -> str:
        """Collect fees."""
        return self._both(
            self.rig.engine,
            "collectFees",
            (market,),
            self.rig.roles.outsider,
            lambda: collect_fees(self.model, market),
        )

    def trade(self, sender: Address, account: int, market: int, size: int, limit: int) -> str:
        """Trade against the vault."""
        return self._both(
            self.rig.vault,
            "trade",
            (account, market, size, limit, FAR),
            sender,
            lambda: trade(
                self.model,
                Ask(sender, account, market, size, limit),
                self.liquidity.nav,
                self.quotes,
                self.now,
            ),
        )

    def force_reduce(
        self, sender: Address, account: int, market: int, size: int, limit: int
    ) -> str:
        """Reduce past the vault's caps, while there is no settler."""
        ask = Ask(sender, account, market, size, limit)
        self._appoint(ZERO_ADDRESS)
        told = self._both(
            self.rig.vault,
            "forceReduce",
            (account, market, size, limit, FAR),
            sender,
            lambda: force_reduce(self.model, ask, -SILENCE_S, self.quotes, self.now),
        )
        self._appoint(self.rig.settler.address)
        return told

    def _appoint(self, settler: Address) -> None:
        timelock = self.rig.roles.timelock
        self.rig.engine.send("setModule", Role.SETTLER, settler, sender=timelock)

    def liquidate(self, sender: Address, account: int, market: int, liquidator: int) -> str:
        """Liquidate."""
        return self._both(
            self.rig.risk,
            "liquidate",
            (account, market, liquidator),
            sender,
            lambda: liquidate(
                self.model, sender, account, market, liquidator, self.quotes, self.now
            ),
        )

    def match(self, market: int, legs: tuple[Leg, ...], sample: Sample) -> str:
        """Book signed orders' legs as the settler does, in one transaction."""
        settler = self.rig.settler
        engine = self.rig.engine
        steps = (
            engine.call("enter", 0).method.encode(),
            engine.call("book", 4).method.encode(
                market, [astuple(leg) for leg in legs], astuple(sample), Kind.MATCH
            ),
            engine.call("exit", 0).method.encode(),
        )
        calls = [(engine.address, 0, step) for step in steps]
        return self._both(
            settler,
            "execute",
            (calls,),
            self.rig.roles.outsider,
            lambda: book(self.model, market, legs, sample, Kind.MATCH, self.quotes, self.now),
        )

    def pause(self, market: int, mask: int) -> str:
        """Set a market's pause mask; the specification has no governance, so it is put in place."""
        self.rig.admin.send("setPause", market, mask, sender=self.rig.roles.timelock)
        after, look, _ = tick(self.model, market, self.quotes, self.now)
        stored = replace(look.market, risk=replace(look.market.risk, pause=Pause(mask)))
        self.model = replace(after, markets={**after.markets, market: stored})
        self.check()
        return ACCEPTED

    def retune(self, market: int, risk: RiskParams, trade: TradeParams, limit: LimitParams) -> str:
        """Let the timelock change a market's parameters, if the bounds allow it."""
        after, _, _ = tick(self.model, market, self.quotes, self.now)
        stored = after.markets[market]
        expected: SpecError | None = None
        try:
            require_change(stored.risk, risk, trade, limit, FeedParams().max_conf, self.now)
        except SpecError as refusal:
            expected = refusal
        terms = (astuple(risk), astuple(trade)[1:], astuple(limit))
        try:
            self.rig.admin.send("setMarket", market, *terms, sender=self.rig.roles.timelock)
        except Refused as refusal:
            if expected is None or (refusal.name, refusal.args_) != (expected.name, expected.args_):
                self._fail(f"{terms} is {refusal.name}{refusal.args_}, not {expected!r}")
            return refusal.name
        if expected is not None:
            self._fail(f"{terms} is accepted, specification: {expected!r}")
        phases = phased(stored.risk, risk, self.now)
        changed = replace(stored, risk=phases, trade=trade, limit=limit)
        self.model = replace(after, markets={**after.markets, market: changed})
        self.check()
        return ACCEPTED

    def _both(
        self,
        contract: Any,
        name: str,
        args: tuple[Any, ...],
        sender: Address,
        model: Callable[[], tuple[Any, ...]],
    ) -> str:
        """Make a call on both; the model returns the parts of state that changed, and effects."""
        expected: SpecError | None = None
        parts: list[Any] = []
        effects: Effects = ()
        try:
            *parts, effects = model()
        except SpecError as refusal:
            expected = refusal
        except OverflowError:
            expected = SpecError("overflow")
        try:
            logs = contract.send(name, *args, sender=sender).logs
        except Refused as refusal:
            if expected is None or (refusal.name, refusal.args_) != (expected.name, expected.args_):
                self._fail(f"{name}{args}: {refusal.name}{refusal.args_}, not {expected!r}")
            return refusal.name
        if expected is not None:
            self._fail(f"{name}{args} is accepted, specification: {expected!r}")

        told = [(log.event, log.args) for log in logs if log.emitter != self.rig.token.address]
        wanted = [(type(event).__name__, astuple(event)) for event in events_of(effects)]
        if told != wanted:
            self._fail(f"{name}{args} told {told}, specification: {wanted}")
        for part in parts:
            self._keep(part)
        for event in events_of(effects):
            self.heard.update(self._names(event))
        self.check()
        return ACCEPTED

    def _names(self, event: Event) -> tuple[str, ...]:
        """Return what to count an event as."""
        return (type(event).__name__,)

    def _keep(self, part: Any) -> None:
        """Put a part of the state in the place of the old one."""
        if not isinstance(part, Ledger):
            raise TypeError(type(part).__name__)
        self.model = part

    # STORAGE AND INVARIANTS

    def check(self) -> None:
        """Compare what is stored, then hold the ledger's invariants."""
        for account, mine in self.model.accounts.items():
            bits = sum(1 << market for market in self.model.markets_of(account))
            stored = self.rig.engine.read("accountOf", account)
            if stored != (mine.owner, mine.cash, bits):
                self._fail(f"account {account} is {stored}, specification: {mine}, {bits:b}")
            for market in self.model.markets:
                self._check_position(account, market)
        for market in self.model.markets:
            self._check_market(market)
        self._check_sums()

    def _check_position(self, account: int, market: int) -> None:
        word = self.rig.engine.read("positionOf", account, market)
        stored = (
            _signed(word, 0, SIZE_BITS),
            _signed(word, SIZE_BITS, QUOTE_BITS),
            _signed(word, SIZE_BITS + QUOTE_BITS, INDEX_BITS),
        )
        mine = position_of(self.model, account, market)
        if stored != astuple(mine):
            self._fail(f"position {account}/{market} is {stored}, specification: {mine}")

    def _check_market(self, market: int) -> None:
        """Compare funding, premium and open interest as a tick now would leave them."""
        _, funding, premium, oi, *_, pi, vault, held = self.rig.engine.read(
            "peekContext", 4, market
        )
        look = look_at(self.model, market, self.quote(market), self.now)
        mine = look.market
        stored = (
            (_signed(funding, 0, 88), _signed(funding, 88, 88), funding >> 176 & 2**40 - 1),
            _signed(funding, 216, 40),
            oi & 2**72 - 1,
            oi >> 144 & 2**88 - 1,
            pi,
            _signed(vault, 0, 72),
            held,
            _signed(premium, 192, 64),
        )
        expected = (
            (mine.funding.f_long, mine.funding.f_short, mine.funding.funded_at),
            mine.funding.rate,
            mine.oi.open_interest,
            mine.oi.fees,
            look.pi,
            position_of(self.model, VAULT, market).size,
            position_of(self.model, 4, market).size,
            mine.premium.integral,
        )
        if stored != expected:
            self._fail(f"market {market} is {stored}, specification: {expected}")

    def _check_sums(self) -> None:
        """Hold what must be true of the ledger, whatever happened (PERP-01 to PERP-04)."""
        model, owed = self.model, 0
        for market, stored in model.markets.items():
            held = [position_of(model, account, market) for account in model.accounts]
            assert sum(p.size for p in held) == 0, "PERP-01: sizes sum to zero"
            longs = sum(max(0, p.size) for p in held)
            assert longs == stored.oi.open_interest, "PERP-02: open interest is the sum of longs"
            owed += stored.oi.fees * PICO_TO_WAD - stored.debt
            for p in held:
                index = stored.funding.f_long if p.size > 0 else stored.funding.f_short
                owed += p.quote * PICO_TO_WAD - div_ceil(p.size * (index - p.index), 100)
        owed += sum(account.cash for account in model.accounts.values())
        tokens = self.rig.token.read("balanceOf", self.rig.engine.address) * SCALE
        assert owed <= tokens, f"PERP-03: tokens cover what is owed: {tokens} and {owed}"
        assert tokens - owed <= self.dust, f"PERP-04: dust is bounded: {tokens - owed}"

    @property
    def dust(self) -> int:
        """Wad that rounding may have left over: a wei for each settlement, all of them together."""
        return RAW

    def _fail(self, message: str) -> NoReturn:
        raise Divergence(f"time {self.now}: {message}")
