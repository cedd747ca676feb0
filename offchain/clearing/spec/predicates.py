"""Say by functions what must hold in every world, and over every accepted call.

Written from what is promised, not from how `channel`, `escrow` and `vault` keep it: a predicate
reads storage, calls and effects, and uses none of the guards. `invariants` gives each its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from clearing.spec.calls import (
    Call,
    Challenge,
    Checkpoint,
    CloseCooperative,
    Deposit,
    DepositCollateral,
    Finalize,
    FundOrder,
    Open,
    Resize,
    Reveal,
    Settle,
    Withdraw,
    WithdrawWithAuth,
)
from clearing.spec.errors import SpecError
from clearing.spec.events import (
    Closed,
    Effects,
    Finalized,
    OrderExecuted,
    OrderFunded,
    OrderRefunded,
    Pull,
    Push,
)
from clearing.spec.registry import broker_of
from clearing.spec.types import (
    EXECUTED,
    HIGH_FUNDED,
    LOW_FUNDED,
    REFUNDED,
    REVEALED,
    ConditionKind,
    IdentifiedDef,
    Outcome,
    Side,
    Status,
)
from clearing.spec.units import Address
from clearing.spec.world import Channel, Env, World, channel_of

__all__ = [
    "Step",
    "auth_serves_once",
    "deadline_is_constant",
    "default_is_earned",
    "deposit_leaves_peer_alone",
    "dormant_is_blank",
    "end_starts_next_epoch",
    "ends_hold_no_lock",
    "ends_pay_nothing_negative",
    "ends_pay_what_is_held",
    "is_solvent",
    "keeps_solvency",
    "ledgers_move_by_authority",
    "legs_move_together",
    "live_has_version",
    "locks_are_known",
    "only_ends_of_decided",
    "opens_by_named_signers",
    "order_runs_once",
    "outsider_starts_nothing",
    "owed",
    "refund_is_exact",
    "repeated_changes_nothing",
    "resize_pays_out_once",
    "slots_are_live_channels",
    "states_fit_their_channel",
    "status_moves_along",
    "tokens_called_where_said",
    "version_rises",
    "windows_are_disjoint",
]

Ledger = tuple[Address, Address]


@dataclass(frozen=True, slots=True)
class Step:
    """An accepted call, with what stood before and after."""

    before: World
    env: Env
    call: Call
    after: World
    effects: Effects


# WHAT A WORLD OWES


def owed(world: World) -> Counter[Address]:
    """Return by token what the vault must hold: ledgers, nets of live channels, locked legs."""
    total: Counter[Address] = Counter()
    for (_, token), amount in world.ledgers.items():
        total[token] += amount
    for channel_id, channel in world.channels.items():
        if channel.is_live:
            assets = world.definitions[channel_id].definition.assets
            for token, (low, high) in zip(assets, channel.nets, strict=False):
                total[token] += low + high
    for channel_id, order in world.locks.items():
        flags = channel_of(world, channel_id).order_flags
        for leg in order.order.legs:
            if flags & _flag(leg.payer):
                total[leg.token] += leg.amount
    return total


def is_solvent(world: World) -> bool:
    """Nobody is owed less than nothing."""
    ledgers = all(amount >= 0 for amount in world.ledgers.values())
    nets = all(
        low + high >= 0
        for channel in world.channels.values()
        if channel.is_live
        for low, high in channel.nets
    )
    return ledgers and nets


def keeps_solvency(step: Step) -> bool:
    """What is owed changes by exactly what came in and went out."""
    moved: Counter[Address] = Counter()
    for effect in step.effects:
        match effect:
            case Pull(token, _, amount):
                moved[token] += amount
            case Push(token, _, amount, True):
                moved[token] -= amount
            case _:
                pass
    moved.update(owed(step.before))
    return moved == owed(step.after)


def ends_pay_what_is_held(step: Step) -> bool:
    """The payouts of each asset sum to its net on chain."""
    return all(
        sum(paid) == sum(net)
        for channel_id, payouts in _payouts(step)
        for paid, net in zip(payouts, channel_of(step.before, channel_id).nets, strict=False)
    )


def ends_pay_nothing_negative(step: Step) -> bool:
    """No broker is paid less than nothing by an end."""
    return all(min(paid) >= 0 for _, payouts in _payouts(step) for paid in payouts)


def tokens_called_where_said(step: Step) -> bool:
    """Only `deposit` and `open` pull, only withdrawals and `closeCooperative` send."""
    pulls = any(isinstance(effect, Pull) for effect in step.effects)
    pushes = any(isinstance(effect, Push) for effect in step.effects)
    may_pull = isinstance(step.call, Deposit | Open)
    may_push = isinstance(step.call, Withdraw | WithdrawWithAuth | CloseCooperative)
    return (may_pull or not pulls) and (may_push or not pushes)


# VERSIONS


def version_rises(step: Step) -> bool:
    """Within an epoch the enforced version never falls, and rises where it clears or answers."""
    for _, before, after in _moved(step):
        if before.epoch != after.epoch or not before.is_live:
            continue
        if after.enforced_version < before.enforced_version:
            return False
        has_cleared = before.status is Status.CHALLENGED and after.status is Status.OPEN
        has_raised = isinstance(step.call, Challenge) and before.status is Status.CHALLENGED
        must_rise = has_cleared or has_raised or isinstance(step.call, Checkpoint | Resize)
        if must_rise and after.enforced_version == before.enforced_version:
            return False
    return True


def end_starts_next_epoch(step: Step) -> bool:
    """The epoch grows by one at each end, and at nothing else."""
    return all(
        after.epoch - before.epoch == (before.is_live and not after.is_live)
        for _, before, after in _moved(step)
    )


def dormant_is_blank(world: World) -> bool:
    """A channel that is not live has no version, deadline or flag."""
    return all(
        channel.is_live
        or (
            channel.enforced_version,
            channel.deadline,
            channel.order_version,
            channel.order_flags,
        )
        == (0, 0, 0, 0)
        for channel in world.channels.values()
    )


def live_has_version(world: World) -> bool:
    """A live channel enforces a version, and never version 0."""
    return all(
        channel.enforced_version > 0 for channel in world.channels.values() if channel.is_live
    )


def repeated_changes_nothing(step: Step) -> bool:
    """An accepted call with a signed state, order or authorisation, repeated, is refused."""
    if isinstance(step.call, Deposit | DepositCollateral | Withdraw):
        return True
    try:
        again, _ = step.call.apply(step.after, step.env)
    except SpecError:
        return True
    return again == step.after


def status_moves_along(step: Step) -> bool:
    """NEW -> OPEN <-> CHALLENGED -> IDLE -> OPEN, and OPEN -> IDLE by a cooperative close."""
    allowed = {
        (Status.NEW, Status.OPEN),
        (Status.OPEN, Status.CHALLENGED),
        (Status.CHALLENGED, Status.OPEN),
        (Status.CHALLENGED, Status.IDLE),
        (Status.IDLE, Status.OPEN),
    }
    if isinstance(step.call, CloseCooperative):
        allowed.add((Status.OPEN, Status.IDLE))
    return all(
        before.status is after.status or (before.status, after.status) in allowed
        for _, before, after in _moved(step)
    )


# DISPUTES


def windows_are_disjoint(step: Step) -> bool:
    """Before the deadline nothing but a cooperative close ends, from it on nothing responds."""
    for _, before, after in _moved(step):
        if before.status is not Status.CHALLENGED:
            continue
        is_late = step.env.now >= before.deadline
        has_responded = after.is_live and (
            after.status,
            after.enforced_version,
            after.digest,
            after.nets,
        ) != (before.status, before.enforced_version, before.digest, before.nets)
        if isinstance(step.call, Finalize) and not is_late:
            return False
        if is_late and has_responded:
            return False
    return True


def deadline_is_constant(step: Step) -> bool:
    """The deadline is set by the move out of OPEN and stays until the move back or the end."""
    for channel_id, before, after in _moved(step):
        match before.status, after.status:
            case Status.CHALLENGED, Status.CHALLENGED:
                holds = after.deadline == before.deadline
            case _, Status.CHALLENGED:
                definition = step.after.definitions[channel_id].definition
                holds = after.deadline == step.env.now + definition.challenge_duration
            case _:
                holds = after.deadline == 0
        if not holds:
            return False
    return True


def outsider_starts_nothing(step: Step) -> bool:
    """Who is neither broker nor signer starts a challenge only with a signed intent."""
    for channel_id, before, after in _moved(step):
        definition = step.after.definitions[channel_id].definition
        parties = {definition.broker(side) for side in Side}
        parties |= {definition.signer(side) for side in Side}
        has_started = before.status is Status.OPEN and after.status is Status.CHALLENGED
        if has_started and step.env.sender not in parties:
            return isinstance(step.call, Challenge) and step.call.intent_signed is True
    return True


# AUTHORITY


def ledgers_move_by_authority(step: Step) -> bool:
    """A ledger falls and an allowance is drawn on only by its owner or its named signer."""
    losers = {
        broker
        for (broker, token), amount in step.before.ledgers.items()
        if step.after.ledgers.get((broker, token), 0) < amount
    }
    losers |= {effect.owner for effect in step.effects if isinstance(effect, Pull)}
    return all(_may_take_from(step, loser) for loser in losers)


def opens_by_named_signers(step: Step) -> bool:
    """A slot is taken only with the signatures of the keys that both brokers have named."""
    taken = [
        channel_id
        for channel_id, before, after in _moved(step)
        if after.is_live and not before.is_live
    ]
    return all(
        _has_named_signers(step.before, step.after.definitions[channel_id]) for channel_id in taken
    )


def auth_serves_once(step: Step) -> bool:
    """A spent nonce stays spent, and an authorisation spends one that was not."""
    if not step.before.spent <= step.after.spent:
        return False
    if not isinstance(step.call, WithdrawWithAuth):
        return True
    nonce = (step.call.auth.account, step.call.auth.nonce)
    return step.after.spent - step.before.spent == {nonce}


def states_fit_their_channel(step: Step) -> bool:
    """A state counts only for its own epoch of its own channel, and with both signatures."""
    match step.call:
        case (
            Open(identified, signed)
            | Checkpoint(identified, signed)
            | Challenge(identified, signed)
            | Resize(identified, signed)
            | Reveal(identified, signed)
            | CloseCooperative(identified, signed)
            | Settle(identified, signed)
            | FundOrder(identified, signed)
        ):
            stored = channel_of(step.before, identified.channel_id)
            is_signed = signed.low_signed and signed.high_signed
            belongs = (signed.state.channel_id, signed.state.epoch)
            return is_signed and belongs == (identified.channel_id, stored.epoch)
        case _:
            return True


# COLLATERAL


def deposit_leaves_peer_alone(step: Step) -> bool:
    """A unilateral deposit changes no number but its depositor's own net and ledger."""
    if not isinstance(step.call, DepositCollateral):
        return True
    definition = step.call.identified.definition
    peer = Side.HIGH if step.env.sender == definition.broker_low else Side.LOW
    before = channel_of(step.before, step.call.identified.channel_id)
    after = channel_of(step.after, step.call.identified.channel_id)
    is_same = [net[peer] for net in before.nets] == [net[peer] for net in after.nets]
    return is_same and (before.status, before.digest) == (after.status, after.digest)


