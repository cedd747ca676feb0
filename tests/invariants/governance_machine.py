"""Play governance at random on contracts and specification at once.

Holders move and delegate YELLOW, propose, vote by themselves, in parts and by signature, queue,
execute and clear; the guardian cancels, its wallet pauses and extends; strangers call everything.
Time jumps to the seconds at which something changes, and to their neighbours. Many calls are good
but for one thing: what was spoiled stands behind a ~ in the move's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Final

from clearing.channel.signatures import LocalSigner
from clearing.spec import governance as spec
from clearing.spec.governance import GRACE_S, PAUSE_GAP_S, PAUSE_MAX_S, PAUSE_TOTAL_S, State
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.actors import key_of
from tests.harness.errors import Halted
from tests.harness.governance import HOLDINGS
from tests.harness.governance_stage import CODES, Stage, deploy_stage
from tests.harness.governance_world import FRACTIONS, Draft, Entry, GovernanceWorld
from tests.harness.pauses import OPENINGS, TRADING, feed_scope
from tests.invariants.governance_doors import doors_of
from tests.invariants.governance_drafts import HEIR, Drafter
from tests.invariants.governance_duo import ACCEPTED, GovernanceDuo, Step
from tests.invariants.governance_rules import Witness
from tests.invariants.governance_spoils import high_s, params_of, spoiled_draft
from tests.invariants.governance_wanted import RARE, WANTED
from tests.invariants.played import Fault, Played, Seen

__all__ = ["GovernanceMachine", "play", "unseen"]

LIFE_STEPS: Final = 300
"""Steps until everything starts anew."""
VERY_LONG: Final = 100_000
LOOK_EVERY: Final = 12
GIVEN_AWAY_SHARE: Final = 0.15
"""Part of the lives in which a proposal may give away the timelock's roles."""
LATE_SHARE: Final = 0.3
"""Part of the lives that begin when the guardian's term is about to end."""
NAMES: Final = (*HOLDINGS, "sleeper")
KEYS: Final = {key_of(name).address: key_of(name) for name in NAMES}
Made = tuple[str, str]
"""A move, with what was spoiled of it, and the verdict."""
Move = Callable[[], Made]


@cache
def stage() -> Stage:
    """Return the chain of this process; every life is undone on it."""
    return deploy_stage()


def play(seed: str, steps: int) -> Played:
    """Play so many steps in lives of some hundred, or until the first fault."""
    random, seen, done = Random(seed), Counter[Made](), 0
    while done < steps:
        life = min(LIFE_STEPS, steps - done)
        with stage().gov.chain.isolated():
            machine = GovernanceMachine(stage(), random)
            try:
                machine.play(life)
            except (AssertionError, Halted) as fault:
                step = done + machine.steps
                message = f"{type(fault).__name__}: {fault}"
                return Played(step + 1, seen + machine.seen, Fault(message, step))
        seen += machine.seen
        done += life
    return Played(done, seen)


def unseen(seen: Seen) -> list[str]:
    """Return what a long run must meet and has not; the rare only of a run that is very long."""
    steps = sum(times for (move, _), times in seen.items() if move != "event")
    tables = (WANTED, RARE) if steps >= VERY_LONG else (WANTED,)
    return [
        f"{move}: {result}"
        for table in tables
        for move, results in table.items()
        for result in results
        if not seen[move, result]
    ]


