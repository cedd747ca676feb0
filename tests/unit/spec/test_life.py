"""A channel's life on the model, each number worked out beside it. Amounts in millionths."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clearing.spec.calls import (
    Challenge,
    CloseCooperative,
    DepositCollateral,
    Finalize,
    FundOrder,
    Open,
    RefundOrder,
    Resize,
    Reveal,
    Settle,
)
from clearing.spec.errors import SpecError
from clearing.spec.events import (
    Challenged,
    Closed,
    Finalized,
    Opened,
    OrderExecuted,
    OrderFunded,
    OrderRefunded,
    Pull,
    Push,
    PushFailed,
    Resized,
)
from clearing.spec.registry import broker_of
from clearing.spec.types import (
    EXECUTED,
    HIGH_FUNDED,
    LOW_FUNDED,
    REFUNDED,
    REVEALED,
    AssetAmounts,
    AssetFunding,
    AssetPayout,
    AssetSplit,
    Intent,
    Outcome,
    Side,
    Status,
)
from clearing.spec.units import DAY_S
from clearing.spec.vector_stage import (
    BROKER_HIGH,
    BROKER_LOW,
    CHANNEL,
    COIN,
    DOLLAR,
    LOCKED,
    NOW,
    ORDER,
    PREIMAGE,
    SETTLING,
    at,
    plain,
    signed,
    stage,
    state,
)

ON = stage()
ID = CHANNEL.channel_id
MILLION = 10**6
LOW_DOLLARS, HIGH_DOLLARS = (BROKER_LOW, DOLLAR), (BROKER_HIGH, DOLLAR)
LOW_COINS, HIGH_COINS = (BROKER_LOW, COIN), (BROKER_HIGH, COIN)


def _ledger(world, key):
    return world.ledgers.get(key, 0)


def test_open__ledger_covers_a_part__rest_is_pulled():
    """Low's ledger holds 4,000 of its 10,000 dollars; all else comes from the ledgers."""
    before = replace(ON.new, ledgers={**ON.new.ledgers, LOW_DOLLARS: 4_000 * MILLION})

    after, effects = Open(CHANNEL, state(1, Intent.OPEN)).apply(before, at(0))

    assert effects == (
        Pull(DOLLAR, BROKER_LOW, 6_000 * MILLION),
        Opened(
            ID,
            BROKER_LOW,
            BROKER_HIGH,
            epoch=0,
            version=1,
            funding=(
                AssetFunding(DOLLAR, 10_000 * MILLION, 10_000 * MILLION, 6_000 * MILLION, 0),
                AssetFunding(COIN, 5 * MILLION, 0, 0, 0),
            ),
        ),
    )
    assert LOW_DOLLARS not in after.ledgers
    assert _ledger(after, HIGH_DOLLARS) == 2_000 * MILLION
    assert _ledger(after, LOW_COINS) == 11_995 * MILLION
    assert after.channels[ID].status is Status.OPEN
    assert after.channels[ID].nets[:2] == ((10_000 * MILLION,) * 2, (5 * MILLION, 0))
    assert broker_of(after.registry, BROKER_LOW).used == 1


def test_open__again_after_an_end__sets_the_nets_and_keeps_the_slots_words():
    opening = state(3, Intent.OPEN, epoch=1, splits=(AssetSplit(1, 2, 1, 2),) * 2)

    after, _ = Open(CHANNEL, opening).apply(ON.closed, at(9))

    channel = after.channels[ID]
    assert (channel.epoch, channel.enforced_version) == (1, 3)
    assert channel.nets[:2] == ((1, 2), (1, 2))


def test_challenge__raised_while_challenged__keeps_the_deadline():
    """ADJ-11."""
    first = NOW + 2 * DAY_S  # the stage's challenge came at second 0
    higher = state(3, Intent.OPERATE)

    after, effects = Challenge(CHANNEL, higher).apply(ON.challenged, at(77, BROKER_HIGH))

    assert effects == (Challenged(ID, 0, 3, higher.state_hash, first),)
    assert after.channels[ID].digest == higher.state_hash


