"""Play the perpetual swaps at random on contracts and specification at once.

Traders, liquidators, a settler and hostile outsiders act while prices jump, time passes, funding
runs and markets pause; lenders come and go. Every call is compared with the specification, and the
ledger's invariants are held after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final

from clearing.spec.perp_book import Leg, Sample
from clearing.spec.perp_ledger import health_of, position_of
from clearing.spec.perp_types import (
    INSURANCE,
    VAULT,
    LimitParams,
    Purpose,
    RiskParams,
    TradeParams,
)
from clearing.spec.units import WAD, Address
from tests.harness.actors import key_of
from tests.harness.perp import FEEDS, LIMIT, LOT, PRICES_E8, RISK, TRADE
from tests.harness.perp_liquidity_twin import LiquidityTwin

__all__ = ["PerpMachine"]

TRADERS: Final = 4
LENDERS: Final = 2
"""Accounts that hold shares of the vault; they come after the traders'."""
TICK: Final = 10**14
LIMITLESS: Final = 10**9 * WAD
DEPOSITS: Final = (1, 10**6, 500 * 10**6, 20_000 * 10**6)
WAITS: Final = (1, 12, 60, 150, 700, 3_600, 10_000, 90_000)
SHARES_IN_WAD: Final = 10**6
"""Shares for a wad, at first."""
SIZES: Final = (1, LOT // 1_000, LOT // 10, LOT, 7 * LOT + 3, 60 * LOT, 20_000 * LOT)
RISKS: Final[tuple[dict[str, int], ...]] = (
    {},
    {"im": 200_000, "slope": 40_000, "imMax": 300_000},
    {"im": 150_000, "imMax": 150_000, "penalty": 50_000},
    {"im": 100_000, "kappa": 9_000, "imMax": 100_000},
)
TRADES: Final[tuple[dict[str, int], ...]] = (
    {},
    {"takerFee": 0, "makerFee": 10, "vaultSpread": 10},
    {"premCap": 1_000, "minNotional": 1_000},
    {"skewScale": 200_000, "coefficientInverse": 1},
)
BOUNDS: Final[tuple[dict[str, int], ...]] = (
    {},
    {"interval": 900, "maxRate": 100},
    {"interval": 28_800, "vaultShare": 300_000, "minFee": 0},
    {"openCap": 20 * LOT, "maxOi": 500 * LOT, "band": 5_000},
)
MASKS: Final = (0, 0, 0, 1, 2 | 4, 4, 8, 16, 32)


Move = Callable[[], str]
"""A move returns what became of it."""


class PerpMachine:
    """One schedule: a twin and a source of chance."""

    def __init__(self, twin: LiquidityTwin, seed: str) -> None:
        self.random = Random(seed)
        self.rig = twin.rig
        self.twin = twin
        self.first = len(twin.model.accounts)
        self.rich = self.first
        self.prices = list(PRICES_E8)
        self.seen: Counter[tuple[str, str]] = Counter()
        self.owners = [key_of(f"owner {i}").address for i in range(TRADERS + LENDERS)]
        self.key: Address = key_of("session").address
        for owner in self.owners:
            twin.deposit(owner, twin.create(owner), 5_000 * 10**6)
        self.twin.deposit(self.owners[0], self.rich, 10**12)
        self.twin.deposit(self.owners[0], INSURANCE, 10**9)

    def play(self, steps: int) -> None:
        """Take so many steps, or fewer if the end comes first.

        Raises Divergence or AssertionError at the first fault.
        """
        for _ in range(steps):
            if self.is_over:
                return
            names, weights = zip(*self.moves(), strict=True)
            move = self.random.choices(names, weights)[0]
            self.seen[move.__name__, move()] += 1

    def moves(self) -> tuple[tuple[Move, float], ...]:
        """Return what may be done now, and how often."""
        return (
            (self.trade, 6),
            (self.close, 3),
            (self.force, 2),
            (self.match, 4),
            (self.liquidate, 4),
            (self.price, 4),
            (self.wait, 3),
            (self.deposit, 1),
            (self.withdraw, 2),
            (self.transfer, 1),
            (self.session, 1),
            (self.lend, 2),
            (self.ask, 2),
            (self.claim, 2),
            (self.upkeep, 2),
            (self.pause, 1),
            (self.retune, 0.5),
        )

    @property
    def met(self) -> Counter[tuple[str, str]]:
        """Moves by what became of them, and events by their kind."""
        return self.seen + Counter({("event", name): n for name, n in self.twin.heard.items()})

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to play."""
        return False

    # WHO AND WHAT

    @property
    def traders(self) -> range:
        """The traders' accounts."""
        return range(self.first, self.first + TRADERS)

    def _account(self) -> int:
        return self.first + self.random.randrange(TRADERS)

    def _lender(self) -> int:
        """Return a lender's account mostly, else a trader's, or an account of the protocol."""
        if self.random.random() < 0.1:
            return self.random.choice((VAULT, self._account()))
        return self.first + TRADERS + self.random.randrange(LENDERS)

    def _sender(self, account: int) -> Address:
        """Return the owner mostly, else the session key or somebody else's owner."""
        owner = self.owners[max(0, account - self.first)]
        return self.random.choice((owner,) * 8 + (self.key, self.owners[0]))

    def _market(self) -> int:
        return self.random.randrange(2)

    def _size(self) -> int:
        size = self.random.choice(SIZES) * self.random.choice((1, 1, 3))
        return size if self.random.random() < 0.5 else -size

    # MOVES

    def trade(self) -> str:
        account, market = self._account(), self._market()
        size = self._size() // (1 if market == 0 else 10)
        limit = LIMITLESS if size > 0 else 0
        if self.random.random() < 0.1:
            limit = self.prices[market] * 10**10
        return self.twin.trade(self._sender(account), account, market, size, limit)

    def close(self) -> str:
        """Reduce a position there is, by all or half of it, or turn it."""
        account, market = self._account(), self._market()
        held = position_of(self.twin.model, account, market).size
        size = -self.random.choice((held, held, held // 2, 2 * held))
        limit = LIMITLESS if size > 0 else 0
        return self.twin.trade(self._sender(account), account, market, size, limit)

    def force(self) -> str:
        """Reduce by all, some or too much while no settler is there; or try to open."""
        account, market = self._account(), self._market()
        held = position_of(self.twin.model, account, market).size
        size = -self.random.choice((0, 0, held, held // 2, 2 * held, -held, 1))
        limit = LIMITLESS if size > 0 or (size == 0 and held < 0) else 0
        return self.twin.force_reduce(self._sender(account), account, market, size, limit)

    def match(self) -> str:
        """Two traders, or one against two, near the index; sometimes the legs do not fit."""
        market = self._market()
        mid = self.twin.quote(market).mid
        price = mid * self.random.randrange(950, 1_051) // 1_000 // TICK * TICK
        taker, *makers = self.random.sample(self.traders, 3)
        sizes = [self._size() // (1 if market == 0 else 10) for _ in makers]
        if self.random.random() < 0.5:
            held = position_of(self.twin.model, taker, market).size
            sizes = [held // 2, held - held // 2]
        fees = [abs(size) * price // TICK // 5_000 for size in sizes]
        legs = [
            Leg(maker, size, -size * price // TICK, fee, judged=True)
            for maker, size, fee in zip(makers, sizes, fees, strict=True)
        ]
        total = sum(leg.size for leg in legs)
        quote = sum(leg.quote for leg in legs) + (1 if self.random.random() < 0.03 else 0)
        legs.insert(0, Leg(taker, -total, -quote, sum(fees), judged=True))
        sample = Sample((price - mid) * 10**12 // mid, abs(quote) * 10**6)
        return self.twin.match(market, tuple(legs), sample)

    def liquidate(self) -> str:
        """Try whoever is worst off, mostly by the rich account."""
        quotes, now = self.twin.quotes, self.twin.now
        ledger = self.twin.model
        market = self._market()
        held = [account for account in self.traders if (account, market) in ledger.positions]
        if not held:
            return "nobody"

        def slack(account: int) -> int:
            health = health_of(ledger, account, Purpose.LIQUIDATE, quotes, now)
            return health.equity - health.mm

        account = min(held, key=slack)
        if self.random.random() < 0.1:
            account = self.random.choice((VAULT, *held))
        liquidator = self.rich if self.random.random() < 0.8 else self._account()
        sender = self.owners[liquidator - self.first]
        if self.random.random() < 0.05:
            sender = self.key
        return self.twin.liquidate(sender, account, market, liquidator)

    def price(self) -> str:
        market = self._market()
        drift = self.random.choice((1, 3, 10, 25, 60, 150)) * self.random.choice((1, -1))
        base, price = PRICES_E8[market], self.prices[market] * (1_000 + drift) // 1_000
        self.prices[market] = min(max(price, base // 3), base * 3)
        self.rig.set_price(market, self.prices[market], pyth=self.random.random() < 0.9)
        return self.twin.quote(market).state.name

    def wait(self) -> str:
        return self._pass(self.random.choice(WAITS))

    def _pass(self, seconds: int) -> str:
        self.rig.wait(seconds)
        if self.random.random() < 0.8:
            self._all_say()
        else:
            self._calm()
        return self.twin.quote(0).state.name

    def _all_say(self) -> None:
        """Let all sources say the prices there are, in a second in which they have not spoken."""
        self.rig.wait(1)
        for market in (0, 1):
            self.rig.set_price(market, self.prices[market])
        self._calm()

    def _calm(self) -> None:
        for market in (0, 1):
            self.rig.calm(market)

    def deposit(self) -> str:
        account = self._account()
        if self.random.random() < 0.4:
            account = self.random.choice((VAULT, INSURANCE, INSURANCE))
        amount = self.random.choice(DEPOSITS)
        return self.twin.deposit(self.owners[1], account, amount)

    def withdraw(self) -> str:
        account = self._account()
        sender = self._sender(account)
        return self.twin.withdraw(sender, account, self.random.choice(DEPOSITS), self.owners[2])

    def transfer(self) -> str:
        source, to = self._account(), self._account()
        amount = self.random.randrange(10**21)
        return self.twin.transfer(self._sender(source), source, to, amount)

    def lend(self) -> str:
        account = self._lender()
        cash = self.twin.model.accounts[account].cash
        amount = self.random.choice((0, 1, abs(cash) // 3, abs(cash), abs(cash) + 1))
        least = self.random.choice((0, 0, 1, amount * SHARES_IN_WAD))
        return self.twin.add_liquidity(self._sender(account), account, amount, least)

    def ask(self) -> str:
        """Ask for shares, sometimes for more than there are, or for none."""
        account = self._lender()
        have = self.twin.liquidity.shares.get(account, 0)
        shares = self.random.choice((0, 1, have // 2, have // 2, have, have, have + 1))
        return self.twin.request_claim(self._sender(account), account, shares)

    def claim(self) -> str:
        """Claim, often at the first or the last second that is right or wrong."""
        asked = self.twin.liquidity.requests
        account = self.random.choice((self._lender(), *asked, *asked))
        request = asked.get(account)
        if request and self.random.random() < 0.5:
            first, end = request.begins, request.ends
            moment = self.random.choice((first - 1, first, first, end - 1, end))
            self._pass(max(0, moment - self.twin.now))
        return self.twin.claim(self._sender(account), account)

    def session(self) -> str:
        account = self._account()
        expiry = self.random.choice((0, self.twin.now, self.twin.now + 1, self.twin.now + 9_999))
        return self.twin.session(self._sender(account), account, self.key, expiry)

    def upkeep(self) -> str:
        market = self._market()
        match self.random.randrange(3):
            case 0:
                return self.twin.tick(market)
            case 1:
                return self.twin.collect(market)
            case _:
                return self.twin.take_nav()

    def pause(self) -> str:
        return self.twin.pause(self._market(), self.random.choice(MASKS))

    def retune(self) -> str:
        """Change a market's parameters, back or to something else, or to what is out of bounds."""
        risk, trade, limit = (
            {**old, **self.random.choice(changes)}
            for old, changes in ((RISK, RISKS), (TRADE, TRADES), (LIMIT, BOUNDS))
        )
        market = self._market()
        return self.twin.retune(
            market,
            RiskParams(*risk.values()),
            TradeParams(FEEDS[market], *trade.values()),
            LimitParams(*limit.values()),
        )
