"""Prices, time, and who keeps the swaps going: pokes, ticks, liquidations, absorptions, endings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.units import DAY_S, Address
from tests.harness.oracle import ACCEPTED
from tests.invariants.system_books import signed
from tests.invariants.system_stage import FEED_OF, FEEDS, PRICES_E8, TRADERS
from tests.invariants.system_town import Town

__all__ = ["Keepers"]

ENGINE: Final = "DerivativesEngine"
ORACLE: Final = "PriceOracle"
ENDING: Final = "SettlementModule"
STATUS_AT: Final = 213
CRASHES: Final = (-45, -30, -20, -12, -7, 7, 12, 20, 30)
"""Per cent: margins are of five and three."""
MOMENTS: Final = (1, 12, 12, 60, 300, 600)
HOURS: Final = (3_600, 4 * 3_600, 8 * 3_600)
DAYS: Final = (DAY_S, 2 * DAY_S, 3 * DAY_S)
NOBODY: Final = 10**6
Move = tuple[Callable[[], str], float]


class Keepers:
    """Everybody who is paid for keeping things going, and whoever does it for nothing."""

    def __init__(self, town: Town, duty: Callable[[], None]) -> None:
        self.town, self.desk = town, town.desk
        self.account = town.stage.traders[-1][1]
        self.by: Address = town.stage.traders[-1][0].address
        self._duty = duty

    def moves(self) -> tuple[Move, ...]:
        """Return what they do, and how often."""
        return (
            (self.walk, 7),
            (self.crash, 0.35),
            (self.disagree, 0.3),
            (self.moment, 3),
            (self.hours, 1.2),
            (self.days, 0.5),
            (self.poke, 2),
            (self.bring, 1),
            (self.ask, 1),
            (self.reset, 1),
            (self.upkeep, 2),
            (self.liquidate, 5),
            (self.liquidate_many, 1),
            (self.absorb, 2),
            (self.absorb_protocol, 0.5),
            (self.take_backstop, 0.7),
            (self.end, 1.5),
        )

    # PRICES AND TIME

    def walk(self) -> str:
        """Let the prices go a little way."""
        for feed in range(len(FEEDS)):
            step = self.town.random.randrange(-60, 61)
            self._go(feed, self.town.prices[feed] * (10_000 + step) // 10_000)
        return self._tell()

    def crash(self) -> str:
        """Let one price jump."""
        feed = self.town.random.randrange(len(FEEDS))
        percent = self.town.pick(CRASHES)
        self._go(feed, self.town.prices[feed] * (100 + percent) // 100)
        self._tell()
        return self._tell()

    def disagree(self) -> str:
        """Let Chainlink alone say something else for a block."""
        feed = self.town.random.randrange(len(FEEDS))
        off = self.town.prices[feed] * (100 + self.town.pick((-15, -5, 5, 15))) // 100
        self._tell()
        self.town.stage.chain.warp(self.town.now + 1)
        self.town.stage.says(feed, self.town.prices[feed], primary_e8=off)
        return self.desk.send(ORACLE, "poke", FEEDS[feed], by=self.by)

    def _go(self, feed: int, price: int) -> None:
        base = PRICES_E8[feed]
        price = min(max(price, base // 4), base * 4)
        for market, of in enumerate(FEED_OF):
            if of == feed:
                self.town.prices[market] = price

    def _tell(self) -> str:
        """Let a block pass, the sources speak, and mostly somebody poke."""
        told = ACCEPTED
        self.town.stage.chain.warp(self.town.now + self.town.pick((2, 12, 35)))
        for market, feed in enumerate(FEEDS):
            self.town.stage.says(market, self.town.prices[market])
            if self.town.chance(90):
                told = self.desk.send(ORACLE, "poke", feed, by=self.by)
        return told

    def moment(self) -> str:
        """Let seconds or minutes pass."""
        return self._pass(self.town.pick(MOMENTS))

    def hours(self) -> str:
        """Let hours pass, with prices all along."""
        for _ in range(6):
            self._pass(self.town.pick(HOURS) // 6)
            self.walk()
        return ACCEPTED

    def days(self) -> str:
        """Let days pass without a price."""
        self._pass(self.town.pick(DAYS))
        return self.walk()

    def _pass(self, seconds: int) -> str:
        self._duty()
        self.town.stage.chain.warp(self.town.now + seconds)
        return ACCEPTED

    # THE ORACLE

    def poke(self) -> str:
        """Poke a feed."""
        return self.desk.send(ORACLE, "poke", self.town.pick(FEEDS), by=self.by)

    def bring(self) -> str:
        """Bring Pyth's word and poke."""
        market = self.town.random.randrange(len(FEEDS))
        data = [self.town.update(market)]
        return self.desk.send(ORACLE, "updateAndPoke", data, [FEEDS[market]], by=self.by)

    def ask(self) -> str:
        """Ask for a price in each way that leaves it in the transaction."""
        feed, is_long = self.town.pick(FEEDS), self.town.chance(50)
        match self.town.random.randrange(3):
            case 0:
                return self.desk.send(ORACLE, "quote", feed, by=self.by)
            case 1:
                action = self.town.random.randrange(6)
                return self.desk.send(ORACLE, "priceFor", feed, action, is_long, by=self.by)
            case _:
                purpose = self.town.random.randrange(3)
                args = (feed, purpose, is_long)
                return self.desk.send(ORACLE, "priceForValuation", *args, by=self.by)

    def reset(self) -> str:
        """Take a latch off whose time is over."""
        return self.desk.send(ORACLE, "reset", self.town.pick(FEEDS), by=self.by)

    # THE SWAPS

    def upkeep(self) -> str:
        """Tick, collect, take the vault's value, or sweep."""
        match self.town.random.randrange(4):
            case 0:
                return self.desk.send(ENGINE, "tickFunding", self.town.market(), by=self.by)
            case 1:
                return self.desk.send(ENGINE, "collectFees", self.town.market(), by=self.by)
            case 2:
                return self.desk.send("VaultModule", "takeNav", by=self.by)
            case _:
                return self.desk.send("InsuranceFund", "sweep", by=self.by)

    def _worst(self) -> int:
        """Return the account that is nearest to its maintenance margin, or below it."""
        accounts = [account for _, account in self.town.stage.traders[:TRADERS]]
        held = [a for a in accounts if self.town.books.word(("cash", a)) >> 128]

        def slack(account: int) -> int:
            health = self.town.health(account, Purpose.LIQUIDATE)
            return health.equity - health.mm

        return min(held, key=slack) if held else self.town.pick(accounts)

    def _held(self, account: int) -> list[int]:
        bits = self.town.books.word(("cash", account)) >> 128
        return [market for market in range(self.town.markets) if bits >> market & 1]

    def liquidate(self) -> str:
        """Take over from whoever is worst off."""
        account = self._worst()
        market = self.town.pick(self._held(account) or [0])
        args = (account, market, self.account)
        return self.desk.send("RiskManager", "liquidate", *args, by=self.by)

    def liquidate_many(self) -> str:
        """Try everybody in one market."""
        accounts = [account for _, account in self.town.stage.traders[:TRADERS]]
        args = (accounts, self.town.market(), self.account)
        return self.desk.send("RiskManager", "liquidateBatch", *args, by=self.by)

    def absorb(self) -> str:
        """Absorb whoever cannot pay, with everybody on the other side listed."""
        return self.absorb_one(self._worst())

    def absorb_one(self, account: int) -> str:
        """Absorb an account."""
        lists = [(market, self._against(account, market)) for market in self._held(account)]
        keeper = self.account if account != self.account else self.town.stage.traders[0][1]
        args = (account, keeper, lists)
        return self.desk.send("ResolutionModule", "absorb", *args, by=self.by)

    def _against(self, account: int, market: int) -> list[int]:
        """Return who is on the other side, the most leveraged first."""
        size = self.size(account, market)
        others = [
            other
            for other in range(self.town.books.accounts)
            if other != account and self.size(other, market) * size < 0
        ]

        def leverage(other: int) -> float:
            health = self.town.health(other, Purpose.MID)
            return -health.notional / health.equity if health.equity > 0 else 0.0

        return sorted(others, key=leverage)

    def size(self, account: int, market: int) -> int:
        """Return a position, lots."""
        return signed(self.town.books.word(("position", account, market)), 0, 72)

    def absorb_protocol(self) -> str:
        """Absorb the vault or the backstop, if they cannot pay."""
        account = self.town.pick((0, 1))
        return self.desk.send("ResolutionModule", "absorbProtocol", account, by=self.by)

    def take_backstop(self) -> str:
        """Relieve the backstop of a part of what it holds."""
        market = self.town.market()
        size = self.size(1, market) // self.town.pick((1, 2))
        args = (market, size, self.account)
        return self.desk.send("ResolutionModule", "takeBackstop", *args, by=self.by)

    # ENDINGS

    def end(self) -> str:
        """Bring a market that ends a step further."""
        market = self.town.market()
        status = self.town.books.word(("risk", market)) >> STATUS_AT & 15
        accounts = [0, 1, *(account for _, account in self.town.stage.traders)]
        if status == MarketStatus.WIND_DOWN:
            frozen = self.town.stage[ENDING].call("settleFrozen", 1).method.encode(market)
            if (self.town.address(ENDING), frozen) in self.town.wanted and self.town.chance(90):
                return ACCEPTED  # the council ends it
            return self.desk.send(ENDING, "settle", market, by=self.by)
        match self.town.random.randrange(4):
            case 0:
                return self.desk.send(ENDING, "closeAt", market, accounts, by=self.by)
            case 1:
                return self.desk.send(ENDING, "finalise", market, by=self.by)
            case 2:
                return self.desk.send(ENDING, "payClaims", market, accounts, by=self.by)
            case _:
                return self.desk.send(ENDING, "repayDebt", market, by=self.by)
