"""Who plays a life of governance: contracts, model, witness, a source of chance, and draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from random import Random
from typing import Final

from clearing.spec.governance import State
from clearing.spec.units import DAY_S, Address
from tests.harness.actors import key_of
from tests.harness.governance import HOLDINGS
from tests.harness.governance_draft import Draft, Entry
from tests.harness.governance_stage import CODES, Stage
from tests.harness.governance_world import GovernanceWorld
from tests.harness.pauses import OPENINGS, TRADING, feed_scope
from tests.invariants.governance_drafts import HEIR, Drafter
from tests.invariants.governance_duo import GovernanceDuo, Step
from tests.invariants.governance_rules import Witness
from tests.invariants.played import Seen

__all__ = ["KEYS", "Made", "Player"]

GIVEN_AWAY_SHARE: Final = 0.15
"""Part of the lives in which a proposal may give away the timelock's roles."""
LATE_SHARE: Final = 0.3
"""Part of the lives that begin when the guardian's term is about to end."""
NAMES: Final = (*HOLDINGS, "sleeper")
KEYS: Final = {key_of(name).address: key_of(name) for name in NAMES}
Made = tuple[str, str]
"""A move, with what was spoiled of it, and the verdict."""


class Player(ABC):
    """Everything that moves need, and how they draw."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self.random, self.stage = random, stage
        stage.gov.chain.set_code(stage.shape, CODES[0])
        self.world = GovernanceWorld(stage)
        self.duo = GovernanceDuo(stage, self.world)
        self.witness = Witness(stage)
        self.duo.watchers += [self.witness.hear, self._note]
        self.is_given_away = random.random() < GIVEN_AWAY_SHARE
        self.drafter = Drafter(self.world, random, may_give_away=self.is_given_away)
        self.seen: Seen = Counter()
        self.steps = 0
        self.touched: Draft | None = None
        self.campaign: bytes | None = None
        """The scope whose pause is being extended again and again."""
        self.stuck: set[int] = set()
        """Proposals whose execution has been refused by what they call."""
        self.loose: list[Draft] = []
        """Operations that went to the timelock past the governor."""
        gov = stage.gov
        self.voters = tuple(KEYS)
        self.strangers = (gov.outsider, gov.guardian, stage.wallet, HEIR)
        self.people = (*self.voters, *self.strangers, self.world.timelock)
        self.scopes = (OPENINGS, TRADING, *map(feed_scope, stage.feeds))
        if random.random() < LATE_SHARE:
            self._warp(self.world.cells["expiry"] - random.randrange(25 * DAY_S))

    @abstractmethod
    def propose(self) -> Made:
        """Propose something."""

    @abstractmethod
    def forward(self) -> Made:
        """Do what brings a proposal on."""

    # LOOKING

    def _note(self, step: Step) -> None:
        """Count the events that were told."""
        if step.receipt is not None:
            self.seen.update(("event", log.event) for log in step.receipt.logs)

    def _look(self, draft: Draft) -> None:
        self.witness.look(draft.id, self.duo.compare_proposal(draft))

    def _look_at_live(self) -> None:
        for entry in list(self.world.proposals.values()):
            if self.world.is_live(entry):
                self._look(entry.draft)

    # DRAWING

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

    def _able(self) -> list[Address]:
        """Return who has the votes to propose."""
        votes, before = self.world.yellow.votes, self.world.now - 1
        return [v for v in self.voters if votes(v, before) >= self.world.setup.threshold]

    def _is_busy(self, voter: Address) -> bool:
        last = self.world.last_of.get(voter, 0)
        return last != 0 and self.world.is_live(self.world.proposals[last])

    def _fresh(self) -> Made:
        """Propose, since there is nothing to do it with."""
        return self.propose()

    # DOING

    def _warp(self, moment: int) -> None:
        self.stage.gov.chain.warp(max(moment, self.world.now))

    def _propose(self, sender: Address, draft: Draft, digest: bytes | None = None) -> str:
        self.witness.drafts.setdefault(draft.id, draft)
        self.touched = draft
        return self.duo.propose(sender, draft, digest)
