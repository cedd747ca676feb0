"""markets: each market as it is now, with all that is due."""

import pytest

from tests.harness.perp import BTC, ETH, FEEDS, LIMIT, LOT, RISK, TRADE, usd
from tests.unit.perp_engine.scene import FUNDING, OPEN, deaf, set_market
from tests.unit.perp_lens.scene import markets_of

LIVE = 1
FROZEN, NORMAL = 0, 1
E12 = 10**12
DAY = 86_400
HOUR = 3_600


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        (0, 2, (ETH, BTC)),
        (0, 1, (ETH,)),
        (1, 1, (BTC,)),
        (0, 65_535, (ETH, BTC)),
        (1, 65_535, (BTC,)),
        (2, 1, ()),
        (65_535, 65_535, ()),
        (0, 0, ()),
    ],
)
def test_markets__a_window__is_cut_at_the_last_market(rig, lens, start, count, expected):
    assert tuple(market.market for market in markets_of(lens, start, count)) == expected


def test_markets__as_listed__say_their_parameters(rig, lens):
    for market in markets_of(lens, 0, 2):
        assert market.feed == FEEDS[market.market]
        assert market.risk == tuple(RISK.values())
        assert market.trade == tuple(TRADE.values())
        assert market.limit == tuple(LIMIT.values())
        assert market.in_force == tuple(
            RISK[name] for name in ("im", "kappa", "slope", "imMax", "penalty")
        )


def test_markets__nothing_traded__are_live_and_empty(rig, lens):
    eth, btc = markets_of(lens, 0, 2)

    assert (eth.state.mid, eth.state.mark) == (usd(3_000), usd(3_000))
    assert (btc.state.mid, btc.state.mark) == (usd(50_000), usd(50_000))
    assert (eth.state.status, eth.state.pause_mask, eth.state.state) == (LIVE, 0, NORMAL)
    assert (eth.state.open_interest, eth.state.fees, eth.vault_size) == (0, 0, 0)
    assert (eth.state.f_long, eth.state.f_short, eth.state.rate, eth.state.premium) == (0, 0, 0, 0)


def test_markets__a_trade__shows_interest_fees_and_the_vaults_side(rig, lens, trader):
    rig.trade(*trader, ETH, 10 * LOT)

    eth, btc = markets_of(lens, 0, 2)

    assert (eth.state.open_interest, eth.vault_size) == (10 * LOT, -10 * LOT)
    assert eth.state.fees == 15_003_750_300_008  # 0.05 % of 30,007.500600015 USD, up
    assert (btc.state.open_interest, btc.vault_size) == (0, 0)


def test_markets__a_premium__moves_the_mark_with_it(rig, lens, trader):
    rig.trade(*trader, ETH, 100 * LOT)
    rig.wait(1)

    eth = markets_of(lens, 0, 1)[0].state

    pi = rig.engine.read("peekContext", 0, ETH)[7]
    assert eth.premium == pi > 0
    assert eth.mark == eth.mid * (E12 + pi) // E12 > eth.mid


def test_markets__an_interval_over__is_counted_before_anybody_ticks(rig, lens, trader):
    """[PERP-26] What the view says is what the tick writes down."""
    rig.trade(*trader, ETH, 100 * LOT)
    listed = markets_of(lens, 0, 1)[0].state.funded_at
    rig.wait(HOUR)
    rig.set_price(ETH, 3_000 * 10**8)

    said = markets_of(lens, 0, 1)[0].state

    (tick,) = rig.engine.send("tickFunding", ETH, sender=rig.roles.outsider).logs
    assert tick.args[:4] == (ETH, said.f_long, said.f_short, said.rate), "PERP-26"
    assert markets_of(lens, 0, 1)[0].state == said, "PERP-26: a tick writes down what was said"
    assert said.rate > 0
    assert said.f_long == said.f_short > 0
    assert said.funded_at > listed


def test_markets__a_pause_and_a_dead_feed__are_shown(rig, lens):
    rig.admin.send("setPause", ETH, OPEN | FUNDING, sender=rig.roles.timelock)
    deaf(rig, ETH)

    eth, btc = markets_of(lens, 0, 2)

    assert (eth.state.pause_mask, eth.state.state) == (OPEN | FUNDING, FROZEN)
    assert (btc.state.pause_mask, btc.state.state) == (0, 2)  # Pyth is old: PRIMARY_ONLY
    assert eth.quote[0] == eth.state.mid == usd(3_000)


def test_markets__a_change_under_way__shows_both_ends(rig, lens):
    set_market(rig, ETH, im=200_000, imMax=200_000)
    rig.wait(DAY // 2)

    eth = markets_of(lens, 0, 1)[0]

    assert eth.risk[0] == 200_000
    assert eth.in_force[0] == 150_000  # half of the way after half a day
