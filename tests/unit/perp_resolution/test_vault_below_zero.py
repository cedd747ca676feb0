"""A vault below zero trades with nobody before its loss is shared (PERP-49)."""

from functools import partial

import pytest

from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.perp_vault import DUST
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FAR, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import LIQUIDATE, deaf, refusal_of
from tests.unit.perp_resolution.scene import bankrupt

ANY = 2**127
OWNER = key_of("long").address
WAITS = "VaultMustBeAbsorbed"
OWES = "VaultWouldOwe"


@pytest.fixture
def twin(absorbed):
    """A trader is 10 ETH long against the vault, another 1 BTC short against it."""
    twin = absorbed
    twin.give(VAULT, 500_000)
    twin.long, twin.other = twin.trader("long", 100_000), twin.trader("other", 100_000)
    twin.meet(twin.long, VAULT, 10)
    twin.meet(VAULT, twin.other, 1, market=BTC, at=50_000)
    return twin


def calls(twin):
    """Return the ways to trade against the vault of who is long: less, all, and by force."""
    trade = partial(twin.trade, OWNER, twin.long, ETH)
    force = partial(twin.force_reduce, OWNER, twin.long, ETH)
    return (
        partial(trade, -LOT, 0),
        partial(trade, -10 * LOT, 0),
        partial(force, -LOT, 0),
        partial(force, -10 * LOT, 0),
    )


@pytest.mark.parametrize("which", range(4))
def test_trade__vault_below_zero__waits_for_its_absorption(twin, which):
    bankrupt(twin, VAULT, DUST)
    with twin.isolated():
        assert calls(twin)[which]() == ACCEPTED, "roundings may leave as much"

    bankrupt(twin, VAULT, DUST + 1)
    assert calls(twin)[which]() == WAITS

    assert twin.absorb_protocol(VAULT) == ACCEPTED
    assert twin.status() == MarketStatus.LIVE
    assert calls(twin)[which]() == ACCEPTED


def test_trade__another_market_carries_it__does_not_wait(twin):
    """What the cash does not cover in ETH is there in BTC: it gained 1,000 USD."""
    twin.at(51_000, BTC)
    bankrupt(twin, VAULT, -usd(1))
    assert twin.cash(VAULT) < -usd(1_000), "alone in ETH it would be below zero"
    assert twin.trade(OWNER, twin.long, ETH, -10 * LOT, 0) == ACCEPTED

    bankrupt(twin, VAULT, DUST + 1)
    assert twin.trade(key_of("other").address, twin.other, BTC, LOT // 10, ANY) == WAITS


def test_trade__most_of_the_vault_without_a_price__does_not_wait(twin):
    """Nobody could absorb it then: waiting would help nobody."""
    bankrupt(twin, VAULT, usd(10_000))
    assert twin.trade(OWNER, twin.long, ETH, -10 * LOT, 0) == WAITS
    deaf(twin.rig, BTC)
    view = twin.health(VAULT, Purpose.LIQUIDATE)
    assert view.equity < 0
    assert 2 * view.liquid_mm < view.mm
    assert twin.absorb_protocol(VAULT) == "NotAbsorbable"

    assert twin.trade(OWNER, twin.long, ETH, -9 * LOT, 0) == ACCEPTED


def test_trade__vault_below_zero_with_liquidations_paused__waits_for_the_timelock(twin):
    bankrupt(twin, VAULT, usd(1))
    twin.pause(BTC, LIQUIDATE)
    assert twin.absorb_protocol(VAULT) == "Paused"
    assert twin.trade(OWNER, twin.long, ETH, -10 * LOT, 0) == WAITS

    twin.pause(BTC, 0)
    assert twin.absorb_protocol(VAULT) == ACCEPTED
    assert twin.trade(OWNER, twin.long, ETH, -10 * LOT, 0) == ACCEPTED


def test_trade__cash_carries_this_market_but_not_another__does_not_wait(twin):
    """KI-103: each market is measured by all of the cash. In BTC the vault lacks 1,000 USD."""
    twin.at(49_000, BTC)
    twin.set_cash(VAULT, 0)
    assert twin.health(VAULT).equity < -usd(900)
    with twin.isolated():
        assert twin.trade(OWNER, twin.long, ETH, -9 * LOT, 0) == ACCEPTED

    twin.set_cash(VAULT, -1)
    assert twin.trade(OWNER, twin.long, ETH, -9 * LOT, 0) == WAITS


@pytest.mark.parametrize("which", [1, 3])
def test_trade__last_of_a_market__leaves_the_vault_at_most_100_usd_below_zero(twin, which):
    """What it lost in BTC must not be found in no market; all but the least of ETH may close."""
    twin.at(49_000, BTC)
    twin.set_cash(VAULT, 0)
    ask = (twin.long, ETH, -10 * LOT, 0, FAR)
    name, (worth,) = refusal_of(lambda: twin.rig.vault.send("trade", *ask, sender=OWNER))
    assert (name, worth // usd(1)) == (OWES, -988)
    twin.set_cash(VAULT, -worth - usd(100))
    with twin.isolated():
        assert calls(twin)[which]() == ACCEPTED

    twin.set_cash(VAULT, -worth - usd(100) - 1)
    assert calls(twin)[which]() == OWES

    assert twin.trade(OWNER, twin.long, ETH, LOT // 100 - 10 * LOT, 0) == ACCEPTED


@pytest.mark.parametrize(("price", "told"), [(3_006, ACCEPTED), (3_016, OWES)])
def test_trade__last_of_a_market_that_lost__gains_elsewhere_do_not_carry_it(twin, price, told):
    """What is won in BTC and not closed may go again. Nearly 60 or 160 USD are lost in ETH."""
    twin.at(52_000, BTC)
    twin.at(price)
    bankrupt(twin, VAULT, -usd(500))
    assert -usd(1_500) < twin.cash(VAULT) < -usd(1_300)

    assert calls(twin)[1]() == told


@pytest.mark.parametrize("which", [1, 3])
def test_trade__last_of_a_market_that_lost__leaves_cash_of_at_most_100_usd_below_zero(twin, which):
    twin.at(52_000, BTC)
    twin.at(3_016)
    bankrupt(twin, VAULT, -usd(500))
    ask = (twin.long, ETH, -10 * LOT, 0, FAR)
    name, (left,) = refusal_of(lambda: twin.rig.vault.send("trade", *ask, sender=OWNER))
    assert name == OWES
    enough = twin.cash(VAULT) - left - usd(100)
    twin.set_cash(VAULT, enough)
    with twin.isolated():
        assert calls(twin)[which]() == ACCEPTED
        assert -usd(101) < twin.cash(VAULT) <= -usd(100)

    twin.set_cash(VAULT, enough - 1)
    assert calls(twin)[which]() == OWES


def test_trade__vault_without_positions__waits_beyond_100_usd_below_zero(absorbed):
    """No market is there to pay; two who met each other may not reduce against it until a gift."""
    twin = absorbed
    twin.long, other = twin.trader("long", 100_000), twin.trader("other", 100_000)
    twin.meet(twin.long, other, 10)
    reduce = partial(twin.force_reduce, OWNER, twin.long, ETH, -LOT, 0)
    twin.set_cash(VAULT, -usd(100))
    with twin.isolated():
        assert reduce() == ACCEPTED

    twin.set_cash(VAULT, -usd(100) - 1)
    assert reduce() == WAITS
    assert twin.absorb_protocol(VAULT) == "NotAbsorbable"

    twin.give(VAULT, 1)
    assert reduce() == ACCEPTED
