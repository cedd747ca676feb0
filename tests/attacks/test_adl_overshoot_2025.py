"""Deleveraging that takes more from winners than the losers lack (October 2025).

Elsewhere whole positions were closed for a part of a loss, and winners lost many times what was
missing. Here the lots are those that the uncovered loss asks for, rounded up to one, and what all
winners give together is that loss.
"""

import pytest

from clearing.spec.perp_absorb import Deleveraged
from clearing.spec.perp_types import Purpose
from clearing.spec.perp_waterfall import Covered
from clearing.spec.units import div_ceil
from tests.harness.perp import BACKSTOP, ETH, INSURANCE, LOT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_resolution.scene import Trio, absorbing

WINNERS = 12
ONE_LOT = usd(100) // LOT + 1
"""What closing one lot more brings at most: bankruptcy price less value."""


class Crowd(Trio):
    """The trio, and many winners of 1.5 ETH each, less leveraged one after the other."""

    def __init__(self, twin):
        super().__init__(twin)
        self.many = twin.trader("many", 500_000)
        self.winners = [twin.trader(f"winner {i}", 1_000 + 100 * i) for i in range(WINNERS)]
        for winner in self.winners:
            twin.meet(self.many, winner, 1.5)
        twin.give(INSURANCE, 2_000)

    def worths(self):
        """Return what each winner is worth at the LIQUIDATE value of the loser's side, wad."""
        price = self.twin.quote(ETH).liq_hi
        mid = self.twin.quote(ETH).mid
        return {
            winner: self.twin.health(winner, Purpose.MID).equity
            + self.twin.size(winner) * (price - mid) // LOT
            for winner in self.winners
        }


@pytest.fixture
def crowd():
    """The scene, undone after the test."""
    with absorbing() as twin:
        yield Crowd(twin)


@pytest.mark.parametrize("insured", [0, 1, 100, 250, 500, 900, 996, 997])
def test_adl__whatever_insurance_leaves__winners_give_it_and_no_more(crowd, insured):
    twin = crowd.twin
    twin.limit(insured, 0)
    crowd.fall()
    before = crowd.worths()
    left = Trio.SHORT - usd(insured)

    assert crowd.absorb(*crowd.winners) == ACCEPTED

    closed = twin.events(Deleveraged)
    needed = div_ceil(10 * LOT * left, Trio.SHORT)
    assert sum(event.lots for event in closed) == needed
    after = crowd.worths()
    given = sum(before[winner] - after[winner] for winner in crowd.winners)
    assert left <= given + 10**9
    assert given <= left + ONE_LOT + 10**9
    (event,) = twin.events(Covered)
    assert (event.insurance, event.shared, event.vault, event.debt) == (usd(insured), 0, 0, 0)
    assert twin.size(BACKSTOP) == 10 * LOT - needed


def test_adl__winners_behind_the_last__keep_all(crowd):
    """Five USD of a hundred: only the first of twelve is asked."""
    twin = crowd.twin
    twin.limit(900, 0)
    crowd.fall()
    before = crowd.worths()

    assert crowd.absorb(*crowd.winners) == ACCEPTED

    assert [event.counterparty for event in twin.events(Deleveraged)] == crowd.winners[:1]
    after = crowd.worths()
    assert all(after[winner] == before[winner] for winner in crowd.winners[1:])


def test_adl__no_winner__changes_sides(crowd):
    twin = crowd.twin
    crowd.fall()

    assert crowd.absorb(*crowd.winners, *reversed(crowd.winners)) == ACCEPTED

    assert all(-15 * LOT // 10 <= twin.size(winner) <= 0 for winner in crowd.winners)
    assert sum(event.lots for event in twin.events(Deleveraged)) == 10 * LOT


def test_adl__twice__second_call_takes_nothing(crowd):
    twin = crowd.twin
    twin.limit(500, 0)
    crowd.fall()
    assert crowd.absorb(*crowd.winners) == ACCEPTED
    sizes = [twin.size(winner) for winner in crowd.winners]

    assert crowd.absorb(*crowd.winners) == "NotAbsorbable"

    assert [twin.size(winner) for winner in crowd.winners] == sizes


def test_adl__list_named_twice_in_one_call__closes_no_more(crowd):
    """The same market's list again: it goes on where the first ended, which is the end."""
    twin = crowd.twin
    twin.limit(500, 0)
    crowd.fall()
    needed = div_ceil(10 * LOT * (Trio.SHORT - usd(500)), Trio.SHORT)
    lists = [(ETH, crowd.winners)] * 3

    sender = twin.rig.roles.outsider
    receipt = twin.module.send("absorb", crowd.loser, crowd.keeper, lists, sender=sender)

    lots = [log.args[3] for log in receipt.logs if log.event == "Deleveraged"]
    assert sum(lots) == needed


def test_adl__account_that_still_has_equity__takes_nothing_from_winners(crowd):
    """Below the penalties but above zero: nothing is missing, so nobody gives."""
    twin = crowd.twin
    crowd.fall()
    twin.set_cash(crowd.loser, usd(2_000) + Trio.SHORT + 1)
    before = crowd.worths()

    assert crowd.absorb(*crowd.winners) == ACCEPTED

    assert twin.events(Deleveraged) == []
    assert crowd.worths() == before


def test_adl__every_winner_taken_from__got_more_than_the_losers_bankruptcy_price(crowd):
    """Nobody closes beyond 2,800 USD, at which the loser's own money is used up."""
    twin = crowd.twin
    crowd.fall()

    assert crowd.absorb(*crowd.winners) == ACCEPTED

    assert {event.price for event in twin.events(Deleveraged)} == {usd(2_800)}
    whole = [winner for winner in crowd.winners if twin.size(winner) == 0]
    assert len(whole) == 6
    for i, winner in enumerate(whole):
        assert twin.cash(winner) == usd(1_000 + 100 * i) + usd(300)
