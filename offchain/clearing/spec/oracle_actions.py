"""Decide who may use which price: one row and one column decide each action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.oracle_bands import fallback
from clearing.spec.oracle_math import Band
from clearing.spec.oracle_types import Action, Gate, PriceState, Purpose, Quote, Reading

__all__ = [
    "RULES",
    "Rule",
    "does_state_allow",
    "is_allowed",
    "price_for",
    "quote_of",
    "valuation_of",
]

S = PriceState
_ALL: Final = frozenset(PriceState)
_LIVE: Final = frozenset({S.NORMAL, S.PRIMARY_ONLY, S.SECONDARY_ONLY})
_STOPPED: Final = Gate.PAUSED | Gate.SEQ_DOWN


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: states that allow; whether TRIPPED does while sources agree; gates that forbid."""

    states: frozenset[PriceState]
    when_agreed: bool
    forbidden_by: Gate


RULES: Final[Mapping[Action, Rule]] = {
    Action.OPEN: Rule(
        frozenset({S.NORMAL, S.PRIMARY_ONLY}),
        when_agreed=False,
        forbidden_by=_STOPPED | Gate.SEQ_GRACE_OPEN | Gate.SEQ_UNKNOWN,
    ),
    Action.CLOSE: Rule(_LIVE | {S.TWAP_ONLY, S.DIVERGED}, when_agreed=False, forbidden_by=_STOPPED),
    Action.SIGNED_REDUCE: Rule(_ALL, when_agreed=False, forbidden_by=Gate.SEQ_DOWN),
    Action.WITHDRAW: Rule(_LIVE, when_agreed=False, forbidden_by=_STOPPED | Gate.SEQ_GRACE_OPEN),
    Action.LIQUIDATE: Rule(_LIVE, when_agreed=True, forbidden_by=_STOPPED | Gate.SEQ_GRACE),
    Action.FUNDING: Rule(_LIVE, when_agreed=False, forbidden_by=_STOPPED | Gate.SEQ_GRACE),
    Action.TWAP_RECORD: Rule(_LIVE, when_agreed=True, forbidden_by=Gate.SEQ_DOWN | Gate.SEQ_GRACE),
}


def is_allowed(reading: Reading, action: Action) -> bool:
    """Return whether state and gates allow an action; FUNDING: whether its price is the present."""
    return not RULES[action].forbidden_by & reading.gates and does_state_allow(reading, action)


def does_state_allow(reading: Reading, action: Action) -> bool:
    """Return whether the state's column allows an action, whatever the gates say."""
    rule = RULES[action]
    if reading.state in rule.states:
        return True
    return rule.when_agreed and reading.state is PriceState.TRIPPED and reading.agree


def price_for(reading: Reading, action: Action, *, is_long: bool) -> tuple[int, bool]:
    """Return the price of an action, and whether it is degraded: openings capped, funding last.

    Raises OracleActionBlocked.
    """
    if not is_allowed(reading, action):
        if action is Action.FUNDING:
            return reading.last_good, True
        raise SpecError("OracleActionBlocked", reading.state, reading.gates, action)
    match action:
        case Action.OPEN:
            return (reading.open_hi if is_long else reading.open_lo), not reading.pyth_opens
        case Action.CLOSE:
            return (reading.lo if is_long else reading.hi), False
        case Action.WITHDRAW:
            return (reading.open_lo if is_long else reading.open_hi), False
        case Action.LIQUIDATE:
            return (reading.liq_hi if is_long else reading.liq_lo), False
        case Action.SIGNED_REDUCE | Action.FUNDING | Action.TWAP_RECORD:
            return reading.mid, False


def quote_of(reading: Reading) -> Quote:
    """Return all that a reader of prices needs, in valuation form. Never refuses."""
    funding, _ = price_for(reading, Action.FUNDING, is_long=True)
    mid, plain = reading.mid, Band(reading.lo, reading.hi)
    strict = Band(reading.open_lo, reading.open_hi)
    favourable = Band(reading.liq_lo, reading.liq_hi)
    if reading.state is PriceState.FROZEN or (
        reading.state is PriceState.TRIPPED and not reading.agree
    ):
        mid = reading.last_good
        plain = strict = favourable = fallback(mid)
    return Quote(
        mid=mid,
        funding=funding,
        lo=plain.lo,
        hi=plain.hi,
        open_lo=strict.lo,
        open_hi=strict.hi,
        liq_lo=favourable.lo,
        liq_hi=favourable.hi,
        allowed=sum(1 << action for action in Action if is_allowed(reading, action)),
        degraded=not reading.pyth_opens,
        state=reading.state,
        gates=reading.gates,
    )


def valuation_of(reading: Reading, purpose: Purpose, *, is_long: bool) -> int:
    """Return what a position that is not acted on counts at. Never refuses; gates do not matter."""
    quote = quote_of(reading)
    match purpose:
        case Purpose.OPEN:
            return quote.open_lo if is_long else quote.open_hi
        case Purpose.LIQUIDATE:
            return quote.liq_hi if is_long else quote.liq_lo
        case Purpose.MID:
            return quote.mid
