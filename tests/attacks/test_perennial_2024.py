"""Perennial, audits of 2024 (H-4 to H-6): what belonged to one price version settled at another.

Expired and invalid versions passed for valid ones, fees were charged to a version that was not the
trade's, and the order of settlements decided who paid funding. Here a trade is priced and charged
in its own transaction or refused, and funding is one index that grows by intervals of time: neither
the order of ticks and settlements nor their number makes anybody pay twice, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import pytest

from tests.attacks.perp_stage import AT_MID, Market, price_of
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.match import Trader
from tests.harness.perp import ETH, FEEDS, FEES, LOT, PRICES_E8, PYTH_IDS, RAW, VAULT
from tests.harness.puppet import words
from tests.unit.perp_engine.scene import (
    FUNDING,
    NO_SAMPLE,
    RESOLUTION_KIND,
    RESOLUTION_ROLE,
    deaf,
    in_lock,
    module,
    set_market,
)

HOUR_S = 3_600
SCALE = 10**12
ODD = 37 * LOT + 12_345_679
"""Lots that divide nothing."""
FUNDING_AT, OI_AT = 1, 3
"""Places in a context."""


@dataclass(frozen=True)
class Stage:
    """A long and a short of odd sizes, two who make a premium, who settles accounts at will."""

    market: Market
    long: Trader
    short: Trader
    pushing: tuple[Trader, Trader]
    settling: Contract

    def settle(self, account: int) -> None:
        """Settle an account's funding, and nothing else."""
        legs = [(account, 0, 0, 0, 0, False)]
        in_lock(self.market.rig, self.settling, ("book", (ETH, legs, NO_SAMPLE, RESOLUTION_KIND)))

    def tick(self) -> None:
        rig = self.market.rig
        rig.engine.send("tickFunding", ETH, sender=rig.roles.outsider)

    def collect(self) -> None:
        rig = self.market.rig
        rig.engine.send("collectFees", ETH, sender=rig.roles.outsider)

    def later(self, seconds: int, e8: int = PRICES_E8[ETH]) -> None:
        self.market.rig.wait(seconds)
        self.market.say(e8)

    def equities(self) -> tuple[int, ...]:
        """Return what long, short and vault are worth at the index, all funding included."""
        engine = self.market.rig.engine
        ids = (self.long.account, self.short.account, VAULT)
        return tuple(engine.read("healthOf", each, AT_MID)[0] for each in ids)

    def word(self, place: int) -> int:
        """Return a word of the market, with all that is due."""
        word: int = self.market.rig.engine.read("peekContext", VAULT, ETH)[place]
        return word

    def surplus(self) -> int:
        """Return what the tokens are more than what everybody is owed, wad."""
        rig = self.market.rig
        *_, accounts, _ = rig.engine.read("parameters")
        owed = sum(rig.engine.read("healthOf", i, AT_MID)[0] for i in range(accounts))
        fees = (self.word(OI_AT) >> 144 & 2**88 - 1) * 10**6
        held: int = rig.token.read("balanceOf", rig.engine.address)
        return held * SCALE - owed - fees


