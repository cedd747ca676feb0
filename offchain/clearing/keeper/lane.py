"""Send one signer's transactions, many at a time, each of which keeps its nonce for life.

An offer is durable before any node hears of it. While it may still be mined, nobody that it names
is named by another: time-outs, reorganisations and restarts resend the same nonce, never a second
one. What another process did with the nonce makes an offer lost; its work is decided anew from the
state of the chain.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from clearing.chain.contract import Call, as_address, as_text
from clearing.chain.cursor import Log
from clearing.chain.errors import NodeRefusedError
from clearing.chain.log_source import log_of
from clearing.chain.node import as_int
from clearing.chain.offer import REPLACEABLE, Key, bumped, nonce_at, offered, transaction_of
from clearing.channel.keccak import keccak256
from clearing.keeper.endpoints import Endpoints, Head
from clearing.keeper.errors import EmptyWalletError
from clearing.keeper.store import Offer, Store

__all__ = ["Lane", "LanePolicy", "Outcome", "Wish"]

USUAL: Final = (*REPLACEABLE, "already imported", "nonce too low")
"""A node's words for bytes that it has, or whose nonce is used."""
OPEN: Final = ("open",)
WATCHED: Final = ("open", "mined")
KNOWN: Final = ("open", "mined", "final")
FILLER_GAS: Final = 30_000
KEPT: Final = 5_000
"""Nonces that are remembered after they were final."""


@dataclass(frozen=True, slots=True)
class LanePolicy:
    """When to offer more and when to believe; fees in wei per gas.

    A mined offer is final `final_depth` blocks below the head. Whoever it names stays in flight
    for `ttl_s` after it was mined, so that the replica has seen what became of them.
    """

    max_fee_wei: int = 50 * 10**9
    tip_wei: int = 10**6
    replace_after_blocks: int = 3
    repeat_s: float = 4.0
    final_depth: int = 30
    ttl_s: float = 5.0
    most_open: int = 64


