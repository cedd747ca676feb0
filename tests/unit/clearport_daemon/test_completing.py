"""What the chain enforces and only the peer has completed is completed here too."""

import asyncio
from dataclasses import dataclass, field, replace

from clearing.chain.errors import NodeUnreachableError
from clearing.channel.signatures import Signature
from clearing.clearport.core.channel import Half, Phase
from clearing.clearport.core.events import Heard
from clearing.clearport.core.messages import Answer
from clearing.clearport.core.opening import rejoin
from clearing.clearport.daemon.completing import AGAIN_S, Completing
from clearing.clearport.daemon.lane import Lane
from clearing.clearport.daemon.lanes import Lanes
from clearing.spec.types import Side
from tests.harness.kept_log import KeptLog
from tests.unit.clearport_core.pair import KEYS, POLICY, Pair, trade
from tests.unit.clearport_daemon.fakes import HOUSE, MemoryWatcher, Parts

THEIRS = KEYS[Side.HIGH].sign(b"\x07" * 32)


def shown() -> Phase:
    """Return low's phase: it signed version 2, and the chain enforces it without an answer."""
    pair = Pair().open()
    pair.record(pair.high, trade(1))
    pair.talk()
    pair.record(pair.low, trade(1))
    half, latest = pair.low.line.half, pair.low.phase.link.latest
    assert half is not None
    assert latest is not None
    enforced = replace(latest, enforced_version=half.version)
    return rejoin(pair.low.line, POLICY).with_link(latest=enforced)


@dataclass
class Chain:
    """Answers what it is asked with what it is given."""

    answers: list[Signature | Exception | None]
    asked: list[int] = field(default_factory=list)

    def __call__(self, _channel_id: bytes, half: Half, peer: bytes) -> Signature | None:
        assert peer == KEYS[Side.HIGH].address
        self.asked.append(half.version)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(phase: Phase, chain: Chain, times: int = 1) -> tuple[Lane, KeptLog]:
    """Look several times, a minute apart each."""
    parts = Parts(lambda phase, _event: (phase, ()))

    async def main() -> Lane:
        lane = Lane(phase, parts.world())
        now_s = iter(float(number * AGAIN_S) for number in range(9))
        completing = Completing(_lanes_of(lane), chain, clock_s=lambda: next(now_s))
        for _ in range(times):
            await completing.look(lane)
        return lane

    return asyncio.run(main()), parts.log


def _lanes_of(lane: Lane) -> Lanes:
    return Lanes(lane._world, HOUSE, POLICY, MemoryWatcher(), _nobody, 1)


async def _nobody(_broker: object) -> None:
    return None


def test_look__the_chain_shows_the_answer__the_lane_hears_it() -> None:
    lane, log = run(shown(), Chain([THEIRS]))

    assert list(lane.inbox._items) == [Heard(Answer(0, 2, THEIRS))]
    assert log.names("warning") == ["peer_answers_on_chain_alone"]


def test_look__the_node_is_away_or_shows_nothing__is_asked_again_a_minute_later() -> None:
    chain = Chain([NodeUnreachableError("away", "wait"), None, THEIRS])

    lane, log = run(shown(), chain, times=3)

    assert chain.asked == [2, 2, 2]
    assert len(lane.inbox) == 1
    assert log.names("error") == ["answer_not_found"] * 2


def test_look__nothing_is_kept_from_us__asks_nobody() -> None:
    chain = Chain([])

    lane, _ = run(rejoin(Pair().open().low.line, POLICY), chain)

    assert chain.asked == []
    assert len(lane.inbox) == 0
