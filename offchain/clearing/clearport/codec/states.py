"""Encode what is signed: definitions, states, settlement orders; and positions, which hold them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from clearing.clearport.codec.primitives import (
    INT128,
    MAX_EPOCH,
    MAX_TIME,
    MAX_UINT8,
    UINT128,
    address,
    decimal,
    each,
    integer,
    natural,
    part,
    signature,
    word,
)
from clearing.clearport.codec.values import decode_table, encode_table
from clearing.client.position import Position
from clearing.client.session import CoSigned
from clearing.peer.v1 import peer_pb2 as pb
from clearing.spec.liabilities import Liabilities
from clearing.spec.rules import MAX_LEGS
from clearing.spec.types import (
    MAX_ASSETS,
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    Leg,
    SettlementOrder,
)
from clearing.spec.units import Address

__all__ = [
    "MAX_SHARES",
    "decode_cosigned",
    "decode_definition",
    "decode_order",
    "decode_position",
    "decode_shares",
    "decode_state",
    "encode_cosigned",
    "encode_definition",
    "encode_order",
    "encode_position",
    "encode_shares",
    "encode_state",
]

MAX_SHARES: Final = 3 * MAX_ASSETS
"""An order's condition names low's shares for each of its three outcomes."""


def encode_definition(definition: ChannelDef) -> pb.ChannelDef:
    """Return what two brokers agree on once. Raises WireError."""
    return pb.ChannelDef(
        chain_id=natural("chain_id", definition.chain_id),
        adjudicator=address("adjudicator", definition.adjudicator),
        broker_low=address("broker_low", definition.broker_low),
        broker_high=address("broker_high", definition.broker_high),
        signer_low=address("signer_low", definition.signer_low),
        signer_high=address("signer_high", definition.signer_high),
        assets=each("assets", _asset, definition.assets, MAX_ASSETS),
        challenge_duration=natural("challenge_duration", definition.challenge_duration, MAX_EPOCH),
        nonce=natural("nonce", definition.nonce),
    )


def decode_definition(definition: pb.ChannelDef) -> ChannelDef:
    """Return what two brokers agree on once. Raises WireError."""
    return ChannelDef(
        chain_id=definition.chain_id,
        adjudicator=address("adjudicator", definition.adjudicator),
        broker_low=address("broker_low", definition.broker_low),
        broker_high=address("broker_high", definition.broker_high),
        signer_low=address("signer_low", definition.signer_low),
        signer_high=address("signer_high", definition.signer_high),
        assets=each("assets", _asset, definition.assets, MAX_ASSETS),
        challenge_duration=definition.challenge_duration,
        nonce=definition.nonce,
    )


def _asset(value: bytes) -> Address:
    return address("", value)


# STATES


@lru_cache(maxsize=256)
def encode_state(state: ClearingState) -> pb.ClearingState:
    """Return a state: not to be changed, since the next one who asks gets the same object.

    A position, a half and a co-signed state have the same one. Raises WireError.
    """
    condition = state.condition
    return pb.ClearingState(
        channel_id=word("channel_id", state.channel_id),
        epoch=natural("epoch", state.epoch, MAX_EPOCH),
        version=natural("version", state.version),
        intent=natural("intent", state.intent, MAX_UINT8),
        splits=each("splits", _encode_split, state.splits, MAX_ASSETS),
        condition=pb.Condition(
            kind=natural("condition.kind", condition.kind, MAX_UINT8),
            ref=word("condition.ref", condition.ref),
            expiry=natural("condition.expiry", condition.expiry, MAX_TIME),
            alt_low=encode_shares("condition.alt_low", condition.alt_low),
        ),
        liabilities_root=word("liabilities_root", state.liabilities_root),
        risk_hash=word("risk_hash", state.risk_hash),
        signed_at=natural("signed_at", state.signed_at, MAX_TIME),
        valid_until=natural("valid_until", state.valid_until, MAX_TIME),
    )


def decode_state(state: pb.ClearingState) -> ClearingState:
    """Return a state. Raises WireError."""
    return ClearingState(
        channel_id=word("channel_id", state.channel_id),
        epoch=state.epoch,
        version=state.version,
        intent=natural("intent", state.intent, MAX_UINT8),
        splits=each("splits", _decode_split, state.splits, MAX_ASSETS),
        condition=part(state, "condition", _decode_condition),
        liabilities_root=word("liabilities_root", state.liabilities_root),
        risk_hash=word("risk_hash", state.risk_hash),
        signed_at=natural("signed_at", state.signed_at, MAX_TIME),
        valid_until=natural("valid_until", state.valid_until, MAX_TIME),
    )


def _decode_condition(condition: pb.Condition) -> Condition:
    return Condition(
        kind=natural("kind", condition.kind, MAX_UINT8),
        ref=word("ref", condition.ref),
        expiry=natural("expiry", condition.expiry, MAX_TIME),
        alt_low=decode_shares("alt_low", condition.alt_low),
    )


def encode_shares(field: str, shares: tuple[int, ...]) -> tuple[str, ...]:
    """Return low's shares of the assets, raw units. Raises WireError."""
    return each(field, lambda share: decimal("", share, UINT128), shares, MAX_SHARES)