def resize_pays_out_once(step: Step) -> bool:
    """A RESIZE moves `out` from each net to its owner's ledger, and nothing else anywhere."""
    if not isinstance(step.call, Resize):
        return True
    identified, state = step.call.identified, step.call.signed.state
    expected: Counter[Ledger] = Counter()
    nets = list(channel_of(step.before, identified.channel_id).nets)
    for i, (token, split) in enumerate(
        zip(identified.definition.assets, state.splits, strict=True)
    ):
        expected[identified.definition.broker_low, token] += split.out_low
        expected[identified.definition.broker_high, token] += split.out_high
        nets[i] = (nets[i][0] - split.out_low, nets[i][1] - split.out_high)
    after = channel_of(step.after, identified.channel_id)
    return _ledger_changes(step) == +expected and after.nets == tuple(nets)


# SETTLEMENT


def legs_move_together(step: Step) -> bool:
    """An execution delivers every leg once; every leg is paid once, when funded or when run."""
    moves = [effect for effect in step.effects if isinstance(effect, OrderExecuted | OrderFunded)]
    if not moves:
        return True
    expected: Counter[Ledger] = Counter()
    for effect in moves:
        definition = step.after.definitions[effect.id].definition
        before = channel_of(step.before, effect.id)
        is_locked = before.order_version == effect.version and effect.id in step.before.locks
        for leg in effect.legs:
            if is_locked and before.order_flags & effect.sides & _flag(leg.payer):
                return False  # paid twice
            if effect.sides & _flag(leg.payer):
                expected[definition.broker(leg.payer), leg.token] -= leg.amount
            if isinstance(effect, OrderExecuted):
                expected[definition.broker(leg.payer.other), leg.token] += leg.amount
    return _ledger_changes(step) == _nonzero(expected)


