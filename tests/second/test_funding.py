"""Funding on the contracts against a market that lives second by second in exact fractions."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from tests.harness.errors import Refused
from tests.harness.perp import ETH, LIMIT, LOT, PRICES_E8, RISK, TRADE, deploy_perp
from tests.harness.revm import Revm
from tests.second.effort import FEW
from tests.second.slow_market import SlowMarket, Terms

PPM = 10**6
PICO = 10**12
WAD = 10**18
E8 = 10**8
MATCH = 1
OI_LOTS = 400 * LOT
DOLLARS = 10**9
STALE_S = 1_501
"""Both sources are too old then."""


def signed(word, at, bits):
    value = word >> at & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def book(rig, legs, sample):
    """Book legs and a sample (pico, wad) as the settler does."""
    engine = rig.engine
    steps = (
        engine.call("enter", 0).method.encode(),
        engine.call("book", 4).method.encode(ETH, legs, sample, MATCH),
        engine.call("exit", 0).method.encode(),
    )
    calls = [(engine.address, 0, step) for step in steps]
    rig.settler.send("execute", calls, sender=rig.roles.outsider)


class Life:
    """One market with open interest, on the contracts and in slow motion."""

    def __init__(self, rig, traders, **limits):
        self.rig, self.traders = rig, traders
        self.limit = LIMIT | limits
        terms = (tuple(RISK.values()), tuple(TRADE.values()), tuple(self.limit.values()))
        rig.admin.send("setMarket", ETH, *terms, sender=rig.roles.timelock)
        self.price = Fraction(PRICES_E8[ETH], E8)
        market = rig.engine.read("peekContext", 0, ETH)
        least_fee = TRADE["takerFee"] + min(TRADE["makerFee"], TRADE["vaultSpread"])
        self.slow = SlowMarket(
            Terms(
                prem_cap=Fraction(TRADE["premCap"], PPM),
                max_rate=Fraction(self.limit["maxRate"], PPM),
                interval=self.limit["interval"],
                hours=TRADE["coefficientInverse"],
                impact_usd=RISK["impactNotional"],
                least_usd=TRADE["minNotional"],
                fees=Fraction(least_fee, PPM),
            ),
            at=market[1] >> 176 & 2**40 - 1,
        )
        self.said_at = rig.chain.now

    def wait(self, seconds):
        self.rig.wait(seconds)
        self.slow.live_to(self.rig.chain.now)

    def see_price(self, change_bps=0):
        self.price += self.price * change_bps / 10_000
        e8 = int(self.price * E8)
        self.price = Fraction(e8, E8)
        self.rig.set_price(ETH, e8)
        self.rig.calm(ETH)
        self.said_at = self.rig.chain.now

    def tick(self):
        has_price = self.rig.chain.now - self.said_at < STALE_S
        self.slow.tick(self.price if has_price else None, last_price_usd=self.price)

    def act(self, what, premium, notional_usd):
        """Trade with a sample, or tick; both charge what is due first."""
        self.tick()
        rig = self.rig
        if what != "sample":
            with suppress(Refused):  # nothing is due
                rig.engine.send("tickFunding", ETH, sender=rig.roles.outsider)
            return
        long, short = self.traders
        legs = [(long, 0, 0, 0, 0, True), (short, 0, 0, 0, 0, True)]
        book(rig, legs, (premium, notional_usd * WAD))
        oi_usd = Fraction(OI_LOTS, LOT) * self.price
        self.slow.sample(Fraction(premium, PICO), Fraction(notional_usd), oi_usd)

    @property
    def is_cut(self):
        """Whether the newest rate is at its limit."""
        return abs(self.slow.rate) == self.slow.terms.max_rate

    def require_same(self):
        """Hold index, rate and premium within the roundings that the page states."""
        slow, now = self.slow, self.rig.chain.now
        _, funding, *_, pi, _, _ = self.rig.engine.read("peekContext", 0, ETH)
        f_long, f_short = (Fraction(signed(funding, at, 88), PICO) for at in (0, 88))
        assert f_long == f_short
        assert funding >> 176 & 2**40 - 1 == slow.funded_at
        assert abs(f_long - slow.index) <= slow.index_slack, "index"
        assert abs(Fraction(signed(funding, 216, 40), PICO) - slow.rate) <= slow.rate_slack, "rate"
        assert abs(Fraction(pi, PICO) - slow.premium(now)) <= slow.slack + Fraction(1, PICO), "π"


SHORT_GAPS = st.sampled_from((0, 1, 2, 12, 149, 150, 151, 299, 300, 301)) | st.integers(0, 400)
GAPS = st.sampled_from((899, 900, 901, 3_599, 3_600, 3_601)) | st.integers(0, 4_000)
LONG_GAPS = st.sampled_from((86_399, 86_400, 86_401, 90_000, 26 * 3_600))
PREMIUMS = st.sampled_from((1, -1, 25_000 * 10**6, -(10**11), 10**11)) | st.integers(
    -30_000 * 10**6, 30_000 * 10**6
)
NOTIONALS = st.sampled_from((9, 10, 100_000, 10**6, 10**8)) | st.integers(1, 3 * 10**6)
STEPS = st.lists(
    st.tuples(
        SHORT_GAPS | SHORT_GAPS | SHORT_GAPS | GAPS | GAPS | LONG_GAPS,
        st.integers(-100, 100) | st.just(0),
        st.sampled_from(("sample", "sample", "sample", "tick", "dead")),
        PREMIUMS,
        NOTIONALS,
    ),
    min_size=10,
    max_size=30,
)
LIMITS = st.sampled_from(({}, {"interval": 900, "maxRate": 100}, {"interval": 28_800}))
PUMPED = [(2, 0, "sample", 25_000 * 10**6, 10**8)] * 20
"""A premium at its cap for a while, which the limit of the rate then cuts."""


@pytest.fixture(scope="module")
def market():
    """A market in which two traders hold each other's open interest."""
    rig = deploy_perp(Revm())
    (long, _), (short, _) = rig.trader("long", DOLLARS), rig.trader("short", DOLLARS)
    quote = OI_LOTS * PRICES_E8[ETH] * PICO // (LOT * E8)
    book(rig, [(long, OI_LOTS, -quote, 0, 0, True), (short, -OI_LOTS, quote, 0, 0, True)], (0, 0))
    return rig, (long, short)


