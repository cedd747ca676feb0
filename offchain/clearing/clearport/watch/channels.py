"""Read channels from the chain at two exact blocks, many in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clearing.chain.contract import Contract, as_text, explain
from clearing.chain.errors import NodeRefusedError
from clearing.chain.node import BatchNode, as_bytes
from clearing.channel.policy import ChainView
from clearing.clearport.core.channel import Line
from clearing.clearport.core.events import Observed
from clearing.clearport.watch.trail import Header, Trail
from clearing.client.contracts import channel_of
from clearing.spec.types import ConditionKind, Status
from clearing.spec.units import Address
from clearing.spec.world import Channel

__all__ = ["Watched", "read_channels", "watched_of"]


@dataclass(frozen=True, slots=True)
class Watched:
    """What of a channel decides which calls read it. `tokens`: of the pending order's legs."""

    channel_id: bytes
    n_assets: int
    brokers: tuple[Address, Address]
    tokens: tuple[Address, ...] = ()


def watched_of(line: Line) -> Watched:
    """Return what to read for a channel."""
    definition, full = line.definition, line.full
    order = None
    if full is not None and full.state.condition.kind == ConditionKind.ORDER:
        order = full.order
    return Watched(
        line.channel_id,
        len(definition.assets),
        (definition.broker_low, definition.broker_high),
        () if order is None else tuple(leg.token for leg in order.legs),
    )


def read_channels(
    node: BatchNode,
    adjudicator: Contract,
    trail: Trail,
    wanted: Sequence[Watched],
    *,
    calls_at_once: int,
) -> list[Observed]:
    """Return what the chain says of channels at the trail's tip and at its final block.

    Raises NodeUnreachableError and NodeRefusedError, also if a block has left the chain since.
    """
    tip, final = trail.tip, trail.final
    if tip is None:
        return []
    reader = _Reader(node, adjudicator, calls_at_once)
    for each in wanted:
        reader.ask_channel(each, tip)
        if final != tip:
            reader.ask_channel(each, final)
        reader.ask_ledgers(each, tip)
    answers = reader.answers()
    return [_observed(each, answers, trail, tip) for each in wanted]


def _observed(each: Watched, answers: Iterator[Any], trail: Trail, tip: Header) -> Observed:
    latest = _channel(each, answers)
    settled = latest if trail.final == tip else _channel(each, answers)
    held = {token: (next(answers), next(answers)) for token in dict.fromkeys(each.tokens)}
    is_challenged = Status.CHALLENGED in {latest.status, settled.status}
    return Observed(
        latest=latest,
        now=tip.time,
        view=ChainView(
            settled,
            trail.final.time,
            is_challenged or trail.may_be_challenged(each.channel_id),
        ),
        ledgers_raw=tuple(held[token] for token in each.tokens),
    )


def _channel(each: Watched, answers: Iterator[Any]) -> Channel:
    stored = next(answers)
    return channel_of(stored, [next(answers) for _ in range(each.n_assets)])


class _Reader:
    """Gathers calls of one contract's views, then answers them in order."""

    def __init__(self, node: BatchNode, contract: Contract, calls_at_once: int) -> None:
        self._node = node
        self._contract = contract
        self._calls_at_once = calls_at_once
        self._calls: list[tuple[str, list[Any]]] = []
        self._methods: list[str] = []

    def ask_channel(self, each: Watched, at: Header) -> None:
        """Ask for a channel and its nets."""
        self._ask(at, "channelOf", each.channel_id)
        for asset in range(each.n_assets):
            self._ask(at, "netOf", each.channel_id, asset)

    def ask_ledgers(self, each: Watched, at: Header) -> None:
        """Ask what both brokers' ledgers hold of each token of the order, low first."""
        for token in dict.fromkeys(each.tokens):
            for broker in each.brokers:
                self._ask(at, "balanceOf", broker, token)

    def answers(self) -> Iterator[Any]:
        """Return the decoded answers, all of them read at once."""
        results: list[Any] = []
        for start in range(0, len(self._calls), self._calls_at_once):
            results += self._node.batch(self._calls[start : start + self._calls_at_once])
        return iter([self._decoded(*each) for each in zip(self._methods, results, strict=True)])

    def _decoded(self, method: str, answer: Any) -> Any:
        if isinstance(answer, NodeRefusedError):
            raise explain(answer, f"Adjudicator.{method}")
        return self._contract.interface.method(method).decode(as_bytes(answer))

    def _ask(self, at: Header, method: str, *args: Any) -> None:
        data = self._contract.interface.method(method, len(args)).encode(*args)
        request = {"to": as_text(self._contract.address), "data": "0x" + data.hex()}
        # By hash (EIP-1898): every answer is of the same block, whatever the chain does meanwhile.
        block = {"blockHash": "0x" + at.block.hash.hex()}
        self._calls.append(("eth_call", [request, block]))
        self._methods.append(method)
