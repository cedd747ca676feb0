"""Take the peer's answer from the chain where it has kept it from us and shown it there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from clearing.chain.errors import ChainError
from clearing.channel.signatures import Signature
from clearing.clearport.core.agreeing import shown_half
from clearing.clearport.core.channel import Half
from clearing.clearport.core.events import Heard
from clearing.clearport.core.messages import Answer
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.watch.asking import ask_in_thread
from clearing.clearport.watch.shown import Asked, find_answer
from clearing.client.contracts import Contracts
from clearing.spec.units import Address

__all__ = ["Completing", "FindAnswer", "answers_on"]

LOOK_S: Final = 2.0
AGAIN_S: Final = 60.0
TIMEOUT_S: Final = 120.0

FindAnswer = Callable[[bytes, Half, Address], Signature | None]
"""Returns the signature of a half's digest by an address, found on the chain; it blocks."""


def answers_on(contracts: Contracts) -> FindAnswer:
    """Return what looks for an answer on a chain."""

    def find(channel_id: bytes, half: Half, peer: Address) -> Signature | None:
        if half.ours is None:
            return None
        asked = Asked(channel_id, half.ours, half.digest, peer)
        return find_answer(contracts.node, contracts.adjudicator.address, asked)

    return find


@dataclass
class Completing:
    """Looks for what the chain enforces and only the peer has completed."""

    lanes: Lanes
    find: FindAnswer
    clock_s: Callable[[], float] = time.monotonic
    _asked_s: dict[tuple[bytes, int], float] = field(default_factory=dict)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            for lane in tuple(self.lanes):
                await self.look(lane)
            await asyncio.sleep(LOOK_S)

    async def look(self, lane: Lane) -> None:
        """Have a lane hear the answer that the chain has and it has not; ask once a minute."""
        line = lane.phase.line
        half = shown_half(line, lane.phase.link.latest)
        if half is None:
            return
        place, now_s = (lane.channel_id, half.version), self.clock_s()
        if now_s - self._asked_s.get(place, now_s - AGAIN_S) < AGAIN_S:
            return
        self._asked_s[place] = now_s
        log, name = self.lanes.world.log, lane.channel_id.hex()
        log.warning("peer_answers_on_chain_alone", channel=name, version=half.version)
        peer = line.definition.signer(line.side.other)
        theirs, problem = None, "no transaction shows it"
        try:
            find = partial(self.find, lane.channel_id, half, peer)
            theirs = await ask_in_thread(TIMEOUT_S, find)
        except (ChainError, TimeoutError) as error:
            problem = str(error) or "the node does not answer in time"
        if theirs is None:
            log.error("answer_not_found", channel=name, version=half.version, problem=problem)
            return
        lane.inbox.post(Heard(Answer(line.position.epoch, half.version, theirs)))
