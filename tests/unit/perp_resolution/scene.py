"""Accounts beyond saving: the system with its resolution module and fund, beside the model of both.

Traders meet at exactly 3,000 USD without fees, so that what anybody gains at another price is lots
times the difference. Both sources say a price at once: at a mid of P a long counts at P + P/10,000
for liquidation, a short at P - P/10,000, and no premium is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from functools import cache, partial
from typing import Any, Final

from clearing.spec.events import Effects, events_of
from clearing.spec.perp_absorb import Deleverage, absorb, absorb_protocol, take_backstop
from clearing.spec.perp_book import Leg, Sample
from clearing.spec.perp_insurance import (
    NO_LIMITS,
    Fund,
    backstop_left,
    donate,
    insurance_left,
    move_cash,
    spent_of,
    sweep,
    with_limits,
)
from clearing.spec.perp_ledger import HealthView, Ledger, health_of, position_of
from clearing.spec.perp_resolve import set_status
from clearing.spec.perp_types import (
    FEES,
    LimitParams,
    MarketStatus,
    Purpose,
    Role,
    TradeParams,
)
from clearing.spec.perp_waterfall import Moment, Resolution, Step, fee_allowance, shared_of
from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.perp import ETH, FEEDS, LIMIT, LOT, RAW, TRADE, PerpRig, deploy_perp
from tests.harness.perp_twin import PerpTwin
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import set_market

__all__ = ["PRICE", "AbsorbTwin", "Trio", "absorbing", "absorption_stage", "bankrupt"]

PRICE: Final = 3_000
"""USD at which traders meet."""
RESOLUTION, INSURANCE_ROLE = 4, 5
STATUS_AT: Final = 213
RISK_IN_CONTEXT: Final = 4


class AbsorbTwin(PerpTwin):
    """A deployed system with what resolves losses, and the model of both."""

    def __init__(self, rig: PerpRig, module: Contract, fund: Contract) -> None:
        self.module, self.fund = module, fund
        self.store = Resolution(Fund())
        self.told: tuple[object, ...] = ()
        super().__init__(rig)
        self.stand_in = rig.chain.deploy("HostileAccount", sender=rig.roles.deployer)

    # SCENE

    def trader(self, name: str, dollars: int) -> int:
        """Make an account with collateral."""
        account = self.create(key_of(name).address)
        if dollars:
            self.give(account, dollars)
        return account

    def give(self, account: int, dollars: int) -> None:
        """Let a stranger bring collateral."""
        assert self.deposit(self.rig.roles.outsider, account, dollars * RAW) == ACCEPTED

    def meet(
        self, buyer: int, seller: int, units: float, *, market: int = ETH, at: int = PRICE
    ) -> None:
        """Let two accounts trade so many units at a price in USD; no fee, nobody is judged."""
        size = round(units * LOT)
        quote = size * at * 10**4
        told = self.match(market, (Leg(buyer, size, -quote), Leg(seller, -size, quote)), Sample())
        assert told == ACCEPTED, told

    def at(self, dollars: int, market: int = ETH) -> None:
        """Let both sources say a price, a little later: no source speaks twice in a second."""
        self.rig.wait(10)
        self.rig.set_price(market, dollars * 10**8)

    def limit(self, insurance: int, backstop: int, market: int = ETH) -> None:
        """Let the timelock set what each may lose in a market, USD."""
        wads = (insurance * 10**18, backstop * 10**18)
        self.fund.send("setLimits", market, *wads, sender=self.rig.roles.timelock)
        self.store = replace(self.store, fund=with_limits(self.store.fund, market, *wads))
        self.check()

    def set_terms(self, market: int, **changed: int) -> None:
        """Let the timelock change a market; the specification has no governance."""
        set_market(self.rig, market, **changed)
        groups = (dict(TRADE), dict(LIMIT))
        for name, value in changed.items():
            (group,) = [group for group in groups if name in group]
            group[name] = value
        trade, limit = groups
        stored = replace(
            self.model.markets[market],
            trade=TradeParams(FEEDS[market], *trade.values()),
            limit=LimitParams(*limit.values()),
        )
        self.model = replace(self.model, markets={**self.model.markets, market: stored})
        self.check()

    def set_cash(self, account: int, wad: int) -> None:
        """Give or take cash, from or to account 3, past every gate, as another module could."""
        more = wad - self.cash(account)
        way = (FEES, account, more) if more > 0 else (account, FEES, -more)
        self._as_other("moveCash", way, partial(move_cash, self.model, *way, Role.RESOLUTION))

    def put_status(self, status: MarketStatus, market: int = ETH) -> None:
        """Take a market further, as winding it down does."""
        model = partial(set_status, self.model, market, status, 0, self.quotes, self.now)
        self._as_other("setStatus", (market, status, 0), model)

    def _as_other(
        self, name: str, args: tuple[Any, ...], model: Callable[[], tuple[Ledger, Effects]]
    ) -> None:
        """Make one call of the engine as another module of the role would."""
        engine = self.rig.engine
        steps = (("enter", ()), (name, args), ("exit", ()))
        calls = [
            (engine.address, 0, engine.call(step, len(given)).method.encode(*given))
            for step, given in steps
        ]
        self._resolve_by(self.stand_in)
        told = self._both(self.stand_in, "execute", (calls,), self.rig.roles.outsider, model)
        assert told == ACCEPTED, told
        self._resolve_by(self.module)

    def _resolve_by(self, module: Contract) -> None:
        args = (RESOLUTION, module.address)
        self.rig.engine.send("setModule", *args, sender=self.rig.roles.timelock)

    # CALLS

    def absorb(
        self, account: int, keeper: int, lists: dict[int, Sequence[int]] | None = None
    ) -> str:
        """Absorb, with the list of each market."""
        named = [Deleverage(market, tuple(ids)) for market, ids in (lists or {}).items()]
        args = (account, keeper, [(one.market, list(one.counterparties)) for one in named])
        model = partial(absorb, self.model, self.store, account, keeper, named)
        return self._step("absorb", args, self.rig.roles.outsider, lambda: model(self.moment))

    def absorb_protocol(self, account: int) -> str:
        """Cover what the vault or the backstop lacks."""
        model = partial(absorb_protocol, self.model, self.store, account)
        outsider = self.rig.roles.outsider
        return self._step("absorbProtocol", (account,), outsider, lambda: model(self.moment))

    def take_backstop(self, sender: Address, size: int, to: int, market: int = ETH) -> str:
        """Take over from the backstop."""
        model = partial(take_backstop, self.model, self.store, sender, market, size, to)
        args = (market, size, to)
        return self._step("takeBackstop", args, sender, lambda: model(self.moment))

    def donate(self, sender: Address, account: int, wad: int) -> str:
        """Give cash to insurance."""
        model = partial(donate, self.model, sender, account, wad)
        return self._both(self.fund, "donate", (account, wad), sender, model)

    def sweep(self) -> str:
        """Move what insurance has too much."""
        model = partial(sweep, self.model, self.store.fund)
        return self._both(self.fund, "sweep", (), self.rig.roles.outsider, model)

    def _step(
        self, name: str, args: tuple[Any, ...], sender: Address, model: Callable[[], Step]
    ) -> str:
        """Make a call that also changes what the module and the fund store."""
        before, then = self.store, self.store

        def ledger_only() -> tuple[Ledger, Effects]:
            nonlocal then
            step = model()
            self.store = then = step.store
            self.told = events_of(step.effects)
            return step.ledger, step.effects

        told = self._both(self.module, name, args, sender, ledger_only)
        self.store = then if told == ACCEPTED else before
        return told

    # LOOK

    @property
    def moment(self) -> Moment:
        """What the oracle says, and when."""
        return Moment(self.quotes, self.now)

    def cash(self, account: int) -> int:
        """Return an account's cash, wad."""
        return self.model.accounts[account].cash

    def size(self, account: int, market: int = ETH) -> int:
        """Return a position, lots."""
        return position_of(self.model, account, market).size

    def health(self, account: int, purpose: Purpose = Purpose.LIQUIDATE) -> HealthView:
        """Return what an account is worth."""
        return health_of(self.model, account, purpose, self.quotes, self.now)

    def debt(self, market: int = ETH) -> int:
        """Return what a market owes, wad."""
        debt: int = self.rig.engine.read("debtOf", market)
        return debt

    def status(self, market: int = ETH) -> int:
        """Return where a market is in its life."""
        word: int = self.rig.engine.read("peekContext", 0, market)[RISK_IN_CONTEXT]
        return word >> STATUS_AT & 0xF

    def events(self, kind: type) -> list[Any]:
        """Return what the last resolution told, of one kind."""
        return [event for event in self.told if isinstance(event, kind)]

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Undo all that happens within."""
        model, store = self.model, self.store
        with self.rig.chain.isolated():
            yield
        self.model, self.store = model, store

    @property
    def dust(self) -> int:
        """A shared loss is a whole number of pico a unit, charged to every unit."""
        return super().dust + 10**12

    def check(self) -> None:
        """Compare the fund, fees, debts and status too, and every account's worth."""
        super().check()
        for market, stored in self.model.markets.items():
            limits = self.store.fund.limits.get(market, NO_LIMITS)
            read = self.fund.read
            told = (
                read("limits", market),
                read("spent", market),
                read("limitLeft", market),
                read("backstopLeft", market),
                self.module.read("sharedOf", market),
                self.debt(market),
                self.status(market),
            )
            mine = (
                astuple(limits),
                spent_of(limits, self.now),
                insurance_left(self.store.fund, market, self.now),
                backstop_left(self.store.fund, market, self.now),
                shared_of(self.store, market, self.now),
                stored.debt,
                stored.risk.status,
            )
            if told != mine:
                self._fail(f"market {market} is {told}, specification: {mine}")
        allowance = self.module.read("feeAllowance")
        if allowance != fee_allowance(self.store, self.now):
            self._fail(f"fee allowance is {allowance}")
        for account in self.model.accounts:
            worth = self.rig.engine.read("healthOf", account, Purpose.LIQUIDATE)
            if worth != astuple(self.health(account)):
                self._fail(f"account {account} is worth {worth}")


