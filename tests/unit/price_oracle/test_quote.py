"""quote: everything that a reader of prices needs, from one call."""

from clearing.spec.oracle_types import Action, PriceState
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import FEED, OTHER, usd

LO, HI = usd(3_000), usd(3_004.5)
"""Chainlink says 3,000, Pyth 3,003 -/+ 1.50."""
EVERY = sum(1 << action for action in Action)


def ask(scene, feed=FEED):
    return scene.act("quote", feed)


def test_quote__normal__has_all_prices_and_allows_everything(scene):
    mid = usd(3_003)

    assert scene.send(ask(scene)) == (
        *(mid, mid, LO, HI, LO, HI, LO, HI),
        *(EVERY, False, PriceState.NORMAL, 0),
    )


def test_quote__any__stores_and_emits_nothing(scene):
    before = scene.picture()

    assert scene.events_of(ask(scene)) == ()
    assert scene.picture() == before


def test_quote__of_no_feed__is_refused(scene):
    scene.assert_only_fails_for(
        lambda feed: ask(scene, feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )
