"""Name what an operator is told."""

from __future__ import annotations

from enum import StrEnum, unique

__all__ = ["Kind"]


@unique
class Kind(StrEnum):
    """The kinds of `Notify`."""

    AGREED = "agreed"
    """Both have signed a move other than a booking of trades."""
    BEHIND = "peer_behind"
    """The peer has lost states that both have signed."""
    CHALLENGED = "challenged"
    """A challenge stands on the chain."""
    CLOSED = "closed"
    """The chain has ended the epoch, with finality."""
    DIVERGED = "diverged"
    """Two digests for one version: nothing more is signed in this epoch."""
    EXPIRED = "request_expired"
    FORCED = "forced"
    """Policy ends the channel by a challenge; `why` says why."""
    FUNDING_SHORT = "funding_short"
    """Our ledger does not hold what we have to deliver."""
    KEY_FAULT = "key_fault"
    """The key has signed something that does not verify."""
    LIED = "peer_lied"
    """The peer has said what it may not say; `what` names it."""
    MARGIN_EXHAUSTED = "margin_exhausted"
    """The risk is as large as the collateral behind it."""
    MARGIN_HIGH = "margin_high"
    """The risk has reached the share of the collateral at which to settle or top up."""
    ORDER_DEFAULTED = "order_defaulted"
    """One side alone has funded a settlement: only a forced end is left."""
    RECOVERING = "recovering"
    """We have lost what we had signed."""
    REFUSED = "proposal_refused"
    """One side has refused the other's version; `by` says which."""
    REJECTED = "request_rejected"
    REQUEST = "request"
    """The peer asks for something that needs a yes or no."""
    REQUEST_FAILED = "request_failed"
    """What was wanted cannot be."""
    STALE_PRICES = "stale_prices"
    """No prices: only trades that lower the risk are booked, no margin is called."""
    TRADE_MISMATCH = "trade_mismatch"
    """Both have recorded a trade with different numbers."""
    TRADE_REFUSED = "trade_refused"
    """A trade is not booked; `why` says why. It is tried again when prices move."""
