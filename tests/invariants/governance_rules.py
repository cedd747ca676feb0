"""What must be true of governance whatever is played: GOV-01 to GOV-16, asked of the chain alone.

The witness knows nothing of the model: it hears events, asks views, and remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from clearing.spec.governance import (
    FORWARDERS,
    GRACE_S,
    LIVE,
    PAUSE_GAP_S,
    PAUSE_MAX_S,
    PAUSE_TOTAL_S,
    Kind,
    State,
)
from clearing.spec.units import DAY_S, Address
from tests.harness.contract import Log
from tests.harness.governance import SUPPLY
from tests.harness.governance_draft import Draft
from tests.harness.governance_stage import Stage
from tests.harness.pauses import OPENINGS, TRADING
from tests.harness.revm import text_of
from tests.invariants.governance_duo import Step, Told, words_of

__all__ = ["Witness"]

BPS: Final = 10**4
SELECTOR_BYTES: Final = 4
EDGES: Final = {
    State.PENDING: (State.ACTIVE, State.CANCELED),
    State.ACTIVE: (State.CANCELED, State.DEFEATED, State.SUCCEEDED),
    State.SUCCEEDED: (State.QUEUED, State.EXPIRED, State.CANCELED),
    State.QUEUED: (State.EXECUTED, State.EXPIRED, State.CANCELED),
}
PASSED: Final = frozenset({State.SUCCEEDED, State.QUEUED, State.EXECUTED, State.EXPIRED})
DECIDED: Final = frozenset(
    {
        "VotingDelaySet",
        "VotingPeriodSet",
        "LateQuorumVoteExtensionSet",
        "ProposalThresholdSet",
        "QuorumNumeratorUpdated",
        "ProposalGuardianSet",
        "GuardianExpirySet",
        "KindChanged",
        "KindTermsChanged",
        "MinDelayChange",
        "RoleGranted",
        "RoleRevoked",
        "CallExecuted",
        "ModuleChanged",
        "CapRaised",
    }
)
"""Events of what only a proposal's execution may do."""
BOUNDS: Final = {
    "votingDelay": (DAY_S, 7 * DAY_S),
    "votingPeriod": (3 * DAY_S, 14 * DAY_S),
    "lateQuorumVoteExtension": (DAY_S, 7 * DAY_S),
    "proposalThreshold": (SUPPLY // 1_000, SUPPLY // 20),
    "quorumNumerator": (200, 3_000),
}
DELAYS: Final = (DAY_S, 30 * DAY_S)
TERM_MAX_S: Final = 365 * DAY_S


def reachable() -> dict[State, frozenset[State]]:
    """Return what each state can come to by any number of edges: time may pass several at once."""

    def after(state: State) -> frozenset[State]:
        further = [after(next_) for next_ in EDGES.get(state, ())]
        return frozenset({state}).union(*further)

    return {state: after(state) for state in State}


REACHABLE: Final = reachable()


@dataclass
class Known:
    """What was seen of a proposal when it was made, and last."""

    draft: Draft
    proposer: Address
    snapshot: int
    terms: tuple[int, ...]
    codes: tuple[bytes | None, ...]
    state: State = State.PENDING
    deadline: int = 0
    took_part: int = 0


class Witness:
    """Hears every accepted call. Raises AssertionError with the invariant's ID."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._read = stage["governor"].read
        self.known: dict[int, Known] = {}
        self._weights: dict[tuple[int, Address], int] = {}
        self._spans: dict[tuple[Address, bytes], tuple[int, int]] = {}
        self.drafts: dict[int, Draft] = {}
        """Proposals by their id; the machine adds each that it makes."""
        self.is_given_away = False
        """Whether somebody beside the governor has had a role of the timelock."""

    @property
    def _now(self) -> int:
        return self._stage.gov.chain.now

    def hear(self, step: Step) -> None:
        """Judge one call by what it told."""
        if step.receipt is None:
            return
        logs = step.receipt.logs
        names = {log.event for log in logs}
        if step.name not in {"execute", "executeBatch"}:
            assert not names & DECIDED, f"GOV-10: {step.name} did {sorted(names & DECIDED)}"
        if "RoleGranted" in names:
            self.is_given_away = True
        if step.name == "executeBatch":
            assert self.is_given_away, "GOV-10: the timelock obeyed somebody else"
        hears: dict[str, Callable[[Log], None]] = {
            "ProposalCreated": self._created,
            "ProposalQueued": self._queued,
            "ProposalExecuted": self._executed,
            "VoteCast": self._voted,
            "VoteCastWithParams": self._voted,
            "GuardianExpirySet": self._named,
            "Extended": self._extended,
        }
        for log in logs:
            if hear := hears.get(log.event):
                hear(log)
            elif span := self._pause_of(log):
                self._paused(*span)
        if step.name == "cancel" and step.part == "governor":
            self._cancelled(step)

    # PROPOSALS

    def _created(self, log: Log) -> None:
        proposal_id, proposer, targets, values, _, calldatas, snapshot, end, _ = log.args
        terms = words_of(self._stage["governor"], "termsOf", proposal_id)
        self._judge_kind(terms, targets, values, calldatas)
        codes = tuple(self._code(target) for target in targets)
        for other, known in self.known.items():
            if known.proposer == proposer and known.state in LIVE and not self.is_given_away:
                assert not self._read("isLive", other), "GOV-12"
        draft = self.drafts[proposal_id]
        self.known[proposal_id] = Known(draft, proposer, snapshot, terms, codes, deadline=end)

    def _judge_kind(
        self,
        terms: tuple[int, ...],
        targets: Iterable[Address],
        values: Iterable[int],
        calldatas: Iterable[bytes],
    ) -> None:
        """The kind is the highest of the calls, and its terms are asked, or the floor."""
        types = self._stage["types"]
        own = {self._stage[part].address for part in ("governor", "timelock", "types")}
        kinds = []
        for target, value, data in zip(targets, values, calldatas, strict=True):
            is_for_ever = target in own or data[:4] in FORWARDERS
            if value or len(data) < SELECTOR_BYTES or is_for_ever:
                kinds.append(Kind.UPGRADE)
            else:
                kinds.append(Kind(types.read("kindOf", target, data[:4])))
        assert terms[0] == max(kinds), f"GOV-05: {terms[0]} of {kinds}"
        quorum, approval, delay = types.read("termsOf", terms[0])
        floor = self._read("quorumNumerator")
        assert terms[3:6] == (max(quorum, floor), approval, delay), "GOV-04"

    def _code(self, target: Address) -> bytes | None:
        code: bytes | None = self._stage.gov.chain.evm.get_code(text_of(target))
        return code

    def look(self, proposal_id: int, told: Told) -> None:
        """Judge what the governor says of a proposal now."""
        known = self.known[proposal_id]
        state, deadline, eta, votes, terms = told
        new = State(state)
        if not self.is_given_away:
            assert new in REACHABLE[known.state], f"GOV-01: {known.state.name} to {new.name}"
        kept, told_terms = list(known.terms), list(terms)
        kept[2] = told_terms[2] = 0  # whether its operation was cleared
        assert kept == told_terms, "GOV-04"
        against, in_favour, abstain = votes
        took_part = in_favour + abstain
        assert took_part + against <= SUPPLY, "GOV-02"
        needed = SUPPLY * terms[3]
        if new in PASSED:
            assert took_part * BPS >= needed, "GOV-06: no quorum"
            assert in_favour * BPS > terms[4] * (in_favour + against), "GOV-06: no approval"
        assert deadline >= known.deadline, "GOV-08: voting ends earlier"
        if known.took_part * BPS < needed <= took_part * BPS:
            left = self._read("lateQuorumVoteExtension")
            assert deadline >= self._now + left, "GOV-08"
        assert not eta or eta > deadline, "GOV-07"
        known.state, known.deadline, known.took_part = new, deadline, took_part

    def _queued(self, log: Log) -> None:
        proposal_id, eta = log.args
        extra = self.known[proposal_id].terms[5]
        assert eta >= self._now + DELAYS[0] + extra, "GOV-07"

    def _executed(self, log: Log) -> None:
        (proposal_id,) = log.args
        eta = self._read("proposalEta", proposal_id)
        # whoever was given the timelock may have scheduled the operation there himself
        assert eta or self.is_given_away, "GOV-07: never queued"
        assert not eta or eta <= self._now <= eta + GRACE_S, "GOV-07"
        known = self.known[proposal_id]
        is_edge = known.state in LIVE or self.is_given_away
        assert is_edge, f"GOV-01: {known.state.name} was executed"
        for target, data, code in zip(
            known.draft.targets, known.draft.calldatas, known.codes, strict=True
        ):
            assert not data or self._code(target) == code, "GOV-09"

    def _voted(self, log: Log) -> None:
        voter, proposal_id = log.args[:2]
        known = self.known[proposal_id]
        weight = self._stage["yellow"].read("getPastVotes", voter, known.snapshot)
        assert self._weights.setdefault((proposal_id, voter), weight) == weight, "GOV-03"
        assert self._read("usedVotes", proposal_id, voter) <= weight, "GOV-02"
        assert known.snapshot < self._now <= known.deadline, "GOV-01: voted out of time"

    def _cancelled(self, step: Step) -> None:
        assert step.receipt is not None
        told = [log for log in step.receipt.logs if log.event == "ProposalCanceled"]
        assert len(told) == 1, "GOV-01"
        (proposal_id,) = told[0].args
        known, now = self.known[proposal_id], self._now
        is_edge = known.state in LIVE or self.is_given_away
        assert is_edge, f"GOV-01: {known.state.name} was cancelled"
        if step.sender == self._read("proposalGuardian"):
            is_running = now < self._read("guardianExpiry")
            if is_running and not known.terms[1]:
                return
        votes = self._stage["yellow"].read("getPastVotes", known.proposer, now - 1)
        is_own = step.sender == known.proposer and now <= known.snapshot
        is_poor = now <= known.deadline and votes < self._read("proposalThreshold")
        assert is_own or is_poor, "GOV-11: cancelled by who may not"

    def _named(self, log: Log) -> None:
        assert log.args[2] <= self._now + TERM_MAX_S, "GOV-11: named for too long"

    # PAUSES

    def _pause_of(self, log: Log) -> tuple[Address, bytes, int] | None:
        """Return emitter, scope and end, if the event is of a pause."""
        match log.event:
            case "Paused" if log.emitter == self._stage["pauses"].address:
                return log.emitter, log.args[0], log.args[1]
            case "OpeningsPaused":
                return log.emitter, OPENINGS, log.args[0]
            case "GuardianPaused":
                return log.emitter, TRADING, log.args[1]
            case "FeedPaused":
                return log.emitter, log.args[0].ljust(32, b"\0"), log.args[1]
            case _:
                return None

    def _paused(self, emitter: Address, scope: bytes, until: int) -> None:
        now = self._now
        began, end = self._spans.get((emitter, scope), (0, 0))
        assert until - now <= PAUSE_MAX_S, "GOV-14"
        if until == now:
            assert now < end, "GOV-14: lifted what did not run"
        elif now < end:
            assert scope != OPENINGS, "GOV-16: openings went on"
            assert end < until <= began + PAUSE_TOTAL_S, "GOV-16"
        else:
            assert not end or now >= end + PAUSE_GAP_S, "GOV-15"
            began = now
        self._spans[emitter, scope] = began, until

    def _extended(self, log: Log) -> None:
        scope, until, proposal_id = log.args
        known = self.known[proposal_id]
        assert known.terms[0] == Kind.UPGRADE, "GOV-16"
        assert self._read("isLive", proposal_id), "GOV-16"
        engine, oracle = (self._stage[part].address for part in ("engine", "oracle"))
        menders = {engine} if scope == TRADING else {engine, oracle}
        assert menders & set(known.draft.targets), "GOV-16"
        assert self._now < self._spans[log.emitter, scope][1], "GOV-16: it did not run"
        self._paused(log.emitter, scope, until)

    # IN THE END

    def settle(self) -> None:
        """Ask what need not be asked after every step."""
        for name, (low, high) in BOUNDS.items():
            assert low <= self._read(name) <= high, f"GOV-13: {name}"
        low, high = DELAYS
        assert low <= self._stage["timelock"].read("getMinDelay") <= high, "GOV-13"
        types = self._stage["types"]
        rows = [types.read("termsOf", kind) for kind in Kind if kind is not Kind.NONE]
        for at in range(3):
            column = [row[at] for row in rows]
            assert column == sorted(column), "GOV-05: a higher kind asks for less"
        for (proposal_id, voter), weight in self._weights.items():
            snapshot = self.known[proposal_id].snapshot
            again = self._stage["yellow"].read("getPastVotes", voter, snapshot)
            assert again == weight, "GOV-03"
            assert self._read("usedVotes", proposal_id, voter) <= weight, "GOV-02"