def test_resize__outs__go_to_their_owners():
    """ADJ-23: low takes 100, high 250 dollars out of 10,000 each."""
    split = AssetSplit(*(MILLION * value for value in (9_900, 9_750, 9_650, 10_000, 100, 250)))
    resize = state(3, Intent.RESIZE, splits=(split, state(3, Intent.OPERATE).state.splits[1]))

    after, effects = Resize(CHANNEL, resize).apply(ON.open, at(5))

    outs = (AssetAmounts(100 * MILLION, 250 * MILLION), AssetAmounts(0, 0))
    assert effects == (Resized(ID, 0, 3, outs),)
    assert after.channels[ID].nets[0] == (9_900 * MILLION, 9_750 * MILLION)
    assert _ledger(after, LOW_DOLLARS) == (2_000 + 100) * MILLION
    assert _ledger(after, HIGH_DOLLARS) == (2_000 + 250) * MILLION


def test_settle__order__moves_both_legs_at_once():
    """Low delivers 2 coins, high 0.007 dollars; the version is enforced, nothing is locked."""
    after, effects = Settle(CHANNEL, SETTLING, ORDER).apply(ON.open, at(5))

    both = LOW_FUNDED | HIGH_FUNDED
    assert effects == (OrderExecuted(ID, 0, 4, ORDER.order_hash, both, ORDER.order.legs),)
    assert _ledger(after, LOW_COINS) == 11_993 * MILLION
    assert _ledger(after, HIGH_COINS) == 12_002 * MILLION
    assert _ledger(after, LOW_DOLLARS) == 2_000 * MILLION + 7_000
    assert _ledger(after, HIGH_DOLLARS) == 2_000 * MILLION - 7_000
    channel = after.channels[ID]
    assert (channel.enforced_version, channel.order_version) == (4, 4)
    assert channel.order_flags == EXECUTED
    assert channel.order == ON.open.channels[ID].order


def test_fund_order__second_side__executes_from_the_lock():
    after, effects = FundOrder(CHANNEL, SETTLING, ORDER, Side.HIGH).apply(
        ON.low_funded, at(5, BROKER_HIGH)
    )

    legs = ORDER.order.legs
    assert effects == (
        OrderFunded(ID, 0, 4, ORDER.order_hash, HIGH_FUNDED, legs),
        OrderExecuted(ID, 0, 4, ORDER.order_hash, 0, legs),
    )
    settled, _ = Settle(CHANNEL, SETTLING, ORDER).apply(ON.open, at(5))
    assert after.ledgers == settled.ledgers
    assert after.channels[ID].order_flags == LOW_FUNDED | HIGH_FUNDED | EXECUTED


def test_fund_order__side_without_legs__counts_once_the_other_funds():
    """All legs are low's: low's funding runs the order, high's alone locks nothing."""
    alone = replace(ORDER.order, legs=ORDER.order.legs[:1])
    order = replace(ORDER, order=alone, order_hash=b"\x07" * 32)
    condition = replace(SETTLING.state.condition, ref=order.order_hash)
    settling = state(4, Intent.SETTLE, condition=condition)

    by_low, _ = FundOrder(CHANNEL, settling, order, Side.LOW).apply(ON.open, at(5, BROKER_LOW))
    by_high, _ = FundOrder(CHANNEL, settling, order, Side.HIGH).apply(ON.open, at(5, BROKER_HIGH))

    assert by_low.channels[ID].order_flags == LOW_FUNDED | EXECUTED
    assert by_high.channels[ID].order_flags == HIGH_FUNDED
    assert by_high.ledgers == ON.open.ledgers


def test_refund_order__peer_never_funded__legs_back_and_flags_stay():
    after, effects = RefundOrder(CHANNEL, ORDER).apply(ON.low_funded, at(2 * DAY_S))

    assert effects == (OrderRefunded(ID, 0, 4, ORDER.order_hash, LOW_FUNDED, ORDER.order.legs),)
    assert after.ledgers == ON.open.ledgers
    assert after.channels[ID].order_flags == LOW_FUNDED | REFUNDED


