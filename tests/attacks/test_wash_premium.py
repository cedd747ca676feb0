"""A trader pushes the premium by trading with himself, and holds the side that is paid funding.

Each trade costs both fees; how much it moves the premium falls as open interest rises, and what it
moved fades within 300 seconds. So that no schedule earns what it costs: here a grid of them is
played, against honest traders whose whole other side the attacker holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import pytest

from clearing.spec.units import div_ceil, div_floor
from tests.attacks.perp_stage import MID, Market, price_of
from tests.harness.match import Trader
from tests.harness.perp import ETH, LOT, PRICES_E8, RISK, TRADE, VAULT, usd
from tests.harness.revm import START
from tests.unit.perp_engine.scene import set_market

HOUR_S = 3_600
PPM = 10**6
OI_AT = 3
"""Place of open interest in a context."""
UNITS_AND_LEAST = ((100, 8), (3_000, 74))
"""ETH that honest traders hold, and the per cent of its cost that the best schedule earns."""
SHARES_PPM = (1_000, 20_000, 100_000, 1_000_000)
"""Each trade's part of the notional that counts as one whole sample."""
SPACINGS_S = (2, 30, 150, 299, 600)
BURST = 60
"""Trades in a row at most; then nothing until the hour is over."""
PUSH_PPM = 25_000
"""How far from the index he trades with himself: the greatest premium."""


@dataclass(frozen=True)
class Plot:
    """Honest traders, the attacker's other side to them, and two accounts to push with."""

    market: Market
    side: int
    honest: Trader
    crew: tuple[Trader, Trader, Trader]

    def impact(self, maker_fee: int = TRADE["makerFee"]) -> int:
        """Return the notional of one whole sample, wad: as docs/derivatives.md has it."""
        oi = self.market.rig.engine.read("peekContext", VAULT, ETH)[OI_AT] & 2**72 - 1
        fees = (TRADE["takerFee"] + maker_fee) * HOUR_S * TRADE["coefficientInverse"]
        grown = div_ceil(div_ceil(oi * MID, LOT) * TRADE["premCap"] * 150, fees)
        return max(usd(RISK["impactNotional"]), grown)

    def say(self) -> None:
        self.market.rig.set_price(ETH, PRICES_E8[ETH])

    def push(self, lots: int, spacing_s: int, trades: int) -> None:
        """Trade there and back with himself at premCap beyond the index, so often."""
        _, one, other = self.crew
        for turn in range(trades):
            self.market.rig.wait(spacing_s)
            self.say()
            pair = (one, other) if turn % 2 == 0 else (other, one)
            assert self.market.cross(*pair, lots, price_of(self.side * PUSH_PPM)) == ()

    def push_vault(self, lots: int, spacing_s: int, trades: int) -> None:
        """Buy from the vault and sell to it: its skew speaks of the premium too."""
        one = self.crew[1]
        for turn in range(trades):
            self.market.rig.wait(spacing_s)
            self.say()
            self.market.rig.trade(one.account, one.key, ETH, lots if turn % 2 == 0 else -lots)

    def played(
        self, push: Callable[[int, int, int], None], schedule: tuple[int, int, int], hours: int = 1
    ) -> tuple[int, int]:
        """Push by a schedule, let the hours be over, and undo it.

        Return what honest traders paid, and what the attacker has more, wad.
        """
        rig = self.market.rig
        with rig.chain.isolated():
            started = rig.chain.now
            honest, crew = self.market.equity(self.honest), self.market.wealth(self.crew)
            push(*schedule)
            rig.wait(max(1, started + hours * HOUR_S + 1 - rig.chain.now))
            self.say()
            rig.engine.send("tickFunding", ETH, sender=rig.roles.outsider)
            paid = honest - self.market.equity(self.honest)
            return paid, self.market.wealth(self.crew) - crew


