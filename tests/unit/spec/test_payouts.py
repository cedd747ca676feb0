"""What an end pays, in worked numbers."""

from __future__ import annotations

import pytest

from clearing.spec.errors import SpecError
from clearing.spec.rules import (
    decided_from,
    outcome,
    payouts,
    require_enforceable,
    require_opening,
    shares_low,
)
from clearing.spec.types import (
    EXECUTED,
    HIGH_FUNDED,
    LOW_FUNDED,
    REFUNDED,
    REVEALED,
    AssetAmounts,
    AssetSplit,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Outcome,
)

GRACE_S = 100


NO_CONDITION = Condition()


def _state(splits, condition=NO_CONDITION, intent=Intent.OPERATE):
    return ClearingState(bytes(32), 0, 1, intent, splits, condition)


def test_payouts__state_has_seen_everything__is_the_split():
    state = _state((AssetSplit(100, 50, 120, 30),))

    assert payouts(state, ((100, 50),)) == (AssetAmounts(120, 30),)


def test_payouts__deposit_unseen_by_the_state__returns_to_its_depositor():
    """ADJ-22: low put 7 more in after the state; high is paid what it was."""
    state = _state((AssetSplit(100, 50, 120, 30),))

    assert payouts(state, ((107, 50),)) == (AssetAmounts(127, 30),)


def test_payouts__resize_that_did_not_run__returns_its_outs():
    """ADJ-23: the state counts low's 40 as gone; unpaid, they come back at the end."""
    after_resize = _state((AssetSplit(60, 50, 80, 30),))

    assert payouts(after_resize, ((60, 50),)) == (AssetAmounts(80, 30),)
    assert payouts(after_resize, ((100, 50),)) == (AssetAmounts(120, 30),)


def test_payouts__side_took_out_more_than_it_put_in__is_still_exact():
    state = _state((AssetSplit(-20, 50, 10, 20),))

    assert payouts(state, ((-20, 50),)) == (AssetAmounts(10, 20),)


def test_payouts__extremes__neither_lose_nor_invent_a_unit():
    """ADJ-02, ADJ-03 at the edges of int128 and uint128."""
    top = 2**127 - 1
    state = _state((AssetSplit(-top, top, 0, 0), AssetSplit(top, top, 2 * top, 0)))

    paid = payouts(state, ((-top, top), (top, top)))

    assert paid == (AssetAmounts(0, 0), AssetAmounts(2 * top, 0))


def test_payouts__order__takes_the_block_of_the_outcome():
    """Three blocks of n: delivered, low defaulted, high defaulted; high gets the rest."""
    splits = (AssetSplit(100, 100, 90, 110), AssetSplit(10, 0, 4, 6))
    condition = Condition(ConditionKind.ORDER, b"\1" * 32, 5, (150, 8, 60, 2, 130, 9))
    state = _state(splits, condition, Intent.SETTLE)
    nets = ((100, 100), (10, 0))

    assert shares_low(state, Outcome.SPLIT) == (90, 4)
    assert payouts(state, nets, Outcome.DELIVERED) == (AssetAmounts(150, 50), AssetAmounts(8, 2))
    assert payouts(state, nets, Outcome.LOW_DEFAULTED) == (
        AssetAmounts(60, 140),
        AssetAmounts(2, 8),
    )
    assert payouts(state, nets, Outcome.HIGH_DEFAULTED) == (
        AssetAmounts(130, 70),
        AssetAmounts(9, 1),
    )


@pytest.mark.parametrize(
    ("kind", "flags", "expected"),
    [
        (ConditionKind.NONE, REVEALED | EXECUTED, Outcome.SPLIT),
        (ConditionKind.HASHLOCK, 0, Outcome.SPLIT),
        (ConditionKind.HASHLOCK, EXECUTED, Outcome.SPLIT),
        (ConditionKind.HASHLOCK, REVEALED, Outcome.REVEALED),
        (ConditionKind.ORDER, 0, Outcome.SPLIT),
        (ConditionKind.ORDER, REVEALED, Outcome.SPLIT),
        (ConditionKind.ORDER, EXECUTED, Outcome.DELIVERED),
        (ConditionKind.ORDER, LOW_FUNDED | EXECUTED, Outcome.DELIVERED),
        (ConditionKind.ORDER, LOW_FUNDED | REFUNDED, Outcome.HIGH_DEFAULTED),
        (ConditionKind.ORDER, HIGH_FUNDED | REFUNDED, Outcome.LOW_DEFAULTED),
    ],
)
def test_outcome__flags__choose(kind, flags, expected):
    assert outcome(Condition(kind), flags) is expected


@pytest.mark.parametrize(
    ("kind", "flags", "expected"),
    [
        (ConditionKind.NONE, 0, 0),
        (ConditionKind.HASHLOCK, REVEALED, 0),
        (ConditionKind.HASHLOCK, 0, 50),
        (ConditionKind.ORDER, EXECUTED, 0),
        (ConditionKind.ORDER, 0, 50 + GRACE_S),
        (ConditionKind.ORDER, LOW_FUNDED | REFUNDED, 50 + GRACE_S),
    ],
)
def test_decided_from__condition__waits_no_longer_than_it_must(kind, flags, expected):
    """SET-05: a hash lock is open until its expiry, an order until its grace is over."""
    assert decided_from(Condition(kind, expiry=50), flags, GRACE_S) == expected


@pytest.mark.parametrize("net", [(99, 50), (100, 49)])
def test_require_enforceable__one_unit_short_on_a_side__refused(net):
    state = _state((AssetSplit(1, 1, 1, 1), AssetSplit(100, 50, 120, 30)))
    require_enforceable(state, ((1, 1), (100, 50)))

    with pytest.raises(SpecError, match=r"^Unenforceable\(1\)$"):
        require_enforceable(state, ((1, 1), net))


def test_require_opening__split_is_not_the_nets__refused():
    require_opening(_state((AssetSplit(5, 6, 5, 6),)), 0)

    with pytest.raises(SpecError, match=r"^BadOpening\(0\)$"):
        require_opening(_state((AssetSplit(5, 6, 6, 5),)), 0)
