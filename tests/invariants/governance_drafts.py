"""What proposals of a schedule do, drawn at random, with what each call means to the model.

The same calls are also made directly, by whoever has no right to make them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from clearing.spec import governance as spec
from clearing.spec.errors import SpecError
from clearing.spec.governance import Action, Kind, Terms
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address
from tests.harness.actors import key_of
from tests.harness.governance import SUPPLY, terms_row
from tests.harness.governance_draft import Draft
from tests.harness.governance_state import ALL_ROLES
from tests.harness.governance_world import TERM_MAX_S, GovernanceWorld

__all__ = ["HEIR", "Drafter"]

HEIR: Final = key_of("heir").address
"""To whom some schedules give the timelock's roles."""
STRANGER: Final = key_of("stranger").address
HELD_S: Final = 20 * DAY_S
UNKNOWN: Final = bytes.fromhex("00c0ffee")
"""A selector that no contract here has."""
FUNCTIONS: Final = {
    "target": ("mint", 2),
    "engine": ("setModule", 2),
    "oracle": ("liftPause", 1),
    "governor": ("setVotingDelay", 1),
    "timelock": ("updateDelay", 1),
}
"""A function of each contract that may be listed, and the number of its arguments."""
SPANS: Final = {
    "setVotingDelay": (DAY_S - 1, DAY_S, 2 * DAY_S, 2 * DAY_S, 7 * DAY_S, 7 * DAY_S + 1),
    "setVotingPeriod": (3 * DAY_S - 1, 3 * DAY_S, 5 * DAY_S, 14 * DAY_S, 14 * DAY_S + 1),
    "setLateQuorumVoteExtension": (DAY_S - 1, DAY_S, 2 * DAY_S, 7 * DAY_S, 7 * DAY_S + 1),
    "setProposalThreshold": tuple(
        SUPPLY // 10_000 * bps + by for bps, by in ((10, -1), (10, 0), (50, 0), (500, 0), (500, 1))
    ),
    "updateQuorumNumerator": (199, 200, 400, 450, 900, 3_000, 3_001),
}
"""Values of the settings: within the bounds, at them, and one beyond."""
TERMS: Final = (
    (199, 200, 300, 400, 500, 800, 3_001),
    (4_999, 5_000, 5_000, 6_000, 6_667, 9_001),
    (0, 0, DAY_S, 5 * DAY_S, 14 * DAY_S, 14 * DAY_S + 1),
)
"""Quorum, approval and extra delay of a kind."""


