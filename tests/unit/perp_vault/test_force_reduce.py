"""forceReduce: a silent settler locks nobody in, whatever the vault carries."""

from functools import partial

import pytest

from tests.harness.actors import key_of
from tests.harness.perp import ETH, FAR, LOT, PRICES_E8
from tests.unit.perp_engine.scene import (
    NO_SAMPLE,
    NOWHERE,
    RESOLUTION_KIND,
    RESOLUTION_ROLE,
    SETTLER_ROLE,
    in_lock,
    module,
    refusal_of,
    set_market,
    told,
)

DAY = 86_400
TEN = 10 * LOT
ANY_PRICE = 2**127
CROSS = ((TEN, -30_000 * 10**12), (-TEN, 30_000 * 10**12))


@pytest.fixture
def short(rig):
    """A trader who is short 10 against another, while the vault is as full as it may be."""
    full, other, trader = (rig.trader(name, 1_000_000) for name in ("full", "other", "short"))
    set_market(rig, ETH, skewScale=1_000)
    rig.trade(*full, ETH, 100 * LOT)
    legs = [
        (account, size, quote, 0, 0, False)
        for (account, _), (size, quote) in zip((other, trader), CROSS, strict=True)
    ]
    by = module(rig, RESOLUTION_ROLE)
    in_lock(rig, by, ("book", (ETH, legs, NO_SAMPLE, RESOLUTION_KIND)))
    return trader


@pytest.fixture
def silent(rig, short):
    """The same trader, with a settler that has settled nothing since it was made."""
    settler = rig.chain.deploy(
        "MatchSettler", rig.engine.address, key_of("bringer").address, sender=rig.roles.deployer
    )
    rig.engine.send("setModule", SETTLER_ROLE, settler.address, sender=rig.roles.timelock)
    return settler


def forcing(rig, trader, size, limit=ANY_PRICE):
    account, owner = trader
    return partial(
        rig.vault.send, "forceReduce", account, ETH, size, limit, FAR, sender=owner.address
    )


def later(rig, seconds):
    rig.wait(seconds)
    rig.set_price(ETH, PRICES_E8[ETH])
    rig.calm(ETH)
    rig.set_price(ETH, PRICES_E8[ETH])


def test_force_reduce__a_day_of_silence__passes_the_skew_limit(rig, short, silent):
    later(rig, DAY)
    account, owner = short
    assert refusal_of(lambda: rig.trade(account, owner, ETH, LOT))[0] == "SkewTooHigh"

    receipt = forcing(rig, short, LOT)()

    assert rig.size(account, ETH) == -9 * LOT
    ((name, values),) = told(receipt, rig.vault)
    assert (name, values[:3]) == ("Traded", (account, ETH, LOT))


def test_force_reduce__a_second_before_the_day__is_refused(rig, short, silent):
    made = silent.read("lastBatchAt")
    later(rig, made + DAY - 1 - rig.chain.now)
    assert rig.chain.now == made + DAY - 1

    assert refusal_of(forcing(rig, short, LOT)) == ("SettlerActive", (made + DAY,))
    rig.wait(1)
    forcing(rig, short, LOT)()


def test_force_reduce__no_settler_at_all__passes_at_once(rig, short):
    rig.engine.send("setModule", SETTLER_ROLE, NOWHERE, sender=rig.roles.timelock)

    forcing(rig, short, 0)()

    assert rig.size(short[0], ETH) == 0


@pytest.mark.parametrize("size", [-1, TEN + 1])
def test_force_reduce__anything_but_a_reduction__is_refused(rig, short, silent, size):
    later(rig, DAY)

    error = refusal_of(forcing(rig, short, size, limit=ANY_PRICE if size > 0 else 0))

    assert error == ("NotReduced", (short[0], ETH, -TEN))
    forcing(rig, short, TEN)()


def test_force_reduce__the_limit__still_holds(rig, short, silent):
    later(rig, DAY)

    assert refusal_of(forcing(rig, short, LOT, limit=1))[0] == "PriceLimit"
    forcing(rig, short, LOT)()


def test_force_reduce__afterwards__caps_hold_again(rig, short, silent):
    later(rig, DAY)
    forcing(rig, short, LOT)()
    account, owner = short

    assert refusal_of(lambda: rig.trade(account, owner, ETH, LOT))[0] == "SkewTooHigh"


def test_force_reduce__without_a_position__is_refused(rig, short, silent):
    later(rig, DAY)
    stranger = rig.trader("stranger", 1_000)

    assert refusal_of(forcing(rig, stranger, 0)) == ("NoPosition", (stranger[0], ETH))
