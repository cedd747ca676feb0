"""What a careful side never signs, though the contract would take it.

The contract keeps both sides' money safe against what they have signed; this module keeps a side
from signing what it would regret. Each rule looks at what we have signed in the channel's epoch and
at what the chain says with finality, for an unfinal block can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from clearing.spec.guards import flags_of
from clearing.spec.rules import decided_from
from clearing.spec.types import ChannelDef, ClearingState, ConditionKind, Intent, Net, Side
from clearing.spec.units import Address
from clearing.spec.world import Channel

__all__ = [
    "ChainView",
    "Limits",
    "Memory",
    "PolicyRefusedError",
    "Refusal",
    "Rule",
    "approvals",
    "refusals",
    "require_signable",
]


class Rule(Enum):
    """Why a state is not signed; the value says what helps."""

    LOG_LOST = "the signing log of this epoch is lost: challenge or close, never go on"
    UNANSWERED = "a proposal of ours is unanswered: batch trades inside one proposal"
    VERSION_USED = "a state of this or a higher version is signed: propose a higher one"
    CLOSE_PENDING = "a signed CLOSE can still run: wait until it has expired with finality"
    OPEN_PENDING = "another signed OPEN can still run: wait until it has expired with finality"
    NOT_OPENED = "the opening is not final: trade once it is"
    CHALLENGED = "a challenge stands: sign a CLOSE, or the same split without a condition"
    ORDER_PENDING = "a signed order can still move: wait until it is executed or its grace is over"
    CONDITION_TOO_FAR = "the condition expires later than policy allows"
    NETS_NOT_FINAL = "the state counts on collateral that is not there with finality"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that the state breaks; `detail` names the version, asset or time that breaks it."""

    rule: Rule
    detail: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.rule.value} ({self.detail})"


class PolicyRefusedError(Exception):
    """A state that policy forbids to sign; carries every rule that it breaks."""

    def __init__(self, refused: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(map(str, refused)))
        self.refusals = refused


@dataclass(frozen=True, slots=True)
class Memory:
    """What we know to have signed in this epoch of the channel, from the signing log.

    `unanswered` is our proposal that the peer has neither countersigned nor refused.
    """

    signed: tuple[ClearingState, ...]
    is_complete: bool = True
    unanswered: ClearingState | None = None

    @property
    def latest(self) -> ClearingState | None:
        """The signed state of the highest version, None before the first."""
        return max(self.signed, key=lambda state: state.version, default=None)

    def of(self, intent: Intent) -> tuple[ClearingState, ...]:
        """Return the signed states of one intent."""
        return tuple(state for state in self.signed if state.intent == intent)


