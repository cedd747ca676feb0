"""Judge definitions, states and orders by themselves, and say what an end pays.

Pure functions of what the brokers signed and of the numbers a channel stores. The order of the
checks is part of the protocol: a state with two faults is refused for the first. Every refusal is a
`SpecError` with the name and the arguments of the contract's custom error.
"""

from __future__ import annotations

from clearing.spec.errors import SpecError
from clearing.spec.types import (
    EXECUTED,
    FUNDED,
    HIGH_FUNDED,
    LOW_FUNDED,
    MAX_ASSETS,
    REFUNDED,
    REVEALED,
    ZERO_ADDRESS,
    ZERO_WORD,
    AssetAmounts,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    HashedOrder,
    Intent,
    Net,
    Outcome,
    Params,
    SettlementOrder,
)

__all__ = [
    "ALTERNATIVES",
    "HORIZON_S",
    "MAX_LEGS",
    "PAUSE_GAP_S",
    "PAUSE_MAX_S",
    "decided_from",
    "is_funded",
    "is_lock_outstanding",
    "is_order_finished",
    "outcome",
    "payouts",
    "require_definition",
    "require_enforceable",
    "require_opening",
    "require_order",
    "require_valid_state",
    "shares_low",
]

MAX_LEGS = 32
HORIZON_S = 30 * 86_400
PAUSE_MAX_S = 72 * 3_600
PAUSE_GAP_S = 7 * 86_400

ALTERNATIVES = {ConditionKind.NONE: 0, ConditionKind.HASHLOCK: 1, ConditionKind.ORDER: 3}
"""Blocks of n low shares that a condition of each kind carries, n being the number of assets."""

_KINDS = {
    Intent.OPEN: (ConditionKind.NONE,),
    Intent.OPERATE: (ConditionKind.NONE, ConditionKind.HASHLOCK),
    Intent.RESIZE: (ConditionKind.NONE,),
    Intent.SETTLE: (ConditionKind.ORDER,),
    Intent.CLOSE: (ConditionKind.NONE,),
}
_EXPIRING = (Intent.OPEN, Intent.RESIZE, Intent.CLOSE)

_ALTERNATIVE = {
    Outcome.REVEALED: 0,
    Outcome.DELIVERED: 0,
    Outcome.LOW_DEFAULTED: 1,
    Outcome.HIGH_DEFAULTED: 2,
}
"""The block of `alt_low` that an outcome pays; SPLIT pays none."""


# DEFINITIONS AND STATES


def require_definition(definition: ChannelDef, params: Params) -> None:
    """Refuse a definition that no channel may open with.

    Raises WrongChain, WrongAdjudicator, BrokersNotAscending, BadSigners, BadAssetCount,
    AssetsNotAscending (the first asset not above its predecessor), ChallengeDurationOutOfRange.
    """
    if definition.chain_id != params.chain_id:
        raise SpecError("WrongChain", definition.chain_id, params.chain_id)
    if definition.adjudicator != params.adjudicator:
        raise SpecError("WrongAdjudicator", definition.adjudicator, params.adjudicator)
    if definition.broker_low >= definition.broker_high:
        raise SpecError("BrokersNotAscending", definition.broker_low, definition.broker_high)
    low, high = definition.signer_low, definition.signer_high
    if ZERO_ADDRESS in (low, high) or low == high:
        raise SpecError("BadSigners", low, high)
    assets = definition.assets
    if not 1 <= len(assets) <= MAX_ASSETS:
        raise SpecError("BadAssetCount", len(assets))
    for i in range(1, len(assets)):
        if assets[i - 1] >= assets[i]:
            raise SpecError("AssetsNotAscending", i)
    duration = definition.challenge_duration
    if not params.min_challenge <= duration <= params.max_challenge:
        raise SpecError(
            "ChallengeDurationOutOfRange", duration, params.min_challenge, params.max_challenge
        )


def require_valid_state(
    state: ClearingState, channel_id: bytes, epoch: int, n_assets: int, now: int
) -> None:
    """Refuse a state of another channel or epoch, or one that breaks the validity matrix.

    Raises WrongChannel, WrongEpoch, ZeroVersion, WrongSplitCount, WrongIntent, WrongCondition,
    UnexpectedValidUntil, LiabilitiesOutstanding, MalformedCondition, ConditionTooFar; then for each
    asset in turn NotConserved, BadOut, BadAlternative.
    """
    if state.channel_id != channel_id:
        raise SpecError("WrongChannel", state.channel_id, channel_id)
    if state.epoch != epoch:
        raise SpecError("WrongEpoch", state.epoch, epoch)
    if state.version == 0:
        raise SpecError("ZeroVersion")
    if len(state.splits) != n_assets:
        raise SpecError("WrongSplitCount", len(state.splits), n_assets)

    intent, condition = state.intent, state.condition
    if intent not in _KINDS:
        raise SpecError("WrongIntent", intent)
    if condition.kind not in _KINDS[Intent(intent)]:
        raise SpecError("WrongCondition", intent, condition.kind)
    if state.valid_until and intent not in _EXPIRING:
        raise SpecError("UnexpectedValidUntil", state.valid_until)
    if intent == Intent.CLOSE and state.liabilities_root != ZERO_WORD:
        raise SpecError("LiabilitiesOutstanding", state.liabilities_root)
    _require_condition(condition, n_assets, now)

    for i in range(n_assets):
        _require_split(state, i)