class Drafter:
    """Draws calls; `moments` are seconds at which one of them changes its verdict."""

    def __init__(self, world: GovernanceWorld, random: Random, *, may_give_away: bool) -> None:
        self.world, self.random = world, random
        self.moments: list[int] = []
        self.held: dict[int, int] = {}
        """Until when proposals are left to others that execute them."""
        self._count = 0
        self._may_give_away = may_give_away

    # DRAFTS

    def draft(self) -> Draft:
        """Draw a proposal of one call or some."""
        if self.random.random() < 0.08:
            return self.of([self.nested(), self.number()])
        count = self.random.choice((1, 1, 1, 1, 2, 3, 10))
        if count == 10:  # as many as there may be
            return self.of([self.plain() for _ in range(count)])
        return self.of([self.action() for _ in range(count)])

    def of(self, actions: Sequence[Action], suffix: str = "") -> Draft:
        """Write down calls; no two drafts have the same text."""
        self._count += 1
        lists = (
            tuple(action.target for action in actions),
            tuple(action.value for action in actions),
            tuple(action.data for action in actions),
        )
        return Draft(self.world.stage, *lists, f"# {self._count}{suffix}")

    def with_lists(self, draft: Draft, **changes: Any) -> Draft:
        """Return a draft with one list, or its text, replaced."""
        old = {
            "targets": draft.targets,
            "values": draft.values,
            "calldatas": draft.calldatas,
            "description": draft.description,
        }
        return Draft(self.world.stage, **{**old, **changes})

    # CALLS

    def action(self) -> Action:
        """Draw one call."""
        draws: list[tuple[Callable[[], Action], float]] = [
            (self.plain, 6),
            (self.number, 3),
            (self.guardian, 5),
            (self.kind, 2),
            (self.terms, 4),
            (self.delay, 1),
            (self.lift, 3),
            (self.module, 4),
            (self.cap, 0.5),
            (self.ether, 1.5),
            (self.shape, 2),
            (self.hidden, 2),
            (self.nested, 1.5),
            (self.votes, 0.5),
            (self.unknown, 1),
            (self.stubborn, 0.5),
        ]
        if self._may_give_away:
            draws.append((self.role, 4))
        makers, weights = zip(*draws, strict=True)
        action: Action = self.random.choices(makers, weights)[0]()
        return action

    def plain(self) -> Action:
        """Act on the target: a call of each kind that is listed."""
        world, raw = self.world, self.random.choice((0, 0, 1, 7))
        name, rule = self.random.choice(
            (("mint", world.mint), ("approve", world.approve), ("transfer", world.send_target))
        )
        if name == "transfer" and world.balances.get(world.timelock, 0) < raw:
            raw = self.random.choice((0, 0, 0, raw))
        to = self.random.choice((STRANGER, world.timelock))
        return self._call("target", name, to, raw, rule=lambda by: rule(by, to, raw))

    def number(self) -> Action:
        """Change one of the governor's settings."""
        name = self.random.choice(tuple(SPANS))
        low, *within, high = SPANS[name]
        value = self.random.choice((*within, *within, *within, low, high))
        data = self._data("governor", name, value)
        return self._raw("governor", data, lambda by: self.world.set_number(name, by, value, data))

    def guardian(self) -> Action:
        """Name another guardian, or the same for longer, or none."""
        world = self.world
        who = self.random.choice((world.stage.gov.guardian, STRANGER, world.timelock))
        wait = self.random.choice((1, 15 * DAY_S, 60 * DAY_S, TERM_MAX_S, TERM_MAX_S + 14 * DAY_S))
        expiry = world.now + wait
        if self.random.random() < 0.2:
            who, expiry = ZERO_ADDRESS, self.random.choice((0, 0, 0, expiry))
        self.moments += [expiry - TERM_MAX_S, expiry]
        data = self._data("governor", "setGuardian", who, expiry)
        return self._raw(
            "governor", data, lambda by: self.world.set_guardian(by, who, expiry, data)
        )

    def kind(self) -> Action:
        """List a function, sometimes one that is an upgrade for ever."""
        world = self.world
        part = self.random.choice(("target", "target", "engine", "oracle", "governor", "timelock"))
        selectors = [self._selector(part), UNKNOWN, min(spec.FORWARDERS)]
        target, selector = world.address(part), self.random.choice(selectors)
        kind = self.random.choice((Kind.PARAMETER, Kind.RISK_CONFIGURATION, Kind.UPGRADE, Kind(0)))
        return self._call(
            "types",
            "setKind",
            target,
            selector,
            kind,
            rule=lambda by: world.set_kind(by, target, selector, kind),
        )

    def terms(self) -> Action:
        """Change what a kind asks for, mostly in order."""
        kind = self.random.choice(tuple(Kind))
        terms = Terms(*(self.random.choice(values) for values in TERMS))
        if kind is not Kind.NONE and self.random.random() < 0.6:
            quorum, approval, delay = terms_row(self.world.table.terms[kind])
            terms = Terms(quorum + self.random.choice((0, 1, -1)), approval, delay)
        row = terms_row(terms)
        return self._call(
            "types", "setTerms", kind, row, rule=lambda by: self.world.set_terms(by, kind, terms)
        )

    def delay(self) -> Action:
        """Change the timelock's delay, also to what counts as something else."""
        value = self.random.choice((0, DAY_S - 1, 2 * DAY_S, 3 * DAY_S, 30 * DAY_S + 1))
        return self._call(
            "timelock", "updateDelay", value, rule=lambda by: self.world.update_delay(by, value)
        )

    def lift(self) -> Action:
        """Lift one of the pauses."""
        books = self.world.pauses
        match self.random.randrange(3):
            case 0:
                return self._call("adjudicator", "liftPause", rule=books.lift_openings)
            case 1:
                return self._call("engine", "liftGuardianPause", rule=books.lift_trading)
            case _:
                feed = self.random.choice((*self.world.stage.feeds, b"\1" * 16))
                return self._call(
                    "oracle", "liftPause", feed, rule=lambda by: books.lift_feed(by, feed)
                )

    def module(self) -> Action:
        """Give the engine a module: an upgrade that acts on trading and on feeds."""
        role = self.random.choice((0, 1, 4, 7))
        module = self.random.choice((ZERO_ADDRESS, STRANGER, self.world.stage.shape))
        return self._call(
            "engine",
            "setModule",
            role,
            module,
            rule=lambda by: self.world.set_module(by, role, module),
        )

    def cap(self) -> Action:
        """Raise a launch cap of the channels."""
        token = self.random.choice((*[self.world.address("yellow")] * 3, STRANGER))
        cap = self.random.choice((0, 10**6, 10**9, 2**127 - 1, 2**127))
        return self._call(
            "adjudicator",
            "raiseCap",
            token,
            cap,
            rule=lambda by: self.world.raise_cap(by, token, cap),
        )

    def ether(self) -> Action:
        """Send ether somewhere, with a call or without."""
        world = self.world
        mint = world.address("target"), self._data("target", "mint", STRANGER, 1)
        to, data = self.random.choice(
            (
                mint,
                mint,
                (STRANGER, b""),
                (world.timelock, b""),
                (world.governor, b""),
                (world.stage.shape, UNKNOWN),
            )
        )
        return Action(to, self.random.choice((0, 1, 1)) if not data else 1, data)

    def shape(self) -> Action:
        """Call the contract whose code may change."""
        return Action(self.world.stage.shape, 0, UNKNOWN + bytes([self.random.randrange(3)]))

    def hidden(self) -> Action:
        """Hide a call in one of the governor's own."""
        inner = self.random.choice((self.plain, self.number, self.delay, self.module))()
        data = self._data("governor", "relay", inner.target, 0, inner.data)
        return self._raw(
            "governor", data, lambda by: self.world.relay(by, inner.target, inner.data, data)
        )

    def nested(self) -> Action:
        """Let a proposal execute, queue or cancel another."""
        world = self.world
        known = [entry for entry in world.proposals.values() if world.is_live(entry)]
        if not known:
            return self.unknown()
        entry = self.random.choice((known[-1], *known))
        name, rule = self.random.choice(
            (
                ("execute", world.execute),
                ("execute", world.execute),
                ("queue", world.queue),
                ("cancel", world.cancel),
            )
        )
        if name == "execute":
            self.held[entry.draft.id] = world.now + HELD_S
        draft = entry.draft
        return self._call("governor", name, *draft.hashed, rule=lambda by: rule(by, draft))

    def votes(self) -> Action:
        """Let the timelock delegate or move YELLOW that it may hold."""
        world = self.world
        if self.random.random() < 0.5:
            to = self.random.choice((STRANGER, world.timelock))
            return self._call(
                "yellow", "delegate", to, rule=lambda by: world.yellow.delegate(by, to, world.now)
            )
        return self._call(
            "yellow",
            "transfer",
            STRANGER,
            1,
            rule=lambda by: world.yellow.transfer(by, STRANGER, 1, world.now),
        )

    def unknown(self) -> Action:
        """Call what no contract has: an upgrade that comes to nothing."""
        part = self.random.choice(("engine", "oracle", "oracle", "target", "governor"))
        data = self.random.choice((UNKNOWN, UNKNOWN[:3], b""))
        return Action(self.world.address(part), 0, data)

    def stubborn(self) -> Action:
        """Call a function of the governor that refuses everybody."""
        name, error = self.random.choice(
            (
                ("setProposalGuardian", "GuardianNeedsExpiry"),
                ("updateTimelock", "TimelockIsFixed"),
            )
        )

        def refuse(_by: Address) -> None:
            raise SpecError(error)

        return self._call("governor", name, STRANGER, rule=refuse)

    def every_role(self) -> list[Action]:
        """Give all of the timelock's roles away."""
        return [self._role("grantRole", role, HEIR, is_given=True) for role in ALL_ROLES]

    def role(self) -> Action:
        """Give one of the timelock's roles away, or take one from the governor."""
        role = self.random.choice(ALL_ROLES)
        name, who, is_given = self.random.choice(
            (
                ("grantRole", HEIR, True),
                ("grantRole", HEIR, True),
                ("grantRole", HEIR, True),
                ("revokeRole", HEIR, False),
                ("revokeRole", self.world.governor, False),
            )
        )
        return self._role(name, role, who, is_given=is_given)

    def _role(self, name: str, role: bytes, who: Address, *, is_given: bool) -> Action:
        def rule(by: Address) -> None:
            self.world.set_role(by, role, who, is_given=is_given)

        return self._call("timelock", name, role, who, rule=rule)

    # HOW

    def _selector(self, part: str) -> bytes:
        return self.world.stage[part].interface.method(*FUNCTIONS[part]).selector

    def _data(self, part: str, name: str, *args: Any) -> bytes:
        return self.world.stage[part].interface.method(name, len(args)).encode(*args)

    def _call(self, part: str, name: str, *args: Any, rule: Callable[[Address], Any]) -> Action:
        return self._raw(part, self._data(part, name, *args), rule)

    def _raw(self, part: str, data: bytes, rule: Callable[[Address], Any]) -> Action:
        target = self.world.address(part)
        self.world.calls[target, data] = rule
        return Action(target, 0, data)
