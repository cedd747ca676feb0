"""priceForValuation: what a position counts at that is not acted on; never refused for a source."""

import pytest

from clearing.spec.oracle_types import PriceState, Purpose
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import FEED, OTHER, usd

NORMAL = {
    Purpose.OPEN: (3_000, 3_004.5),
    Purpose.LIQUIDATE: (3_004.5, 3_000),
    Purpose.MID: (3_003, 3_003),
}
"""A long's and a short's price while Chainlink says 3,000 and Pyth 3,003 -/+ 1.50."""
UNPRICED = {
    Purpose.OPEN: (2_702.7, 3_303.3),
    Purpose.LIQUIDATE: (3_303.3, 2_702.7),
    Purpose.MID: (3_003, 3_003),
}
"""The last good price, 10 % down or up."""
CASES = [
    (PriceState.NORMAL, NORMAL),
    (PriceState.TRIPPED, UNPRICED),
    (PriceState.FROZEN, UNPRICED),
]


def ask(scene, purpose=Purpose.MID, *, is_long=True, feed=FEED):
    return scene.act("priceForValuation", feed, purpose, is_long)


@pytest.mark.parametrize(("state", "prices"), CASES)
@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("is_long", [True, False])
def test_price_for_valuation__each_purpose__has_its_side(scene, state, prices, purpose, is_long):
    """[ORA-03]."""
    scene.become(state)
    long, short = prices[purpose]

    assert scene.send(ask(scene, purpose, is_long=is_long)) == usd(long if is_long else short)


@pytest.mark.parametrize("state", PriceState)
def test_price_for_valuation__any_state_and_gate__answers(scene, state):
    """[ORA-03]."""
    scene.become(state)
    scene.sequencer_says(is_down=True)
    scene.send(scene.act("pause", FEED, scene.now + 10, by=scene.roles.guardian))

    assert usd(2_700) < scene.send(ask(scene)) < usd(3_100)


def test_price_for_valuation__any__stores_and_emits_nothing(scene):
    before = scene.picture()

    assert scene.events_of(ask(scene)) == ()
    assert scene.picture() == before


def test_price_for_valuation__of_no_feed__is_refused(scene):
    scene.assert_only_fails_for(
        lambda feed: ask(scene, feed=feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )
