"""Let losses happen that nobody can carry, and markets end.

Prices fall further than margins reach; keepers absorb with lists in right and wrong order; limits
change, the backstop is relieved, markets wind down, settle and pay. `ResolutionTwin` compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from clearing.spec.perp_absorb import Deleverage
from clearing.spec.perp_book import Leg, Sample
from clearing.spec.perp_ledger import health_of, position_of
from clearing.spec.perp_types import BACKSTOP, VAULT, MarketStatus, Purpose
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.perp import LOT, PRICES_E8
from tests.harness.perp_resolution_twin import ResolutionTwin
from tests.harness.results import ACCEPTED
from tests.invariants.perp_machine import TICK, Move, PerpMachine

__all__ = ["ResolutionMachine"]

CRASHES: Final = (-45, -30, -20, -12, -7, -5, 5, 7, 12, 20, 30, 45)
"""How far a price jumps, per cent: initial margin is 10 or more, maintenance 6."""
APART: Final = (-6, -3, -2, -1, 1, 2, 3, 6)
"""How far the price leaves its average, per cent: 2 is allowed."""
LIMITS: Final = (0, 100 * WAD, 2_000 * WAD, 10**6 * WAD)
TARGETS: Final = (0, 500 * WAD, 10**5 * WAD, 2**256 - 1)
NOBODY: Final = 99
"""An account that does not exist."""
FROZEN_S: Final = 8 * DAY_S


class ResolutionMachine(PerpMachine):
    """The machine with crashes, absorptions and ends."""

    twin: ResolutionTwin

    def __init__(self, twin: ResolutionTwin, seed: str) -> None:
        super().__init__(twin, seed)
        for market in (0, 1):
            twin.set_limits(market, self.random.choice(LIMITS), self.random.choice(LIMITS))

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to trade or to pay."""
        endings = [self.twin.endings.of(market) for market in self.twin.model.markets]
        return not self.twin.endings.claims and all(ending.is_final for ending in endings)

    def moves(self) -> tuple[tuple[Move, float], ...]:
        """Return the moves of trading and these; markets end rarely, but then to the last claim."""
        statuses = [stored.risk.status for stored in self.twin.model.markets.values()]
        endings = [self.twin.endings.of(market) for market in (0, 1)]
        winding = MarketStatus.WIND_DOWN in statuses
        closing = any(
            status is MarketStatus.SETTLED and not ending.is_final
            for status, ending in zip(statuses, endings, strict=True)
        )
        paying = any(ending.is_final for ending in endings) and self.twin.endings.claims
        return (
            *super().moves(),
            (self.load, 2),
            (self.crash, 1),
            (self.ruin, 2),
            (self.absorb, 4),
            (self.absorb_protocol, 1),
            (self.take_backstop, 2),
            (self.donate, 0.5),
            (self.sweep, 0.5),
            (self.limits, 0.5),
            (self.wind_down, 0.4),
            (self.settle, 4 if winding else 0.4),
            (self.settle_frozen, 1 if winding else 0.1),
            (self.close_at, 6 if closing else 0.4),
            (self.finalise, 1 if closing else 0.3),
            (self.pay_claims, 3 if paying else 0.3),
            (self.repay_debt, 0.3),
        )

    # LOSSES

    def load(self) -> str:
        """Let two traders meet at mid with all that one of them can carry."""
        buyer, seller = self.random.sample(self.traders, 2)
        return self._meet(self._market(), buyer, seller)

    def _meet(self, market: int, buyer: int, seller: int) -> str:
        quotes, now, ledger = self.twin.quotes, self.twin.now, self.twin.model
        both = [
            health_of(ledger, account, Purpose.OPEN, quotes, now) for account in (buyer, seller)
        ]
        free = min(health.equity - health.im for health in both)
        mid = quotes[market].mid
        price = mid // TICK * TICK
        size = max(0, free) * LOT * self.random.choice((2, 8, 9)) // mid
        quote = size * price // TICK
        legs = (
            Leg(buyer, size, -quote, judged=True),
            Leg(seller, -size, quote, judged=True),
        )
        return self.twin.match(market, legs, Sample())

    def crash(self) -> str:
        """Let a price jump, and the oracle follow."""
        return self._jump(self._market(), self.random.choice(CRASHES))

    def _jump(self, market: int, percent: int) -> str:
        base, price = PRICES_E8[market], self.prices[market] * (100 + percent) // 100
        self.prices[market] = min(max(price, base // 3), base * 3)
        for _ in range(2):
            self._all_say()
        return self.twin.quote(market).state.name

    def ruin(self) -> str:
        """Load two, let one of them lose it all at once, and liquidate or absorb."""
        if self.random.random() < 0.8:
            for market in (0, 1):
                self.twin.pause(market, 0)
        self._all_say()
        self.load()
        self.load()
        self.crash()
        return self.liquidate() if self.random.random() < 0.3 else self.absorb()

    def absorb(self) -> str:
        """Try whoever is worst off, mostly."""
        quotes, now, ledger = self.twin.quotes, self.twin.now, self.twin.model

        def slack(account: int) -> int:
            health = health_of(ledger, account, Purpose.LIQUIDATE, quotes, now)
            return health.equity - health.penalty

        held = [account for account in self.traders if ledger.markets_of(account)]
        account = min(held, key=slack) if held else self._account()
        if self.random.random() < 0.1:
            account = self.random.choice((VAULT, BACKSTOP, NOBODY, self._account()))
        keeper = self.random.choice([other for other in self.traders if other != account])
        if self.random.random() < 0.04:
            keeper = self.random.choice((NOBODY, account))
        lists = [self._list(market, account) for market in ledger.markets_of(account)]
        if self.random.random() < 0.2:
            lists = lists[1:]
        return self.twin.absorb(self._anyone(), account, keeper, lists)

    def _list(self, market: int, against: int) -> Deleverage:
        """Return who may be deleveraged, the most leveraged first; sometimes not in order."""
        ledger = self.twin.model
        side = position_of(ledger, against, market).size

        def leverage(account: int) -> Fraction:
            health = health_of(ledger, account, Purpose.MID, self.twin.quotes, self.twin.now)
            return Fraction(health.notional, health.equity) if health.equity > 0 else Fraction(0)

        others = [a for a in self.traders if position_of(ledger, a, market).size * side < 0]
        others.sort(key=leverage, reverse=True)
        match self.random.randrange(8):
            case 0:
                self.random.shuffle(others)
            case 1:
                others.reverse()
            case 2:
                others = [*others, *self.traders, *others]
            case 3:
                others = []
        return Deleverage(market, tuple(others))

    def absorb_protocol(self) -> str:
        account = self.random.choice((VAULT, BACKSTOP, BACKSTOP, self._account()))
        return self.twin.absorb_protocol(self._anyone(), account)

    def take_backstop(self) -> str:
        """Take some or all, or the wrong side, or too much."""
        market = self._market()
        held = position_of(self.twin.model, BACKSTOP, market).size
        part = self.random.choice((held, held, held // 2, held // 3, -held, 2 * held, 1, 0))
        to = self.rich if self.random.random() < 0.6 else self._account()
        return self.twin.take_backstop(self._sender(to), market, part, to)

    # FUND

    def donate(self) -> str:
        account = self._lender()
        cash = abs(self.twin.model.accounts[account].cash)
        amount = self.random.choice((0, 1, cash // 10, cash // 10, cash + 1))
        return self.twin.donate(self._sender(account), account, amount)

    def sweep(self) -> str:
        return self.twin.sweep(self._anyone())

    def limits(self) -> str:
        """Let the timelock change a limit, or what insurance keeps."""
        if self.random.random() < 0.3:
            return self.twin.set_target(self.random.choice(TARGETS))
        pair = self.random.choice(LIMITS), self.random.choice(LIMITS)
        return self.twin.set_limits(self._market(), *pair)

    # ENDS

    def wind_down(self) -> str:
        """By the timelock while many are in, or somebody who may only note what resolution did."""
        sender = self._anyone()
        if self.random.random() < 0.5:
            sender = self.rig.roles.timelock
            for _ in range(4):
                self.load()
            self.crash()
        return self.twin.wind_down(sender, self._market_in(MarketStatus.WIND_DOWN))

    def settle(self) -> str:
        """Settle, often when the day is over and a price has stood for an hour."""
        market = self._market_in(MarketStatus.WIND_DOWN)
        begun = self.twin.endings.of(market).wind_down_at
        if begun and self.random.random() < 0.5:
            self._pass(max(0, begun + DAY_S - self.twin.now))
            for _ in range(7):
                self._pass(600)
            if self.random.random() < 0.3:
                self._jump(market, self.random.choice(APART))
        told = self.twin.settle(self._anyone(), market)
        if told == ACCEPTED:
            self._lean(market)
        return told

    def _lean(self, market: int) -> None:
        """Let who is in a settled market use his gain in the other one."""
        for account in self.traders:
            if account != self.rich and position_of(self.twin.model, account, market).size:
                self._meet(1 - market, account, self.rich)

    def settle_frozen(self) -> str:
        """Settle, often after a week without prices."""
        market = self._market_in(MarketStatus.WIND_DOWN)
        if self.twin.endings.of(market).wind_down_at and self.random.random() < 0.5:
            self.rig.wait(FROZEN_S)
        sender = self.random.choice((*(self.rig.roles.timelock,) * 3, self._anyone()))
        return self.twin.settle_frozen(sender, market)

    def close_at(self) -> str:
        """Close all or some, whoever it is."""
        market = self._market_in(MarketStatus.SETTLED)
        if self.random.random() < 0.2:
            self._pass(DAY_S)  # who leans on his gain is closed the next day
        return self.twin.close_at(self._anyone(), market, self._some())

    def finalise(self) -> str:
        return self.twin.finalise(self._anyone(), self._market_in(MarketStatus.SETTLED))

    def pay_claims(self) -> str:
        market = self._market_in(MarketStatus.SETTLED)
        return self.twin.pay_claims(self._anyone(), market, self._some())

    def repay_debt(self) -> str:
        return self.twin.repay_debt(self._anyone(), self._market_in(MarketStatus.SETTLED))

    # WHO

    def _market_in(self, status: MarketStatus) -> int:
        """Return a market of this status mostly, if there is one."""
        markets = self.twin.model.markets.items()
        such = [market for market, stored in markets if stored.risk.status is status]
        return self.random.choice(such) if such and self.random.random() < 0.8 else self._market()

    def _anyone(self) -> Address:
        return self.random.choice((self.rig.roles.outsider, *self.owners))

    def _some(self) -> Sequence[int]:
        accounts = [*self.twin.model.accounts, NOBODY]
        return self.random.sample(accounts, self.random.choice((1, 3, len(accounts))))
