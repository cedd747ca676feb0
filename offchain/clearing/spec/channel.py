"""Open, dispute, resize and end channels: the functions of `IAdjudicator`, one for one.

Each takes the world, who calls and when, and the call's arguments; it returns the next world and
the effects, or raises. The checks stand in the order of the interface.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from clearing.spec.errors import SpecError
from clearing.spec.events import (
    Challenged,
    Checkpointed,
    Closed,
    CollateralDeposited,
    Effects,
    Finalized,
    Opened,
    OpeningsPaused,
    Pull,
    Resized,
    Revealed,
)
from clearing.spec.guards import (
    admitted,
    enforced,
    flags_of,
    require_in_time,
    require_live,
    require_newer,
    require_no_lock,
    require_signed,
    require_state,
    turned_to,
)
from clearing.spec.registry import Registry, TakeResult, release_slots, take_slots
from clearing.spec.rules import (
    PAUSE_GAP_S,
    PAUSE_MAX_S,
    decided_from,
    outcome,
    payouts,
    require_definition,
    require_enforceable,
    require_opening,
    require_valid_state,
)
from clearing.spec.types import (
    REVEALED,
    AssetAmounts,
    AssetFunding,
    AssetPayout,
    ChannelDef,
    ConditionKind,
    HashedState,
    IdentifiedDef,
    Intent,
    Net,
    Side,
    SignedState,
    Status,
)
from clearing.spec.units import Address
from clearing.spec.vault import (
    Amount,
    Receipt,
    arrived,
    credited,
    debited,
    push_all,
    require_exact,
    require_within_cap,
)
from clearing.spec.world import Channel, Env, World, balance_of, channel_of, with_channel

__all__ = [
    "challenge",
    "checkpoint",
    "close_cooperative",
    "deposit_collateral",
    "finalize",
    "lift_pause",
    "open_",
    "pause_openings",
    "resize",
    "reveal",
]

_NO_RECEIPTS: Mapping[tuple[Address, Address], Receipt] = {}
_NAMED_OTHERWISE = {TakeResult.OTHER_SIGNER_LOW: Side.LOW, TakeResult.OTHER_SIGNER_HIGH: Side.HIGH}
_WITHOUT_SLOT = {TakeResult.NO_SLOT_LOW: Side.LOW, TakeResult.NO_SLOT_HIGH: Side.HIGH}


# LIFE CYCLE


def open_(
    world: World,
    env: Env,
    identified: IdentifiedDef,
    signed: SignedState,
    received: Mapping[tuple[Address, Address], Receipt] = _NO_RECEIPTS,
) -> tuple[World, Effects]:
    """Start an epoch: ledgers, then allowances, pay the nets in.

    `received` says by (broker, token) what a pull brought where it was not exactly what was asked.
    Raises WrongStatus, OpeningsArePaused, as `require_definition`, as `require_valid_state`,
    BadSignature, WrongIntent, StateExpired; for each asset BadOpening, TokenNotListed, CapExceeded;
    SignerNotNamed, NoSlot, the token's own failure, InexactTransfer.
    """
    definition, state = identified.definition, signed.state
    channel = channel_of(world, identified.channel_id)
    if channel.is_live:
        raise SpecError("WrongStatus", channel.status)
    if env.now < world.paused_until:
        raise SpecError("OpeningsArePaused", world.paused_until)
    require_definition(definition, world.params)
    assets = definition.assets
    require_valid_state(state, identified.channel_id, channel.epoch, len(assets), env.now)
    require_signed(identified, signed)
    _require_intent(state.intent, Intent.OPEN)
    _require_valid_until(state.valid_until, env.now)
    for i, token in enumerate(assets):
        require_opening(state, i)
        if not world.caps.get(token, 0):
            raise SpecError("TokenNotListed", token)
        require_within_cap(world, token, state.splits[i].net_low)
        require_within_cap(world, token, state.splits[i].net_high)
    seats = _take_slots(world.registry, definition)

    nets = tuple((split.net_low, split.net_high) for split in state.splits)
    funding, pulls, debits = _fund(world, definition, nets, received)
    opened = replace(
        channel,
        status=Status.OPEN,
        enforced_version=state.version,
        nets=nets + channel.nets[len(nets) :],
    )
    world = replace(
        with_channel(world, identified.channel_id, opened),
        registry=seats,
        ledgers=debited(world.ledgers, debits),
        definitions={**world.definitions, identified.channel_id: identified},
    )
    low, high = definition.broker_low, definition.broker_high
    event = Opened(identified.channel_id, low, high, state.epoch, state.version, funding)
    return world, (*pulls, event)


def deposit_collateral(
    world: World, env: Env, identified: IdentifiedDef, token: Address, amount: int
) -> tuple[World, Effects]:
    """Move `amount` raw units of the caller's ledger into the channel.

    Raises WrongStatus, DeadlinePassed, NotBroker, UnknownAsset, ZeroAmount, CapExceeded,
    InsufficientBalance.
    """
    definition = identified.definition
    channel = require_live(world, identified.channel_id)
    require_in_time(channel, env.now)
    if env.sender not in (definition.broker_low, definition.broker_high):
        raise SpecError("NotBroker", env.sender)
    if token not in definition.assets:
        raise SpecError("UnknownAsset", token)
    if amount == 0:
        raise SpecError("ZeroAmount")
    asset = definition.assets.index(token)
    low, high = channel.nets[asset]
    is_low = env.sender == definition.broker_low
    net = (low + amount, high) if is_low else (low, high + amount)
    require_within_cap(world, token, net[0] if is_low else net[1])
    ledgers = debited(world.ledgers, [(env.sender, token, amount)])

    nets = (*channel.nets[:asset], net, *channel.nets[asset + 1 :])
    world = with_channel(world, identified.channel_id, replace(channel, nets=nets))
    event = CollateralDeposited(
        identified.channel_id, Side.LOW if is_low else Side.HIGH, asset, amount
    )
    return replace(world, ledgers=ledgers), (event,)


def checkpoint(
    world: World, env: Env, identified: IdentifiedDef, signed: SignedState
) -> tuple[World, Effects]:
    """Make a version the least that counts; answers a challenge.

    Raises as `require_state`, WrongIntent, StateNotExpired (a RESIZE that can still run),
    DeadlinePassed, StaleVersion, Unenforceable.
    """
    state = signed.state
    channel = require_state(world, env, identified, signed)
    _require_intent(state.intent, Intent.OPERATE, Intent.SETTLE, Intent.RESIZE)
    if state.intent == Intent.RESIZE and env.now < state.valid_until:
        raise SpecError("StateNotExpired", state.valid_until)
    require_in_time(channel, env.now)
    require_newer(state.version, channel)
    require_enforceable(state, channel.nets)

    world = with_channel(world, identified.channel_id, enforced(channel, state.version))
    return world, (Checkpointed(identified.channel_id, state.epoch, state.version),)


def challenge(
    world: World,
    env: Env,
    identified: IdentifiedDef,
    signed: SignedState,
    *,
    intent_signed: bool | None = None,
) -> tuple[World, Effects]:
    """Start a challenge, or raise one.

    `intent_signed`: None without a ChallengeIntent, else whether either signer signed one for
    exactly this state. Raises as `require_state`, NotParty, WrongIntent, StaleVersion (an OPEN
    state that is not the enforced one), DeadlinePassed, StaleVersion, Unenforceable.
    """
    state = signed.state
    channel = require_state(world, env, identified, signed)
    if not (
        _is_party(identified.definition, env.sender) if intent_signed is None else intent_signed
    ):
        raise SpecError("NotParty", env.sender)
    if state.intent == Intent.CLOSE:
        raise SpecError("WrongIntent", state.intent)
    _require_challenging(state.intent, state.version, channel, env.now)
    require_enforceable(state, channel.nets)

    is_first = channel.status is Status.OPEN
    deadline = env.now + identified.definition.challenge_duration if is_first else channel.deadline
    challenged = replace(
        channel,
        status=Status.CHALLENGED,
        enforced_version=state.version,
        deadline=deadline,
        digest=signed.state_hash,
    )
    event = Challenged(
        identified.channel_id, state.epoch, state.version, signed.state_hash, deadline
    )
    return with_channel(world, identified.channel_id, challenged), (event,)


def resize(
    world: World, env: Env, identified: IdentifiedDef, signed: SignedState
) -> tuple[World, Effects]:
    """Take collateral out to the ledgers.

    Raises as `require_state`, WrongIntent, StateExpired, DeadlinePassed, StaleVersion,
    LockOutstanding, Unenforceable (net > net on chain - out).
    """
    state = signed.state
    channel = require_state(world, env, identified, signed)
    _require_intent(state.intent, Intent.RESIZE)
    _require_valid_until(state.valid_until, env.now)
    require_in_time(channel, env.now)
    require_newer(state.version, channel)
    require_no_lock(channel)
    n_assets = len(state.splits)
    nets = tuple(
        (low - split.out_low, high - split.out_high)
        for split, (low, high) in zip(state.splits, channel.nets, strict=False)
    )
    require_enforceable(state, nets)

    outs = tuple(AssetAmounts(split.out_low, split.out_high) for split in state.splits)
    resized = replace(enforced(channel, state.version), nets=nets + channel.nets[n_assets:])
    ledgers = credited(world.ledgers, _owed(identified.definition, outs))
    world = replace(with_channel(world, identified.channel_id, resized), ledgers=ledgers)
    return world, (Resized(identified.channel_id, state.epoch, state.version, outs),)


def reveal(
    world: World, env: Env, identified: IdentifiedDef, signed: SignedState, preimage: bytes
) -> tuple[World, Effects]:
    """Publish the preimage of a state's hash lock.

    Raises as `require_state`, WrongCondition (no hash lock), WrongDigest, StaleVersion,
    Unenforceable, LockOutstanding, AlreadyRevealed, WrongPreimage, RevealTooLate.
    """
    state = signed.state
    channel = require_state(world, env, identified, signed)
    condition = state.condition
    if condition.kind != ConditionKind.HASHLOCK:
        raise SpecError("WrongCondition", state.intent, condition.kind)
    channel = admitted(channel, signed, env.now)
    require_enforceable(state, channel.nets)
    channel = turned_to(channel, state.version, None)
    if channel.order_flags & REVEALED:
        raise SpecError("AlreadyRevealed")
    if hashlib.sha256(preimage).digest() != condition.ref:
        raise SpecError("WrongPreimage", preimage)
    if env.now >= condition.expiry:
        raise SpecError("RevealTooLate", condition.expiry)

    channel = replace(channel, order_flags=channel.order_flags | REVEALED)
    event = Revealed(identified.channel_id, state.epoch, state.version, preimage)
    return with_channel(world, identified.channel_id, channel), (event,)


def close_cooperative(
    world: World,
    env: Env,
    identified: IdentifiedDef,
    signed: SignedState,
    refused: frozenset[tuple[Address, Address]] = frozenset(),
) -> tuple[World, Effects]:
    """End at once: `out` to the brokers' addresses, the rest to their ledgers.

    `refused` names the (broker, token) whose transfer fails; it becomes a ledger credit.
    Raises as `require_state`, WrongIntent, StateExpired, StaleVersion, LockOutstanding,
    Unenforceable.
    """
    definition, state = identified.definition, signed.state
    channel = require_state(world, env, identified, signed)
    _require_intent(state.intent, Intent.CLOSE)
    _require_valid_until(state.valid_until, env.now)
    require_newer(state.version, channel)
    require_no_lock(channel)
    require_enforceable(state, channel.nets)

    sent = tuple(AssetAmounts(split.out_low, split.out_high) for split in state.splits)
    kept = tuple(
        AssetAmounts(paid.low - out.low, paid.high - out.high)
        for paid, out in zip(payouts(state, channel.nets), sent, strict=True)
    )
    world = _end(world, identified, channel, kept)
    ledgers, pushes = push_all(world.ledgers, _owed(definition, sent), refused)
    paid = tuple(
        AssetPayout(here.low, here.high, there.low, there.high)
        for here, there in zip(kept, sent, strict=True)
    )
    event = Closed(identified.channel_id, state.epoch, state.version, paid)
    return replace(world, ledgers=ledgers), (event, *pushes)


def finalize(
    world: World, env: Env, identified: IdentifiedDef, hashed: HashedState
) -> tuple[World, Effects]:
    """End by the challenged state once its deadline has passed and its condition is decided.

    Raises WrongStatus, DeadlineNotReached, WrongDigest, LockOutstanding, ConditionOpen; never once
    these hold.
    """
    state = hashed.state
    channel = channel_of(world, identified.channel_id)
    if channel.status is not Status.CHALLENGED:
        raise SpecError("WrongStatus", channel.status)
    if env.now < channel.deadline:
        raise SpecError("DeadlineNotReached", channel.deadline)
    if hashed.state_hash != channel.digest:
        raise SpecError("WrongDigest", hashed.state_hash, channel.digest)
    require_no_lock(channel)
    flags = flags_of(channel, state.version)
    not_before = decided_from(state.condition, flags, world.params.grace)
    if env.now < not_before:
        raise SpecError("ConditionOpen", not_before)

    result = outcome(state.condition, flags)
    paid = payouts(state, channel.nets, result)
    event = Finalized(identified.channel_id, state.epoch, state.version, result, paid)
    return _end(world, identified, channel, paid), (event,)


# GUARDIAN


def pause_openings(world: World, env: Env, until: int) -> tuple[World, Effects]:
    """Refuse new openings until `until`, at most for 72 hours.

    Raises NotGuardian, PauseTooSoon, PauseInPast.
    """
    if env.sender != world.params.guardian:
        raise SpecError("NotGuardian", env.sender)
    if env.now < world.paused_until + PAUSE_GAP_S:
        raise SpecError("PauseTooSoon", world.paused_until + PAUSE_GAP_S)
    if until <= env.now:
        raise SpecError("PauseInPast", until)

    until = min(until, env.now + PAUSE_MAX_S)
    return replace(world, paused_until=until), (OpeningsPaused(until),)


def lift_pause(world: World, env: Env) -> tuple[World, Effects]:
    """Let openings go on; nothing happens if no pause is running. Raises NotTimelock."""
    if env.sender != world.params.timelock:
        raise SpecError("NotTimelock", env.sender)
    if env.now >= world.paused_until:
        return world, ()

    return replace(world, paused_until=env.now), (OpeningsPaused(env.now),)


# PARTS


def _require_intent(intent: int, *allowed: Intent) -> None:
    if intent not in allowed:
        raise SpecError("WrongIntent", intent)


def _require_valid_until(valid_until: int, now: int) -> None:
    if now >= valid_until:
        raise SpecError("StateExpired", valid_until)


def _require_challenging(intent: int, version: int, channel: Channel, now: int) -> None:
    if intent == Intent.OPEN and version != channel.enforced_version:
        raise SpecError("StaleVersion", version, channel.enforced_version)
    if channel.status is Status.CHALLENGED:
        require_in_time(channel, now)
        require_newer(version, channel)
    elif version < channel.enforced_version:
        raise SpecError("StaleVersion", version, channel.enforced_version)


def _is_party(definition: ChannelDef, caller: Address) -> bool:
    return caller in (
        definition.broker_low,
        definition.broker_high,
        definition.signer_low,
        definition.signer_high,
    )


def _take_slots(seats: Registry, definition: ChannelDef) -> Registry:
    """Take a slot of each broker for the keys that the definition names. SignerNotNamed, NoSlot."""
    seats, code = take_slots(
        seats,
        definition.adjudicator,
        definition.broker_low,
        definition.signer_low,
        definition.broker_high,
        definition.signer_high,
    )
    if code in _NAMED_OTHERWISE:
        side = _NAMED_OTHERWISE[code]
        raise SpecError("SignerNotNamed", definition.broker(side), definition.signer(side))
    if code in _WITHOUT_SLOT:
        raise SpecError("NoSlot", definition.broker(_WITHOUT_SLOT[code]))
    return seats


def _fund(
    world: World,
    definition: ChannelDef,
    nets: tuple[Net, ...],
    received: Mapping[tuple[Address, Address], Receipt],
) -> tuple[tuple[AssetFunding, ...], list[Pull], list[Amount]]:
    """Divide each net between ledger and allowance, asset by asset, the low side first.

    What both sides' pulls of a token bring is judged by its sum, as the vault's balance shows it.
    """
    funding: list[AssetFunding] = []
    pulls: list[Pull] = []
    debits: list[Amount] = []
    for token, net in zip(definition.assets, nets, strict=True):
        pulled = [0, 0]
        got = 0
        for side in Side:
            broker = definition.broker(side)
            from_ledger = min(balance_of(world.ledgers, broker, token), net[side])
            debits.append((broker, token, from_ledger))
            pulled[side] = net[side] - from_ledger
            if pulled[side]:
                got += arrived(pulled[side], received.get((broker, token)))
                pulls.append(Pull(token, broker, pulled[side]))
        require_exact(token, got, sum(pulled))
        funding.append(AssetFunding(token, net[0], net[1], pulled[0], pulled[1]))
    return tuple(funding), pulls, debits


def _owed(definition: ChannelDef, amounts: tuple[AssetAmounts, ...]) -> list[Amount]:
    """List what is not zero, asset by asset, the low side first."""
    owed: list[Amount] = []
    for token, pair in zip(definition.assets, amounts, strict=True):
        if pair.low:
            owed.append((definition.broker_low, token, pair.low))
        if pair.high:
            owed.append((definition.broker_high, token, pair.high))
    return owed


def _end(
    world: World, identified: IdentifiedDef, channel: Channel, paid: tuple[AssetAmounts, ...]
) -> World:
    """Pay to the ledgers, give the slots back, and start the next epoch with nothing enforced."""
    definition = identified.definition
    ended = replace(
        channel,
        status=Status.IDLE,
        epoch=channel.epoch + 1,
        enforced_version=0,
        deadline=0,
        order_version=0,
        order_flags=0,
    )
    return replace(
        with_channel(world, identified.channel_id, ended),
        ledgers=credited(world.ledgers, _owed(definition, paid)),
        registry=release_slots(
            world.registry,
            definition.adjudicator,
            definition.broker_low,
            definition.broker_high,
        ),
    )
