"""Nodes that misbehave as real ones do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from clearing.chain.errors import NodeRefusedError, NodeUnreachableError
from clearing.chain.node import BatchNode

SEND = "eth_sendRawTransaction"


class Killed(BaseException):
    """The process is gone: nothing after this point runs."""


@dataclass
class FaultyNode:
    """Passes on what `before` lets through; `after` may lose the answer, `twist` change it."""

    inner: BatchNode
    before: Callable[[str], None] | None = None
    after: Callable[[str], None] | None = None
    twist: Callable[[str, Sequence[Any], Any], Any] | None = None
    seen: list[str] = field(default_factory=list)

    def request(self, method: str, params: Sequence[Any]) -> Any:
        return self._passed([(method, params)], lambda: [self.inner.request(method, params)])[0]

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        if not calls:
            return []
        return self._passed(calls, lambda: self.inner.batch(calls))

    def _passed(
        self, calls: Sequence[tuple[str, Sequence[Any]]], ask: Callable[[], list[Any]]
    ) -> list[Any]:
        method = calls[0][0]
        self.seen.append(method)
        if self.before is not None:
            self.before(method)
        answers = ask()
        if self.after is not None:
            self.after(method)
        if self.twist is None:
            return answers
        return [
            self.twist(name, params, answer)
            for (name, params), answer in zip(calls, answers, strict=True)
        ]


def timeout() -> NodeUnreachableError:
    return NodeUnreachableError("no answer in time", "check the node")


def rate_limited() -> NodeRefusedError:
    return NodeRefusedError("any", -32_005, "limit exceeded, retry later")


def storm(chance: Random, share: float) -> Callable[[str], None]:
    """Fail a share of all requests, in the ways there are."""

    def strike(_method: str) -> None:
        if chance.random() < share:
            raise chance.choice((timeout(), rate_limited(), ValueError("not JSON")))

    return strike


def killer_at(wanted: str) -> Callable[[str], None]:
    """Kill the process at the first request of a kind."""

    def strike(method: str) -> None:
        if method == wanted:
            raise Killed

    return strike


def killer(at: int) -> Callable[[str], None]:
    """Kill the process at a request."""
    count = 0

    def strike(_method: str) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise Killed

    return strike
