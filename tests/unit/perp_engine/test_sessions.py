"""setSession, revokeSession: a key that may trade for an account, and do nothing else."""

from functools import partial

import pytest

from tests.harness.actors import key_of
from tests.harness.perp import ETH, LOT
from tests.unit.perp_engine.scene import NOWHERE, assert_only_fails_for, fresh, refusal_of, told

KEY = key_of("session")
TO = b"\x70" * 20


@pytest.fixture
def session(rig, trader):
    """A key that may trade for another hour."""
    account, owner = trader
    expiry = rig.chain.now + 3_600
    rig.engine.send("setSession", account, KEY.address, expiry, sender=owner.address)
    return account, owner, expiry


def test_set_session__a_key__emits_session_set(rig, trader):
    account, owner = trader
    expiry = rig.chain.now + 1

    receipt = rig.engine.send("setSession", account, KEY.address, expiry, sender=owner.address)

    assert told(receipt) == (("SessionSet", (account, KEY.address, expiry)),)


def test_set_session__a_key__trades_until_its_last_second(rig, session):
    """`expiry` is the first second in which the key is nobody."""
    account, _, expiry = session
    other, _ = rig.trader("other")

    assert rig.engine.read("isTrader", account, KEY.address)
    assert not rig.engine.read("isTrader", other, KEY.address)
    rig.trade(account, KEY, ETH, LOT)
    rig.chain.warp(expiry - 1)
    rig.set_price(ETH, 3_000 * 10**8)
    rig.trade(account, KEY, ETH, LOT)
    rig.chain.warp(expiry)
    rig.set_price(ETH, 3_000 * 10**8)
    before = rig.everything()

    refusal = refusal_of(lambda: rig.trade(account, KEY, ETH, LOT))

    assert refusal == ("NotTrader", (account, KEY.address))
    assert rig.everything() == before
    assert rig.size(account, ETH) == 2 * LOT


def test_set_session__again__replaces_the_expiry(rig, session):
    account, owner, expiry = session

    rig.engine.send("setSession", account, KEY.address, expiry - 1, sender=owner.address)

    rig.chain.warp(expiry - 1)
    assert not rig.engine.read("isTrader", account, KEY.address)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("withdraw", (4, 1, TO)),
        ("transferCash", (4, 0, 1)),
        ("setSession", (4, KEY.address, 2**40 - 1)),
        ("revokeSession", (4, KEY.address)),
    ],
)
def test_set_session__a_key__may_do_nothing_of_the_owners(rig, session, function, arguments):
    """[PERP-14]."""
    account, owner, _ = session
    assert account == 4
    assert_only_fails_for(
        rig,
        lambda by: partial(rig.engine.send, function, *arguments, sender=by.address),
        broken=KEY,
        fixed=owner,
        error=("NotOwner", (account, KEY.address)),
    )


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("addLiquidity", (4, 10**21, 0)), ("requestClaim", (4, 0))],
)
def test_set_session__a_key__may_not_move_liquidity(rig, session, function, arguments):
    """[PERP-14]."""
    account, owner, _ = session
    assert_only_fails_for(
        rig,
        lambda by: partial(rig.vault.send, function, *arguments, sender=by.address),
        broken=KEY,
        fixed=owner,
        error=("NotOwner", (account, KEY.address)),
    )


def test_set_session__a_key__may_not_claim_what_was_requested(rig, trader):
    """[PERP-14]."""
    account, owner = trader
    rig.engine.send("setSession", account, KEY.address, 2**40 - 1, sender=owner.address)
    shares = rig.vault.send("addLiquidity", account, 10**21, 0, sender=owner.address).output
    rig.vault.send("requestClaim", account, shares, sender=owner.address)
    rig.wait(86_400)
    fresh(rig)
    assert_only_fails_for(
        rig,
        lambda by: partial(rig.vault.send, "claim", account, sender=by.address),
        broken=KEY,
        fixed=owner,
        error=("NotOwner", (account, KEY.address)),
    )


@pytest.mark.parametrize("distance", [0, -1])
def test_set_session__an_expiry_that_is_past__is_refused(rig, trader, distance):
    account, owner = trader
    now = rig.chain.now
    assert_only_fails_for(
        rig,
        lambda expiry: partial(
            rig.engine.send, "setSession", account, KEY.address, expiry, sender=owner.address
        ),
        broken=now + distance,
        fixed=now + 1,
        error=("SessionInPast", (now + distance,)),
    )


def test_set_session__nobody__is_refused(rig, trader):
    account, owner = trader
    assert_only_fails_for(
        rig,
        lambda key: partial(
            rig.engine.send, "setSession", account, key, 2**40 - 1, sender=owner.address
        ),
        broken=NOWHERE,
        fixed=KEY.address,
        error=("ZeroAddress", ()),
    )


def test_set_session__for_the_vault__is_refused_to_everybody(rig, trader):
    account, owner = trader
    assert_only_fails_for(
        rig,
        lambda id_: partial(
            rig.engine.send, "setSession", id_, KEY.address, 2**40 - 1, sender=owner.address
        ),
        broken=0,
        fixed=account,
        error=("NotOwner", (0, owner.address)),
    )


def test_revoke_session__a_live_key__is_nobody_at_once(rig, session):
    account, owner, _ = session
    rig.trade(account, KEY, ETH, LOT)

    receipt = rig.engine.send("revokeSession", account, KEY.address, sender=owner.address)

    assert told(receipt) == (("SessionSet", (account, KEY.address, 0)),)
    assert not rig.engine.read("isTrader", account, KEY.address)
    assert refusal_of(lambda: rig.trade(account, KEY, ETH, LOT)) == (
        "NotTrader",
        (account, KEY.address),
    )
