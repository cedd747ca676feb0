"""Deliver what a SETTLE state's order names: at once if both ledgers cover it, else lock our part.

A side that has locked its legs while the other has not is paid for the default, so we lock ours at
half-time whatever the peer does, and what is locked comes back once the order can run no more.
"""

from __future__ import annotations

from typing import Final

from clearing.channel import requests
from clearing.channel.codec import hash_order, hash_state
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.turn import Turn
from clearing.client.session import CoSigned
from clearing.spec.guards import flags_of
from clearing.spec.rules import is_lock_outstanding, is_order_finished
from clearing.spec.types import HIGH_FUNDED, LOW_FUNDED, SettlementOrder, Side, Status
from clearing.spec.units import Address
from clearing.spec.world import Channel

__all__ = ["do_order", "fund_to_respond"]

STEP_IN_S: Final = 60
_FUNDED_BY: Final = {Side.LOW: LOW_FUNDED, Side.HIGH: HIGH_FUNDED}


def do_order(turn: Turn, full: CoSigned, latest: Channel) -> None:
    """Settle, fund or take back, as far as the order stands."""
    order, state = full.order, full.state
    if order is None:
        return
    flags = flags_of(latest, state.version)
    is_running = not is_order_finished(flags)
    if is_running and state.version >= latest.enforced_version and _is_admitted(turn, full, latest):
        _deliver(turn, full, order, flags)
    if is_lock_outstanding(latest.order_flags):
        _refund(turn, order, latest)


def fund_to_respond(turn: Turn, full: CoSigned, latest: Channel) -> bool:
    """Answer a challenge by the call that also locks our legs, if they can be locked."""
    order = full.order
    flags = flags_of(latest, full.state.version)
    if order is None or not _may_fund(turn, order, flags):
        return False
    _fund(turn, full, order)
    return True


def _deliver(turn: Turn, full: CoSigned, order: SettlementOrder, flags: int) -> None:
    line, side = turn.line, turn.line.side
    signed_at = full.state.signed_at
    is_in_time = turn.link.chain_now < order.fund_by
    own = _covers(turn, order, flags, side)
    if own is False and is_in_time:
        turn.notify_once(Kind.FUNDING_SHORT, str(order.version), fund_by=order.fund_by)
    is_our_turn = side is Side.LOW or turn.passed >= signed_at + STEP_IN_S
    if own and is_in_time and is_our_turn and _covers(turn, order, flags, side.other):
        request = requests.Settle(line.definition, full.state, full.signatures, order)
        turn.want("settle", full.state.version, request)
    half_time = signed_at + ((order.fund_by - signed_at) >> 1)
    if turn.passed >= half_time and _may_fund(turn, order, flags):
        _fund(turn, full, order)


def _fund(turn: Turn, full: CoSigned, order: SettlementOrder) -> None:
    line = turn.line
    request = requests.FundOrder(line.definition, full.state, full.signatures, order, line.side)
    turn.want("fund", full.state.version, request)


def _may_fund(turn: Turn, order: SettlementOrder, flags: int) -> bool:
    """Say whether our legs can be locked now and are not."""
    side = turn.line.side
    if is_order_finished(flags) or flags & _FUNDED_BY[side]:
        return False
    is_second = bool(flags & _FUNDED_BY[side.other])
    until = order.fund_by + (turn.policy.grace_s if is_second else 0)
    return turn.link.chain_now < until and _covers(turn, order, flags, side) is True


def _covers(turn: Turn, order: SettlementOrder, flags: int, side: Side) -> bool | None:
    """Say whether a side has locked its legs or its ledger holds them; None while unknown."""
    if flags & _FUNDED_BY[side]:
        return True
    ledgers = turn.link.ledgers_raw
    if len(ledgers) != len(order.legs):
        return None
    needed: dict[Address, int] = {}
    held: dict[Address, int] = {}
    for leg, pair in zip(order.legs, ledgers, strict=True):
        if leg.payer is side:
            needed[leg.token] = needed.get(leg.token, 0) + leg.amount
            held[leg.token] = pair[side]
    return all(amount <= held[token] for token, amount in needed.items())


def _is_admitted(turn: Turn, full: CoSigned, latest: Channel) -> bool:
    """Say whether the chain still takes this state: past a deadline only the challenged one."""
    if latest.status is not Status.CHALLENGED or turn.passed < latest.deadline:
        return True
    return hash_state(full.state) == latest.digest


def _refund(turn: Turn, order: SettlementOrder, latest: Channel) -> None:
    """Take locked legs back once the order can run no more."""
    is_over = turn.passed >= order.fund_by + turn.policy.grace_s
    is_passed_by = latest.enforced_version > latest.order_version
    if not (is_over or is_passed_by) or hash_order(order) != latest.order:
        return
    if latest.order_flags & _FUNDED_BY[turn.line.side]:
        turn.want("refund", order.version, requests.RefundOrder(turn.line.definition, order))
