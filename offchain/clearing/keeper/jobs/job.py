"""What all jobs have in common: a name, a signer's lane, meters, a log, and a turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clearing.chain.contract import explain
from clearing.chain.errors import CallRefusedError, NodeRefusedError
from clearing.clearport.daemon.world import Log
from clearing.keeper.endpoints import Endpoints, Head
from clearing.keeper.errors import EmptyWalletError
from clearing.keeper.lane import Lane, Outcome, Wish
from clearing.keeper.meters import Meters
from clearing.keeper.refusals import Refusals
from clearing.keeper.store import Store

__all__ = ["Desk", "Job", "subject_of"]


class Job(Protocol):
    """Something that is done again and again."""

    name: str

    def turn(self) -> float:
        """Do what is due; return after how many seconds to look again.

        Raises ChainError, KeeperError, SignerError; the next turn begins from what is durable.
        """
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What a job works with."""

    name: str
    endpoints: Endpoints
    lane: Lane
    store: Store
    meters: Meters
    log: Log
    poll_s: float = 0.5
    clock_s: Callable[[], float] = time.time
    refusals: Refusals = field(default_factory=Refusals)

    def begin(self) -> tuple[Head, tuple[Outcome, ...]]:
        """Look at the chain; return the head, and what became of earlier offers.

        Raises StandStillError, ChainError.
        """
        head = self.endpoints.head()
        outcomes = self.lane.turn(head)
        for outcome in outcomes:
            self._note(outcome)
        gauges, counts = self.meters.gauges, self.lane.counts
        gauges["balance_wei"] = float(self.lane.balance_wei)
        gauges["open_offers"] = float(self.lane.open_offers)
        gauges["head"] = float(head.number)
        gauges["head_age_s"] = self.clock_s() - head.time
        for name in ("replaced", "repeated", "taken_back", "declined", "filled"):
            gauges[name] = float(counts[name])
        return head, outcomes

    def send(self, wishes: Sequence[Wish], head: Head) -> list[Wish]:
        """Send what no contract refuses now and nobody is in flight for; return what was refused.

        Each is counted, and said when it is news.
        Raises ChainError, SignerError.
        """
        busy = self.lane.in_flight()
        free = [each for each in wishes if not busy & set(each.subjects)]
        good, refused = [], []
        for wish, refusal in zip(free, self._tried(free, head), strict=True):
            if refusal is None:
                self.refusals.forget((wish.call.what, wish.subjects))
                good.append(wish)
                continue
            refused.append(wish)
            self._note_refusal(wish, refusal)
        self._send(good, head)
        return refused

    def _note_refusal(self, wish: Wish, reason: str) -> None:
        self.meters.counts["refused"] += 1
        if self.refusals.is_news((wish.call.what, wish.subjects), reason, self.clock_s()):
            self.log.warning("call_refused", work=wish.work, reason=reason)

    def _tried(self, wishes: Sequence[Wish], head: Head) -> list[str | None]:
        """Run each on the head with the gas it will have; return why a contract refuses it.

        One question for all: a node's estimate runs a transaction a dozen times.
        """
        calls = [("eth_call", [_request(self.lane, wish), hex(head.number)]) for wish in wishes]
        answers = self.endpoints.batch(calls)
        return [_refusal(wish, it) for wish, it in zip(wishes, answers, strict=True)]

    def _send(self, wishes: Sequence[Wish], head: Head) -> None:
        """Send, the most important first: as many as the wallet can pay for."""
        rest = list(wishes)
        while rest:
            try:
                offers = self.lane.send(rest, head)
            except EmptyWalletError as error:
                dropped = rest.pop()
                self.meters.counts["empty_wallet"] += 1
                self.log.warning("wallet_empty", work=dropped.work, problem=error.problem)
                continue
            for offer in offers:
                self.log.info("sent", work=offer.work, nonce=offer.nonce, block=head.number)
            self.meters.counts["sent"] += len(offers)
            return

    def _note(self, outcome: Outcome) -> None:
        kind = "lost" if outcome.is_lost else "mined" if outcome.is_good else "reverted"
        self.meters.counts[kind] += 1
        self.meters.spent_wei += outcome.cost_wei
        say = self.log.info if outcome.is_good else self.log.warning
        say(kind, work=outcome.offer.work, nonce=outcome.offer.nonce, gas=outcome.gas_used)


def subject_of(account: int) -> str:
    """Return the name under which an account is in flight."""
    return f"account:{account}"


def _request(lane: Lane, wish: Wish) -> dict[str, str]:
    to = wish.call.to
    return {
        "from": lane.sender,
        "to": "0x" + (b"" if to is None else to).hex(),
        "data": "0x" + wish.call.data.hex(),
        "value": hex(wish.call.value_wei),
        "gas": hex(wish.gas),
    }


def _refusal(wish: Wish, answer: object) -> str | None:
    if not isinstance(answer, NodeRefusedError):
        return None
    error = explain(answer, wish.call.what)
    if isinstance(error, CallRefusedError):
        return error.reason
    if "out of gas" in answer.message.lower():
        return answer.message
    raise answer