def bankrupt(twin: AbsorbTwin, account: int, lacks: int) -> None:
    """Let an account of the protocol lack so much, wad."""
    equity = twin.health(account).equity
    twin.set_cash(account, twin.cash(account) - equity - lacks)


@cache
def absorption_stage() -> tuple[PerpRig, Contract, Contract]:
    """Deploy everything once, with an empty vault; whoever uses it undoes what he did."""
    rig = deploy_perp(vault_usd=0)
    made = rig.roles.deployer
    fund = rig.chain.deploy("InsuranceFund", rig.engine.address, sender=made)
    module = rig.chain.deploy("ResolutionModule", rig.engine.address, fund.address, sender=made)
    for role, contract in ((RESOLUTION, module), (INSURANCE_ROLE, fund)):
        rig.engine.send("setModule", role, contract.address, sender=rig.roles.timelock)
    return rig, module, fund


@contextmanager
def absorbing() -> Iterator[AbsorbTwin]:
    """Yield a system and its model, as deployed. Undone afterwards."""
    rig, module, fund = absorption_stage()
    with rig.chain.isolated():
        yield AbsorbTwin(rig, module, fund)


class Trio:
    """`loser` is 10 ETH long with 2,000 USD against `winner`, who has 10,000; `keeper` looks on.

    At 2,700 USD the loser is worth 2,000 - 3,000 + 10 · 0.27 = -997.3 USD, and its maintenance
    margin is 6 % of 27,002.7.
    """

    SHORT: Final = 9_973 * 10**17
    """What the loser lacks at 2,700, wad."""
    FEE: Final = 25 * 10**16
    """What the rig's markets pay a keeper."""

    def __init__(self, twin: AbsorbTwin) -> None:
        self.twin = twin
        self.loser = twin.trader("loser", 2_000)
        self.winner = twin.trader("winner", 10_000)
        self.keeper = twin.trader("keeper", 0)
        twin.meet(self.loser, self.winner, 10)

    def absorb(self, *listed: int) -> str:
        """Absorb the loser, with a list of the market."""
        return self.twin.absorb(self.loser, self.keeper, {ETH: listed})

    def fall(self, dollars: int = 2_700) -> None:
        """Let the price fall."""
        self.twin.at(dollars)