@pytest.fixture
def stage(market: Market) -> Stage:
    """The long has bought most from the short, the rest from the vault, a premium above."""
    long, short = market.match.trader("long"), market.match.trader("short")
    pushing = market.match.trader("one"), market.match.trader("other")
    made = Stage(market, long, short, pushing, module(market.rig, RESOLUTION_ROLE))
    market.rig.trade(long.account, long.key, ETH, ODD // 3)
    assert market.cross(long, short, ODD, price_of(20_000)) == ()
    made.later(100)
    assert market.cross(long, short, 31 * LOT, price_of(20_000)) == ()
    return made


# FUNDING, BY ORDER AND NUMBER


def hours(stage: Stage, settled: Sequence[int], times: int, first: str) -> tuple[int, ...]:
    """Let five hours pass, the price moving, others trading; return the equities in the end.

    Each hour is ticked, before or after the settlements, which tick as well.
    """
    with stage.market.rig.chain.isolated():
        for hour in range(5):
            price = price_of(20_000 + hour)
            assert stage.market.cross(*stage.pushing, (20 + hour) * LOT, price) == ()
            stage.later(HOUR_S, PRICES_E8[ETH] + hour * 7 * 10**6)
            if first == "tick":
                stage.tick()
            for _ in range(times):
                for account in settled:
                    stage.settle(account)
            stage.tick()
        return stage.equities()


@pytest.mark.parametrize("first", ["tick", "settle"])
@pytest.mark.parametrize("times", [1, 2, 9])
@pytest.mark.parametrize("who", ["long", "short", "vault", "all"])
def test_perennial__settled_any_number_of_times__loses_a_wei_each_at_most(
    stage: Stage, who: str, times: int, first: str
) -> None:
    """[PERP-43] Once or nine times an hour: the same, less at most a wei each time, never more."""
    ids = {"long": stage.long.account, "short": stage.short.account, "vault": VAULT}
    settled = list(ids.values()) if who == "all" else [ids[who]]
    never = hours(stage, [], 0, "tick")
    assert never != stage.equities(), "funding is paid"

    often = hours(stage, settled, times, first)

    for account, before, after in zip(ids.values(), never, often, strict=True):
        count = 5 * times if account in settled else 0
        assert 0 <= before - after <= count


def acts(stage: Stage) -> dict[str, Callable[[], None]]:
    return {
        "tick": stage.tick,
        "long": lambda: stage.settle(stage.long.account),
        "short": lambda: stage.settle(stage.short.account),
        "vault": lambda: stage.settle(VAULT),
        "fees": stage.collect,
    }


def test_perennial__in_whatever_order__ends_the_same(stage: Stage) -> None:
    """[PERP-44] All 120 orders of tick, settlements and fees at a moment leave the same books."""
    stage.later(2 * HOUR_S)
    ends = set()
    for order in permutations(acts(stage)):
        with stage.market.rig.chain.isolated():
            for name in order:
                acts(stage)[name]()
            ends.add((stage.market.rig.everything()[0], stage.equities(), stage.surplus()))

    ((accounts, _, surplus),) = ends
    assert len(accounts) > FEES
    assert 0 <= surplus <= RAW, "and nobody is owed more than there is"


@pytest.mark.parametrize("late_s", [-1, 0, 1])
def test_perennial__a_trade_at_the_interval_s_end__pays_for_its_own_time(
    stage: Stage, late_s: int
) -> None:
    """Who buys a second before the end pays for that interval, who buys at the end does not.

    Whether somebody ticks before the trade or after it changes nothing.
    """
    buyer = stage.market.match.trader("buyer")
    started = stage.word(FUNDING_AT) >> 176 & 2**40 - 1
    stage.later(started + HOUR_S + late_s - stage.market.rig.chain.now)
    ends = []
    for ticks_first in (True, False):
        with stage.market.rig.chain.isolated():
            if ticks_first:
                stage.tick()
            stage.market.rig.trade(buyer.account, buyer.key, ETH, LOT)
            before = stage.market.rig.cash(buyer.account)
            stage.later(1 - late_s)
            stage.settle(buyer.account)
            ends.append(before - stage.market.rig.cash(buyer.account))

    assert ends[0] == ends[1]
    assert (ends[0] > 0) == (late_s < 0)


# VERSIONS THAT ARE STALE OR INVALID


def silence(stage: Stage) -> None:
    """Let Chainlink refuse and Pyth grow old."""
    deaf(stage.market.rig, ETH)


def test_perennial__no_price_for_hours__is_charged_once_and_at_the_last_rate(stage: Stage) -> None:
    """Three intervals pass without a price: ticked one by one, or at once, or by the next trade."""
    stage.later(HOUR_S)
    stage.tick()
    word = stage.word(FUNDING_AT)
    rate = word >> 216
    assert 0 < rate < 2**39
    ends = []
    for ticks in (0, 1, 3):
        with stage.market.rig.chain.isolated():
            silence(stage)
            stage.market.rig.wait(3 * HOUR_S - 100 if ticks < 3 else HOUR_S - 100)
            for tick in range(ticks):
                stage.tick()
                if tick < ticks - 1:
                    stage.market.rig.wait(HOUR_S)
            ends.append((stage.word(FUNDING_AT), stage.equities()))

    assert ends[0] == ends[1] == ends[2]
    index, earlier = (each & 2**88 - 1 for each in (ends[0][0], word))
    last = stage.market.rig.oracle.read("memoOf", FEEDS[ETH])[0]
    assert index - earlier == 3 * (rate * 10**6 * last // 10**24)


def test_perennial__an_outage_within_an_interval__changes_nothing(stage: Stage) -> None:
    """An invalid version between two valid ones: as if it had never been asked for."""
    ends = []
    for is_silent in (False, True):
        with stage.market.rig.chain.isolated():
            if is_silent:
                silence(stage)
                for account in (stage.long.account, VAULT):
                    stage.settle(account)
                stage.tick()
                stage.market.rig.wait(900)
            else:
                stage.market.rig.wait(1_000)
            stage.market.say()
            stage.later(HOUR_S)
            stage.tick()
            ends.append((stage.word(FUNDING_AT), stage.equities()))

    assert ends[0] == ends[1]


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except Refused as refused:
        return refused.name
    return ""


@pytest.mark.parametrize("version", ["stale", "wide", "zero", "negative"])
def test_perennial__an_unusable_version__settles_no_trade_at_the_one_before(
    stage: Stage, version: str
) -> None:
    """Both sources are stale, or Pyth's price is out of bounds and Chainlink's with it.

    The trade is refused and leaves nothing behind, to be settled at whatever comes next; once there
    is a valid version, the same call is made at that one.
    """
    rig, long = stage.market.rig, stage.long
    rig.wait(HOUR_S)
    if version != "stale":
        say_unusable(stage, version)
    before = rig.everything()

    assert refusal(lambda: rig.trade(long.account, long.key, ETH, LOT)) == "FeedForbids"

    assert rig.everything()[:2] == before[:2]
    stage.later(1, 3_030 * 10**8)
    paid = rig.trade(long.account, long.key, ETH, LOT).output
    assert 3_030 * 10**12 < -paid < 3_034 * 10**12


def say_unusable(stage: Stage, version: str) -> None:
    """Let Chainlink be as old as it is, and Pyth say something that is no price."""
    rig = stage.market.rig
    price, conf = {"wide": (3_000, 300), "zero": (0, 1), "negative": (-3_000, 1)}[version]
    now = rig.chain.now
    head = words(32, 1, int.from_bytes(PYTH_IDS[ETH], "big"))
    body = words(price * 10**8, conf * 10**8, -8, now, now - 1, price * 10**8, conf * 10**8)
    rig.pyth.send("updatePriceFeeds", [head + body], sender=rig.roles.outsider)


def test_perennial__an_older_version_delivered_later__is_not_gone_back_to(stage: Stage) -> None:
    """Two versions in order, or the older one afterwards: the trade is made at the newer one."""
    rig, long = stage.market.rig, stage.long
    old = rig.chain.now
    paid = []
    for in_order in (True, False):
        with rig.chain.isolated():
            rig.wait(10)
            if in_order:
                deliver(stage, 3_001, old + 5)
            rig.set_price(ETH, 3_010 * 10**8)
            if not in_order:
                deliver(stage, 3_001, old + 5)
            paid.append(rig.trade(long.account, long.key, ETH, LOT).output)
    with rig.chain.isolated():
        rig.wait(10)
        deliver(stage, 3_001, old + 5)
        earlier = rig.trade(long.account, long.key, ETH, LOT).output

    assert paid[0] == paid[1] < earlier < 0


def deliver(stage: Stage, dollars: int, at: int) -> None:
    """Deliver a price of Pyth as of an earlier second."""
    rig = stage.market.rig
    head = words(32, 1, int.from_bytes(PYTH_IDS[ETH], "big"))
    e8 = dollars * 10**8
    body = words(e8, e8 // 10_000, -8, at, at - 1, e8, e8 // 10_000)
    rig.pyth.send("updatePriceFeeds", [head + body], sender=rig.roles.outsider)


# FEES


def fees(stage: Stage) -> int:
    """Return all fees so far, wad."""
    return (stage.word(OI_AT) >> 144 & 2**88 - 1) * 10**6 + stage.market.rig.cash(FEES)


@pytest.mark.parametrize("collected", ["between", "afterwards"])
def test_perennial__a_fee_that_rises__is_charged_from_then_on(stage: Stage, collected: str) -> None:
    """5 bps before, 10 bps afterwards, whenever fees are collected; nothing is charged again."""
    rig, buyer = stage.market.rig, stage.market.match.trader("buyer")
    stage.later(300)
    start = fees(stage)

    def charged(size: int) -> int:
        before = fees(stage)
        quote = -rig.trade(buyer.account, buyer.key, ETH, size).output
        assert fees(stage) - before == -(-quote * taker // 10**6) * 10**6
        return fees(stage) - before

    taker = 500
    first = charged(10 * LOT)
    set_market(rig, ETH, takerFee=1_000)
    if collected == "between":
        stage.collect()
    assert fees(stage) == start + first
    taker = 1_000
    second = charged(10 * LOT)
    stage.collect()

    assert fees(stage) == rig.cash(FEES) == start + first + second
    assert 2 * first < second < 2 * first + first // 100


def test_perennial__a_signed_order__pays_no_fee_of_a_later_version(stage: Stage) -> None:
    """Signed at 5 bps; where the market's fee has risen since, it is skipped."""
    market, buyer, seller = stage.market, stage.long, stage.short
    with market.rig.chain.isolated():
        assert market.cross(buyer, seller, LOT, price_of(0)) == ()
    set_market(market.rig, ETH, takerFee=501)
    before = market.rig.everything()

    (reason,) = market.cross(buyer, seller, LOT, price_of(0))

    assert (reason.name, reason.args_) == ("OrderFeeTooHigh", (buyer.account, 501, 500))
    assert market.rig.everything() == before


def test_perennial__a_pause_of_funding__charges_what_was_before_it_and_nothing_in_it(
    stage: Stage,
) -> None:
    """However often an account is settled while funding rests, it pays the hour before, once."""
    stage.later(HOUR_S)
    expected = stage.equities()[0]
    rig = stage.market.rig
    rig.admin.send("setPause", ETH, FUNDING, sender=rig.roles.timelock)
    for _ in range(3):
        stage.later(HOUR_S)
        stage.settle(stage.long.account)

    assert 0 <= expected - stage.equities()[0] <= 3
