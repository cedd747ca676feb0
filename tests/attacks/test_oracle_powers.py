"""The guardian, the timelock and strangers, at their worst."""

from dataclasses import replace

import pytest

from clearing.spec.oracle import Listing
from clearing.spec.oracle_params import bounds_of
from clearing.spec.oracle_types import Action, FeedParams, PriceState, TripReason
from tests.attacks.oracle_stage import NAME, PARAMS, PRICE, UP_S, Stage, stage_of_a_warm_feed, usd
from tests.harness.oracle import (
    DECIMALS,
    DESCRIPTION,
    ROUND,
    round_of,
    saying,
    text,
)
from tests.harness.results import ACCEPTED

PAUSE_MAX_S = 72 * 3_600
PAUSE_GAP_S = 7 * 86_400
E8 = 10**8


@pytest.fixture
def stage() -> Stage:
    return stage_of_a_warm_feed()


def successor(stage: Stage, dollars: float) -> Listing:
    """Let the other aggregator and sequencer feed say a price, and return their listing."""
    aggregator, sequencer = stage.rig.aggregators[1], stage.rig.sequencers[1]
    stage.say(aggregator.address, ROUND, round_of(round(dollars * E8), stage.now))
    stage.say(aggregator.address, DECIMALS, saying(8))
    stage.say(aggregator.address, DESCRIPTION, text(NAME))
    stage.say(sequencer.address, ROUND, round_of(0, stage.now, started_at=stage.now - UP_S))
    sources = replace(stage.feed.sources, cl_feed=aggregator.address, sequencer=sequencer.address)
    return Listing(sources, PARAMS, NAME)


def test_guardian__everything_but_a_pause__is_refused(stage: Stage) -> None:
    """[ORA-16] Nor anybody else; the timelock may."""
    roles = stage.rig.roles
    stage.chainlink(PRICE)
    listing = successor(stage, PRICE)
    stage.pause(roles.guardian, stage.now + 1_000)

    for stranger in (roles.guardian, roles.outsider, roles.deployer):
        refusals = (
            stage.lift_pause(stranger),
            stage.set_params(stranger, PARAMS),
            stage.replace_feed(stranger, listing),
            stage.add_feed(stranger, listing),
        )
        assert set(refusals) == {"NotTimelock"}

    timelock = roles.timelock
    assert stage.lift_pause(timelock) == ACCEPTED
    assert stage.set_params(timelock, PARAMS) == ACCEPTED
    assert stage.replace_feed(timelock, listing) == ACCEPTED


def test_guardian__trips__cannot_be_reset_by_it(stage: Stage) -> None:
    """[ORA-14] [ORA-16]."""
    roles = stage.rig.roles
    stage.chainlink(PRICE)
    stage.pyth(PRICE * 2)
    stage.poke()
    assert stage.feed.latch.reason is TripReason.DEVIATION

    assert stage.reset(roles.guardian) == "ResetNotDue"
    assert stage.reset(roles.outsider) == "ResetNotDue"
    assert stage.reset(roles.timelock) == ACCEPTED
    assert stage.look().state is PriceState.TRIPPED, "what still holds still trips"


def test_pause__for_ever__ends_after_72_hours_unless_prolonged_and_a_week_passes(
    stage: Stage,
) -> None:
    """[ORA-22]."""
    guardian = stage.rig.roles.guardian
    stage.silence_pyth()
    assert stage.pause(guardian, 2**40 - 1) == ACCEPTED
    end = stage.now + PAUSE_MAX_S
    assert stage.feed.paused_until == end
    for wait_s in (0, PAUSE_MAX_S, PAUSE_GAP_S - 1):
        stage.wait(wait_s)
        assert stage.pause(guardian, 2**40 - 1) == "PauseTooSoon"

    stage.chainlink(PRICE)
    assert Action.CLOSE in stage.allowed()
    stage.wait(1)
    assert stage.pause(guardian, 2**40 - 1) == ACCEPTED
    assert stage.allowed() == {Action.SIGNED_REDUCE, Action.TWAP_RECORD}


@pytest.mark.parametrize("factor", [1_000, 1 / 1_000, 1.06, 0.94])
@pytest.mark.parametrize("is_frozen", [False, True])
def test_replace__at_another_price__is_refused(
    stage: Stage, factor: float, *, is_frozen: bool
) -> None:
    """[ORA-20] Compound's proposal 117 and Moonwell's 1.12 USD cbETH."""
    timelock = stage.rig.roles.timelock
    if is_frozen:
        stage.chainlink(0)
    else:
        stage.chainlink(PRICE)
    stage.silence_pyth()
    listing = successor(stage, PRICE * factor)

    first = stage.replace_feed(timelock, listing)
    stage.pyth(PRICE * factor)
    second = stage.replace_feed(timelock, listing)

    assert first in {"SelfTestFailed", "PriceMoved"}
    assert second in {"SelfTestFailed", "PriceMoved"}
    stage.pyth(PRICE)
    assert stage.replace_feed(timelock, successor(stage, PRICE)) == ACCEPTED
    assert stage.look().mid == usd(PRICE)


NEIGHBOURS = {
    "cl_deviation": {"soft_dev": 499, "hard_dev": 1_000, "jump_base": 2_500, "jump_cap": 5_000},
    "soft_dev": {"reset_dev": 1, "hard_dev": 1_000, "jump_base": 2_500, "jump_cap": 5_000},
    "jump_base": {"jump_cap": 5_000},
    "py_max_stale": {"py_open_stale": 0},
    "max_conf": {"max_conf_open": 1},
    "twap_window": {"twap_max_gap": 30, "twap_min_obs": 2},
    "seq_grace_open": {"seq_grace_liquidate": 0},
}
"""Limits that must be out of the way where another is at its bound."""


@pytest.mark.parametrize("name", list(FeedParams.__dataclass_fields__))
def test_limits__one_beyond_its_bound__are_refused(stage: Stage, name: str) -> None:
    """[ORA-23] At the bound they are accepted."""
    timelock = stage.rig.roles.timelock
    others = replace(PARAMS, **NEIGHBOURS.get(name, {}))
    at = list(FeedParams.__dataclass_fields__).index(name)
    field, _, least, greatest = bounds_of(others)[at]
    assert field.lower() == name.replace("_", "")

    for value in (least - 1, greatest + 1):
        if value >= 0:
            limits = replace(others, **{name: value})
            assert stage.set_params(timelock, limits) == "BadParameter"
    # no greatest price is above the highest that there may be
    for value in (least,) if name == "sanity_min_e8" else (least, greatest):
        assert stage.set_params(timelock, replace(others, **{name: value})) == ACCEPTED
