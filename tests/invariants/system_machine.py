"""Play the whole system: everybody at work on every contract at once, and one who wants it all.

A schedule is a row of lives, each from the stage as it was deployed. `play` answers as every
machine does (`tests.invariants.played`); a seed gives the same schedule in any process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.invariants.played import Fault, Played, Seen
from tests.invariants.system_adversary import Adversary, Attack
from tests.invariants.system_brokers import Brokers
from tests.invariants.system_checks import Broken, Checks, Excuses
from tests.invariants.system_exit import Exit
from tests.invariants.system_keepers import Keepers
from tests.invariants.system_powers import Powers
from tests.invariants.system_stage import stage
from tests.invariants.system_town import Town
from tests.invariants.system_traders import Traders
from tests.invariants.system_wanted import missing

__all__ = ["Life", "play", "unseen"]

LIFE: Final = 4_000
"""Steps until everything begins anew."""
LEAVINGS: Final = 500
"""Steps between two times that everybody tries to leave."""
ATTACKS: Final = 35
"""Steps of a hundred that are the adversary's."""
ARMED: Final = "armed"
"""The token waits for the next step."""
JUDGES: Final = frozenset(
    {"RiskManager", "ResolutionModule", "SettlementModule", "HostileAccount", "VaultModule"}
)
"""Contracts by which somebody else's account can be closed."""


class Life:
    """One life of the system."""

    def __init__(self, seed: str) -> None:
        self.town = Town(stage(), seed)
        self.brokers = Brokers(self.town)
        self.traders = Traders(self.town)
        self.keepers = Keepers(self.town, self.brokers.watch)
        self.powers = Powers(self.town, self.brokers.watch)
        self.adversary = Adversary(self.town)
        self.checks = Checks(self.town)
        moves = [
            move
            for players in (self.brokers, self.traders, self.keepers, self.powers)
            for move in players.moves()
        ]
        self._moves: list[Callable[[], str]] = [move for move, _ in moves]
        self._weights = [weight for _, weight in moves]
        self._armed = False
        self._steps = 0
        self._exit = Exit(self.town, self.checks, self.keepers)

    @property
    def seen(self) -> Seen:
        """What was met so far."""
        return self.town.desk.seen

    def step(self) -> None:
        """Make one move and judge it. Raises Broken."""
        desk = self.town.desk
        self._steps += 1
        if self._steps % LEAVINGS == 0 and not self._armed:
            self._exit.try_all()
        desk.begin()
        if self._armed or not self.town.chance(ATTACKS):
            move = self.town.random.choices(self._moves, self._weights)[0]
            move()
            if desk.changed:
                self.checks.after(desk.told)
            if self._armed:
                self._disarm()
        else:
            self.attack(self.adversary.draw())

    def attack(self, attack: Attack) -> None:
        """Carry an attack out and judge it. Raises Broken."""
        desk = self.town.desk
        excuses = Excuses()
        if attack.target.partition(".")[0] in JUDGES or len(attack.shots) > 1:
            excuses.liquidatable = self.checks.liquidatable()
        told = ""
        for at, shot in enumerate(attack.shots):
            told_now = desk.run(
                shot.name, shot.calldata, by=shot.by, value=shot.value, gas=shot.gas
            )
            if at == 0:
                told = ARMED if attack.stays else told_now
            elif at == 1:
                told = self._inside()
        self.seen[f"adversary: {attack.mutator}", told] += 1
        self.seen[f"adversary: {attack.target}", told] += 1
        self._armed = attack.stays
        if desk.changed:
            self.checks.after(desk.told, excuses=excuses)

    def _inside(self) -> str:
        """Return what came of the token's own call."""
        token = self.town.stage["USDC"]
        if not token.read("calls"):
            return "never called"
        return "accepted inside" if token.read("succeeded") else "refused inside"

    def _disarm(self) -> None:
        self.seen["adversary: called back in another's step", self._inside()] += 1
        shot = self.adversary.disarm()
        self.town.desk.run(shot.name, shot.calldata, by=shot.by)
        self._armed = False


def play(seed: str, steps: int) -> Played:
    """Play so many steps, or until something does not hold."""
    seen: Seen = Counter()
    for first in range(0, steps, LIFE):
        with stage().chain.isolated():
            life = Life(f"{seed}/{first}")
            for step in range(first, min(first + LIFE, steps)):
                try:
                    life.step()
                except Broken as broken:
                    return Played(step + 1, seen + life.seen, Fault(str(broken), step))
            seen += life.seen
    return Played(steps, seen)


def unseen(seen: Seen) -> list[str]:
    """Return what a long run must meet and `seen` lacks."""
    return missing(seen)