def order_runs_once(step: Step) -> bool:
    """An order executes only if its version's order has neither run nor been given back."""
    return all(
        not (
            channel_of(step.before, effect.id).order_version == effect.version
            and channel_of(step.before, effect.id).order_flags & (EXECUTED | REFUNDED)
        )
        for effect in step.effects
        if isinstance(effect, OrderExecuted)
    )


def refund_is_exact(step: Step) -> bool:
    """A refund gives back exactly what was locked, to who locked it, under the same order."""
    for effect in step.effects:
        if not isinstance(effect, OrderRefunded):
            continue
        locked = step.before.locks.get(effect.id)
        if locked is None or locked.order_hash != effect.order:
            return False
        definition = step.after.definitions[effect.id].definition
        flags = channel_of(step.before, effect.id).order_flags
        expected: Counter[Ledger] = Counter()
        for leg in locked.order.legs:
            if flags & _flag(leg.payer):
                expected[definition.broker(leg.payer), leg.token] += leg.amount
        if _ledger_changes(step) != expected:
            return False
    return True


def default_is_earned(step: Step) -> bool:
    """A default falls on the side that did not fund while the other did, after its grace."""
    if not isinstance(step.call, Finalize):
        return True
    state = step.call.hashed.state
    channel = channel_of(step.before, step.call.identified.channel_id)
    flags = channel.order_flags & (LOW_FUNDED | HIGH_FUNDED)
    is_late = step.env.now >= state.condition.expiry + step.before.params.grace
    is_own = channel.order_version == state.version
    for effect in step.effects:
        match effect:
            case Finalized(outcome=Outcome.LOW_DEFAULTED):
                return is_own and is_late and flags == HIGH_FUNDED
            case Finalized(outcome=Outcome.HIGH_DEFAULTED):
                return is_own and is_late and flags == LOW_FUNDED
            case _:
                pass
    return True