@dataclass(frozen=True, slots=True)
class Wish:
    """A call to be sent: what it is for, whom it names, and the gas that it may use."""

    work: str
    call: Call
    gas: int
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an offer: mined, or lost; logs and cost (wei) of the one that was mined."""

    offer: Offer
    is_good: bool
    is_lost: bool = False
    gas_used: int = 0
    cost_wei: int = 0
    logs: tuple[Log, ...] = ()


class Lane:
    """One signer's way to the chain. Nothing else may send from the account."""

    def __init__(
        self,
        endpoints: Endpoints,
        key: Key,
        store: Store,
        policy: LanePolicy | None = None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = as_address(key.address)
        self.sender = as_text(self.address)
        self.policy = policy or LanePolicy()
        self.counts: Counter[str] = Counter()
        """How often offers were sent, replaced, repeated, mined, reverted, lost, taken back."""
        self.balance_wei = 0
        self._endpoints = endpoints
        self._key = key
        self._store = store
        self._clock_s = clock_s
        self._used = 0
        self._told_s: dict[int, float] = {}
        self._told_in: dict[int, int] = {}
        self._rest_s: dict[str, float] = {}
        self._gap_since: int | None = None
        self._is_first = store.next_nonce(self.sender) == 0

    # LOOK

    def turn(self, head: Head) -> tuple[Outcome, ...]:
        """See what was mined; resend, replace or give up what was not. Raises ChainError."""
        self._look(head)
        watched = self._store.offers(self.sender, WATCHED)
        receipts = self._receipts([hash_ for each in watched for hash_ in each.hashes])
        outcomes = [self._follow(each, receipts, head) for each in watched]
        self._reopen()
        self._fill_gap(head)
        return tuple(outcome for outcome in outcomes if outcome is not None)

    def in_flight(self) -> frozenset[str]:
        """Return everybody that must not be named again yet."""
        now_s = self._clock_s()
        self._rest_s = {who: until for who, until in self._rest_s.items() if until > now_s}
        waiting = self._store.offers(self.sender, OPEN)
        return frozenset(self._rest_s).union(*(each.subjects for each in waiting))

    @property
    def open_offers(self) -> int:
        """How many offers may still be mined."""
        return len(self._store.offers(self.sender, OPEN))

    def open_works(self) -> frozenset[str]:
        """Return what the offers that may still be mined are for."""
        return frozenset(each.work for each in self._store.offers(self.sender, OPEN))

    def outcome_of(self, offer: Offer) -> Outcome | None:
        """Return what became of an offer that was mined, None if the node does not know it now."""
        receipts = self._receipts(offer.hashes)
        receipt = next(iter(receipts.values()), None)
        if receipt is None:
            return None
        return _outcome(offer, receipt, is_good=as_int(receipt["status"]) == 1)

    def _look(self, head: Head) -> None:
        """Ask for nonce and balance, at the block that decisions rest on."""
        who = self.sender
        used, pending, balance = self._all(
            [
                ("eth_getTransactionCount", [who, hex(head.number)]),
                ("eth_getTransactionCount", [who, "pending"]),
                ("eth_getBalance", [who, "latest"]),
            ]
        )
        # a new store does not know what an earlier one has sent
        self._used = as_int(pending) if self._is_first else as_int(used)
        self.balance_wei = as_int(balance)

    def _receipts(self, hashes: Sequence[bytes]) -> dict[bytes, Mapping[str, Any]]:
        calls = [("eth_getTransactionReceipt", ["0x" + each.hex()]) for each in hashes]
        answers = self._all(calls)
        return {each: it for each, it in zip(hashes, answers, strict=True) if it is not None}

    def _all(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = self._endpoints.batch(calls)
        for answer in answers:
            if isinstance(answer, NodeRefusedError):
                raise answer
        return answers

    def _follow(
        self, offer: Offer, receipts: Mapping[bytes, Mapping[str, Any]], head: Head
    ) -> Outcome | None:
        receipt = next((receipts[each] for each in offer.hashes if each in receipts), None)
        if receipt is not None:
            return self._mined(offer, receipt, head)
        if offer.state == "mined":
            self.counts["taken_back"] += 1
            offer = self._put(replace(offer, state="open", block=None))
        if offer.nonce < self._used:
            return self._overtaken(offer, head)
        self._insist(offer, head)
        return None

    def _mined(self, offer: Offer, receipt: Mapping[str, Any], head: Head) -> Outcome | None:
        number, is_new = as_int(receipt["blockNumber"]), offer.state == "open"
        is_final = head.number - number >= self.policy.final_depth
        state = "final" if is_final else "mined"
        if (offer.state, offer.block) != (state, number):
            offer = self._put(replace(offer, state=state, block=number))
        if not is_new:
            return None
        until_s = self._clock_s() + self.policy.ttl_s
        self._rest_s.update(dict.fromkeys(offer.subjects, until_s))
        is_good = as_int(receipt["status"]) == 1
        self.counts["mined" if is_good else "reverted"] += 1
        return _outcome(offer, receipt, is_good=is_good)

    def _overtaken(self, offer: Offer, head: Head) -> Outcome | None:
        """Its nonce is used, by none of its transactions: lost, once that is final."""
        depth = max(0, head.number - self.policy.final_depth)
        if nonce_at(self._endpoints, self.address, hex(depth)) <= offer.nonce:
            return None
        self.counts["lost"] += 1
        return Outcome(self._put(replace(offer, state="lost")), is_good=False, is_lost=True)

    def _reopen(self) -> None:
        """A chain that went back behind what was final needs those nonces again."""
        if self._is_first:
            return
        for each in self._store.offers(self.sender, ("final",), self._used):
            self.counts["taken_back"] += 1
            self._put(replace(each, state="open", block=None))
        if self._used > KEPT:
            self._store.drop_offers(self.sender, self._used - KEPT)

    def _fill_gap(self, head: Head) -> None:
        """Use nonces that nothing of ours has and that hold up what comes behind them."""
        known = {it.nonce for it in self._store.offers(self.sender, KNOWN, self._used)}
        missing = set(range(self._used, self._store.next_nonce(self.sender))) - known
        if not missing:
            self._gap_since = None
            return
        if self._gap_since is None:
            self._gap_since = head.number
        if head.number - self._gap_since < self.policy.replace_after_blocks:
            return  # a node that is behind sees gaps that are none
        fillers = []
        for nonce in sorted(missing):
            nothing = Call(self.address, b"", f"fill nonce {nonce}")
            fillers.append(self._made(Wish(nothing.what, nothing, FILLER_GAS), nonce, head))
        self._store.put_offers(fillers)
        self.counts["filled"] += len(fillers)
        self._tell(fillers)

    def _insist(self, offer: Offer, head: Head) -> None:
        """Offer more after some blocks; say it again after some seconds."""
        told_in = self._told_in.setdefault(offer.nonce, head.number)
        if head.number - told_in >= self.policy.replace_after_blocks:
            self._told_in[offer.nonce] = head.number
            offer = self._raised(offer, head)
        told_s = self._told_s.get(offer.nonce)
        if told_s is None or self._clock_s() - told_s >= self.policy.repeat_s:
            self.counts["repeated"] += 1
            self._tell([offer])

    def _raised(self, offer: Offer, head: Head) -> Offer:
        better = bumped(transaction_of(offer.raw))
        now = self._fees(head)
        for fee, wei in now.items():
            better[fee] = max(better[fee], wei)
        if better["maxFeePerGas"] > self.policy.max_fee_wei:
            return offer
        raw = self._sign(better)
        self.counts["replaced"] += 1
        self._told_s.pop(offer.nonce, None)
        return self._put(replace(offer, raw=raw, hashes=(*offer.hashes, keccak256(raw))))

    # SEND

    def send(self, wishes: Sequence[Wish], head: Head) -> list[Offer]:
        """Offer calls; `turn` tells what becomes of them. Call it after `turn` of the same head.

        All are durable before the first is told. Whatever names somebody who is in flight, or in
        an earlier one of them, is left out. Raises EmptyWalletError if not all can be paid for.
        """
        waiting = self._store.offers(self.sender, OPEN)
        chosen = self._free(wishes, waiting)
        self._require_funds(chosen, waiting, head)
        nonce = max(self._store.next_nonce(self.sender), self._used)
        offers = [self._made(wish, nonce + i, head) for i, wish in enumerate(chosen)]
        self._store.put_offers(offers)
        self._is_first = self._is_first and not offers
        self.counts["sent"] += len(offers)
        self._tell(offers)
        return offers

    def _free(self, wishes: Sequence[Wish], waiting: Sequence[Offer]) -> list[Wish]:
        busy, works = set(self.in_flight()), {each.work for each in waiting}
        chosen: list[Wish] = []
        for wish in wishes[: max(0, self.policy.most_open - len(waiting))]:
            if wish.work not in works and not busy & set(wish.subjects):
                chosen.append(wish)
                busy |= set(wish.subjects)
                works.add(wish.work)
        return chosen

    def _made(self, wish: Wish, nonce: int, head: Head) -> Offer:
        fees, chain_id = self._fees(head), self._endpoints.chain_id
        raw = self._sign(
            offered(wish.call, chain_id=chain_id, nonce=nonce, gas=wish.gas, fees=fees)
        )
        self._told_in[nonce] = head.number
        return Offer(self.sender, nonce, wish.work, wish.subjects, raw, (keccak256(raw),))

    def _require_funds(self, wishes: Sequence[Wish], waiting: Sequence[Offer], head: Head) -> None:
        max_fee = self._fees(head)["maxFeePerGas"]
        own = sum(wish.gas * max_fee + wish.call.value_wei for wish in wishes)
        need = sum(_most_wei(transaction_of(each.raw)) for each in waiting) + own
        if wishes and need > self.balance_wei:
            raise EmptyWalletError(
                f"{self.sender} lacks {need - self.balance_wei} wei", "send it some ether"
            )

    def _fees(self, head: Head) -> dict[str, int]:
        cap, tip = self.policy.max_fee_wei, self.policy.tip_wei
        max_fee = min(cap, 2 * head.base_fee_wei + tip)
        return {"maxFeePerGas": max_fee, "maxPriorityFeePerGas": min(tip, max_fee)}

    def _tell(self, offers: Sequence[Offer]) -> None:
        """Let all nodes hear; what they answer changes nothing but a count."""
        now_s = self._clock_s()
        for offer in offers:
            self._told_s[offer.nonce] = now_s
        for words in self._endpoints.broadcast([offer.raw for offer in offers]):
            if not any(usual in words.lower() for usual in USUAL):
                self.counts["declined"] += 1

    def _sign(self, fields: dict[str, Any]) -> bytes:
        return bytes(self._key.sign_transaction(fields).raw_transaction)

    def _put(self, offer: Offer) -> Offer:
        self._store.put_offers([offer])
        return offer


def _most_wei(fields: Mapping[str, Any]) -> int:
    return int(fields["gas"] * fields["maxFeePerGas"] + fields["value"])


def _outcome(offer: Offer, receipt: Mapping[str, Any], *, is_good: bool) -> Outcome:
    gas_used = as_int(receipt["gasUsed"])
    price = as_int(receipt.get("effectiveGasPrice") or "0x0")
    l1_fee = as_int(receipt.get("l1Fee") or "0x0")
    return Outcome(
        offer,
        is_good=is_good,
        gas_used=gas_used,
        cost_wei=gas_used * price + l1_fee,
        logs=tuple(map(log_of, receipt["logs"])),
    )
