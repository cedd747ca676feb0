"""The channel machine: draw an action, perform it everywhere, and again."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from tests.invariants.actions import Action, Send
from tests.invariants.arena import Arena
from tests.invariants.chain import Chain
from tests.invariants.drawer import Drawer
from tests.invariants.lockstep import Lockstep
from tests.invariants.mutations import spoiled
from tests.invariants.player import Player
from tests.invariants.rules import RULES

__all__ = ["ChannelMachine"]

_WEIGHTS: Final = tuple(accumulate(weight for weight, _ in RULES))
SPOILED: Final = 18
"""Percent of the calls that are spoiled in one place."""
REPEATED: Final = 6
"""Percent of the steps that send an earlier call once more, verbatim or by somebody else."""


class ChannelMachine:
    """One schedule. With a chain, contracts and specification in lock step; without, the latter."""

    def __init__(self, arena: Arena, chain: Chain | None, draw: Drawer) -> None:
        self.lock = Lockstep(arena, chain)
        self.actions: list[Action] = []
        """What has happened, the failing step included."""
        self._draw = draw
        self._player = Player(self.lock, draw)

    def step(self) -> None:
        """Do one more thing. Raises Divergence."""
        action = self._next()
        self.actions.append(action)
        self.lock.perform(action)

    def _next(self) -> Action:
        player, draw = self._player, self._draw
        if player.sent and draw.chance(REPEATED):
            send = draw.choose(player.sent)
            return send if draw.chance(60) else Send(player.anybody(), send.request, send.gas)
        action = self._by_rule()
        if not isinstance(action, Send):
            return action
        if draw.chance(SPOILED):
            action = spoiled(player, action)
        return player.remember(action)

    def _by_rule(self) -> Action:
        while True:
            at = self._draw.integer(0, _WEIGHTS[-1] - 1)
            rule = next(
                rule for bound, (_, rule) in zip(_WEIGHTS, RULES, strict=True) if at < bound
            )
            action = rule(self._player)
            if action is not None:
                return action
