"""setModule, setOracle, proposeTimelock, acceptTimelock, and the constructor's parties."""

from functools import partial

import pytest

from clearing.spec.oracle_types import FeedParams, FeedSources
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FEEDS, LOT, NAMES, PYTH_IDS
from tests.unit.perp_engine.scene import (
    NO_ROLE,
    NOWHERE,
    VAULT_ROLE,
    assert_only_fails_for,
    refusal_of,
    told,
    with_changed,
)

NEW = b"\x77" * 20
HEIR = key_of("heir").address


def timelock(rig, function, *arguments):
    return partial(rig.engine.send, function, *arguments, sender=rig.roles.timelock)


# MODULES


def test_set_module__another__takes_the_role_and_the_old_one_loses_it(rig, trader):
    account, owner = trader
    old = rig.vault.address
    rig.trade(account, owner, ETH, LOT)

    receipt = timelock(rig, "setModule", VAULT_ROLE, NEW)()

    assert told(receipt) == (("ModuleChanged", (VAULT_ROLE, old, NEW)),)
    assert rig.engine.read("moduleOf", VAULT_ROLE) == NEW
    assert refusal_of(lambda: rig.trade(account, owner, ETH, LOT)) == (
        "NotModule",
        (old, NO_ROLE),
    )
    rig.engine.send("enter", sender=NEW)


def test_set_module__nobody__leaves_the_role_empty(rig, trader):
    account, owner = trader
    old = rig.vault.address

    receipt = timelock(rig, "setModule", VAULT_ROLE, NOWHERE)()

    assert told(receipt) == (("ModuleChanged", (VAULT_ROLE, old, NOWHERE)),)
    assert rig.engine.read("moduleOf", VAULT_ROLE) == NOWHERE
    assert refusal_of(lambda: rig.trade(account, owner, ETH, LOT)) == (
        "NotModule",
        (old, NO_ROLE),
    )
    timelock(rig, "setModule", VAULT_ROLE, old)()
    rig.trade(account, owner, ETH, LOT)


def test_set_module__no_role__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda role: timelock(rig, "setModule", role, NEW),
        broken=NO_ROLE,
        fixed=VAULT_ROLE,
        error=("BadParameter", ("role",)),
    )


@pytest.mark.parametrize("role", [VAULT_ROLE, 2])
def test_set_module__one_that_has_a_role__is_refused(rig, role):
    assert_only_fails_for(
        rig,
        lambda module: timelock(rig, "setModule", role, module),
        broken=rig.vault.address,
        fixed=NEW,
        error=("BadParameter", ("module",)),
    )


# ORACLE


def another(rig, feeds):
    """Deploy a second oracle that knows so many of the feeds, by the same sources."""
    roles = rig.roles
    parties = (rig.pyth.address, roles.timelock, roles.guardian)
    oracle = rig.chain.deploy("PriceOracle", *parties, sender=roles.deployer)
    for market in range(feeds):
        listed = FeedSources(rig.aggregators[market].address, 8, PYTH_IDS[market], NOWHERE)
        arguments = (FEEDS[market], listed, FeedParams(), NAMES[market])
        oracle.send("addFeed", *arguments, sender=roles.timelock)
    return oracle


