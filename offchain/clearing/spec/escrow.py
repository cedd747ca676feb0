"""Deliver versus payment: the functions of `IEscrowPayment`, one for one.

An order's legs move all at once or not at all. If a broker goes silent, the funded flags say which
alternative of the SETTLE state an end pays.
"""

from __future__ import annotations

from dataclasses import replace

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, OrderExecuted, OrderFunded, OrderRefunded
from clearing.spec.guards import admitted, require_live, require_state, turned_to
from clearing.spec.registry import broker_of
from clearing.spec.rules import (
    is_funded,
    is_lock_outstanding,
    is_order_finished,
    require_enforceable,
    require_order,
)
from clearing.spec.types import (
    EXECUTED,
    HIGH_FUNDED,
    LOW_FUNDED,
    REFUNDED,
    ChannelDef,
    HashedOrder,
    IdentifiedDef,
    Intent,
    Side,
    SignedState,
)
from clearing.spec.units import Address
from clearing.spec.vault import Amount, credited, debited
from clearing.spec.world import Channel, Env, World, with_channel

__all__ = ["fund_order", "refund_order", "settle"]

_FUNDED_BY = {Side.LOW: LOW_FUNDED, Side.HIGH: HIGH_FUNDED}


def settle(
    world: World, env: Env, identified: IdentifiedDef, signed: SignedState, order: HashedOrder
) -> tuple[World, Effects]:
    """Execute an order in one call: all debits, then all credits.

    Raises as `require_state`, WrongIntent, WrongDigest, StaleVersion, Unenforceable, as
    `require_order`, LockOutstanding, OrderFinished, FundingClosed, SignerNotNamed,
    InsufficientBalance.
    """
    definition = identified.definition
    channel = _require_open_order(world, env, identified, signed, order)
    if env.now >= order.order.fund_by:
        raise SpecError("FundingClosed", order.order.fund_by)
    for side in Side:
        if not _is_named(world, definition, side):
            raise SpecError("SignerNotNamed", definition.broker(side), definition.signer(side))

    unfunded = (LOW_FUNDED | HIGH_FUNDED) & ~channel.order_flags
    return _execute(world, identified, channel, order, unfunded)


def fund_order(
    world: World,
    env: Env,
    identified: IdentifiedDef,
    signed: SignedState,
    order: HashedOrder,
    side: Side,
) -> tuple[World, Effects]:
    """Lock one side's legs; when the other side is locked or has no legs, execute.

    Raises as `settle` up to OrderFinished, then NotThatSide, AlreadyFunded, FundingClosed,
    InsufficientBalance.
    """
    channel = _require_open_order(world, env, identified, signed, order)
    content, flag = order.order, _FUNDED_BY[side]
    if not _may_fund(world, identified.definition, env.sender, side):
        raise SpecError("NotThatSide", env.sender, side)
    if channel.order_flags & flag:
        raise SpecError("AlreadyFunded", side)
    is_second = bool(channel.order_flags & _FUNDED_BY[side.other])
    until = content.fund_by + (world.params.grace if is_second else 0)
    if env.now >= until:
        raise SpecError("FundingClosed", until)

    ledgers = debited(world.ledgers, _paid(identified.definition, order, flag))
    channel = replace(channel, order_flags=channel.order_flags | flag)
    event = OrderFunded(*_named(identified, order), flag, content.legs)
    world = replace(world, ledgers=ledgers)
    if is_funded(content, channel.order_flags):
        world, executed = _execute(world, identified, channel, order, unfunded=0)
        return world, (event, *executed)
    channel = replace(channel, order=order.order_hash)
    world = replace(
        with_channel(world, identified.channel_id, channel),
        locks={**world.locks, identified.channel_id: order},
    )
    return world, (event,)


def refund_order(
    world: World, env: Env, identified: IdentifiedDef, order: HashedOrder
) -> tuple[World, Effects]:
    """Give locked legs back; the funded flags stay and say who was ready.

    Raises WrongStatus, NoLock, WrongOrder, RefundTooEarly.
    """
    content = order.order
    channel = require_live(world, identified.channel_id)
    if not is_lock_outstanding(channel.order_flags):
        raise SpecError("NoLock")
    if order.order_hash != channel.order:
        raise SpecError("WrongOrder", order.order_hash, channel.order)
    not_before = content.fund_by + world.params.grace
    if env.now < not_before and channel.enforced_version <= channel.order_version:
        raise SpecError("RefundTooEarly", not_before)

    sides = channel.order_flags & (LOW_FUNDED | HIGH_FUNDED)
    back = _paid(identified.definition, order, sides)
    channel = replace(channel, order_flags=channel.order_flags | REFUNDED)
    world = replace(
        with_channel(world, identified.channel_id, channel),
        ledgers=credited(world.ledgers, back),
        locks=_without(world, identified.channel_id),
    )
    event = OrderRefunded(*_named(identified, order), sides, content.legs)
    return world, (event,)


def _require_open_order(
    world: World, env: Env, identified: IdentifiedDef, signed: SignedState, order: HashedOrder
) -> Channel:
    """Return the channel as it is stored if the order of this state may still be funded or run."""
    state = signed.state
    channel = require_state(world, env, identified, signed)
    if state.intent != Intent.SETTLE:
        raise SpecError("WrongIntent", state.intent)
    channel = admitted(channel, signed, env.now)
    require_enforceable(state, channel.nets)
    require_order(state, order)
    channel = turned_to(channel, state.version, order.order_hash)
    if is_order_finished(channel.order_flags):
        raise SpecError("OrderFinished", channel.order_flags)
    return channel


def _execute(
    world: World, identified: IdentifiedDef, channel: Channel, order: HashedOrder, unfunded: int
) -> tuple[World, Effects]:
    """Debit the sides that have not funded, then credit every leg."""
    definition, content = identified.definition, order.order
    ledgers = debited(world.ledgers, _paid(definition, order, unfunded))
    ledgers = credited(
        ledgers,
        [(definition.broker(leg.payer.other), leg.token, leg.amount) for leg in content.legs],
    )

    channel = replace(channel, order_flags=channel.order_flags | EXECUTED)
    world = replace(
        with_channel(world, identified.channel_id, channel),
        ledgers=ledgers,
        locks=_without(world, identified.channel_id),
    )
    event = OrderExecuted(*_named(identified, order), unfunded, content.legs)
    return world, (event,)


def _named(identified: IdentifiedDef, order: HashedOrder) -> tuple[bytes, int, int, bytes]:
    """Return what every event of an order starts with."""
    content = order.order
    return identified.channel_id, content.epoch, content.version, order.order_hash


def _paid(definition: ChannelDef, order: HashedOrder, sides: int) -> list[Amount]:
    """List what the sides in this set of funded flags deliver, leg by leg."""
    return [
        (definition.broker(leg.payer), leg.token, leg.amount)
        for leg in order.order.legs
        if sides & _FUNDED_BY[leg.payer]
    ]


def _is_named(world: World, definition: ChannelDef, side: Side) -> bool:
    return broker_of(world.registry, definition.broker(side)).signer == definition.signer(side)


def _may_fund(world: World, definition: ChannelDef, caller: Address, side: Side) -> bool:
    if caller == definition.broker(side):
        return True
    return caller == definition.signer(side) and _is_named(world, definition, side)


def _without(world: World, channel_id: bytes) -> dict[bytes, HashedOrder]:
    return {held: order for held, order in world.locks.items() if held != channel_id}
