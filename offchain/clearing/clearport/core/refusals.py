"""Name why a proposal is not signed."""

from __future__ import annotations

from enum import StrEnum, unique

__all__ = ["LATER", "UNBLAMED", "Code", "Doubt"]


@unique
class Code(StrEnum):
    """What a Refusal carries."""

    ALARMED = "ALARMED"
    """This channel needs a person on our side."""
    BELOW_FLOOR = "BELOW_FLOOR"
    """We were restored from a backup; the detail is the version to be above."""
    BURNT = "BURNT"
    """The version was refused before."""
    CHAIN = "CHAIN"
    """The contract would not take the state."""
    CLOCK = "CLOCK"
    """The proposal's date is not about our time."""
    DIGEST = "DIGEST"
    """We compute another state from the move."""
    MOVE = "MOVE"
    """The move does not follow from where the channel stands."""
    NOT_AGREED = "NOT_AGREED"
    """Nobody on our side has asked for this or agreed to it."""
    NOT_READY = "NOT_READY"
    """We do not know the chain yet."""
    POLICY = "POLICY"
    """A careful side does not sign this now."""
    PRICE_MISMATCH = "PRICE_MISMATCH"
    """Prices or factors are not about those that we see."""
    STALE_PRICES = "STALE_PRICES"
    """We see no prices now."""
    TRADE_DIFFERS = "TRADE_DIFFERS"
    """We have recorded the trade with other numbers; the detail is its id."""
    TRADE_UNKNOWN = "TRADE_UNKNOWN"
    """We have not recorded the trade; the detail is its id."""
    UNRESOLVED = "UNRESOLVED"
    """The chain does not say with finality that the condition came out like this."""


LATER = frozenset(
    {
        Code.BELOW_FLOOR,
        Code.BURNT,
        Code.CHAIN,
        Code.CLOCK,
        Code.NOT_READY,
        Code.POLICY,
        Code.PRICE_MISMATCH,
        Code.STALE_PRICES,
        Code.UNRESOLVED,
    }
)
"""What may be otherwise in a while: the same move is worth another proposal then."""

UNBLAMED = frozenset(
    {
        Code.BELOW_FLOOR,
        Code.BURNT,
        Code.CLOCK,
        Code.NOT_READY,
        Code.PRICE_MISMATCH,
        Code.STALE_PRICES,
    }
)
"""Why a peer that would pay may refuse a margin call: it sees other prices, or too little."""

Doubt = tuple[Code, str]
"""Why a state is not signed, and the detail."""
