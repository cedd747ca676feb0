"""Judge a state against a channel's storage: authority, windows, versions, locks.

What `channel` and `escrow` share. A function that returns a channel gives it as it will be stored
if the call succeeds; nothing is stored here.
"""

from __future__ import annotations

from dataclasses import replace

from clearing.spec.errors import SpecError
from clearing.spec.rules import is_lock_outstanding, require_valid_state
from clearing.spec.types import MAX_VERSION, HashedState, IdentifiedDef, SignedState, Status
from clearing.spec.world import Channel, Env, World, channel_of

__all__ = [
    "admitted",
    "enforced",
    "flags_of",
    "require_in_time",
    "require_live",
    "require_newer",
    "require_no_lock",
    "require_signed",
    "require_state",
    "turned_to",
]


def require_live(world: World, channel_id: bytes) -> Channel:
    """Return the stored channel if it is OPEN or CHALLENGED. Raises WrongStatus."""
    channel = channel_of(world, channel_id)
    if not channel.is_live:
        raise SpecError("WrongStatus", channel.status)
    return channel


def require_signed(identified: IdentifiedDef, signed: SignedState) -> None:
    """Refuse a state that lacks a signature: BadSignature, low before high."""
    definition = identified.definition
    if not signed.low_signed:
        raise SpecError("BadSignature", definition.signer_low)
    if not signed.high_signed:
        raise SpecError("BadSignature", definition.signer_high)


def require_state(
    world: World, env: Env, identified: IdentifiedDef, signed: SignedState
) -> Channel:
    """Return the live channel that this valid and doubly signed state belongs to.

    Raises WrongStatus, then as `require_valid_state`, then BadSignature.
    """
    channel = require_live(world, identified.channel_id)
    n_assets = len(identified.definition.assets)
    require_valid_state(signed.state, identified.channel_id, channel.epoch, n_assets, env.now)
    require_signed(identified, signed)
    return channel


def require_in_time(channel: Channel, now: int) -> None:
    """Refuse a response at or after the deadline of a challenge: DeadlinePassed."""
    if channel.status is Status.CHALLENGED and now >= channel.deadline:
        raise SpecError("DeadlinePassed", channel.deadline)


def require_newer(version: int, channel: Channel) -> None:
    """Refuse a version that is not above the enforced one: StaleVersion."""
    if version <= channel.enforced_version:
        least = min(channel.enforced_version + 1, MAX_VERSION)
        raise SpecError("StaleVersion", version, least)


def require_no_lock(channel: Channel) -> None:
    """Refuse while legs are locked: LockOutstanding."""
    if is_lock_outstanding(channel.order_flags):
        raise SpecError("LockOutstanding", channel.order)


def enforced(channel: Channel, version: int) -> Channel:
    """Make `version` the least that counts; a challenge is cleared."""
    return replace(channel, status=Status.OPEN, enforced_version=version, deadline=0)


def admitted(channel: Channel, hashed: SignedState | HashedState, now: int) -> Channel:
    """Apply the window of `settle`, `fundOrder` and `reveal`: enforce a version above the present.

    Past the deadline of a challenge only the challenged state is taken, and it changes nothing; an
    equal version never clears a challenge. Raises WrongDigest, StaleVersion.
    """
    version = hashed.state.version
    if channel.status is Status.CHALLENGED and now >= channel.deadline:
        if hashed.state_hash != channel.digest:
            raise SpecError("WrongDigest", hashed.state_hash, channel.digest)
        return channel
    if version < channel.enforced_version:
        raise SpecError("StaleVersion", version, channel.enforced_version)
    return enforced(channel, version) if version > channel.enforced_version else channel


def turned_to(channel: Channel, version: int, order_hash: bytes | None) -> Channel:
    """Point the flags at `version`, which clears another version's; None: no order but a preimage.

    Raises LockOutstanding while legs are locked under another version or order.
    """
    is_same = version == channel.order_version and order_hash == channel.order
    if not is_same:
        require_no_lock(channel)
    if version == channel.order_version:
        return channel
    return replace(channel, order_version=version, order_flags=0)


def flags_of(channel: Channel, version: int) -> int:
    """Return the flags as far as they speak of `version`."""
    return channel.order_flags if channel.order_version == version else 0