def test_reveal__equal_version_while_challenged__clears_nothing():
    held, _ = Challenge(CHANNEL, LOCKED).apply(ON.open, at(5, BROKER_LOW))

    after, _ = Reveal(CHANNEL, LOCKED, PREIMAGE).apply(held, at(6))

    assert after.channels[ID] == replace(held.channels[ID], order_version=3, order_flags=REVEALED)


def test_reveal__order_of_the_same_version_holds_a_lock__refused():
    """SET-06: a second state of the same version must not orphan the lock."""
    twin = state(4, Intent.OPERATE, condition=LOCKED.state.condition)
    Reveal(CHANNEL, twin, PREIMAGE).apply(ON.open, at(5))

    with pytest.raises(SpecError, match="LockOutstanding"):
        Reveal(CHANNEL, twin, PREIMAGE).apply(ON.low_funded, at(5))


def test_finalize__peer_defaulted__pays_the_default_split():
    """SET-04: low funded, high did not: block 3, 12,000 dollars and 5 coins for low."""
    disputed, _ = Challenge(CHANNEL, SETTLING).apply(ON.low_funded, at(5, BROKER_LOW))
    refunded, _ = RefundOrder(CHANNEL, ORDER).apply(disputed, at(2 * DAY_S))

    after, effects = Finalize(CHANNEL, plain(SETTLING)).apply(refunded, at(5 + 2 * DAY_S))

    paid = (AssetAmounts(12_000 * MILLION, 8_000 * MILLION), AssetAmounts(5 * MILLION, 0))
    assert effects == (Finalized(ID, 0, 4, Outcome.HIGH_DEFAULTED, paid),)
    assert _ledger(after, LOW_DOLLARS) == (2_000 + 12_000) * MILLION
    assert _ledger(after, HIGH_DOLLARS) == (2_000 + 8_000) * MILLION


def test_finalize__end__clears_the_word_and_keeps_the_rest():
    """ADJ-06: epoch + 1; digest, order and nets stay as they were."""
    hashed = plain(state(2, Intent.OPERATE))

    after, _ = Finalize(CHANNEL, hashed).apply(ON.challenged, at(2 * DAY_S))

    assert after.channels[ID] == replace(
        ON.challenged.channels[ID],
        status=Status.IDLE,
        epoch=1,
        enforced_version=0,
        deadline=0,
    )
    assert broker_of(after.registry, BROKER_HIGH).used == 0


def test_close_cooperative__transfer_fails__becomes_a_credit():
    """High put 77 more coin units in; low wants 9,500 dollars sent and high its 1,000,000 units."""
    close = state(5, Intent.CLOSE)
    dollars, coins = close.state.splits
    splits = (replace(dollars, out_low=9_500 * MILLION), replace(coins, out_high=MILLION))
    sending = signed(replace(close.state, splits=splits))
    topped, _ = DepositCollateral(CHANNEL, COIN, 77).apply(ON.open, at(4, BROKER_HIGH))
    call = CloseCooperative(CHANNEL, sending, frozenset({(BROKER_HIGH, COIN)}))

    after, effects = call.apply(topped, at(5))

    assert effects == (
        Closed(
            ID,
            0,
            5,
            (
                AssetPayout(0, 10_500 * MILLION, 9_500 * MILLION, 0),
                AssetPayout(4 * MILLION, 77, 0, MILLION),
            ),
        ),
        Push(DOLLAR, BROKER_LOW, 9_500 * MILLION),
        Push(COIN, BROKER_HIGH, MILLION, arrived=False),
        PushFailed(BROKER_HIGH, COIN, MILLION),
    )
    assert _ledger(after, HIGH_COINS) == 12_000 * MILLION - 77 + 77 + MILLION
    assert _ledger(after, LOW_DOLLARS) == 2_000 * MILLION
