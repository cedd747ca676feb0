"""Moves that bring proposals to their end, whatever it is, and the time that does so too."""

from __future__ import annotations

from clearing.spec import governance as spec
from clearing.spec.governance import GRACE_S, PAUSE_GAP_S, PAUSE_MAX_S, PAUSE_TOTAL_S, State
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address
from tests.harness.governance_draft import Draft, Entry
from tests.harness.governance_stage import CODES
from tests.harness.results import ACCEPTED
from tests.invariants.governance_ballots import Ballots
from tests.invariants.governance_drafts import HEIR
from tests.invariants.governance_pausing import Pausing
from tests.invariants.governance_player import Made
from tests.invariants.governance_spoils import spoiled_draft

__all__ = ["Courses"]


class Courses(Ballots, Pausing):
    """From a proposal to its end."""

    # TIME

    def _moments(self) -> list[int]:
        """Return the seconds to come at which something changes by itself."""
        moments = [self.world.cells["expiry"], *self.drafter.moments[-6:]]
        for entry in self.world.proposals.values():
            if not self.world.is_live(entry):
                continue
            proposal = entry.proposal
            moments += [proposal.snapshot, proposal.deadline, proposal.deadline + GRACE_S]
            if proposal.eta:
                delayed = proposal.eta - proposal.terms.extra_delay
                moments += [delayed, proposal.eta, proposal.eta + GRACE_S]
        for window in self.world.pauses.windows.values():
            ends = window.ends_at
            moments += [ends, ends + PAUSE_GAP_S, window.began_at + PAUSE_TOTAL_S]
            moments.append(window.began_at + PAUSE_TOTAL_S - PAUSE_MAX_S)
        return sorted(moment for moment in moments if moment >= self.world.now - 1)

    def wait(self) -> Made:
        """Jump to a second at which something changes, or to a neighbour; or wait a little."""
        moments = self._moments()
        if not moments or self.random.random() < 0.35:
            self._warp(self.world.now + self.random.choice((1, 1, 60, DAY_S)))
            return "wait", "a little"
        near = self.random.random() < 0.85
        moment = self.random.choice(moments[:3] if near else moments)
        self._warp(moment + self.random.choice((-1, 0, 1)))
        return "wait", "to a boundary"

    # ONWARD

    def forward(self) -> Made:
        """Do what brings a proposal on, or now and then let its time go by."""
        entry = self._promising()
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        proposal, state, by = entry.proposal, self.world.state(entry), self._anybody()
        is_late = self.random.random() < 0.06
        match state:
            case State.PENDING:
                self._warp(proposal.snapshot + self.random.choice((0, 1, 1, 1)))
                return "wait", "to the vote"
            case State.ACTIVE:
                return self._forward_vote(entry, is_late=is_late)
            case State.SUCCEEDED | State.QUEUED if is_late:
                last = (proposal.eta or proposal.deadline) + GRACE_S
                self._warp(last + self.random.choice((0, 1)))
                return "wait", "too long"
            case State.SUCCEEDED:
                return "queue", self.duo.queue(by, entry.draft)
            case State.QUEUED if self.world.now < proposal.eta:
                self._warp(proposal.eta - self.random.choice((1, 0, 0, 0)))
                return "wait", "to the eta"
            case State.QUEUED if self._is_shaped(entry) and self.random.random() < 0.4:
                return self.reshape()
            case State.QUEUED if self._lifted(entry) and self.random.random() < 0.6:
                return self._pause_before(entry)
            case State.QUEUED:
                return "execute", self._execute(entry.draft)
            case _:
                return "cancelExpired", self.duo.cancel_expired(by, entry.draft)

    def _forward_vote(self, entry: Entry, *, is_late: bool) -> Made:
        """Vote, perhaps in the last second, or go to the count."""
        deadline = entry.proposal.deadline
        if is_late:
            self._warp(deadline - self.random.choice((0, 1)))
        elif self.random.random() < 0.3 or self._is_decided(entry):
            self._warp(deadline + self.random.choice((0, 1, 1, 1)))
            return "wait", "to the count"
        support = self.random.choice((1, 1, 1, 1, 2, 0))
        return "vote", self.duo.vote(self._voter(entry), entry.draft.id, support)

    def _promising(self) -> Entry | None:
        """Draw a proposal that can go on, mostly the one whose turn is next."""
        found = []
        for entry in self.world.proposals.values():
            state = self.world.state(entry)
            is_held = self.world.now < self.drafter.held.get(entry.draft.id, 0)
            is_due = state is State.QUEUED and self.world.now >= entry.proposal.eta
            is_open = state in spec.LIVE and entry.draft.id not in self.stuck
            is_open = is_open and not (is_held and is_due)
            is_left = state is State.EXPIRED and entry.proposal.eta and not entry.is_closed
            if is_open or is_left:
                found.append(entry)
        if found and self.random.random() < 0.6:
            return min(found, key=self._due)
        return self.random.choice(found) if found else None

    def _due(self, entry: Entry) -> int:
        """Return when a proposal can go on."""
        proposal = entry.proposal
        match self.world.state(entry):
            case State.PENDING:
                return proposal.snapshot
            case State.ACTIVE:
                return proposal.deadline if self._is_decided(entry) else self.world.now
            case State.QUEUED:
                return proposal.eta
            case _:
                return proposal.deadline

    def _is_decided(self, entry: Entry) -> bool:
        return spec.has_passed(entry.proposal)

    def _is_shaped(self, entry: Entry) -> bool:
        return self.stage.shape in entry.draft.targets

    def reshape(self) -> Made:
        """Put other code at the shape, or the first again."""
        code = self.random.choice((*CODES, CODES[0], CODES[0], CODES[0]))
        self.stage.gov.chain.set_code(self.stage.shape, code)
        self.world.shape_code = code
        return "reshape", "none" if not code else "some"

    # PROPOSALS

    def propose(self) -> Made:
        """Propose something new, by somebody who may, mostly."""
        able = self._able()
        free = [voter for voter in able if not self._is_busy(voter)]
        if not free and self.world.proposals and self.random.random() < 0.7:
            return self.forward()
        sender = self.random.choice(free or able or self.voters)
        if self.random.random() < 0.35:
            return self._propose_spoiled(sender, able)
        digest = self.random.choice((None, b"\x11" * 32))
        return "propose", self._propose(sender, self.drafter.draft(), digest)

    def _propose_spoiled(self, sender: Address, able: list[Address]) -> Made:
        """Propose with one thing wrong."""
        drafter, random = self.drafter, self.random
        draft = drafter.draft()
        spoil = random.choice(
            ("busy", "poor", "eleven", "none", "lengths", "again", "named", "misnamed", "account")
        )
        match spoil:
            case "busy":
                sender = next((voter for voter in able if self._is_busy(voter)), sender)
            case "poor":
                poor = [voter for voter in (*self.voters, *self.strangers) if voter not in able]
                sender = random.choice(poor or [HEIR])
            case "eleven":
                draft = drafter.of([drafter.plain() for _ in range(spec.MAX_OPERATIONS + 1)])
            case "none":
                draft = drafter.of([])
            case "lengths":
                which = random.choice(("targets", "values", "calldatas"))
                draft = drafter.with_lists(draft, **{which: getattr(draft, which)[:-1]})
            case "again":
                entries = list(self.world.proposals.values())
                draft = random.choice(entries).draft if entries else draft
            case "named" | "misnamed":
                named = sender if spoil == "named" else HEIR
                suffix = f"#proposer=0x{named.hex()}"
                draft = drafter.of(draft.actions, random.choice((suffix, suffix.upper())))
                if random.random() < 0.5:
                    draft = drafter.of(draft.actions, suffix)
            case _:
                draft = drafter.of([*draft.actions[:8], drafter.shape()])
                target = random.choice((HEIR, self.stage.shape))
                draft = drafter.with_lists(draft, targets=(*draft.targets[:-1], target))
        return f"propose~{spoil}", self._propose(sender, draft)

    # ENDS

    def queue(self) -> Made:
        """Queue, or queue something a little different, or in another state."""
        entry = self._entry(State.SUCCEEDED)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        spoil, draft = spoiled_draft(self.drafter, entry.draft)
        return f"queue{spoil}", self.duo.queue(self._anybody(), draft)

    def execute(self) -> Made:
        """Execute, or execute something a little different, or too early, late or again."""
        entry = self._entry(State.QUEUED, State.EXECUTED, State.SUCCEEDED)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        spoil, draft = spoiled_draft(self.drafter, entry.draft)
        verdict = self._execute(draft)
        if verdict == ACCEPTED and self.random.random() < 0.5:
            return "execute~again", self._execute(draft)
        return f"execute{spoil}", verdict

    def _execute(self, draft: Draft) -> str:
        """Execute with the ether that it needs, mostly."""
        value = sum(draft.values)
        if self.random.random() < 0.1:
            value = 1 - min(value, 1)
        verdict = self.duo.execute(self.stage.gov.outsider, draft, value)
        if verdict == ACCEPTED:
            self.campaign = self._lifted_early()
        elif verdict != "ProposalNotReady":
            self.stuck.add(draft.id)
        return verdict

    def cancel(self) -> Made:
        """Cancel as the guardian, the proposer or anybody."""
        entry = self._entry(*spec.LIVE)
        changes = [
            other
            for other in self.world.proposals.values()
            if other.proposal.is_guardian_only and self.world.is_live(other)
        ]
        if changes and self.random.random() < 0.4:
            entry = self.random.choice(changes)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        who = self.random.choice(("first guardian", "guardian", "proposer", "anybody"))
        sender = {
            "first guardian": self.stage.gov.guardian,
            "guardian": self.world.cells["guardian"],
            "proposer": entry.proposal.proposer,
            "anybody": self._anybody(),
        }[who]
        if sender in {self.world.timelock, ZERO_ADDRESS}:
            who, sender = "first guardian", self.stage.gov.guardian
        spoil, draft = "", entry.draft
        if self.random.random() < 0.15:
            spoil, draft = spoiled_draft(self.drafter, draft)
        if sender == self.world.cells["guardian"]:
            who = "guardian" if sender == self.world.guardian else "guardian after its term"
        if entry.proposal.is_guardian_only:
            who += " of its own change"
        state = self.world.state(entry).name.lower()
        return f"cancel as {who}, {state}{spoil}", self.duo.cancel(sender, draft)

    def cancel_expired(self) -> Made:
        """Clear the timelock, mostly of what has expired."""
        entry = self._entry(State.EXPIRED)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        spoil, draft = spoiled_draft(self.drafter, entry.draft)
        return f"cancelExpired{spoil}", self.duo.cancel_expired(self._anybody(), draft)