def only_ends_of_decided(step: Step) -> bool:
    """No forced end comes while its state's condition could still come out otherwise."""
    if not isinstance(step.call, Finalize):
        return True
    state = step.call.hashed.state
    channel = channel_of(step.before, step.call.identified.channel_id)
    flags = channel.order_flags if channel.order_version == state.version else 0
    now, condition = step.env.now, state.condition
    if condition.kind == ConditionKind.HASHLOCK:
        return bool(flags & REVEALED) or now >= condition.expiry
    if condition.kind == ConditionKind.ORDER:
        return bool(flags & EXECUTED) or now >= condition.expiry + step.before.params.grace
    return True


def ends_hold_no_lock(step: Step) -> bool:
    """A lock leaves by its own order's execution or refund, never by an end or another order."""
    released = step.before.locks.keys() - step.after.locks.keys()
    if any(
        channel_id in step.before.locks and step.before.locks[channel_id] != order
        for channel_id, order in step.after.locks.items()
    ):
        return False
    orders = {
        effect.id: effect.order
        for effect in step.effects
        if isinstance(effect, OrderExecuted | OrderRefunded)
    }
    return all(
        orders.get(channel_id) == step.before.locks[channel_id].order_hash
        for channel_id in released
    )


def locks_are_known(world: World) -> bool:
    """Legs are locked exactly in the live channels whose flags say so, under the stored order."""
    said = {
        channel_id
        for channel_id, channel in world.channels.items()
        if channel.order_flags & (LOW_FUNDED | HIGH_FUNDED)
        and not channel.order_flags & (EXECUTED | REFUNDED)
    }
    return said == world.locks.keys() and all(
        world.channels[channel_id].is_live
        and world.channels[channel_id].order == order.order_hash
        and world.channels[channel_id].order_version == order.order.version
        for channel_id, order in world.locks.items()
    )


