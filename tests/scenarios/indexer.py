"""An indexer that knows events alone: what the contracts' views say must follow from them."""

# ruff: noqa: N802 - a handler is named after its contract and event

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from clearing.chain.contract import Contract, Happened
from clearing.chain.cursor import Apply, Cursor, Undo, follow
from clearing.chain.log_source import NodeLogs
from clearing.client.contracts import Contracts
from clearing.spec.types import EXECUTED, REFUNDED, REVEALED, Side, Status

__all__ = ["Indexed", "IndexedChannel", "Indexer"]


@dataclass
class IndexedChannel:
    """A channel as its events tell it."""

    brokers: tuple[bytes, bytes] = (b"", b"")
    tokens: tuple[bytes, ...] = ()
    status: Status = Status.NEW
    epoch: int = 0
    enforced: int = 0
    deadline: int = 0
    order_version: int = 0
    flags: int = 0
    digest: bytes = bytes(32)
    order: bytes = bytes(32)
    nets: list[list[int]] = field(default_factory=list)

    def enforce(self, version: int) -> None:
        self.status, self.enforced, self.deadline = Status.OPEN, version, 0

    def admit(self, version: int) -> None:
        """What `settle`, `fundOrder` and `reveal` do before they set a flag."""
        if version > self.enforced:
            self.enforce(version)
        if version != self.order_version:
            self.order_version, self.flags = version, 0

    def end(self) -> None:
        self.status = Status.IDLE
        self.epoch += 1
        self.enforced = self.deadline = self.order_version = self.flags = 0