def decode_shares(field: str, shares: Sequence[str]) -> tuple[int, ...]:
    """Return low's shares of the assets, raw units. Raises WireError."""
    return each(field, lambda share: integer("", share, UINT128), shares, MAX_SHARES)


def _encode_split(split: AssetSplit) -> pb.AssetSplit:
    return pb.AssetSplit(
        net_low=decimal("net_low", split.net_low, INT128),
        net_high=decimal("net_high", split.net_high, INT128),
        low=decimal("low", split.low, UINT128),
        high=decimal("high", split.high, UINT128),
        out_low=decimal("out_low", split.out_low, UINT128),
        out_high=decimal("out_high", split.out_high, UINT128),
    )


def _decode_split(split: pb.AssetSplit) -> AssetSplit:
    return AssetSplit(
        net_low=integer("net_low", split.net_low, INT128),
        net_high=integer("net_high", split.net_high, INT128),
        low=integer("low", split.low, UINT128),
        high=integer("high", split.high, UINT128),
        out_low=integer("out_low", split.out_low, UINT128),
        out_high=integer("out_high", split.out_high, UINT128),
    )


# ORDERS


def encode_order(order: SettlementOrder) -> pb.SettlementOrder:
    """Return a settlement order. Raises WireError."""
    return pb.SettlementOrder(
        channel_id=word("channel_id", order.channel_id),
        epoch=natural("epoch", order.epoch, MAX_EPOCH),
        version=natural("version", order.version),
        fund_by=natural("fund_by", order.fund_by, MAX_TIME),
        legs=each("legs", _encode_leg, order.legs, MAX_LEGS),
    )


def decode_order(order: pb.SettlementOrder) -> SettlementOrder:
    """Return a settlement order. Raises WireError."""
    return SettlementOrder(
        channel_id=word("channel_id", order.channel_id),
        epoch=order.epoch,
        version=order.version,
        fund_by=natural("fund_by", order.fund_by, MAX_TIME),
        legs=each("legs", _decode_leg, order.legs, MAX_LEGS),
    )


def _encode_leg(leg: Leg) -> pb.Leg:
    return pb.Leg(
        token=address("token", leg.token),
        from_low=leg.from_low,
        amount=decimal("amount", leg.amount, UINT128),
    )


def _decode_leg(leg: pb.Leg) -> Leg:
    return Leg(
        token=address("token", leg.token),
        from_low=leg.from_low,
        amount=integer("amount", leg.amount, UINT128),
    )


# WHAT IS MADE OF THEM


def encode_cosigned(full: CoSigned) -> pb.CoSigned:
    """Return a state with both signatures. Raises WireError."""
    low, high = full.signatures
    return pb.CoSigned(
        state=encode_state(full.state),
        low=low.to_bytes(),
        high=high.to_bytes(),
        order=None if full.order is None else encode_order(full.order),
    )


def decode_cosigned(full: pb.CoSigned) -> CoSigned:
    """Return a state with both signatures, which are not judged here. Raises WireError."""
    return CoSigned(
        state=part(full, "state", decode_state),
        signatures=(signature("low", full.low), signature("high", full.high)),
        order=part(full, "order", decode_order) if full.HasField("order") else None,
    )


def encode_position(position: Position) -> pb.Position:
    """Return where a channel stands. Raises WireError."""
    return pb.Position(
        channel_id=word("channel_id", position.channel_id),
        epoch=natural("epoch", position.epoch, MAX_EPOCH),
        state=None if position.state is None else encode_state(position.state),
        liabilities=encode_table("liabilities", position.liabilities),
        variation=each("variation", lambda raw: decimal("", raw), position.variation, MAX_ASSETS),
        order=None if position.order is None else encode_order(position.order),
    )


def decode_position(position: pb.Position) -> Position:
    """Return where a channel stands. Raises WireError."""
    return Position(
        channel_id=word("channel_id", position.channel_id),
        epoch=position.epoch,
        state=part(position, "state", decode_state) if position.HasField("state") else None,
        liabilities=decode_table("liabilities", Liabilities, position.liabilities),
        variation=each("variation", lambda raw: integer("", raw), position.variation, MAX_ASSETS),
        order=part(position, "order", decode_order) if position.HasField("order") else None,
    )