def test_set_oracle__another__prices_from_now_on(rig, trader):
    account, owner = trader
    old, new = rig.oracle.address, another(rig, 2)

    receipt = timelock(rig, "setOracle", new.address)()

    assert told(receipt, rig.engine) == (("OracleChanged", (old, new.address)),)
    assert rig.engine.read("parameters")[1] == new.address
    new.send("pause", FEEDS[ETH], 2**40 - 1, sender=rig.roles.guardian)
    assert refusal_of(lambda: rig.trade(account, owner, ETH, LOT))[0] == "FeedForbids"
    rig.trade(account, owner, BTC, LOT // 10)


def test_set_oracle__during_a_pause_of_the_guardian__keeps_the_pause(rig, trader):
    """Both live in one word."""
    account, owner = trader
    new = another(rig, 2)
    until = rig.chain.now + 60
    rig.engine.send("pauseAll", 1, until, sender=rig.roles.guardian)

    timelock(rig, "setOracle", new.address)()

    assert refusal_of(lambda: rig.trade(account, owner, ETH, LOT)) == ("Paused", (ETH, 1))


def test_set_oracle__one_that_lacks_a_feed__is_refused(rig):
    some, all_ = another(rig, 1), another(rig, 2)
    assert_only_fails_for(
        rig,
        lambda oracle: timelock(rig, "setOracle", oracle.address),
        broken=some,
        fixed=all_,
        error=("UnknownFeed", (FEEDS[BTC],)),
    )


def test_set_oracle__nobody__is_refused_without_markets_too(rig):
    roles = rig.roles
    parties = (rig.oracle.address, roles.timelock, roles.guardian)
    engine = rig.chain.deploy(
        "DerivativesEngine", rig.token.address, *parties, sender=roles.deployer
    )
    engine.send("setOracle", another(rig, 0).address, sender=roles.timelock)

    call = partial(engine.send, "setOracle", NOWHERE, sender=roles.timelock)

    assert refusal_of(call) == ("ZeroAddress", ())
    assert refusal_of(timelock(rig, "setOracle", NOWHERE)) == ("ZeroAddress", ())


# TIMELOCK


def test_propose_timelock__an_heir__changes_nothing_but_that(rig):
    receipt = timelock(rig, "proposeTimelock", HEIR)()

    assert told(receipt) == (("TimelockProposed", (HEIR,)),)
    assert rig.engine.read("parameters")[2] == rig.roles.timelock
    timelock(rig, "liftGuardianPause")()


def test_accept_timelock__the_heir__has_the_powers_and_the_old_one_none(rig):
    old = rig.roles.timelock
    timelock(rig, "proposeTimelock", HEIR)()

    receipt = rig.engine.send("acceptTimelock", sender=HEIR)

    assert told(receipt) == (("TimelockChanged", (old, HEIR)),)
    assert rig.engine.read("parameters")[2] == HEIR
    assert refusal_of(timelock(rig, "liftGuardianPause")) == ("NotTimelock", (old,))
    rig.admin.send("setPause", ETH, 1, sender=HEIR)
    again = partial(rig.engine.send, "acceptTimelock", sender=HEIR)
    assert refusal_of(again) == ("NotTimelock", (HEIR,))


@pytest.mark.parametrize("next_", [NEW, NOWHERE])
def test_propose_timelock__another_or_nobody__takes_the_first_offer_back(rig, next_):
    timelock(rig, "proposeTimelock", HEIR)()

    def arrange(heir):
        timelock(rig, "proposeTimelock", heir)()
        return partial(rig.engine.send, "acceptTimelock", sender=HEIR)

    assert_only_fails_for(rig, arrange, broken=next_, fixed=HEIR, error=("NotTimelock", (HEIR,)))


# CONSTRUCTOR


@pytest.mark.parametrize(
    ("place", "field"),
    [(0, "token"), (1, "oracle"), (2, "timelock"), (3, "guardian")],
)
def test_constructor__nobody_as_a_party__is_refused(rig, place, field):
    roles = rig.roles
    parties = [
        rig.token.address,
        rig.oracle.address,
        roles.timelock,
        roles.guardian,
    ]
    deploy = partial(rig.chain.deploy, "DerivativesEngine", sender=roles.deployer)
    deploy(*parties)
    parties[place] = NOWHERE

    assert refusal_of(lambda: deploy(*parties)) == ("BadParameter", (field,))


def test_constructor__a_token_of_more_than_18_decimals__is_refused(rig):
    roles = rig.roles
    tokens = [
        rig.chain.deploy("MockERC20", "Long", "LNG", decimals, sender=roles.deployer)
        for decimals in (18, 19)
    ]
    parties = (rig.oracle.address, roles.timelock, roles.guardian)
    deploy = partial(rig.chain.deploy, "DerivativesEngine", sender=roles.deployer)
    deploy(tokens[0].address, *parties)

    assert refusal_of(lambda: deploy(tokens[1].address, *parties)) == (
        "BadParameter",
        ("decimals",),
    )


def test_with_changed__a_name__is_of_one_group_alone():
    """The helper of all of these tests changes exactly what it is told."""
    risk, trade, limit = with_changed(im=1, premCap=2, band=3)

    assert (risk[0], trade[3], limit[2]) == (1, 2, 3)
