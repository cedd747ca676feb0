"""Judge what brokers sign exactly as the contract will: its hashes, its signature rule, its checks.

The checks are the specification's; this module only adds what the specification asks its caller
for: EIP-712 hashes, and whether each signature is its signer's.
"""

from __future__ import annotations

from clearing.channel.codec import (
    channel_id,
    hash_auth,
    hash_intent,
    hash_order,
    hash_state,
    signing_digest,
)
from clearing.channel.signatures import Signature, is_signed_by
from clearing.spec.errors import SpecError
from clearing.spec.guards import require_newer
from clearing.spec.rules import require_enforceable, require_opening, require_valid_state
from clearing.spec.types import (
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    HashedOrder,
    HashedState,
    IdentifiedDef,
    Intent,
    SettlementOrder,
    Side,
    SignedState,
    WithdrawAuth,
)
from clearing.spec.world import Channel

__all__ = [
    "authenticate",
    "hashed",
    "hashed_order",
    "identify",
    "is_auth_signed",
    "is_intent_signed",
    "require_successor",
    "validate_proposal",
]


def identify(definition: ChannelDef) -> IdentifiedDef:
    """Return the definition with its id. Raises CodecError."""
    return IdentifiedDef(definition, channel_id(definition))


def hashed(state: ClearingState) -> HashedState:
    """Return the state with its hash. Raises CodecError."""
    return HashedState(state, hash_state(state))


def hashed_order(order: SettlementOrder) -> HashedOrder:
    """Return the order with its hash. Raises CodecError."""
    return HashedOrder(order, hash_order(order))


def authenticate(
    separator: bytes,
    definition: ChannelDef,
    state: ClearingState,
    signatures: tuple[Signature, Signature],
) -> SignedState:
    """Return the state with its hash and the verdict on each signature, low and high.

    `separator` is the domain separator of the contract that will judge. Raises CodecError.
    """
    state_hash = hash_state(state)
    digest = signing_digest(separator, state_hash)
    return SignedState(
        state,
        state_hash,
        low_signed=is_signed_by(digest, signatures[Side.LOW], definition.signer_low),
        high_signed=is_signed_by(digest, signatures[Side.HIGH], definition.signer_high),
    )


def is_intent_signed(
    separator: bytes, definition: ChannelDef, state: ClearingState, signature: Signature
) -> bool:
    """Say whether either signer lets anybody challenge with exactly this state."""
    intent = ChallengeIntent(state.channel_id, state.epoch, state.version, hash_state(state))
    digest = signing_digest(separator, hash_intent(intent))
    return any(is_signed_by(digest, signature, definition.signer(side)) for side in Side)


def is_auth_signed(separator: bytes, auth: WithdrawAuth, signature: bytes) -> bool:
    """Say whether the key of `auth.account` signed (65 bytes: r, s, v).

    An account with code answers for itself on chain (ERC-1271); this says nothing about it.
    """
    compact = Signature.from_expanded(signature)
    digest = signing_digest(separator, hash_auth(auth))
    return compact is not None and is_signed_by(digest, compact, auth.account)


def validate_proposal(
    separator: bytes,
    identified: IdentifiedDef,
    channel: Channel,
    state: ClearingState,
    signed_by: Side,
    signature: Signature,
    now: int,
) -> SignedState:
    """Return a peer's proposal if the chain, as it stands, would take it once countersigned.

    `channel` is what the chain stores, `now` its time. Whether it is wise to countersign is for
    `clearing.channel.policy`. Raises CodecError; SpecError as `require_valid_state`, BadSignature,
    WrongStatus, StaleVersion, BadOpening, Unenforceable.
    """
    definition = identified.definition
    n_assets = len(definition.assets)
    require_valid_state(state, identified.channel_id, channel.epoch, n_assets, now)
    state_hash = hash_state(state)
    if not is_signed_by(
        signing_digest(separator, state_hash), signature, definition.signer(signed_by)
    ):
        raise SpecError("BadSignature", definition.signer(signed_by))
    require_successor(channel, state)
    return SignedState(
        state, state_hash, low_signed=signed_by is Side.LOW, high_signed=signed_by is Side.HIGH
    )


def require_successor(channel: Channel, state: ClearingState) -> None:
    """Refuse a valid state that the chain, as it stores `channel`, would not take next.

    Raises SpecError: WrongStatus, StaleVersion, BadOpening, Unenforceable.
    """
    if channel.is_live is (state.intent == Intent.OPEN):
        raise SpecError("WrongStatus", channel.status)
    require_newer(state.version, channel)
    if state.intent == Intent.OPEN:
        for asset in range(len(state.splits)):
            require_opening(state, asset)
    else:
        require_enforceable(state, channel.nets)
