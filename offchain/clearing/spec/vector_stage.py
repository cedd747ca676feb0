"""Set the stage of the test vectors: two brokers, their channel, and how far it has come.

Hashes are stand-ins (SHA-256 of the value's text): the model asks only that they differ.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from clearing.spec import registry
from clearing.spec.calls import (
    Call,
    Challenge,
    Checkpoint,
    CloseCooperative,
    FundOrder,
    Open,
    Settle,
)
from clearing.spec.types import (
    ZERO_WORD,
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    HashedOrder,
    HashedState,
    IdentifiedDef,
    Intent,
    Leg,
    Params,
    SettlementOrder,
    Side,
    SignedState,
)
from clearing.spec.units import DAY_S, Address
from clearing.spec.world import Env, World

__all__ = [
    "ADJUDICATOR",
    "BROKER_HIGH",
    "BROKER_LOW",
    "CHANNEL",
    "COIN",
    "DOLLAR",
    "GUARDIAN",
    "LOCKED",
    "NOW",
    "ORDER",
    "OUTSIDER",
    "PREIMAGE",
    "SETTLING",
    "SIGNER_HIGH",
    "SIGNER_LOW",
    "TIMELOCK",
    "Stage",
    "address",
    "at",
    "genesis",
    "ordered",
    "plain",
    "signed",
    "stage",
    "state",
    "with_def",
]


def address(n: int) -> Address:
    """Return the n-th address."""
    return Address(n.to_bytes(20, "big"))


ADJUDICATOR, YELLOW, TIMELOCK, GUARDIAN, OUTSIDER = (address(0xA0 + n) for n in range(5))
BROKER_LOW, BROKER_HIGH, SIGNER_LOW, SIGNER_HIGH = (address(0xB0 + n) for n in range(4))
DOLLAR, COIN = address(0xC0), address(0xC1)

NOW = 1_800_000_000
GRACE_S = DAY_S
UNIT = 10**6
PREIMAGE = bytes(range(32))

PARAMS = Params(
    chain_id=10,
    adjudicator=ADJUDICATOR,
    timelock=TIMELOCK,
    guardian=GUARDIAN,
    min_challenge=DAY_S,
    max_challenge=7 * DAY_S,
    grace=GRACE_S,
)


def _hashed(value: object) -> bytes:
    return hashlib.sha256(repr(value).encode()).digest()


def with_def(**changes: object) -> IdentifiedDef:
    """Identify the stage's definition, changed."""
    definition = ChannelDef(
        chain_id=PARAMS.chain_id,
        adjudicator=ADJUDICATOR,
        broker_low=BROKER_LOW,
        broker_high=BROKER_HIGH,
        signer_low=SIGNER_LOW,
        signer_high=SIGNER_HIGH,
        assets=(DOLLAR, COIN),
        challenge_duration=2 * DAY_S,
        nonce=1,
    )
    definition = replace(definition, **changes)  # type: ignore[arg-type]  # checked by field name
    return IdentifiedDef(definition, _hashed(definition))


CHANNEL = with_def()
NETS = ((10_000 * UNIT, 10_000 * UNIT), (5 * UNIT, 0))
SPLITS = (
    AssetSplit(*NETS[0], low=9_500 * UNIT, high=10_500 * UNIT),
    AssetSplit(*NETS[1], low=4 * UNIT, high=1 * UNIT),
)
OPENING = tuple(AssetSplit(low, high, low, high) for low, high in NETS)


def state(version: int, intent: int, **changes: object) -> SignedState:
    """Sign a valid state of the stage's channel, changed."""
    drawn = ClearingState(
        channel_id=CHANNEL.channel_id,
        epoch=0,
        version=version,
        intent=intent,
        splits=OPENING if intent == Intent.OPEN else SPLITS,
        liabilities_root=ZERO_WORD if intent == Intent.CLOSE else b"\x11" * 32,
        risk_hash=b"\x22" * 32,
        signed_at=NOW,
        valid_until=(NOW + DAY_S if intent in (Intent.OPEN, Intent.RESIZE, Intent.CLOSE) else 0),
    )
    return signed(replace(drawn, **changes))  # type: ignore[arg-type]  # checked by field name


