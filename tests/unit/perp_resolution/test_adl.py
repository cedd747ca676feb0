"""Deleveraging: against whom a bankrupt position closes, how much of it, and who is left alone.

The loser lacks 997.3 USD at 2,700 and has 10 ETH; with insurance of 300 and nothing else, 6.992
of them close at the bankruptcy price of 2,800 USD.
"""

import pytest

from clearing.spec.perp_absorb import Deleveraged
from clearing.spec.perp_types import Purpose
from clearing.spec.perp_waterfall import Covered
from clearing.spec.units import div_ceil
from tests.harness.errors import Refused
from tests.harness.perp import BACKSTOP, BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_resolution.scene import Trio

NEEDED = div_ceil(10 * LOT * 6_973, 9_973)
"""Lots that close where insurance pays 300 USD."""


@pytest.fixture
def scene(trio):
    """Insurance pays 300 USD, at any price."""
    trio.twin.limit(300, 0)
    trio.twin.give(INSURANCE, 400)
    return trio


def closed(twin):
    """Return against whom how much was closed."""
    return [(event.counterparty, event.lots) for event in twin.events(Deleveraged)]


def leverage(twin, account):
    """Return N / E at mid, as a float: for the eye alone."""
    view = twin.health(account, Purpose.MID)
    return view.notional / view.equity


# HOW MUCH


def test_adl__one_winner__closes_what_is_needed_and_no_more(scene):
    """No overshoot: the rest goes to the backstop."""
    twin = scene.twin
    scene.fall()

    assert scene.absorb(scene.winner) == ACCEPTED

    assert closed(twin) == [(scene.winner, NEEDED)]
    assert twin.size(scene.winner) == -10 * LOT + NEEDED
    assert twin.size(BACKSTOP) == 10 * LOT - NEEDED


def test_adl__small_winners__close_in_full_one_after_the_other_without_a_flip(scene):
    twin = scene.twin
    small = [twin.trader(f"small {i}", dollars) for i, dollars in enumerate((1_500, 2_000, 2_500))]
    more = twin.trader("more", 100_000)
    for account in small:
        twin.meet(more, account, 3)
    scene.fall()

    assert scene.absorb(*small) == ACCEPTED

    last = NEEDED - 6 * LOT
    assert closed(twin) == [(small[0], 3 * LOT), (small[1], 3 * LOT), (small[2], last)]
    assert [twin.size(account) for account in small] == [0, 0, last - 3 * LOT]


def test_adl__list_too_short__rest_is_shared(scene):
    twin = scene.twin
    small = twin.trader("small", 2_000)
    more = twin.trader("more", 100_000)
    twin.meet(more, small, 3)
    scene.fall()

    assert scene.absorb(small) == ACCEPTED

    assert closed(twin) == [(small, 3 * LOT)]
    (event,) = twin.events(Covered)
    assert event.shared > 0


def test_adl__short_that_lost__closes_against_longs(absorbed):
    """The mirror: at 3,300 a short of 10 lacks 2,000 - 3,000 - ... and closes at 3,200."""
    twin = absorbed
    loser, winner = twin.trader("loser", 2_000), twin.trader("winner", 10_000)
    keeper = twin.trader("keeper", 0)
    twin.meet(winner, loser, 10)
    twin.at(3_300)

    assert twin.absorb(loser, keeper, {ETH: [winner]}) == ACCEPTED

    (event,) = twin.events(Deleveraged)
    assert event == Deleveraged(ETH, loser, winner, -10 * LOT, usd(3_200))
    assert twin.cash(winner) == usd(12_000)
    assert twin.cash(loser) == twin.debt() == 0


# IN WHAT ORDER


def two_winners(scene):
    """Two more shorts of 3 ETH, the first with less equity."""
    twin = scene.twin
    risky, calm = twin.trader("risky", 1_500), twin.trader("calm", 6_000)
    more = twin.trader("more", 100_000)
    twin.meet(more, risky, 3)
    twin.meet(more, calm, 3)
    scene.fall()
    assert leverage(twin, risky) > leverage(twin, calm)
    return risky, calm


def test_adl__less_leveraged_first__is_refused_and_nothing_changes(scene):
    risky, calm = two_winners(scene)
    twin = scene.twin
    with twin.isolated():
        assert scene.absorb(risky, calm) == ACCEPTED
        assert [account for account, _ in closed(twin)] == [risky, calm]

    with pytest.raises(Refused) as caught:
        twin.module.send(
            "absorb",
            scene.loser,
            scene.keeper,
            [(ETH, [calm, risky])],
            sender=twin.rig.roles.outsider,
        )

    assert (caught.value.name, caught.value.args_) == ("NotOrdered", (ETH, 1))
    assert scene.absorb(calm, risky) == "NotOrdered"
    twin.check()


