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

from clearing.spec.governance import State
from tests.harness.errors import Halted
from tests.harness.governance_stage import Stage, deploy_stage
from tests.harness.results import ACCEPTED
from tests.invariants.governance_courses import Courses
from tests.invariants.governance_doors import doors_of
from tests.invariants.governance_drafts import HEIR
from tests.invariants.governance_player import Made
from tests.invariants.governance_wanted import RARE, WANTED
from tests.invariants.played import Fault, Played, Seen

__all__ = ["GovernanceMachine", "play", "unseen"]

LIFE_STEPS: Final = 300
"""Steps until everything starts anew."""
VERY_LONG: Final = 100_000
"""Steps after which the rare must have been met as well."""
LOOK_EVERY: Final = 12
"""Steps between looks at all that is live."""
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


class GovernanceMachine(Courses):
    """One life, and those who have no business in it."""

    def __init__(self, stage: Stage, random: Random) -> None:
        super().__init__(stage, random)
        self.doors = doors_of(stage)
        if self.is_given_away:
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

    def trespass(self) -> Made:
        """Try a door that is shut to everybody but one contract."""
        part, name, args, error = self.random.choice(self.doors)
        sender = self._anybody()
        verdict = self.duo.refused(sender, (part, name, *args), error)
        return f"trespass {part}.{name}", verdict

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
