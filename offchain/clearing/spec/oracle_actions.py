"""Decide who may use which price: one row and one column decide each action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.oracle_bands import fallback
from clearing.spec.oracle_types import Action, Gate, PriceState, Purpose, Reading

__all__ = ["RULES", "Rule", "does_state_allow", "is_allowed", "price_for", "valuation_of"]

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


def valuation_of(reading: Reading, purpose: Purpose, *, is_long: bool) -> int:
    """Return what a position that is not acted on counts at. Never refuses; gates do not matter."""
    mid, strict = reading.mid, (reading.open_lo, reading.open_hi)
    favourable = (reading.liq_lo, reading.liq_hi)
    if reading.state is PriceState.FROZEN or (
        reading.state is PriceState.TRIPPED and not reading.agree
    ):
        band = fallback(reading.last_good)
        mid, strict, favourable = reading.last_good, (band.lo, band.hi), (band.lo, band.hi)
    match purpose:
        case Purpose.OPEN:
            return strict[0] if is_long else strict[1]
        case Purpose.LIQUIDATE:
            return favourable[1] if is_long else favourable[0]
        case Purpose.MID:
            return mid