def test_adl__who_is_passed_over__does_not_count_in_the_order(scene):
    """`more` is on the loser's side: between the two it changes nothing."""
    risky, calm = two_winners(scene)
    twin = scene.twin
    more = calm + 1

    assert scene.absorb(more, risky, more, calm) == ACCEPTED

    assert [account for account, _ in closed(twin)] == [risky, calm]


def test_adl__same_account_twice__gives_no_more_than_it_has(scene):
    risky, calm = two_winners(scene)
    twin = scene.twin

    assert scene.absorb(risky, risky, calm) == ACCEPTED

    assert closed(twin) == [(risky, 3 * LOT), (calm, 3 * LOT)]


def test_adl__two_lists_of_one_market__go_on_where_the_first_ended(scene):
    risky, calm = two_winners(scene)
    twin = scene.twin
    lists = [(ETH, [calm]), (BTC, [risky]), (ETH, [risky])]

    receipt = twin.module.send(
        "absorb", scene.loser, scene.keeper, lists, sender=twin.rig.roles.outsider
    )

    told = [log.args[2] for log in receipt.logs if log.event == "Deleveraged"]
    assert told == [calm, risky]


SKEW_LOTS = 216_000
"""A vault short 4 ETH sold at 4 / 200,000 above mid on average: 0.216 USD at 2,700, 100 a unit."""


def vault_short(scene, units, at):
    """Let the vault be short at a price after the fall; 100 USD a unit is what closing costs it."""
    twin = scene.twin
    twin.give(VAULT, 50_000)
    more = twin.trader("more", 100_000)
    scene.fall()
    twin.meet(more, VAULT, units, at=at)


