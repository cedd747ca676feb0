"""Send what the store lists as wanted, one transaction after the other: `ports.Outbox`.

An intent owns one nonce for life. Nonce and hash are durable before anybody else hears of the
transaction, so that whatever happens, and however often the process is killed, at most one
transaction of an intent is ever mined: all that are sent for it carry the same nonce. A new nonce
is given only once another's transaction has used the old one with finality. The next intent waits
until this one is mined, for it may build on it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from clearing.chain.contract import Contract
from clearing.chain.errors import CallRefusedError, ChainError, NodeRefusedError
from clearing.chain.node import BatchNode
from clearing.chain.offer import Key
from clearing.channel import requests
from clearing.clearport.errors import SignerError
from clearing.clearport.ports import Intent, IntentStatus
from clearing.clearport.watch.account import Account, Sight, hash_of
from clearing.clearport.watch.bench import Bench, IntentStore, Item, OutboxPolicy
from clearing.clearport.watch.encode import call_of, intent_of_request
from clearing.clearport.watch.under_way import UNDER_WAY, UnderWay
from clearing.spec.units import Address

__all__ = ["ChainOutbox"]

DECIDED = ("final", "refused")


class ChainOutbox:
    """One account's outbox. `run` it in a task; nothing else may send from the account."""

    def __init__(
        self,
        node: BatchNode,
        key: Key,
        adjudicator: Contract,
        store: IntentStore,
        policy: OutboxPolicy | None = None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        policy = policy or OutboxPolicy()
        account = Account(node, key, policy.final_at, policy.offer)
        self._bench = Bench(account, store, policy, clock_s)
        self._under_way = UnderWay(self._bench)
        self._adjudicator = adjudicator
        self._bell = asyncio.Event()
        self.last_error = ""

    @property
    def address(self) -> Address:
        """The account that pays."""
        return self._bench.account.address

    def wake(self) -> None:
        """Look into the store now."""
        self._bell.set()

    def encode(self, key: str, request: requests.Request) -> Intent:
        """Return the intent of a call to the Adjudicator. Raises CodecError."""
        return intent_of_request(self._adjudicator, key, request)

    async def run(self) -> None:
        """Send for ever. Raises StoreError."""
        await self.load()
        policy = self._bench.policy
        pause_s = policy.poll_s
        while True:
            self._bell.clear()
            is_more = False
            try:
                is_more = await self.turn()
            except (ChainError, SignerError, TimeoutError) as error:
                self.last_error = str(error) or type(error).__name__
                pause_s = min(2 * pause_s, policy.max_backoff_s)
            else:
                pause_s = policy.poll_s
            if not is_more:
                await self._pause(pause_s)

    async def load(self) -> None:
        """Take up what an earlier process has left. Raises StoreError."""
        await self._bench.offers.load()
        for _, status in await self._bench.store.intents((*UNDER_WAY, *DECIDED)):
            self._bench.reserve(status)

    async def turn(self) -> bool:
        """Look once at all that is under way, then send the next; say whether to go on at once.

        Raises StoreError, ChainError, SignerError, TimeoutError; what is durable tells the rest.
        """
        under_way = await self._bench.store.intents(UNDER_WAY)
        queue = await self._bench.store.intents(("queued",))
        self.last_error = ""
        if not under_way and not queue:
            return False
        hashes = [hash_ for _, status in under_way for hash_ in status.hashes]
        sight = await self._bench.ask(self._bench.account.sight, hashes)
        states = set()
        for intent, status in sorted(under_way, key=lambda item: item[1].nonce or 0):
            states.add((await self._under_way.follow(intent, status, sight)).state)
        if "queued" in states:
            return True  # it stands before those that are queued now
        return "sent" not in states and await self._send_next(queue, sight)

    async def _send_next(self, queue: Sequence[Item], sight: Sight) -> bool:
        """Send the first that no contract refuses; say whether one was sent."""
        bench = self._bench
        if sight.used < bench.least_nonce:
            self.last_error = f"the node counts {sight.used} nonces, used are {bench.least_nonce}"
            return False  # it is behind: what is mined already it has not seen
        for intent, status in queue:
            try:
                raw = await bench.ask(bench.account.make, call_of(intent), sight.used)
            except CallRefusedError as refusal:
                await bench.note(status, state="refused", reason=refusal.reason)
                continue
            except NodeRefusedError as refusal:
                if bench.waited_s(intent.key, "estimate") < bench.policy.give_up_s:
                    await bench.note(status, reason=refusal.message)
                    raise
                await bench.note(status, state="refused", reason=refusal.message)
                continue
            return await self._send(intent, status, sight.used, raw)
        return False

    async def _send(self, intent: Intent, status: IntentStatus, nonce: int, raw: bytes) -> bool:
        """Give the intent its nonce for life, then send it; say whether it could be paid for."""
        bench = self._bench
        lacks_wei = await bench.ask(bench.account.lacks_wei, raw)
        if lacks_wei:
            await bench.note(status, reason=f"the account lacks {lacks_wei} wei for gas")
            return False
        await bench.offers.put(intent.key, raw)
        sent = await bench.note(
            status, state="sent", nonce=nonce, hashes=(hash_of(raw),), reason=""
        )
        bench.restart(intent.key, "offer")
        bench.restart(intent.key, "repeat")
        await bench.broadcast(sent, raw)
        return True

    async def _pause(self, pause_s: float) -> None:
        """Wait for the next look, or for the bell."""
        try:
            async with asyncio.timeout(pause_s):
                await self._bell.wait()
        except TimeoutError:
            return
