"""Hold the states that a tower may answer with: what both have signed, and which of it matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clearing.channel.codec import domain_separator, hash_state, signing_digest
from clearing.channel.signatures import is_signed_by
from clearing.channel.validate import identify
from clearing.clearport.errors import WireError
from clearing.client.session import CoSigned
from clearing.spec.types import ChannelDef, Intent, Side

__all__ = ["ALWAYS_GOOD", "Kept", "require_signed", "worth_keeping"]

ALWAYS_GOOD = (Intent.OPERATE, Intent.SETTLE)


@dataclass(frozen=True, slots=True)
class Kept:
    """A state that both have signed, with its channel's definition."""

    definition: ChannelDef
    full: CoSigned

    @property
    def channel_id(self) -> bytes:
        """The channel's id, as the state names it."""
        return self.full.state.channel_id

    @property
    def place(self) -> tuple[int, int]:
        """Where the state stands in its channel: epoch, then version."""
        return self.full.state.epoch, self.full.state.version


def require_signed(kept: Kept) -> None:
    """Refuse a state of another channel, or without both signers' signatures. Raises WireError."""
    definition, full = kept.definition, kept.full
    if identify(definition).channel_id != full.state.channel_id:
        raise WireError("is of another channel", "export the states again", field="definition")
    separator = domain_separator(definition.chain_id, definition.adjudicator)
    digest = signing_digest(separator, hash_state(full.state))
    for side, signature in zip(Side, full.signatures, strict=True):
        if not is_signed_by(digest, signature, definition.signer(side)):
            field = f"signatures.{side.name.lower()}"
            raise WireError("is not the signer's", "export the states again", field=field)


def worth_keeping(states: Iterable[Kept]) -> tuple[Kept, ...]:
    """Return, of one channel's states, those that an answer may need, the newest first.

    Of the latest epoch: the newest state, and the newest that can be checkpointed at any time, for
    a CLOSE or a RESIZE may be out of time or in the way of a lock when it is needed.
    """
    newest_first = sorted(states, key=lambda kept: kept.place, reverse=True)
    if not newest_first:
        return ()
    newest = newest_first[0]
    for kept in newest_first:
        is_same_life = kept.place[0] == newest.place[0]
        if is_same_life and kept.full.state.intent in ALWAYS_GOOD:
            return (newest,) if kept == newest else (newest, kept)
    return (newest,)
