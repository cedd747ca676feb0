"""takeBackstop and absorbProtocol: the backstop gets rid of positions, and is helped itself."""

import pytest

from clearing.spec.perp_absorb import TakenBack
from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.perp_waterfall import Covered
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, BTC, ETH, FEES, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import LIQUIDATE, OPEN, deaf
from tests.unit.perp_resolution.scene import bankrupt

TAKER = key_of("taker").address


@pytest.fixture
def laden(absorbed):
    """The backstop has 5,000 USD and is 10 ETH long at 3,000; so are the prices."""
    twin = absorbed
    twin.give(BACKSTOP, 5_000)
    twin.other = twin.trader("other", 100_000)
    twin.taker = twin.trader("taker", 20_000)
    twin.meet(BACKSTOP, twin.other, 10)
    twin.at(3_000)
    return twin


def take(twin, units, sender=TAKER):
    """Let the taker take so many units of ETH."""
    return twin.take_backstop(sender, round(units * LOT), twin.taker)


# TAKE


def test_take_backstop__part__moves_at_liquidate_value_for_half_a_penalty(laden):
    """4 ETH at 3,000.3 USD; 1.25 % of 12,001.2 is 150.015."""
    twin = laden

    assert take(twin, 4) == ACCEPTED

    reward = 150_015 * 10**15
    assert twin.events(TakenBack) == [
        TakenBack(ETH, twin.taker, 4 * LOT, 3_000_300 * 10**15, reward)
    ]
    assert (twin.size(BACKSTOP), twin.size(twin.taker)) == (6 * LOT, 4 * LOT)
    assert twin.cash(twin.taker) == usd(20_000) + reward
    assert twin.cash(BACKSTOP) == usd(5_000) - reward


def test_take_backstop__short__is_the_mirror(absorbed):
    twin = absorbed
    twin.give(BACKSTOP, 5_000)
    other, twin.taker = twin.trader("other", 100_000), twin.trader("taker", 20_000)
    twin.meet(other, BACKSTOP, 10)
    twin.at(3_000)

    assert take(twin, -10) == ACCEPTED

    (event,) = twin.events(TakenBack)
    assert event.price == 2_999_700 * 10**15
    assert (twin.size(BACKSTOP), twin.size(twin.taker)) == (0, -10 * LOT)


@pytest.mark.parametrize("size", [0, -1, 10 * LOT + 1])
def test_take_backstop__size_that_it_has_not__is_refused(laden, size):
    twin = laden
    with twin.isolated():
        assert twin.take_backstop(TAKER, 10 * LOT, twin.taker) == ACCEPTED

    assert twin.take_backstop(TAKER, size, twin.taker) == "BackstopHasLess"


def test_take_backstop__stranger__is_refused(laden):
    twin = laden
    with twin.isolated():
        assert take(twin, 1) == ACCEPTED

    assert take(twin, 1, twin.rig.roles.outsider) == "NotOwner"


def test_take_backstop__with_a_session_key__is_refused(laden):
    """[PERP-14] The key may trade."""
    twin, key = laden, key_of("session").address
    assert twin.session(TAKER, twin.taker, key, twin.now + 3_600) == ACCEPTED
    assert twin.rig.engine.read("isTrader", twin.taker, key)

    assert take(twin, 1, key) == "NotOwner"
    assert take(twin, 1) == ACCEPTED


def test_take_backstop__taker_without_margin__is_refused(laden):
    twin = laden
    twin.set_cash(twin.taker, usd(2_000))
    with twin.isolated():
        assert take(twin, 5) == ACCEPTED

    assert take(twin, 10) == "UnderInitialMargin"


def test_take_backstop__reward_is_at_most_what_the_backstop_is_worth(laden):
    twin = laden
    twin.at(2_900)
    equity = twin.health(BACKSTOP).equity
    twin.set_cash(BACKSTOP, twin.cash(BACKSTOP) - equity + usd(7))
    assert twin.cash(BACKSTOP) > usd(900)

    assert take(twin, 4) == ACCEPTED

    (event,) = twin.events(TakenBack)
    assert event.reward == usd(7)


def test_take_backstop__reward_is_at_most_its_cash(laden):
    """Worth much by an open gain, but with 9 USD of cash."""
    twin = laden
    twin.set_cash(BACKSTOP, usd(9))
    twin.at(3_100)

    assert take(twin, 4) == ACCEPTED

    (event,) = twin.events(TakenBack)
    assert event.reward == usd(9)


def test_take_backstop__backstop_below_zero__gives_its_position_without_a_reward(laden):
    twin = laden
    twin.set_cash(BACKSTOP, -usd(1))

    assert take(twin, 4) == ACCEPTED

    (event,) = twin.events(TakenBack)
    assert event.reward == 0
    assert twin.cash(BACKSTOP) == -usd(1)


def test_take_backstop__liquidations_paused__is_refused(laden):
    """[PERP-30] LIQUIDATE stops it, OPEN does not."""
    twin = laden
    twin.pause(ETH, LIQUIDATE)
    assert take(twin, 1) == "Paused"

    twin.pause(ETH, OPEN)
    assert take(twin, 1) == ACCEPTED


def test_take_backstop__feed_without_a_price__is_refused(laden):
    twin = laden
    with twin.isolated():
        assert take(twin, 1) == ACCEPTED
    deaf(twin.rig, ETH)

    assert take(twin, 1) == "FeedForbids"