class GovernanceMachine:
    """One life: contracts, model, witness, and a source of chance."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self.random, self.stage = random, stage
        stage.gov.chain.set_code(stage.shape, CODES[0])
        self.world = GovernanceWorld(stage)
        self.duo = GovernanceDuo(stage, self.world)
        self.witness = Witness(stage)
        self.duo.watchers += [self.witness.hear, self._note]
        is_given = random.random() < GIVEN_AWAY_SHARE
        self.drafter = Drafter(self.world, random, may_give_away=is_given)
        self.seen: Seen = Counter()
        self.steps = 0
        self.touched: Draft | None = None
        self.campaign: bytes | None = None
        """The scope whose pause is being extended again and again."""
        self.stuck: set[int] = set()
        """Proposals whose execution has been refused by what they call."""
        self.loose: list[Draft] = []
        """Operations that went to the timelock past the governor."""
        self.doors = doors_of(stage)
        gov = stage.gov
        self.voters = tuple(KEYS)
        self.strangers = (gov.outsider, gov.guardian, stage.wallet, HEIR)
        self.people = (*self.voters, *self.strangers, self.world.timelock)
        self.scopes = (OPENINGS, TRADING, *map(feed_scope, stage.feeds))
        if random.random() < LATE_SHARE:
            self._warp(self.world.cells["expiry"] - random.randrange(25 * DAY_S))
        if is_given:
            self._give_away()

    def play(self, steps: int) -> None:
        """Take so many steps. Raises AssertionError or Halted at the first fault."""
        moves, weights = zip(*self.moves(), strict=True)
        for _ in range(steps):
            self.touched = None
            move = self.random.choices(moves, weights)[0]
            if self.campaign is not None and self.random.random() < 0.85:
                move = self.go_on
            self.seen[move()] += 1
            if self.touched is not None and self.touched.id in self.world.proposals:
                self._look(self.touched)
            if self.steps % LOOK_EVERY == 0:
                self._look_at_live()
            self.steps += 1
        self.duo.compare_all(self.people)
        self.witness.settle()

    def _give_away(self) -> None:
        """Let the holders give the timelock's roles to the heir."""
        draft, whale = self.drafter.of(self.drafter.every_role()), self.voters[0]
        verdicts = [self._propose(whale, draft)]
        proposal = self.world.proposals[draft.id].proposal
        self._warp(proposal.snapshot + 1)
        verdicts.append(self.duo.vote(whale, draft.id, 1))
        self._look(draft)
        self._warp(proposal.deadline + 1)
        verdicts.append(self.duo.queue(whale, draft))
        self._warp(self.world.proposals[draft.id].proposal.eta)
        verdicts.append(self.duo.execute(whale, draft))
        assert verdicts == [ACCEPTED] * 4, "nothing has happened yet"

    def moves(self) -> tuple[tuple[Move, float], ...]:
        """Return what may be done, and how often."""
        return (
            (self.forward, 22),
            (self.propose, 6),
            (self.vote, 4),
            (self.fraction, 4),
            (self.vote_by_sig, 3),
            (self.queue, 2),
            (self.execute, 3),
            (self.cancel, 2.5),
            (self.cancel_expired, 1),
            (self.wait, 4),
            (self.transfer, 2.5),
            (self.delegate, 1.5),
            (self.delegate_by_sig, 1.5),
            (self.pause, 3),
            (self.extend, 3),
            (self.intrude, 3),
            (self.trespass, 1),
            (self.timelock, 1.5),
            (self.reshape, 0.7),
        )

    def _note(self, step: Step) -> None:
        """Count the events that were told."""
        if step.receipt is not None:
            self.seen.update(("event", log.event) for log in step.receipt.logs)

    # LOOKING

    def _look(self, draft: Draft) -> None:
        self.witness.look(draft.id, self.duo.compare_proposal(draft))

    def _look_at_live(self) -> None:
        for entry in list(self.world.proposals.values()):
            if self.world.is_live(entry):
                self._look(entry.draft)

    # WHO AND WHAT

    def _entry(self, *states: State) -> Entry | None:
        """Draw a proposal, mostly one in one of the states."""
        entries = list(self.world.proposals.values())
        wanted = [entry for entry in entries if self.world.state(entry) in states]
        if wanted and self.random.random() < 0.85:
            return self.random.choice(wanted)
        return self.random.choice(entries[-8:]) if entries else None

    def _anybody(self) -> Address:
        return self.random.choice((*self.voters, *self.strangers))

    def _weight(self, voter: Address, entry: Entry) -> int:
        """Return the votes that are left to a voter."""
        held = self.world.yellow.votes(voter, entry.proposal.snapshot)
        return held - entry.used.get(voter, 0)

    def _voter(self, entry: Entry) -> Address:
        """Return who has most votes left, mostly, else anybody who holds."""
        if self.random.random() < 0.6:
            return max(self.voters, key=lambda voter: self._weight(voter, entry))
        return self.random.choice(self.voters)

    def _fresh(self) -> Made:
        """Propose, since there is nothing to do it with."""
        return self.propose()

    # TIME

    def _warp(self, moment: int) -> None:
        self.stage.gov.chain.warp(max(moment, self.world.now))

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

    # LIVES OF PROPOSALS

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

    def _is_shaped(self, entry: Entry) -> bool:
        return self.stage.shape in entry.draft.targets

    def _lifted(self, entry: Entry) -> list[bytes]:
        """Return the scopes that could be paused now, and whose pauses a proposal lifts."""
        scope_of = {
            self.world.address("adjudicator"): OPENINGS,
            self.world.address("engine"): TRADING,
            self.world.address("oracle"): self.scopes[-1],
        }
        scopes = [scope_of[target] for target in entry.draft.targets if target in scope_of]
        ends = {scope: self.world.pauses.window(scope).ends_at for scope in scopes}
        return [s for s in scopes if not ends[s] or self.world.now >= ends[s] + PAUSE_GAP_S]

    def _pause_before(self, entry: Entry) -> Made:
        """Pause what is about to be lifted, once there is an upgrade to extend it by."""
        scope = self._lifted(entry)[0]
        free = [voter for voter in self._able() if not self._is_busy(voter)]
        if scope != OPENINGS and free and not self._mending(scope):
            upgrade = self.drafter.of([self.drafter.module()])
            return "propose", self._propose(self.random.choice(free), upgrade)
        return "pause", self.duo.pause(self.stage.wallet, scope, PAUSE_MAX_S)

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

    def _lifted_early(self) -> bytes | None:
        """Return a scope whose pause runs for the guardian, but no more for the target."""
        now, pauses = self.world.now, self.world.pauses
        for scope in self.scopes[1:]:
            if pauses.book(scope).until <= now < pauses.window(scope).ends_at:
                return scope
        return None

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

    def _able(self) -> list[Address]:
        """Return who has the votes to propose."""
        votes, before = self.world.yellow.votes, self.world.now - 1
        return [v for v in self.voters if votes(v, before) >= self.world.setup.threshold]

    def _is_busy(self, voter: Address) -> bool:
        last = self.world.last_of.get(voter, 0)
        return last != 0 and self.world.is_live(self.world.proposals[last])

    def _propose(self, sender: Address, draft: Draft, digest: bytes | None = None) -> str:
        self.witness.drafts.setdefault(draft.id, draft)
        self.touched = draft
        return self.duo.propose(sender, draft, digest)

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

    # VOTES

    def vote(self) -> Made:
        """Vote, or vote with one thing wrong."""
        entry = self._entry(State.ACTIVE)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        voter, proposal_id = self._voter(entry), entry.draft.id
        spoil = self.random.choice(("", "", "", "again", "support", "unknown", "nobody", "reason"))
        match spoil:
            case "":
                return "vote", self.duo.vote(voter, proposal_id, self.random.choice((0, 1, 2)))
            case "again":
                voter = next((v for v in self.voters if entry.used.get(v)), voter)
                return "vote~again", self.duo.vote(voter, proposal_id, 1)
            case "support":
                support = self.random.choice((3, 254, FRACTIONS))
                return "vote~support", self.duo.vote(voter, proposal_id, support)
            case "unknown":
                return "vote~unknown", self.duo.vote(voter, proposal_id ^ 1, 1)
            case "nobody":
                voter = self.random.choice(self.strangers)
                return "vote~nobody", self.duo.vote(voter, proposal_id, 1)
            case _:
                verdict = self.duo.vote_with(voter, proposal_id, 1, "because", b"")
                return "vote~reason", verdict

    def fraction(self) -> Made:
        """Cast parts of one's votes: what is just enough, or one less; or parts that do not fit."""
        entry = self._entry(State.ACTIVE)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        voter = self._voter(entry)
        weight, votes = self._weight(voter, entry), entry.proposal.votes
        spoil = self.random.choice(
            ("quorum", "quorum", "approval", "approval", "some", "nothing", "more", "short", "both")
        )
        if spoil in {"quorum", "approval"}:
            voter = max(self.voters, key=lambda each: self._weight(each, entry))
            weight = self._weight(voter, entry)
        parts, support, cut = (0, 0, 0), FRACTIONS, 0
        match spoil:
            case "quorum":
                missing = spec.quorum_of(entry.proposal) - votes.in_favour - votes.abstain
                enough = min(max(missing - self.random.choice((0, 0, 1)), 0), weight)
                in_favour = enough - self.random.choice((0, enough // 3))
                parts = (0, in_favour, enough - in_favour)
            case "approval":
                bps = entry.proposal.terms.approval_bps
                most = bps * votes.against // (spec.BPS - bps) - votes.in_favour  # still too few
                enough = min(max(most + self.random.choice((0, 0, 1)), 0), weight)
                parts = (0, enough, 0)
            case "more":
                parts = (1, weight, 0)
            case "short":
                parts, cut = (0, weight // 2, 0), 1
            case "both":
                parts, support = (0, 1, 0), 1
            case "some":
                parts = (weight // 7, weight // 3, weight // 5)
            case _:
                pass
        params = params_of(parts)[cut:]
        verdict = self.duo.vote_with(voter, entry.draft.id, support, "", params)
        return f"fraction~{spoil}", verdict

    def vote_by_sig(self) -> Made:
        """Vote by signature, often one that is not quite the right one."""
        entry = self._entry(State.ACTIVE)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        voter, proposal_id = self._voter(entry), entry.draft.id
        support = self.random.choice((1, 1, 0, 2))
        long: tuple[str, bytes] | None = None
        if self.random.random() < 0.4:
            support = FRACTIONS
            weight = self._weight(voter, entry)
            long = "because", params_of((0, weight - weight // 4, 0))
        nonce = self.world.nonces.get(voter, 0)
        key: LocalSigner = KEYS[voter]
        spoil = self.random.choice(
            ("", "", "", "key", "nonce", "support", "proposal", "voter", "high s", "cut", "form")
        )
        signed = {"id": proposal_id, "support": support, "nonce": nonce}
        match spoil:
            case "key":
                key = KEYS[self.voters[self.voters.index(voter) - 1]]
            case "nonce":
                signed["nonce"] = nonce + self.random.choice((-1, 1)) if nonce else 1
            case "support":
                signed["support"] = (support + 1) % 256
            case "proposal":
                signed["id"] ^= 1
            case _:
                pass
        form = long if spoil != "form" else None if long else ("", b"")
        ballot = self.world.ballot(voter, signed["id"], signed["support"], signed["nonce"], form)
        signature = key.sign(ballot).expanded()
        if spoil == "high s":
            signature = high_s(signature)
        if spoil == "cut":
            signature = signature[:-1]
        if spoil == "voter":
            voter = self.random.choice((HEIR, self.voters[self.voters.index(voter) - 1]))
        move = "voteBySig" + (f"~{spoil}" if spoil else "")
        return move, self.duo.vote_by_sig(voter, proposal_id, support, signature, long)

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

    # YELLOW

    def transfer(self) -> Made:
        """Move YELLOW, often so that a proposer falls to the threshold or just below."""
        balances, setup = self.world.yellow.balances, self.world.setup
        sender, to = self.random.choice(self.voters), self.random.choice(self.people)
        held = balances.get(sender, 0)
        spare = self.world.yellow.votes(sender, self.world.now) - setup.threshold
        amounts = (1, WAD, held // 2, held, spare, spare + 1)
        raw = min(max(self.random.choice(amounts), 0), held)
        spoil = self.random.choice(("", "", "", "", "", "~more", "~nobody"))
        if spoil == "~more":
            raw = held + 1
        if spoil == "~nobody":
            to = ZERO_ADDRESS
        return f"transfer{spoil}", self.duo.transfer(sender, to, raw)

    def delegate(self) -> Made:
        """Delegate, mostly to oneself or to another holder."""
        sender = self.random.choice((*self.voters, HEIR))
        to = self.random.choice((sender, sender, *self.voters, ZERO_ADDRESS))
        return "delegate", self.duo.delegate(sender, to)

    def delegate_by_sig(self) -> Made:
        """Delegate by signature, sometimes one that is not quite the right one."""
        signer, now = self.random.choice(self.voters), self.world.now
        to = self.random.choice((signer, signer, *self.voters))
        nonce, expiry = self.world.yellow.nonces.get(signer, 0), now + self.random.choice((0, 9))
        spoil = self.random.choice(("", "", "nonce", "old", "other", "late", "high s"))
        if spoil == "nonce":
            nonce += 1
        if spoil == "old":
            nonce = max(nonce - 1, 0)
        if spoil == "late":
            expiry = now - 1
        signature = KEYS[signer].sign(self.world.yellow.delegation(to, nonce, expiry))
        if spoil == "other":
            to = self.random.choice([voter for voter in self.voters if voter != to])
        move = "delegateBySig" + (f"~{spoil}" if spoil else "")
        if spoil == "high s":
            rsv = high_s(signature.expanded())
            return move, self.duo.delegate_with_high_s(signer, to, nonce, expiry, rsv)
        return move, self.duo.delegate_by_sig(HEIR, to, nonce, expiry, signature)

    # PAUSES

    def pause(self) -> Made:
        """Pause a scope, or try what the guardian does not let through."""
        scope, sender = self.random.choice(self.scopes), self.stage.wallet
        duration = self.random.choice((1, DAY_S, PAUSE_MAX_S, PAUSE_MAX_S))
        mendable = [scope for scope in self.scopes[1:] if self._mending(scope)]
        if mendable and self.random.random() < 0.5:
            scope = self.random.choice(mendable)
        spoil = self.random.choice(("", "", "", "", "owner", "none", "long", "scope", "feed"))
        match spoil:
            case "owner":
                sender = self.random.choice([p for p in self.people[:-1] if p != sender])
            case "none":
                duration = 0
            case "long":
                duration = PAUSE_MAX_S + 1
            case "scope":
                scope = self.random.choice((bytes(32), (3).to_bytes(32, "big"), b"\1" * 32))
            case "feed":
                scope = feed_scope(b"\1" * 16)
            case _:
                ends = self.world.pauses.window(scope).ends_at
                if ends and self.random.random() < 0.4:
                    self._warp(ends + PAUSE_GAP_S - self.random.choice((0, 0, 1)))
        move = "pause" + (f"~{spoil}" if spoil else "")
        verdict = self.duo.pause(sender, scope, duration)
        if verdict == ACCEPTED and self._mending(scope) and self.random.random() < 0.6:
            self.campaign = scope
        return move, verdict

    def extend(self) -> Made:
        """Let a pause go on by a live upgrade, or by what is none."""
        running = [
            scope
            for scope in self.scopes
            if self.world.now < self.world.pauses.window(scope).ends_at
        ]
        if not running and self.random.random() < 0.7:
            return self.pause()
        scope = self.random.choice(running or self.scopes)
        mending = self._mending(scope)
        entry = mending[0] if mending else self._entry(*spec.LIVE)
        if entry is None:
            return self._fresh()
        draft, sender = entry.draft, self.stage.wallet
        action = mending[1] if mending else 0
        spoil = self.random.choice(("", "", "", "", "owner", "bytes", "action", "beyond", "other"))
        encoded, known = draft.encoded, True
        match spoil:
            case "owner":
                sender = self.random.choice([p for p in self.people[:-1] if p != sender])
            case "bytes":
                cut = self.random.choice((len(encoded) - 32, 0, 100))
                encoded, known = encoded[:cut] or b"\0", False
            case "action":
                action = self.random.randrange(len(draft.targets))
            case "beyond":
                action = self.random.choice((len(draft.targets), 2**255, 2**256 - 1))
            case "other":
                other = self._entry(State.DEFEATED, State.CANCELED, State.EXECUTED, State.PENDING)
                draft = other.draft if other else draft
                encoded, action = draft.encoded, 0
            case _:
                last = self.world.pauses.window(scope).ends_at - 1
                if scope in running and self.random.random() < 0.4:
                    self._warp(last)
        move = "extend" + (f"~{spoil}" if spoil else "")
        told = draft if known else None
        verdict = self.duo.extend(sender, scope, encoded, told, action)
        if verdict == ACCEPTED:
            self.campaign = scope
        return move, verdict

    def go_on(self) -> Made:
        """Extend the same pause again, a day or three later, or in its last second."""
        assert self.campaign is not None
        scope, ends = self.campaign, self.world.pauses.window(self.campaign).ends_at
        mending = self._mending(scope)
        if mending is None or self.world.now >= ends:
            self.campaign = None
            return self.forward()
        before = self.random.choice((1, 1, DAY_S, PAUSE_MAX_S - 1))
        self._warp(ends - before)
        entry, action = mending
        verdict = self.duo.extend(
            self.stage.wallet, scope, entry.draft.encoded, entry.draft, action
        )
        if verdict != ACCEPTED and self.random.random() < 0.5:
            self.campaign = None
        return "extend on", verdict

    def _mending(self, scope: bytes) -> tuple[Entry, int] | None:
        """Return a live upgrade that acts on a scope, and which of its actions does."""
        engine, oracle = self.world.address("engine"), self.world.address("oracle")
        menders = (engine,) if scope in {OPENINGS, TRADING} else (engine, oracle)
        for entry in self.world.proposals.values():
            if entry.proposal.kind is spec.Kind.UPGRADE and self.world.is_live(entry):
                for at, target in enumerate(entry.draft.targets):
                    if target in menders:
                        return entry, at
        return None

    # ADVERSARIES

    def intrude(self) -> Made:
        """Make a proposal's call directly; what anybody may do, anybody does."""
        while True:
            action = self.drafter.action()
            if (action.target, action.data) in self.world.calls and action.value == 0:
                break
        part = next(p for p, c in self.stage.contracts.items() if c.address == action.target)
        verdict = self.duo.direct(self._anybody(), part, action.data)
        return f"intrude {part}", verdict

    def timelock(self) -> Made:
        """Go to the timelock directly, past the governor."""
        entry = self._entry(State.QUEUED, State.SUCCEEDED, State.CANCELED)
        if entry is None:
            return self._fresh()
        self.touched = draft = entry.draft
        sender = HEIR if self.random.random() < 0.7 else self._anybody()
        match self.random.randrange(6):
            case 0:
                delay = self.world.min_delay - self.random.choice((0, 0, 1))
                return "timelock schedule", self.duo.schedule(sender, draft, delay)
            case 1:
                return "timelock cancel", self.duo.cancel_operation(sender, draft.operation)
            case 2 | 3 if self.loose:
                return "timelock execute loose", self.duo.run_batch(
                    sender, self.random.choice(self.loose[-4:])
                )
            case 2 | 3 | 4:
                loose = self.drafter.draft()
                self.loose.append(loose)
                delay = self.world.min_delay
                return "timelock schedule loose", self.duo.schedule(sender, loose, delay)
            case _:
                return "timelock execute", self.duo.run_batch(sender, draft)

    def trespass(self) -> Made:
        """Try a door that is shut to everybody but one contract."""
        part, name, args, error = self.random.choice(self.doors)
        sender = self._anybody()
        verdict = self.duo.refused(sender, (part, name, *args), error)
        return f"trespass {part}.{name}", verdict

    def reshape(self) -> Made:
        """Put other code at the shape, or the first again."""
        code = self.random.choice((*CODES, CODES[0], CODES[0], CODES[0]))
        self.stage.gov.chain.set_code(self.stage.shape, code)
        self.world.shape_code = code
        return "reshape", "none" if not code else "some"