# REGISTRY


def slots_are_live_channels(world: World) -> bool:
    """Each broker uses one slot for each of its OPEN and CHALLENGED channels."""
    live: Counter[Address] = Counter()
    for channel_id, channel in world.channels.items():
        if channel.is_live:
            definition = world.definitions[channel_id].definition
            live.update((definition.broker_low, definition.broker_high))
    used = {address: broker.used for address, broker in world.registry.brokers.items()}
    return {address: n for address, n in used.items() if n} == live


# PARTS


def _flag(side: Side) -> int:
    return HIGH_FUNDED if side else LOW_FUNDED


def _moved(step: Step) -> Iterator[tuple[bytes, Channel, Channel]]:
    """Yield each channel that the call changed."""
    for channel_id, after in step.after.channels.items():
        before = channel_of(step.before, channel_id)
        if before is not after:
            yield channel_id, before, after


def _payouts(step: Step) -> Iterator[tuple[bytes, list[tuple[int, ...]]]]:
    """Yield by channel what its end paid of each asset: every amount, of ledgers and pushes."""
    for effect in step.effects:
        match effect:
            case Finalized(id=channel_id, credited=credited):
                yield channel_id, [(pair.low, pair.high) for pair in credited]
            case Closed(id=channel_id, payouts=payouts):
                yield (
                    channel_id,
                    [
                        (paid.credited_low, paid.credited_high, paid.sent_low, paid.sent_high)
                        for paid in payouts
                    ],
                )
            case _:
                pass


def _ledger_changes(step: Step) -> dict[Ledger, int]:
    before, after = step.before.ledgers, step.after.ledgers
    return _nonzero(
        {key: after.get(key, 0) - before.get(key, 0) for key in before.keys() | after.keys()}
    )


def _nonzero(changes: dict[Ledger, int]) -> dict[Ledger, int]:
    return {key: change for key, change in changes.items() if change}


def _has_named_signers(world: World, identified: IdentifiedDef) -> bool:
    definition = identified.definition
    return all(
        broker_of(world.registry, definition.broker(side)).signer == definition.signer(side)
        for side in Side
    )


def _may_take_from(step: Step, loser: Address) -> bool:
    match step.call:
        case Deposit() | Withdraw() | DepositCollateral():
            return step.env.sender == loser
        case WithdrawWithAuth(auth, signed):
            return signed and auth.account == loser
        case Open(identified, signed) | Settle(identified, signed):
            definition = identified.definition
            is_theirs = loser in (definition.broker_low, definition.broker_high)
            is_signed = signed.low_signed and signed.high_signed
            return is_theirs and is_signed and _has_named_signers(step.before, identified)
        case FundOrder(identified, signed, _, side):
            definition = identified.definition
            if loser != definition.broker(side) or not (signed.low_signed and signed.high_signed):
                return False
            named = broker_of(step.before.registry, loser).signer
            is_signer = step.env.sender == definition.signer(side) == named
            return step.env.sender == loser or is_signer
        case _:
            return False
