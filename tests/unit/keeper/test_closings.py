"""Losers of a market that has ended, who are due: closed there, not absorbed."""

from dataclasses import replace

import pytest

from clearing.spec.units import WAD
from tests.harness.perp import BTC, ETH, LOT
from tests.unit.keeper.rig import RIVAL

DAY, HOUR = 86_400, 3_600
DUE = 2_790
"""USD at which each of the crowd, long 0.1 ETH since 3,000, is below maintenance margin."""
GONE = 2_640
"""USD at which they are bankrupt."""


def purse(dollars):
    return lambda policy: replace(policy, rescue_day_wad=dollars * WAD)


@pytest.fixture
def end(rig):
    """Let ETH end at a price."""

    def ends(price):
        rig.stage.send("SettlementModule", "windDown", ETH)
        rig.prices(3_000, after=DAY - 2 * HOUR)
        for _ in range(3):
            rig.prices(price, after=HOUR)
        rig.stage.send("SettlementModule", "settle", ETH)
        rig.sync()

    return ends


def closed(rig):
    return sorted(event["account"] for event in rig.events("SettlementModule", "ClosedAt"))


def done(rig, keeper):
    for _ in range(2):
        keeper.job.turn()
        rig.mine()


def test_turn__losers_of_an_ended_market__are_closed_and_keep_what_they_have(rig, crowd, end):
    """Absorbed, they would lose it: their penalties count though nobody liquidates them."""
    keeper = rig.keeper(policy=purse(20))
    end(DUE)
    assert rig.due(crowd) == list(crowd)

    done(rig, keeper)

    assert set(crowd) <= set(closed(rig))
    assert rig.due(crowd) == []
    assert all(view.equity > 0 for view in rig.swaps.healths(crowd))
    counts = keeper.meters.counts
    assert (counts["closed_at"], counts["absorbed"]) == (len(crowd), 0)
    assert keeper.store.fact("liquidation.rescued")[1] != "0"


def test_turn__losers_who_cannot_pay__leave_a_debt_and_not_an_absorption(rig, crowd, end):
    keeper = rig.keeper(policy=purse(20))
    end(GONE)

    done(rig, keeper)

    debts = [e["debtWad"] for e in rig.events("SettlementModule", "ClosedAt")]
    assert sum(1 for debt in debts if debt) == len(crowd)
    assert keeper.meters.counts["absorbed"] == 0


def test_turn__the_purse_is_empty__they_are_absorbed_as_any_other(rig, crowd, end):
    keeper = rig.keeper()
    end(GONE)

    done(rig, keeper)

    assert closed(rig) == []
    assert keeper.meters.counts["left_to_close"] >= len(crowd)
    assert keeper.meters.counts["absorbed"] == len(crowd)


def test_turn__two_keepers_in_one_block__close_once(rig, crowd, end):
    one, two = (rig.keeper("a", policy=purse(20)), rig.keeper("b", key=RIVAL, policy=purse(20)))
    end(DUE)
    rig.anvil.node.request("evm_setAutomine", [False])

    for each in (one, two, one, two):
        each.job.turn()
    rig.mine()
    for each in (one, two):
        each.job.turn()

    assert len(closed(rig)) == len(set(closed(rig)))
    assert [each.meters.counts["sent"] for each in (one, two)] == [2, 2]
    assert [each.meters.counts["reverted"] for each in (one, two)] == [0, 0]


def test_turn__a_winner_there_who_is_due_elsewhere__is_liquidated_and_not_closed(rig, end):
    """Short 1 ETH and long 0.03 BTC; who has won may keep the gain as margin for a day."""
    (winner,) = rig.people(1, lots=-LOT, dollars=475)
    stage = rig.stage
    rig.execute(
        [(stage["VaultModule"], "trade", (winner, BTC, 3 * LOT // 100, 10**30, 2**40))],
    )
    keeper = rig.keeper(policy=purse(20))
    end(2_990)
    rig.prices(2_990, 42_000)
    assert rig.due([winner]) == [winner]

    done(rig, keeper)

    assert winner not in closed(rig)
    assert keeper.meters.counts["closed_at"] == 0
    assert keeper.meters.counts["won"] + keeper.meters.counts["absorbed"] == 1
