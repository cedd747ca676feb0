"""Build small worlds for schedules on the model: few brokers, four tokens, short clocks."""

from __future__ import annotations

import hashlib

from clearing.spec import registry
from clearing.spec.types import (
    AssetSplit,
    ChannelDef,
    ClearingState,
    HashedOrder,
    HashedState,
    IdentifiedDef,
    Params,
    SettlementOrder,
    Side,
    SignedState,
)
from clearing.spec.units import Address
from clearing.spec.world import World


def address(n: int) -> Address:
    return Address(n.to_bytes(20, "big"))


ADJUDICATOR, TIMELOCK, GUARDIAN, YELLOW = (address(n) for n in range(0xA1, 0xA5))
BROKERS = (address(0x10), address(0x20))
SIGNERS = (address(0x11), address(0x21))
OTHER_SIGNERS = (address(0x12), address(0x22))
OUTSIDER = address(0x30)
VICTIM, VICTIM_SIGNER = address(0x40), address(0x41)
TOKENS = tuple(address(n) for n in range(0xC0, 0xC4))

GENESIS = 1_000_000
GRACE = 8
DURATION = 12
WEALTH = 100_000

PARAMS = Params(
    chain_id=1,
    adjudicator=ADJUDICATOR,
    timelock=TIMELOCK,
    guardian=GUARDIAN,
    min_challenge=DURATION,
    max_challenge=5 * DURATION,
    grace=GRACE,
)


def hashed(value: object) -> bytes:
    """Stand in for hashStruct: injective as far as SHA-256 is, and the same in every run."""
    return hashlib.sha256(repr(value).encode()).digest()


def identified(
    assets: tuple[Address, ...],
    nonce: int = 0,
    brokers: tuple[Address, Address] = BROKERS,
    signers: tuple[Address, Address] = SIGNERS,
) -> IdentifiedDef:
    definition = ChannelDef(
        chain_id=PARAMS.chain_id,
        adjudicator=ADJUDICATOR,
        broker_low=brokers[0],
        broker_high=brokers[1],
        signer_low=signers[0],
        signer_high=signers[1],
        assets=assets,
        challenge_duration=DURATION,
        nonce=nonce,
    )
    return IdentifiedDef(definition, hashed(definition))


def signed(state: ClearingState) -> SignedState:
    return SignedState(state, hashed(state))


def plain(state: SignedState) -> HashedState:
    return HashedState(state.state, state.state_hash)


def ordered(order: SettlementOrder) -> HashedOrder:
    return HashedOrder(order, hashed(order))


def net_of(split: AssetSplit, side: Side) -> int:
    return split.net_high if side else split.net_low


def genesis(lots: int = 1) -> World:
    """Both brokers and a bystander have named their signers, staked, and paid every token in."""
    seats = registry.Registry(YELLOW, ADJUDICATOR)
    owners = (*zip(BROKERS, SIGNERS, strict=True), (VICTIM, VICTIM_SIGNER))
    for broker, signer in owners:
        seats, _ = registry.stake(seats, broker, lots * registry.LOT)
        seats, _ = registry.set_signer(seats, broker, signer)
    return World(
        params=PARAMS,
        registry=seats,
        ledgers={(broker, token): WEALTH for broker, _ in owners for token in TOKENS},
        caps=dict.fromkeys(TOKENS, WEALTH),
    )
