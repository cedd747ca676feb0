"""Whoever chooses when a price is delivered, or when a feed is poked, decides nothing by it."""

from dataclasses import replace

import pytest

from clearing.spec.oracle_types import Action, FeedParams, FeedSources, PriceState, TripReason
from tests.attacks.duel import refused
from tests.attacks.oracle_market import NAME, PRICE_E8, Market, market_with_a_feed
from tests.attacks.oracle_stage import PARAMS, PRICE, Stage, stage_of_a_warm_feed
from tests.harness.oracle import FEED, PYTH_ID
from tests.harness.results import ACCEPTED

CRASH_E8 = 1_930 * 10**8
"""362 bps below 2,000: beyond hardDev, and no jump from a price 100 s older."""
TRIPPED = (TripReason.DEVIATION, PriceState.TRIPPED)


@pytest.fixture
def market() -> Market:
    """Both sources said 2,000 just now, and 60 s ago, when somebody poked."""
    return market_with_a_feed()


@pytest.fixture
def stage() -> Stage:
    return stage_of_a_warm_feed()


def allowed(market: Market, action: Action) -> bool:
    """Whether the oracle allows an action now."""
    return bool(market.oracle.read("isAllowed", FEED, action)[0])


def pass_time(market: Market, seconds: int) -> None:
    market.chain.warp(market.chain.now + seconds)


# A PRICE FROM BEFORE THE CRASH


def test_old_price__delivered_after_chainlink_followed_a_crash__latches_nothing(
    market: Market,
) -> None:
    """[ORA-24] It is signed, and fresh enough to be OK; but it is of the time before."""
    pass_time(market, 1)
    signed = market.update(PRICE_E8)
    pass_time(market, 39)
    market.transmit(CRASH_E8)
    with market.chain.isolated():
        market.deliver(market.update(PRICE_E8))
        assert market.state() == TRIPPED, "a price of now would accuse"

    market.deliver(signed)

    assert market.state() == (TripReason.NONE, PriceState.DIVERGED), "ORA-24"
    assert allowed(market, Action.CLOSE), "ORA-24"
    pass_time(market, 22)
    assert market.state() == (TripReason.NONE, PriceState.PRIMARY_ONLY), "it is stale by now"
    assert allowed(market, Action.LIQUIDATE), "ORA-24"


def test_old_price__answered_with_a_fresh_one__is_gone_at_once(market: Market) -> None:
    pass_time(market, 1)
    signed = market.update(PRICE_E8)
    pass_time(market, 39)
    market.transmit(CRASH_E8)
    market.deliver(signed)
    assert not allowed(market, Action.LIQUIDATE)

    market.deliver(market.update(CRASH_E8))

    assert market.state() == (TripReason.NONE, PriceState.NORMAL)
    assert allowed(market, Action.LIQUIDATE)


# A JUMP MADE WORSE


def test_jump_raised_to_deviation__pyth_rests__chainlink_alone_leads_out(stage: Stage) -> None:
    """[ORA-26] Whoever raises the latch with a wrong price has to go on paying for it."""
    stage.wait(60)
    stage.silence_pyth()
    stage.chainlink(PRICE * 0.8)
    stage.poke()
    assert stage.feed.latch.reason is TripReason.JUMP
    stage.pyth(PRICE)
    stage.poke()
    assert stage.feed.latch.reason is TripReason.DEVIATION
    stage.silence_pyth()

    for _ in range(3):
        assert stage.reset(stage.rig.roles.outsider) == "ResetNotDue"
        stage.wait(PARAMS.cooldown // 3)
        stage.chainlink(PRICE * 0.8)
        stage.poke()

    assert stage.reset(stage.rig.roles.outsider) == ACCEPTED, "ORA-26"
    assert stage.look().state is PriceState.PRIMARY_ONLY, "ORA-26"
    assert Action.LIQUIDATE in stage.allowed(), "ORA-26"


def test_jump_raised_to_deviation__pyth_goes_on_accusing__stays_latched(stage: Stage) -> None:
    stage.wait(60)
    stage.chainlink(PRICE * 0.8)
    stage.pyth(PRICE)
    stage.poke()

    for _ in range(4):
        stage.wait(PARAMS.cooldown // 3)
        stage.chainlink(PRICE * 0.8)
        stage.pyth(PRICE)
        stage.poke()

    assert stage.reset(stage.rig.roles.outsider) == "ResetNotDue"
    stage.silence_pyth()
    assert stage.reset(stage.rig.roles.outsider) == ACCEPTED


# A POKE JUST BEFORE A LATE ROUND

LATE_S = 1_400
"""300 + 10 * 37 bps are no jump after so long: 2,134 from 2,000."""


@pytest.mark.parametrize("poked_at", [(), (LATE_S - 1,), (1, 700, LATE_S - 1)])
@pytest.mark.parametrize(
    ("dollars", "state"), [(2_134, PriceState.PRIMARY_ONLY), (2_134.01, PriceState.TRIPPED)]
)
def test_poke__just_before_a_late_round__does_not_make_it_a_jump(
    market: Market, poked_at: tuple[int, ...], dollars: float, state: PriceState
) -> None:
    """[ORA-25] Nor does it make a jump of one that is none."""
    market.poke()
    start = market.chain.now
    for second in poked_at:
        market.chain.warp(start + second)
        market.poke()
    market.chain.warp(start + LATE_S)

    market.transmit(round(dollars * 100) * 10**6)
    market.poke()

    assert market.state()[1] is state, "ORA-25"


# A PYTH ID THAT NOBODY KNOWS

KNOWN, UNKNOWN = b"\x1e" * 32, b"\xee" * 32


def test_replace__pyth_id_that_nobody_delivered__is_refused(market: Market) -> None:
    """It would be silent until somebody delivers it, and then accuse."""
    timelock = market.roles.timelock
    old = FeedSources(market.aggregator.address, 8, PYTH_ID, market.sequencer.address)
    data = [market.update(PRICE_E8, KNOWN)]
    fee = market.pyth.read("getUpdateFee", data)
    market.pyth.send("updatePriceFeeds", data, sender=market.keeper, value=fee)

    def swap(pyth_id: bytes) -> None:
        sources = replace(old, pyth_id=pyth_id)
        market.oracle.send("replaceFeed", FEED, sources, FeedParams(), NAME, sender=timelock)

    with market.chain.isolated():
        swap(KNOWN)
        assert market.state() == (TripReason.NONE, PriceState.NORMAL)
    with refused("SelfTestFailed", PriceState.PRIMARY_ONLY, 0):
        swap(UNKNOWN)
    assert market.oracle.read("configOf", FEED)[0][2] == PYTH_ID
