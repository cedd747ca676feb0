"""deposit: collateral into any account, by anyone, whatever is paused."""

from functools import partial

import pytest

from tests.harness.perp import ETH, FEES, INSURANCE, RAW, VAULT, usd
from tests.unit.perp_engine.scene import (
    OPEN,
    RAW_TO_WAD,
    SETTLE,
    assert_only_fails_for,
    deaf,
    refusal_of,
    told,
)

UNITS = 1_234_567


@pytest.fixture
def giver(rig):
    """Whoever has 1,000 USD outside and lets the engine take them."""
    giver = rig.roles.outsider
    rig.token.send("mint", giver, 1_000 * RAW, sender=giver)
    rig.token.send("approve", rig.engine.address, 2**256 - 1, sender=giver)
    return giver


def test_deposit__units__become_cash_exactly(rig, trader, giver):
    account, _ = trader
    held = rig.token.read("balanceOf", rig.engine.address)

    rig.engine.send("deposit", account, UNITS, sender=giver)

    assert rig.cash(account) == usd(100_000) + UNITS * RAW_TO_WAD
    assert rig.token.read("balanceOf", rig.engine.address) == held + UNITS
    assert rig.token.read("balanceOf", giver) == 1_000 * RAW - UNITS


def test_deposit__units__emits_deposited(rig, trader, giver):
    account, _ = trader

    receipt = rig.engine.send("deposit", account, UNITS, sender=giver)

    assert told(receipt, rig.engine) == (("Deposited", (account, giver, UNITS)),)


@pytest.mark.parametrize("account", [VAULT, INSURANCE, FEES])
def test_deposit__an_account_of_the_protocol__takes_it(rig, giver, account):
    before = rig.cash(account)

    rig.engine.send("deposit", account, UNITS, sender=giver)

    assert rig.cash(account) == before + UNITS * RAW_TO_WAD


def test_deposit__everything_paused_and_a_frozen_feed__works(rig, trader, giver):
    account, owner = trader
    rig.trade(account, owner, ETH, 10**9)
    deaf(rig, ETH)
    rig.admin.send("setPause", ETH, 63, sender=rig.roles.timelock)
    until = rig.chain.now + 3_600
    rig.engine.send("pauseAll", OPEN | SETTLE, until, sender=rig.roles.guardian)
    before = rig.cash(account)

    rig.engine.send("deposit", account, UNITS, sender=giver)

    assert rig.cash(account) == before + UNITS * RAW_TO_WAD


def test_deposit__nothing__is_refused(rig, trader, giver):
    account, _ = trader
    assert_only_fails_for(
        rig,
        lambda units: partial(rig.engine.send, "deposit", account, units, sender=giver),
        broken=0,
        fixed=1,
        error=("ZeroAmount", ()),
    )


def test_deposit__an_account_that_nobody_made__is_refused(rig, trader, giver):
    account, _ = trader
    assert_only_fails_for(
        rig,
        lambda id_: partial(rig.engine.send, "deposit", id_, UNITS, sender=giver),
        broken=account + 1,
        fixed=account,
        error=("UnknownAccount", (account + 1,)),
    )


def test_deposit__more_than_the_giver_has__is_refused(rig, trader, giver):
    account, _ = trader
    have, want = 1_000 * RAW, 1_000 * RAW + 1
    assert_only_fails_for(
        rig,
        lambda units: partial(rig.engine.send, "deposit", account, units, sender=giver),
        broken=want,
        fixed=have,
        error=("ERC20InsufficientBalance", (giver, have, want)),
    )


def engine_of(rig, token):
    """Return an engine whose collateral is another token, and an account in it."""
    roles = rig.roles
    parties = (rig.oracle.address, roles.timelock, roles.guardian)
    engine = rig.chain.deploy("DerivativesEngine", token.address, *parties, sender=roles.deployer)
    giver = roles.outsider
    token.send("mint", giver, 10**9, sender=giver)
    token.send("approve", engine.address, 2**256 - 1, sender=giver)
    return engine, engine.send("createAccount", sender=giver).output


def test_deposit__a_token_that_keeps_a_fee__is_refused(rig):
    token = rig.chain.deploy("FeeOnTransferToken", "Fee", "FEE", 6, 0, sender=rig.roles.deployer)
    engine, account = engine_of(rig, token)
    giver = rig.roles.outsider
    engine.send("deposit", account, 10_000, sender=giver)
    token.send("setFeeBps", 1, sender=giver)

    refusal = refusal_of(lambda: engine.send("deposit", account, 10_000, sender=giver))

    assert refusal == ("InexactTransfer", (10_000, 9_999))
    assert engine.read("accountOf", account)[1] == 10_000 * RAW_TO_WAD
    assert token.read("balanceOf", engine.address) == 10_000


def test_deposit__a_token_of_18_decimals__counts_one_to_one(rig):
    token = rig.chain.deploy("MockERC20", "Long", "LNG", 18, sender=rig.roles.deployer)
    engine, account = engine_of(rig, token)

    engine.send("deposit", account, UNITS, sender=rig.roles.outsider)

    assert engine.read("accountOf", account)[1] == UNITS
