"""priceFor: the price at which a position may be acted on, remembered for the transaction."""

import pytest

from clearing.spec.oracle_types import Action, Gate, PriceState
from tests.harness.errors import Refused
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import FEED, NOW, OTHER, update, usd

NORMAL = {
    Action.OPEN: (3_004.5, 3_000),
    Action.CLOSE: (3_000, 3_004.5),
    Action.SIGNED_REDUCE: (3_003, 3_003),
    Action.WITHDRAW: (3_000, 3_004.5),
    Action.LIQUIDATE: (3_004.5, 3_000),
    Action.FUNDING: (3_003, 3_003),
    Action.TWAP_RECORD: (3_003, 3_003),
}
"""A long's and a short's price while Chainlink says 3,000 and Pyth 3,003 -/+ 1.50."""


def ask(scene, action=Action.OPEN, *, is_long=True, feed=FEED):
    return scene.act("priceFor", feed, action, is_long)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("is_long", [True, False])
def test_price_for__normal__is_the_side_against_the_taker(scene, action, is_long):
    long, short = NORMAL[action]

    price = scene.send(ask(scene, action, is_long=is_long))

    assert price == (usd(long if is_long else short), False)


@pytest.mark.parametrize(("age", "is_degraded"), [(4, False), (5, True)])
def test_price_for__open_with_an_older_pyth__is_degraded_and_wider(scene, age, is_degraded):
    """3,000 - 15 bps is 2,995.50."""
    scene.wait(age - 2)

    assert scene.send(ask(scene, is_long=False)) == (
        usd(2_995.5 if is_degraded else 3_000),
        is_degraded,
    )


def test_price_for__funding_without_a_price__is_the_last_good_one(scene):
    scene.become(PriceState.FROZEN)

    assert scene.send(ask(scene, Action.FUNDING)) == (usd(3_003), True)


@pytest.fixture
def engine(scene):
    """A contract that makes several calls in one transaction; it has ether for Pyth."""
    account = scene.deploy("HostileAccount")
    scene.chain.set_balance(account.address, 10)
    return account


def batch_of(scene, kinds):
    """Return calls: ask for OPEN, let Pyth diverge, poke."""
    scene.wait(1)
    calls = {
        "ask": (scene.oracle, 0, "priceFor", FEED, Action.OPEN, True),
        "move": (scene.pyth, 1, "updatePriceFeeds", [update(scene.now, 3_030)]),
        "poke": (scene.oracle, 0, "poke", FEED),
    }
    return [
        (contract.address, wei, contract.call(name, len(values)).method.encode(*values))
        for contract, wei, name, *values in (calls[kind] for kind in kinds)
    ]


def test_price_for__second_read_in_a_transaction__is_the_first(scene, engine):
    """Though Pyth diverged in between."""
    engine.send("execute", batch_of(scene, ["ask", "move", "ask"]), sender=scene.roles.outsider)

    assert scene.read("getPrice", FEED)[4] == PriceState.DIVERGED


@pytest.mark.parametrize("kinds", [["move", "ask"], ["ask", "move", "poke", "ask"]])
def test_price_for__poke_in_a_transaction__renews_what_is_remembered(scene, engine, kinds):
    """A first read sees the present, too."""
    with pytest.raises(Refused) as refused:
        engine.send("execute", batch_of(scene, kinds), sender=scene.roles.outsider)

    assert (refused.value.name, refused.value.args_) == refusal(
        "OracleActionBlocked", state=PriceState.DIVERGED, gates=0, action=Action.OPEN
    )


def test_price_for__any__stores_and_emits_nothing(scene):
    before = scene.picture()

    assert scene.events_of(ask(scene)) == ()
    assert scene.picture() == before


# REFUSALS


def test_price_for__of_no_feed__is_refused(scene):
    scene.assert_only_fails_for(
        lambda feed: ask(scene, feed=feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )


@pytest.mark.parametrize("action", [Action.OPEN, Action.WITHDRAW, Action.LIQUIDATE])
def test_price_for__sources_apart__is_refused(scene, action):
    def at(dollars):
        scene.pyth_says(dollars)
        return ask(scene, action)

    scene.assert_only_fails_for(
        at,
        broken=3_015.01,
        fixed=3_015,
        error=refusal("OracleActionBlocked", state=PriceState.DIVERGED, gates=0, action=action),
    )


@pytest.mark.parametrize("action", [Action.OPEN, Action.CLOSE, Action.WITHDRAW, Action.LIQUIDATE])
def test_price_for__paused__is_refused(scene, action):
    scene.send(scene.act("pause", FEED, NOW + 50, by=scene.roles.guardian))

    def after(seconds):
        scene.wait(seconds)
        return ask(scene, action)

    scene.assert_only_fails_for(
        after,
        broken=49,
        fixed=50,
        error=refusal(
            "OracleActionBlocked", state=PriceState.NORMAL, gates=Gate.PAUSED, action=action
        ),
    )
