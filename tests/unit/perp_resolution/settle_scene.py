"""Markets that end: the system with its resolution module, beside the model of both.

Traders meet at exactly 3,000 USD, so what anybody gains at another price is lots times the
difference, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from functools import cache, partial
from typing import Any, Final

from clearing.spec.events import Effects
from clearing.spec.perp_book import Leg, Sample, book
from clearing.spec.perp_ending import Endings
from clearing.spec.perp_ledger import Ledger
from clearing.spec.perp_resolve import move_debt, set_status
from clearing.spec.perp_settle import close_at, finalise, pay_claims, repay_debt
from clearing.spec.perp_types import Kind, MarketStatus
from clearing.spec.perp_wind_down import settle, settle_frozen, wind_down
from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.perp import ETH, FEEDS, LOT, RAW, PerpRig, deploy_perp
from tests.harness.perp_twin import PerpTwin
from tests.harness.results import ACCEPTED

__all__ = [
    "DAY",
    "HOUR",
    "PRICE",
    "WIND_DOWN",
    "SettlementTwin",
    "resolution_stage",
    "settling",
]

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
PRICE: Final = 3_000
"""USD at which traders meet."""
WIND_DOWN: Final = MarketStatus.WIND_DOWN
SETTLEMENT: Final = 7
Step = tuple[Ledger, Endings, Effects]


class SettlementTwin(PerpTwin):
    """A deployed system with its resolution module, and the model of both."""

    def __init__(self, rig: PerpRig, module: Contract) -> None:
        super().__init__(rig)
        self.module = module
        self.stand_in = rig.chain.deploy("HostileAccount", sender=rig.roles.deployer)
        self.endings = Endings(rig.roles.timelock, module.read("POT"))

    # SCENE

    def trader(self, name: str, dollars: int) -> int:
        """Make an account with collateral."""
        account = self.create(key_of(name).address)
        if dollars:
            self.deposit(self.rig.roles.outsider, account, dollars * RAW)
        return account

    def meet(self, buyer: int, seller: int, units: int, *, market: int = ETH, at: int = PRICE):
        """Let two accounts trade so many units at a price in USD; no fee, nobody is judged."""
        size, quote = units * LOT, units * at * 10**12
        legs = (Leg(buyer, size, -quote), Leg(seller, -size, quote))
        told = self.match(market, legs, Sample())
        assert told == ACCEPTED, told

    def resolve(self, legs: tuple[Leg, ...], market: int = ETH) -> None:
        """Let resolution move positions, as absorbing does."""
        args = (market, [astuple(leg) for leg in legs], (0, 0), Kind.RESOLUTION)
        model = partial(book, self.model, market, legs, Sample(), Kind.RESOLUTION)
        self.as_resolution("book", args, lambda: model(self.quotes, self.now))

    def owe(self, account: int, amount: int, market: int = ETH) -> None:
        """Let a market owe what an account lacks, as absorbing does."""
        model = partial(move_debt, self.model, market, account, amount)
        self.as_resolution("moveDebt", (market, account, amount), model)

    def put_status(self, status: MarketStatus, market: int = ETH) -> None:
        """Take a market further, as absorbing does."""
        model = partial(set_status, self.model, market, status, 0)
        args = (market, status, 0)
        self.as_resolution("setStatus", args, lambda: model(self.quotes, self.now))

    def as_resolution(
        self, name: str, args: tuple[Any, ...], model: Callable[[], tuple[Ledger, Effects]]
    ) -> None:
        """Make one call of the engine as another module of the role would."""
        engine, other = self.rig.engine, self.stand_in
        self._appoint(other)
        steps = (("enter", ()), (name, args), ("exit", ()))
        calls = [
            (engine.address, 0, engine.call(step, len(given)).method.encode(*given))
            for step, given in steps
        ]
        told = self._both(other, "execute", (calls,), self.rig.roles.outsider, model)
        assert told == ACCEPTED, told
        self._appoint(self.module)

    def _appoint(self, module: Contract) -> None:
        args = (SETTLEMENT, module.address)
        self.rig.engine.send("setModule", *args, sender=self.rig.roles.timelock)

    def at(self, dollars: int, market: int = ETH) -> None:
        """Let both sources say a price, now."""
        self.rig.set_price(market, dollars * 10**8)

    def end(self, dollars: int, market: int = ETH) -> None:
        """Wind a market down, and settle it a day later at a price that stood for an hour."""
        assert self.wind_down(market=market) == ACCEPTED
        self.rig.wait(DAY - HOUR)
        self.at(dollars, market)
        self.rig.wait(HOUR)
        self.at(dollars, market)
        assert self.settle(market) == ACCEPTED
        assert self.endings.of(market).price == dollars * 10**18

    # CALLS

    def wind_down(self, sender: Address | None = None, market: int = ETH) -> str:
        """Let a market trade no more but to close; by default the timelock does."""
        by = sender or self.rig.roles.timelock
        model = partial(wind_down, self.model, self.endings, by, market)
        return self._step("windDown", (market,), by, lambda: model(self.quotes, self.now))

    def settle(self, market: int = ETH) -> str:
        """Settle at the average."""
        twap = self.rig.oracle.read("twap", FEEDS[market], HOUR)
        model = partial(settle, self.model, self.endings, market, twap)
        return self._anybody("settle", (market,), lambda: model(self.quotes, self.now))

    def settle_frozen(self, sender: Address | None = None, market: int = ETH) -> str:
        """Settle at the last good price; by default the timelock does."""
        by = sender or self.rig.roles.timelock
        last_good = self.rig.oracle.read("memoOf", FEEDS[market])[:2]
        model = partial(settle_frozen, self.model, self.endings, by, market, last_good)
        return self._step("settleFrozen", (market,), by, lambda: model(self.quotes, self.now))

    def close_at(self, accounts: Sequence[int], market: int = ETH) -> str:
        """Close accounts."""
        model = partial(close_at, self.model, self.endings, market, accounts)
        args = (market, list(accounts))
        return self._anybody("closeAt", args, lambda: model(self.quotes, self.now))

    def finalise(self, market: int = ETH) -> str:
        """Make a market final."""
        model = partial(finalise, self.model, self.endings, market)
        return self._anybody("finalise", (market,), lambda: model(self.quotes, self.now))

    def pay(self, accounts: Sequence[int], market: int = ETH) -> str:
        """Pay claims."""
        model = partial(pay_claims, self.model, self.endings, market, accounts)
        return self._anybody("payClaims", (market, list(accounts)), model)

    def repay(self, market: int = ETH) -> str:
        """Repay a debt from fees."""
        model = partial(repay_debt, self.model, market)
        return self._both(self.module, "repayDebt", (market,), self.rig.roles.outsider, model)

    def _anybody(self, name: str, args: tuple[Any, ...], model: Callable[[], Step]) -> str:
        return self._step(name, args, self.rig.roles.outsider, model)

    def _step(
        self, name: str, args: tuple[Any, ...], sender: Address, model: Callable[[], Step]
    ) -> str:
        """Make a call that also changes what the module remembers."""
        before, then = self.endings, self.endings

        def ledger_only() -> tuple[Ledger, Effects]:
            nonlocal then
            ledger, then, effects = model()
            return ledger, effects

        told = self._both(self.module, name, args, sender, ledger_only)
        self.endings = then if told == ACCEPTED else before
        self._check_endings()
        return told

    # LOOK

    def cash(self, account: int) -> int:
        """Return an account's cash, wad."""
        return self.model.accounts[account].cash

    def claim(self, account: int, market: int = ETH) -> int:
        """Return what an account is owed in a market, wad."""
        return self.endings.claims.get((market, account), 0)

    def debt(self, market: int = ETH) -> int:
        """Return what a market owes, wad."""
        debt: int = self.rig.engine.read("debtOf", market)
        return debt

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Undo all that happens within."""
        model, endings = self.model, self.endings
        with self.rig.chain.isolated():
            yield
        self.model, self.endings = model, endings

    def _check_endings(self) -> None:
        for market, stored in self.model.markets.items():
            told = self.module.read("settlementOf", market)
            mine = self.endings.of(market)
            if tuple(told) != astuple(mine):
                self._fail(f"ending {market} is {told}, specification: {mine}")
            if self.debt(market) != stored.debt:
                self._fail(f"debt of {market} is {self.debt(market)}, not {stored.debt}")
            for account in self.model.accounts:
                wad = self.module.read("claimOf", market, account)
                if wad != self.claim(account, market):
                    self._fail(f"claim {market}/{account} is {wad}")
        if self.module.read("unreckoned") != self.endings.unreckoned:
            self._fail(f"unreckoned, specification: {self.endings.unreckoned}")
        for account in self.model.accounts:
            wad = self.module.read("coveredFor", account)
            if wad != self.endings.covered.get(account, 0):
                self._fail(f"{wad} was covered for {account}")


@cache
def resolution_stage() -> tuple[PerpRig, Contract]:
    """Deploy everything once; whoever uses it undoes what he did."""
    rig = deploy_perp()
    module = rig.chain.deploy("SettlementModule", rig.engine.address, sender=rig.roles.deployer)
    rig.engine.send("setModule", SETTLEMENT, module.address, sender=rig.roles.timelock)
    return rig, module


@contextmanager
def settling() -> Iterator[SettlementTwin]:
    """Yield a system and its model, as deployed. Undone afterwards."""
    rig, module = resolution_stage()
    with rig.chain.isolated():
        yield SettlementTwin(rig, module)