@pytest.mark.parametrize(
    ("at", "lots"),
    [
        (2_650, 0),
        (2_700, 0),
        (2_701, 4 * LOT // 100 - SKEW_LOTS - 1),
        (2_750, 2 * LOT - SKEW_LOTS - 1),
        (2_800, 4 * LOT - SKEW_LOTS - 1),
        (2_801, 4 * LOT),
        (3_000, 4 * LOT),
    ],
)
def test_adl__vault_on_the_other_side__comes_first_and_pays_from_its_gain(scene, at, lots):
    """Short 4 ETH at `at`, it gives 4 · (at - 2,700) USD, less its skew; a pico short of a lot."""
    twin = scene.twin
    vault_short(scene, 4, at)
    before = twin.health(VAULT, Purpose.MID).equity

    assert scene.absorb(scene.winner) == ACCEPTED

    vault = [(VAULT, lots)] if lots else []
    assert closed(twin) == [*vault, (scene.winner, NEEDED - lots)]
    given = before - twin.health(VAULT, Purpose.MID).equity
    assert given == lots * usd(100) // LOT
    assert given <= max(0, 4 * usd(at - 2_700))


def test_adl__vault_again_and_again__gives_no_more_than_it_gained(scene):
    """200 USD, for two losers of the same loss: what the first left is 0.1 USD of its skew."""
    twin = scene.twin
    second = twin.trader("second", 2_000)
    other = twin.trader("other", 10_000)
    twin.meet(second, other, 10)
    vault_short(scene, 4, 2_750)
    before = twin.health(VAULT, Purpose.MID).equity

    assert scene.absorb(scene.winner) == ACCEPTED
    assert closed(twin)[0] == (VAULT, 2 * LOT - SKEW_LOTS - 1)
    assert twin.absorb(second, scene.keeper, {ETH: [other]}) == ACCEPTED

    assert closed(twin)[0][1] < LOT // 500
    assert 0 <= before - twin.health(VAULT, Purpose.MID).equity <= usd(200)


def test_adl__vault_long__gives_no_more_than_it_gained(absorbed):
    """The mirror: at 3,300 a short closes at 3,200; the vault, long 4 at 3,250, gives 200 USD.

    Less 0.264 USD for its skew.
    """
    twin = absorbed
    twin.give(VAULT, 50_000)
    loser, winner = twin.trader("loser", 2_000), twin.trader("winner", 10_000)
    keeper, more = twin.trader("keeper", 0), twin.trader("more", 100_000)
    twin.meet(winner, loser, 10)
    twin.at(3_300)
    twin.meet(VAULT, more, 4, at=3_250)
    before = twin.health(VAULT, Purpose.MID).equity

    assert twin.absorb(loser, keeper, {ETH: [winner]}) == ACCEPTED

    lots = 2 * LOT - 264_000 - 1
    assert closed(twin) == [(VAULT, -lots), (winner, lots - 10 * LOT)]
    assert 0 < before - twin.health(VAULT, Purpose.MID).equity <= usd(200)


def test_adl__vault_on_the_same_side__is_left_alone(scene):
    twin = scene.twin
    twin.give(VAULT, 50_000)
    more = twin.trader("more", 100_000)
    scene.fall()
    twin.meet(VAULT, more, 4, at=2_700)

    assert scene.absorb(scene.winner) == ACCEPTED

    assert closed(twin) == [(scene.winner, NEEDED)]


# WHO IS LEFT ALONE


def test_adl__who_gained_nothing_in_this_market__is_passed_over(scene):
    """Short at exactly 2,700: no profit. At 2,701, one USD a unit, it is taken."""
    twin = scene.twin
    even, ahead = twin.trader("even", 20_000), twin.trader("ahead", 20_000)
    more = twin.trader("more", 100_000)
    scene.fall()
    twin.meet(more, even, 3, at=2_700)
    twin.meet(more, ahead, 3, at=2_701)

    assert scene.absorb(even, ahead) == ACCEPTED

    assert closed(twin) == [(ahead, 3 * LOT)]
    assert twin.size(even) == -3 * LOT


def test_adl__whoever_would_fall_below_maintenance__is_passed_over(scene):
    """Its gain here is all it has: without 100 USD for each of 3 ETH it could not stand."""
    twin = scene.twin
    weak = twin.trader("weak", 2_000)
    more = twin.trader("more", 200_000)
    twin.meet(more, weak, 3)
    twin.meet(weak, more, 0.25, market=BTC, at=50_000)
    scene.fall()
    need = usd(750) + 3 * usd(100)  # 6 % of 12,500 is 750
    twin.set_cash(weak, twin.cash(weak) + need - twin.health(weak, Purpose.MID).equity)
    with twin.isolated():
        assert scene.absorb(weak, scene.winner) == ACCEPTED
        assert closed(twin)[0] == (weak, 3 * LOT)
        view = twin.health(weak, Purpose.MID)
        assert view.equity == view.mm == usd(750)

    twin.set_cash(weak, twin.cash(weak) - 1)
    assert scene.absorb(weak, scene.winner) == ACCEPTED

    assert closed(twin) == [(scene.winner, NEEDED)]


def test_adl__bankrupt_candidate__is_passed_over_and_stops_nobody(scene):
    twin = scene.twin
    broke = twin.trader("broke", 2_000)
    more = twin.trader("more", 100_000)
    twin.meet(more, broke, 3)
    scene.fall()
    twin.set_cash(broke, -usd(5_000))

    assert scene.absorb(broke, scene.winner) == ACCEPTED

    assert closed(twin) == [(scene.winner, NEEDED)]


def test_adl__loser_itself_and_protocol__are_passed_over(scene):
    twin = scene.twin
    scene.fall()
    twin.meet(scene.winner, BACKSTOP, 1, at=2_700)

    listed = (scene.loser, VAULT, BACKSTOP, INSURANCE, scene.winner)
    assert scene.absorb(*listed) == ACCEPTED

    assert closed(twin) == [(scene.winner, NEEDED)]


def test_adl__unknown_counterparty__is_refused(scene):
    scene.fall()
    twin = scene.twin
    with twin.isolated():
        assert scene.absorb(scene.winner) == ACCEPTED

    assert scene.absorb(10_000, scene.winner) == "UnknownAccount"


def test_adl__nothing_uncovered__touches_nobody(scene):
    """Insurance pays all: a list, even in the wrong order, is not looked at."""
    twin = scene.twin
    twin.limit(2_000, 0)
    twin.give(INSURANCE, 2_000)
    scene.fall()

    assert scene.absorb(10_000, scene.winner) == ACCEPTED

    assert closed(twin) == []
    assert twin.size(scene.winner) == -10 * LOT


def test_adl__counterparties__are_no_less_healthy_than_maintenance(scene):
    """Whoever is taken from stands afterwards, and got more than the position had cost."""
    risky, calm = two_winners(scene)
    twin = scene.twin

    assert scene.absorb(risky, scene.winner, calm) == ACCEPTED

    for account, _ in closed(twin):
        view = twin.health(account, Purpose.MID)
        assert view.equity >= view.mm
    assert twin.cash(risky) == usd(1_500) + 3 * usd(200)


def test_adl__price_of_zero__rest_is_shared(absorbed):
    """A short whose loss is beyond its worth closes at nothing; the lack is shared all the same."""
    twin = absorbed
    loser, winner = twin.trader("loser", 2_000), twin.trader("winner", 10_000)
    keeper = twin.trader("keeper", 0)
    twin.meet(winner, loser, 1)
    twin.set_cash(loser, -usd(5_000))
    twin.at(3_100)

    assert twin.absorb(loser, keeper, {ETH: [winner]}) == ACCEPTED

    (event,) = twin.events(Deleveraged)
    assert (event.counterparty, event.price) == (winner, 0)
    assert twin.cash(winner) == usd(10_000) - usd(3_000)
    assert twin.debt() == usd(5_000) - usd(3_000)


def test_adl__trio__is_what_the_numbers_say():
    """L = 10 · 300 - 2,000 - 10 · 0.27."""
    assert usd(3_000) - usd(2_000) - 27 * 10**17 == Trio.SHORT