def plot(market: Market, units: int, side: int = 1, dollars: int = 5_000_000) -> Plot:
    """Let the attacker take the other side of honest traders at the index, and all premium fade."""
    rig, match = market.rig, market.match
    honest = match.trader("honest", dollars)
    crew = tuple(match.trader(name, dollars) for name in ("holder", "one", "other"))
    assert len(crew) == 3
    buyer, seller = (honest, crew[0]) if side > 0 else (crew[0], honest)
    assert market.cross(buyer, seller, units * LOT, price_of(0)) == ()
    # to the beginning of an interval
    rig.wait(HOUR_S - (rig.chain.now - START) % HOUR_S)
    market.say()
    rig.engine.send("tickFunding", ETH, sender=rig.roles.outsider)
    return Plot(market, side, honest, crew)


def lots_of(impact: int, share_ppm: int) -> int:
    """Return lots of a part of a whole sample."""
    return div_ceil(impact * share_ppm * LOT, MID * PPM)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("units", "least"), UNITS_AND_LEAST)
def test_wash__every_schedule_of_a_grid__costs_more_than_it_earns(
    market: Market, units: int, least: int, side: int
) -> None:
    """[PERP-41] Twenty schedules of an hour: honest traders pay for the premium, less than it cost.

    The smaller and the rarer the trades, the nearer to the cost, which is the limit: with weight w
    every t seconds, fees are earned 1 / (1 + 150 w / t) times.
    """
    stage = plot(market, units, side)
    impact, best = stage.impact(), 0
    for share, spacing in product(SHARES_PPM, SPACINGS_S):
        trades = min(BURST, (HOUR_S - 1) // spacing)

        paid, gained = stage.played(stage.push, (lots_of(impact, share), spacing, trades))

        assert paid > 0, "the premium is pushed, and paid for"
        assert gained < 0, (share, spacing, paid, gained)
        best = max(best, div_floor(paid * 100, paid - gained))

    assert best >= least, "the grid reaches where it nearly pays"


@pytest.mark.parametrize("hours", [2, 24])
def test_wash__five_trades_and_an_idle_day__cost_more_than_they_earn(
    market: Market, hours: int
) -> None:
    """[PERP-41] A premium that nobody renews fades within 300 s, whoever trades or ticks later."""
    stage = plot(market, 3_000)
    impact = stage.impact()
    for share in SHARES_PPM:
        paid, gained = stage.played(stage.push, (lots_of(impact, share), 150, 5), hours)
        once = stage.played(stage.push, (lots_of(impact, share), 150, 5), 1)

        assert paid == once[0] > 0
        assert gained < 0


# THROUGH THE VAULT


def skewed(market: Market, units: int = 30_000) -> Plot:
    """Let others be net long against the vault, so far that each trade with it says premCap."""
    other = market.match.trader("net long", 5_000_000)
    market.rig.trade(other.account, other.key, ETH, 3_300 * LOT)
    market.fade()
    return plot(market, units, dollars=100_000_000)


def test_wash__trades_with_a_skewed_vault__cost_more_than_they_earn(market: Market) -> None:
    """[PERP-41] The taker's fee, the spread and the band are such a trade's cost: 7 bps here."""
    stage = skewed(market)
    impact = stage.impact()
    for share, spacing in ((1_000, 20), (10_000, 30), (15_000, 150)):
        paid, gained = stage.played(stage.push_vault, (lots_of(impact, share), spacing, 22))

        assert paid > 0
        assert gained < 0, (share, spacing, paid, gained)


def test_wash__trades_with_a_skewed_vault_without_spread__cost_more_than_they_earn(
    market: Market,
) -> None:
    """Both fees at 5 bps and no spread, which the bounds allow: 1.4 times the cost is earned."""
    set_market(market.rig, ETH, makerFee=500, vaultSpread=0)
    stage = skewed(market)
    impact = stage.impact(maker_fee=500)

    paid, gained = stage.played(stage.push_vault, (lots_of(impact, 10_000), 20, 178))

    assert paid > 0
    assert gained < 0, (paid, gained)