def _require_condition(condition: Condition, n_assets: int, now: int) -> None:
    is_none = condition.kind == ConditionKind.NONE
    if is_none and (condition.ref != ZERO_WORD or condition.expiry):
        raise SpecError("MalformedCondition")
    if len(condition.alt_low) != ALTERNATIVES[ConditionKind(condition.kind)] * n_assets:
        raise SpecError("MalformedCondition")
    if condition.expiry > now + HORIZON_S:
        raise SpecError("ConditionTooFar", condition.expiry, now + HORIZON_S)


def _require_split(state: ClearingState, i: int) -> None:
    split = state.splits[i]
    total = split.low + split.high
    if total != split.net_low + split.net_high:
        raise SpecError("NotConserved", i)

    if split.out_low or split.out_high:
        is_close = state.intent == Intent.CLOSE
        if not is_close and state.intent != Intent.RESIZE:
            raise SpecError("BadOut", i)
        if is_close and (split.out_low > split.low or split.out_high > split.high):
            raise SpecError("BadOut", i)

    alt_low = state.condition.alt_low
    for entry in range(i, len(alt_low), len(state.splits)):
        if alt_low[entry] > total:
            raise SpecError("BadAlternative", entry)


def require_opening(state: ClearingState, i: int) -> None:
    """Refuse an opening with a negative net, or whose split is not its nets: BadOpening."""
    split = state.splits[i]
    if min(split.net_low, split.net_high) < 0 or split.low != split.net_low:
        raise SpecError("BadOpening", i)


# ENFORCEMENT


def require_enforceable(state: ClearingState, nets: tuple[Net, ...]) -> None:
    """Refuse a state that counts on more than a side has put in: Unenforceable."""
    for i, (split, (low, high)) in enumerate(zip(state.splits, nets, strict=False)):
        if split.net_low > low or split.net_high > high:
            raise SpecError("Unenforceable", i)


def shares_low(state: ClearingState, result: Outcome) -> tuple[int, ...]:
    """Return what the low side owns of each asset under this outcome, of `low + high`. Exact."""
    if result is Outcome.SPLIT:
        return tuple(split.low for split in state.splits)
    n = len(state.splits)
    block = _ALTERNATIVE[result]
    return state.condition.alt_low[block * n : (block + 1) * n]


def payouts(
    state: ClearingState, nets: tuple[Net, ...], result: Outcome = Outcome.SPLIT
) -> tuple[AssetAmounts, ...]:
    """Return what an end by this state pays: share + (net on chain - state's net), exactly.

    For an enforceable state no payout is negative, and those of an asset sum to what is held of it.
    """
    return tuple(
        AssetAmounts(
            low=share + low - split.net_low,
            high=split.low + split.high - share + high - split.net_high,
        )
        for split, share, (low, high) in zip(
            state.splits, shares_low(state, result), nets, strict=False
        )
    )


# CONDITIONS AND ORDERS


def is_lock_outstanding(flags: int) -> bool:
    """Tell whether legs are locked: a side funded, the order neither executed nor refunded."""
    return bool(flags & FUNDED) and not is_order_finished(flags)


def is_order_finished(flags: int) -> bool:
    """Tell whether the order has run or was given back; it never runs again."""
    return bool(flags & (EXECUTED | REFUNDED))


def outcome(condition: Condition, flags: int) -> Outcome:
    """Return how the condition came out; `flags` of the state's own version, 0 if another's."""
    match condition.kind:
        case ConditionKind.HASHLOCK if flags & REVEALED:
            return Outcome.REVEALED
        case ConditionKind.ORDER if flags & EXECUTED:
            return Outcome.DELIVERED
        case ConditionKind.ORDER if flags & FUNDED == HIGH_FUNDED:
            return Outcome.LOW_DEFAULTED
        case ConditionKind.ORDER if flags & FUNDED == LOW_FUNDED:
            return Outcome.HIGH_DEFAULTED
        case _:
            return Outcome.SPLIT


def decided_from(condition: Condition, flags: int, grace: int) -> int:
    """Return the first second at which the outcome can no longer change; 0 = already."""
    match condition.kind:
        case ConditionKind.HASHLOCK if not flags & REVEALED:
            return condition.expiry
        case ConditionKind.ORDER if not flags & EXECUTED:
            return condition.expiry + grace
        case _:
            return 0


def is_funded(order: SettlementOrder, flags: int) -> bool:
    """Tell whether every side has funded; a side without legs counts as soon as the other has."""
    low = flags & LOW_FUNDED or not any(leg.from_low for leg in order.legs)
    high = flags & HIGH_FUNDED or all(leg.from_low for leg in order.legs)
    return bool(low and high)


def require_order(state: ClearingState, order: HashedOrder) -> None:
    """Refuse an order that the state does not name.

    Raises WrongOrder, OrderNotOfState, BadLegCount, ZeroLeg (the first leg that moves nothing).
    """
    content = order.order
    if order.order_hash != state.condition.ref:
        raise SpecError("WrongOrder", order.order_hash, state.condition.ref)
    if (content.channel_id, content.epoch, content.version, content.fund_by) != (
        state.channel_id,
        state.epoch,
        state.version,
        state.condition.expiry,
    ):
        raise SpecError("OrderNotOfState")
    if not 1 <= len(content.legs) <= MAX_LEGS:
        raise SpecError("BadLegCount", len(content.legs))
    for i, leg in enumerate(content.legs):
        if leg.amount == 0:
            raise SpecError("ZeroLeg", i)