@dataclass(frozen=True, slots=True)
class ChainView:
    """The channel as the last final block has it, and that block's time, Unix seconds.

    `is_challenged`: a challenge stands in that block or in any later one, cleared since or not.
    """

    channel: Channel
    now: int
    is_challenged: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of this side's policy; `grace_s` is the contract's.

    `condition_s`: how far ahead a condition may expire, at most the contract's 30 days.
    """

    condition_s: int
    grace_s: int


Check = Callable[[ClearingState, Memory, ChainView, Limits], str | None]
"""Returns the detail of a refusal, None if the rule is kept."""


def require_signable(state: ClearingState, memory: Memory, view: ChainView, limits: Limits) -> None:
    """Refuse to sign a state that breaks a rule. Raises PolicyRefusedError."""
    refused = refusals(state, memory, view, limits)
    if refused:
        raise PolicyRefusedError(refused)


def refusals(
    state: ClearingState, memory: Memory, view: ChainView, limits: Limits
) -> tuple[Refusal, ...]:
    """Return every rule that signing this state would break.

    The state is taken to be valid for the chain (`clearing.channel.validate`). A state that is
    signed already may be signed again: that says nothing new.
    """
    if state in memory.signed:
        return ()
    details = ((rule, check(state, memory, view, limits)) for rule, check in CHECKS.items())
    return tuple(Refusal(rule, detail) for rule, detail in details if detail is not None)


def approvals(
    definition: ChannelDef,
    opening: ClearingState,
    side: Side,
    ledgers: Mapping[tuple[Address, Address], int],
) -> dict[Address, int]:
    """Return the allowance to give the vault for one opening, raw units by token.

    Exactly what the ledger lacks: an allowance beyond one opening's collateral waits to be pulled
    by the next OPEN that our signer is made to sign.
    """
    broker = definition.broker(side)
    lacking = {
        token: (split.net_high if side else split.net_low) - ledgers.get((broker, token), 0)
        for token, split in zip(definition.assets, opening.splits, strict=True)
    }
    return {token: amount for token, amount in lacking.items() if amount > 0}


# RULES


def _log_lost(
    state: ClearingState, memory: Memory, _view: ChainView, _limits: Limits
) -> str | None:
    if memory.is_complete or state.intent == Intent.CLOSE:
        return None
    return f"epoch {state.epoch}"


def _unanswered(
    _state: ClearingState, memory: Memory, _view: ChainView, _limits: Limits
) -> str | None:
    return None if memory.unanswered is None else f"version {memory.unanswered.version}"


def _version_used(
    state: ClearingState, memory: Memory, _view: ChainView, _limits: Limits
) -> str | None:
    latest = memory.latest
    return f"version {latest.version}" if latest and latest.version >= state.version else None


def _close_pending(
    _state: ClearingState, memory: Memory, view: ChainView, _limits: Limits
) -> str | None:
    return _still_runs(memory.of(Intent.CLOSE), view)


def _open_pending(
    state: ClearingState, memory: Memory, view: ChainView, _limits: Limits
) -> str | None:
    return _still_runs(memory.of(Intent.OPEN), view) if state.intent == Intent.OPEN else None


def _still_runs(states: tuple[ClearingState, ...], view: ChainView) -> str | None:
    until = max((state.valid_until for state in states), default=0)
    return f"valid until {until}" if view.now < until else None


def _not_opened(
    state: ClearingState, memory: Memory, view: ChainView, _limits: Limits
) -> str | None:
    """The opening that ran is the one of the highest version: the others have expired unrun."""
    if state.intent == Intent.OPEN:
        return None
    opened = max((each.version for each in memory.of(Intent.OPEN)), default=0)
    channel = view.channel
    is_ours = channel.epoch == state.epoch and channel.enforced_version >= opened
    return None if channel.is_live and is_ours else f"{channel.status.name}, epoch {channel.epoch}"


def _challenged(
    state: ClearingState, memory: Memory, view: ChainView, _limits: Limits
) -> str | None:
    """The challenged state may yet end the channel, so its successor must pay the same."""
    if not view.is_challenged or state.intent == Intent.CLOSE:
        return None
    latest = memory.latest
    is_plain = state.intent == Intent.OPERATE and state.condition.kind == ConditionKind.NONE
    if latest is not None and is_plain and _shares(state) == _shares(latest):
        return None
    return f"deadline {view.channel.deadline}"


def _shares(state: ClearingState) -> tuple[tuple[int, int, int, int], ...]:
    return tuple((each.net_low, each.net_high, each.low, each.high) for each in state.splits)


def _order_pending(
    _state: ClearingState, memory: Memory, view: ChainView, limits: Limits
) -> str | None:
    latest = memory.latest
    if latest is None or latest.intent != Intent.SETTLE:
        return None
    flags = flags_of(view.channel, latest.version)
    not_before = decided_from(latest.condition, flags, limits.grace_s)
    return f"version {latest.version}, until {not_before}" if view.now < not_before else None


def _condition_too_far(
    state: ClearingState, _memory: Memory, view: ChainView, limits: Limits
) -> str | None:
    latest = view.now + limits.condition_s
    return f"{state.condition.expiry} > {latest}" if state.condition.expiry > latest else None


def _nets_not_final(
    state: ClearingState, memory: Memory, view: ChainView, _limits: Limits
) -> str | None:
    """A top-up is deposited first and processed after finality; a RESIZE may yet take out."""
    if state.intent == Intent.OPEN or not view.channel.is_live:
        return None
    for asset, (low, high) in enumerate(_certain_nets(state, memory, view)):
        if state.splits[asset].net_low > low or state.splits[asset].net_high > high:
            return f"asset {asset}"
    return None


def _certain_nets(state: ClearingState, memory: Memory, view: ChainView) -> tuple[Net, ...]:
    """Return the final nets less what signed RESIZE states, this one included, may take out."""
    resizes = [
        each
        for each in (
            *memory.of(Intent.RESIZE),
            *((state,) if state.intent == Intent.RESIZE else ()),
        )
        if each.version > view.channel.enforced_version and view.now < each.valid_until
    ]
    return tuple(
        (
            low - sum(each.splits[asset].out_low for each in resizes),
            high - sum(each.splits[asset].out_high for each in resizes),
        )
        for asset, (low, high) in enumerate(view.channel.nets[: len(state.splits)])
    )


CHECKS: Mapping[Rule, Check] = {
    Rule.LOG_LOST: _log_lost,
    Rule.UNANSWERED: _unanswered,
    Rule.VERSION_USED: _version_used,
    Rule.CLOSE_PENDING: _close_pending,
    Rule.OPEN_PENDING: _open_pending,
    Rule.NOT_OPENED: _not_opened,
    Rule.CHALLENGED: _challenged,
    Rule.ORDER_PENDING: _order_pending,
    Rule.CONDITION_TOO_FAR: _condition_too_far,
    Rule.NETS_NOT_FINAL: _nets_not_final,
}