@dataclass
class Indexed:
    """Everything that can be asked of the contracts."""

    channels: dict[bytes, IndexedChannel] = field(default_factory=dict)
    ledgers: dict[tuple[bytes, bytes], int] = field(default_factory=lambda: defaultdict(int))
    caps: dict[bytes, int] = field(default_factory=dict)
    spent: set[tuple[bytes, int]] = field(default_factory=set)
    paused_until: int = 0
    stakes: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    pending: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    granted: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    used: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    signers: dict[bytes, bytes] = field(default_factory=dict)
    locks: dict[bytes, bool] = field(default_factory=dict)
    credits: dict[tuple[bytes, bytes], int] = field(default_factory=lambda: defaultdict(int))

    def apply(self, event: Happened) -> None:
        """Take up one event."""
        getattr(self, f"_on_{event.contract}_{event.name}")(event.fields)

    # VAULT

    def _on_Adjudicator_Deposited(self, e: Mapping[str, Any]) -> None:
        self.ledgers[e["broker"], e["token"]] += e["amount"]

    def _on_Adjudicator_Withdrawn(self, e: Mapping[str, Any]) -> None:
        self.ledgers[e["broker"], e["token"]] -= e["amount"]

    def _on_Adjudicator_PushFailed(self, e: Mapping[str, Any]) -> None:
        self.ledgers[e["broker"], e["token"]] += e["amount"]

    def _on_Adjudicator_AuthSpent(self, e: Mapping[str, Any]) -> None:
        self.spent.add((e["account"], e["nonce"]))

    def _on_Adjudicator_CapRaised(self, e: Mapping[str, Any]) -> None:
        assert self.caps.get(e["token"], 0) == e["oldCap"]
        self.caps[e["token"]] = e["newCap"]

    def _on_Adjudicator_OpeningsPaused(self, e: Mapping[str, Any]) -> None:
        self.paused_until = e["until"]

    # CHANNELS

    def _on_Adjudicator_Opened(self, e: Mapping[str, Any]) -> None:
        channel = self.channels.setdefault(e["id"], IndexedChannel())
        assert channel.epoch == e["epoch"]
        channel.brokers = (e["brokerLow"], e["brokerHigh"])
        channel.tokens = tuple(row[0] for row in e["funding"])
        channel.nets = [[row[1], row[2]] for row in e["funding"]]
        channel.enforce(e["version"])
        for token, net_low, net_high, pulled_low, pulled_high in e["funding"]:
            self.ledgers[e["brokerLow"], token] -= net_low - pulled_low
            self.ledgers[e["brokerHigh"], token] -= net_high - pulled_high
        for broker in channel.brokers:
            self.used[broker] += 1

    def _on_Adjudicator_CollateralDeposited(self, e: Mapping[str, Any]) -> None:
        channel = self.channels[e["id"]]
        side, asset = Side(e["side"]), e["asset"]
        self.ledgers[channel.brokers[side], channel.tokens[asset]] -= e["amount"]
        channel.nets[asset][side] += e["amount"]

    def _on_Adjudicator_Checkpointed(self, e: Mapping[str, Any]) -> None:
        self.channels[e["id"]].enforce(e["version"])

    def _on_Adjudicator_Challenged(self, e: Mapping[str, Any]) -> None:
        channel = self.channels[e["id"]]
        channel.enforce(e["version"])
        channel.status = Status.CHALLENGED
        channel.digest, channel.deadline = e["digest"], e["deadline"]

    def _on_Adjudicator_Resized(self, e: Mapping[str, Any]) -> None:
        channel = self.channels[e["id"]]
        channel.enforce(e["version"])
        self._credit(channel, e["outs"])
        for net, outs in zip(channel.nets, e["outs"], strict=True):
            net[0] -= outs[0]
            net[1] -= outs[1]

    def _on_Adjudicator_Revealed(self, e: Mapping[str, Any]) -> None:
        channel = self.channels[e["id"]]
        channel.admit(e["version"])
        channel.flags |= REVEALED

    def _on_Adjudicator_Closed(self, e: Mapping[str, Any]) -> None:
        self._end(e["id"], [payout[:2] for payout in e["payouts"]])

    def _on_Adjudicator_Finalized(self, e: Mapping[str, Any]) -> None:
        self._end(e["id"], e["credited"])

    def _end(self, channel_id: bytes, credited: Any) -> None:
        channel = self.channels[channel_id]
        self._credit(channel, credited)
        channel.end()
        for broker in channel.brokers:
            self.used[broker] -= 1

    def _credit(self, channel: IndexedChannel, amounts: Any) -> None:
        for token, pair in zip(channel.tokens, amounts, strict=True):
            for side in Side:
                self.ledgers[channel.brokers[side], token] += pair[side]

    # ORDERS

    def _on_Adjudicator_OrderFunded(self, e: Mapping[str, Any]) -> None:
        channel = self.channels[e["id"]]
        channel.admit(e["version"])
        channel.flags |= e["sides"]
        channel.order = e["order"]
        self._debit_legs(channel, e["legs"], e["sides"])

    def _on_Adjudicator_OrderExecuted(self, e: Mapping[str, Any]) -> None:
        channel = self.channels[e["id"]]
        channel.admit(e["version"])
        channel.flags |= EXECUTED
        self._debit_legs(channel, e["legs"], e["sides"])
        for token, from_low, amount in e["legs"]:
            self.ledgers[channel.brokers[Side.HIGH if from_low else Side.LOW], token] += amount

    def _on_Adjudicator_OrderRefunded(self, e: Mapping[str, Any]) -> None:
        channel = self.channels[e["id"]]
        channel.flags |= REFUNDED
        self._debit_legs(channel, e["legs"], e["sides"], sign=-1)

    def _debit_legs(self, channel: IndexedChannel, legs: Any, sides: int, sign: int = 1) -> None:
        for token, from_low, amount in legs:
            side = Side.LOW if from_low else Side.HIGH
            if sides & (1 << side):
                self.ledgers[channel.brokers[side], token] -= sign * amount

    # REGISTRY

    def _on_BrokerRegistry_Staked(self, e: Mapping[str, Any]) -> None:
        self.stakes[e["broker"]], self.granted[e["broker"]] = e["stake"], e["slots"]

    def _on_BrokerRegistry_UnstakeRequested(self, e: Mapping[str, Any]) -> None:
        self._on_BrokerRegistry_Staked(e)
        self.pending[e["broker"]] = (e["amount"], e["available_at"])

    def _on_BrokerRegistry_UnstakeCancelled(self, e: Mapping[str, Any]) -> None:
        self._on_BrokerRegistry_Staked(e)
        self.pending[e["broker"]] = (0, 0)

    def _on_BrokerRegistry_Unstaked(self, e: Mapping[str, Any]) -> None:
        self.pending[e["broker"]] = (0, 0)

    def _on_BrokerRegistry_SignerNamed(self, e: Mapping[str, Any]) -> None:
        self.signers[e["broker"]] = e["new_signer"]

    # HASH TIME LOCK

    def _on_HashTimeLock_Locked(self, e: Mapping[str, Any]) -> None:
        self.locks[e["id"]] = True

    def _on_HashTimeLock_Claimed(self, e: Mapping[str, Any]) -> None:
        self.locks[e["id"]] = False

    def _on_HashTimeLock_Refunded(self, e: Mapping[str, Any]) -> None:
        self.locks[e["id"]] = False

    def _on_HashTimeLock_Credited(self, e: Mapping[str, Any]) -> None:
        self.credits[e["account"], e["token"]] += e["amount"]

    def _on_HashTimeLock_Collected(self, e: Mapping[str, Any]) -> None:
        self.credits[e["account"], e["token"]] -= e["amount"]


class Indexer:
    """Follows the chain and keeps one picture per block, so that a block can be taken back."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts: tuple[Contract, ...] = (
            contracts.adjudicator,
            contracts.registry,
            contracts.htlc,
        )
        self._source = NodeLogs(contracts.node, [each.address for each in self._contracts])
        self._cursor = Cursor()
        self._pictures = [Indexed()]
        self.names: dict[str, set[str]] = defaultdict(set)

    @property
    def now(self) -> Indexed:
        return self._pictures[-1]

    def catch_up(self) -> int:
        """Read to the head; return how many blocks were taken back on the way."""
        undone = 0
        for cursor, step in follow(self._cursor, self._source):
            self._cursor = cursor
            match step:
                case Undo():
                    self._pictures.pop()
                    undone += 1
                case Apply(_, logs):
                    picture = deepcopy(self.now) if logs else self.now
                    for event in self._decoded(logs):
                        picture.apply(event)
                        self.names[event.contract].add(event.name)
                    self._pictures.append(picture)
        return undone

    def _decoded(self, logs: Any) -> list[Happened]:
        events = [event for each in self._contracts for event in each.happened(logs)]
        assert len(events) == len(logs), "a log that the ABI does not know"
        return sorted(events, key=lambda event: event.log.index)