def test_take_backstop__settled_market__is_refused(laden):
    twin = laden
    with twin.isolated():
        assert take(twin, 1) == ACCEPTED
    loser = twin.trader("loser", 0)
    twin.meet(loser, twin.other, 1)
    twin.set_cash(loser, -usd(5_000))
    assert twin.absorb(loser, twin.taker) == ACCEPTED
    assert twin.status() == MarketStatus.SETTLED

    assert take(twin, 1) == "MarketNotLive"


# HELP


def covered(twin):
    """Return the five amounts of the one Covered event."""
    (event,) = twin.events(Covered)
    return event.insurance, event.backstop, event.shared, event.vault, event.debt


def test_absorb_protocol__backstop__insurance_then_shared_then_vault_then_debt(laden):
    """Others have 10 ETH: they share 90 USD a unit at most. Its own limit is not asked."""
    twin = laden
    twin.limit(100, 10_000)
    twin.give(INSURANCE, 1_000)
    twin.give(VAULT, 300)
    bankrupt(twin, BACKSTOP, usd(1_500))

    assert twin.absorb_protocol(BACKSTOP) == ACCEPTED

    assert covered(twin) == (usd(100), 0, usd(900), usd(300), usd(200))
    assert twin.status() == MarketStatus.SETTLED
    assert twin.debt() == usd(200)
    assert twin.size(BACKSTOP) == 10 * LOT, "its position stays"


def test_absorb_protocol__backstop_with_enough_insurance__is_at_zero(laden):
    twin = laden
    twin.limit(5_000, 0)
    twin.give(INSURANCE, 5_000)
    bankrupt(twin, BACKSTOP, usd(1_500))

    assert twin.absorb_protocol(BACKSTOP) == ACCEPTED

    assert covered(twin) == (usd(1_500), 0, 0, 0, 0)
    assert twin.health(BACKSTOP).equity == 0


@pytest.fixture
def poor_vault(absorbed):
    """The vault is 10 ETH long against `other`."""
    twin = absorbed
    twin.give(VAULT, 5_000)
    twin.other = twin.trader("other", 100_000)
    twin.meet(VAULT, twin.other, 10)
    twin.at(3_000)
    return twin


def test_absorb_protocol__vault__insurance_backstop_then_the_others_share(poor_vault):
    twin = poor_vault
    twin.limit(100, 200)
    twin.give(INSURANCE, 1_000)
    twin.give(BACKSTOP, 1_000)
    bankrupt(twin, VAULT, usd(1_100))
    before = twin.health(twin.other).equity

    assert twin.absorb_protocol(VAULT) == ACCEPTED

    assert covered(twin) == (usd(100), usd(200), usd(800), 0, 0)
    assert before - twin.health(twin.other).equity == pytest.approx(usd(800), abs=10**9)
    assert twin.health(VAULT).equity == pytest.approx(0, abs=2)
    assert twin.status() == MarketStatus.LIVE


@pytest.mark.parametrize(("wei", "status"), [(0, MarketStatus.LIVE), (1, MarketStatus.SETTLED)])
def test_absorb_protocol__vault_alone_with_too_much__owes_the_rest(poor_vault, wei, status):
    """A debt of 100 USD keeps nobody from withdrawing, and ends no market."""
    twin = poor_vault
    bankrupt(twin, VAULT, usd(1_000) + wei)

    assert twin.absorb_protocol(VAULT) == ACCEPTED

    assert covered(twin) == (0, 0, usd(900), 0, usd(100) + wei)
    assert twin.status() == status


def test_absorb_protocol__solvent__is_refused(laden):
    twin = laden
    bankrupt(twin, BACKSTOP, 0)
    assert twin.absorb_protocol(BACKSTOP) == "NotAbsorbable"

    twin.set_cash(BACKSTOP, twin.cash(BACKSTOP) - 1)
    assert twin.absorb_protocol(BACKSTOP) == ACCEPTED


def test_absorb_protocol__any_other_account__is_refused(laden):
    """Not insurance, not fees, nobody's own."""
    twin = laden
    for account in (INSURANCE, FEES, twin.taker):
        twin.meet(account, twin.other, 1)
        twin.set_cash(account, -usd(10_000))
        assert twin.absorb_protocol(account) == "NotAbsorbable"

    bankrupt(twin, BACKSTOP, 1)
    assert twin.absorb_protocol(BACKSTOP) == ACCEPTED


def test_absorb_protocol__most_margin_without_a_price__is_refused(laden):
    twin = laden
    bankrupt(twin, BACKSTOP, usd(100))
    with twin.isolated():
        assert twin.absorb_protocol(BACKSTOP) == ACCEPTED
    deaf(twin.rig, ETH)
    assert twin.health(BACKSTOP, Purpose.LIQUIDATE).liquid_mm == 0

    assert twin.absorb_protocol(BACKSTOP) == "NotAbsorbable"


def test_absorb_protocol__liquidations_paused__is_refused(laden):
    """[PERP-30] LIQUIDATE of a market that the account is in stops it."""
    twin = laden
    bankrupt(twin, BACKSTOP, usd(100))
    twin.pause(ETH, LIQUIDATE)
    assert twin.absorb_protocol(BACKSTOP) == "Paused"

    twin.pause(ETH, 0)
    twin.pause(BTC, LIQUIDATE)
    assert twin.absorb_protocol(BACKSTOP) == ACCEPTED