def signed(drawn: ClearingState) -> SignedState:
    """Sign a state with both keys."""
    return SignedState(drawn, _hashed(drawn))


def plain(both: SignedState) -> HashedState:
    """Take the signatures off."""
    return HashedState(both.state, both.state_hash)


def ordered(order: SettlementOrder) -> HashedOrder:
    """Hash an order."""
    return HashedOrder(order, _hashed(order))


def _settling() -> tuple[SignedState, HashedOrder]:
    fund_by = NOW + DAY_S
    legs = (Leg(COIN, from_low=True, amount=2 * UNIT), Leg(DOLLAR, from_low=False, amount=7_000))
    order = ordered(SettlementOrder(CHANNEL.channel_id, 0, 4, fund_by, legs))
    thousand = 1_000 * UNIT
    condition = Condition(
        ConditionKind.ORDER,
        order.order_hash,
        fund_by,
        (10 * thousand, 4 * UNIT, 8 * thousand, 3 * UNIT, 12 * thousand, 5 * UNIT),
    )
    return state(4, Intent.SETTLE, condition=condition), order


SETTLING, ORDER = _settling()
LOCKED = state(
    3,
    Intent.OPERATE,
    condition=Condition(
        ConditionKind.HASHLOCK,
        hashlib.sha256(PREIMAGE).digest(),
        NOW + 5 * DAY_S,
        (11_000 * UNIT, 2 * UNIT),
    ),
)


def genesis() -> World:
    """Both brokers have staked, named their signers and paid both tokens in."""
    seats = registry.Registry(YELLOW, ADJUDICATOR)
    for broker, signer in ((BROKER_LOW, SIGNER_LOW), (BROKER_HIGH, SIGNER_HIGH)):
        seats, _ = registry.stake(seats, broker, registry.LOT)
        seats, _ = registry.set_signer(seats, broker, signer)
    brokers = (BROKER_LOW, BROKER_HIGH)
    return World(
        params=PARAMS,
        registry=seats,
        ledgers={(broker, token): 12_000 * UNIT for broker in brokers for token in (DOLLAR, COIN)},
        caps={DOLLAR: 50_000 * UNIT, COIN: 50_000 * UNIT},
    )


def at(second: int, sender: Address = OUTSIDER) -> Env:
    """Call `second` seconds after the stage's start."""
    return Env(NOW + second, sender)


@dataclass(frozen=True, slots=True)
class Stage:
    """Worlds that calls of a vector start from."""

    new: World
    open: World
    challenged: World
    low_funded: World
    settled: World
    closed: World


def _after(world: World, *calls: tuple[Env, Call]) -> World:
    for env, call in calls:
        world, _ = call.apply(world, env)
    return world


def stage() -> Stage:
    """Play the stage's life up to each of its worlds."""
    new = genesis()
    opened = _after(
        new,
        (at(0), Open(CHANNEL, state(1, Intent.OPEN))),
        (at(1), Checkpoint(CHANNEL, state(2, Intent.OPERATE))),
    )
    return Stage(
        new=new,
        open=opened,
        challenged=_after(
            opened, (at(0, BROKER_LOW), Challenge(CHANNEL, state(2, Intent.OPERATE)))
        ),
        low_funded=_after(
            opened, (at(2, BROKER_LOW), FundOrder(CHANNEL, SETTLING, ORDER, Side.LOW))
        ),
        settled=_after(opened, (at(2), Settle(CHANNEL, SETTLING, ORDER))),
        closed=_after(opened, (at(3), CloseCooperative(CHANNEL, state(5, Intent.CLOSE)))),
    )
