"""Moves of the wallet that pauses: pauses, extensions, and what it may not do."""

from __future__ import annotations

from clearing.spec import governance as spec
from clearing.spec.governance import PAUSE_GAP_S, PAUSE_MAX_S, State
from clearing.spec.units import DAY_S
from tests.harness.governance_draft import Entry
from tests.harness.pauses import OPENINGS, TRADING, feed_scope
from tests.harness.results import ACCEPTED
from tests.invariants.governance_player import Made, Player

__all__ = ["Pausing"]


class Pausing(Player):
    """What the guardian's wallet does."""

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

    # WHAT THERE IS TO PAUSE

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

    def _lifted_early(self) -> bytes | None:
        """Return a scope whose pause runs for the guardian, but no more for the target."""
        now, pauses = self.world.now, self.world.pauses
        for scope in self.scopes[1:]:
            if pauses.book(scope).until <= now < pauses.window(scope).ends_at:
                return scope
        return None

    def _pause_before(self, entry: Entry) -> Made:
        """Pause what is about to be lifted, once there is an upgrade to extend it by."""
        scope = self._lifted(entry)[0]
        free = [voter for voter in self._able() if not self._is_busy(voter)]
        if scope != OPENINGS and free and not self._mending(scope):
            upgrade = self.drafter.of([self.drafter.module()])
            return "propose", self._propose(self.random.choice(free), upgrade)
        return "pause", self.duo.pause(self.stage.wallet, scope, PAUSE_MAX_S)