@FEW
@given(steps=STEPS, limits=LIMITS)
@example(steps=[*PUMPED, (3_600, 0, "tick", 0, 0)], limits={"interval": 900, "maxRate": 100})
@example(steps=[*PUMPED, (90_000, 0, "dead", 0, 0), (0, 5, "tick", 0, 0)], limits={})
def test_funding__any_life__is_what_seconds_add_up_to(market, steps, limits):
    rig, traders = market
    with rig.chain.isolated():
        life, rates = Life(rig, traders, **limits), set()
        for gap, change_bps, what, premium, notional_usd in steps:
            life.wait(gap)
            if what != "dead":
                life.see_price(change_bps)
            life.act(what, premium, notional_usd)
            life.require_same()
            rates.add("limit" if life.is_cut else "between" if life.slow.rate else "zero")

        event(f"rates met: {', '.join(sorted(rates))}")


def test_funding__one_part_in_a_million_more__is_noticed(market):
    """The bounds are narrow enough to see a wrong rule."""
    rig, traders = market
    with rig.chain.isolated():
        life = Life(rig, traders)
        for gap, *_, premium, notional_usd in [*PUMPED, (3_600, 0, "tick", 0, 0)]:
            life.wait(gap)
            life.see_price()
            life.act("sample" if notional_usd else "tick", premium, notional_usd)
        life.require_same()

        assert life.slow.index > 0
        life.slow.index *= Fraction(PPM + 1, PPM)
        with pytest.raises(AssertionError, match="index"):
            life.require_same()
