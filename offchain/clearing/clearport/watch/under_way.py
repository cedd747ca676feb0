"""Bring the intents under way up to what the chain says of their transactions."""

from __future__ import annotations

from dataclasses import replace

from clearing.chain.errors import NodeRefusedError
from clearing.clearport.ports import Intent, IntentStatus
from clearing.clearport.watch.account import Mined, Sight, hash_of
from clearing.clearport.watch.bench import Bench
from clearing.clearport.watch.encode import call_of

__all__ = ["UNDER_WAY", "UnderWay"]

UNDER_WAY = ("sent", "mined", "lost")
UNTOLD = "another transaction used the nonce, and the node cannot tell which"
IN_VAIN = "failed when mined, succeeds when asked again"
UNEXPLAINED = "failed when mined"


class UnderWay:
    """Looks after intents that have a nonce, until they are final."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._retried: set[str] = set()

    async def follow(self, intent: Intent, status: IntentStatus, sight: Sight) -> IntentStatus:
        """Return the intent's status after a look at the chain. Raises as `ChainOutbox.turn`."""
        mined = next((sight.mined[each] for each in status.hashes if each in sight.mined), None)
        if mined is not None:
            return await self._found(intent, status, mined, sight)
        nonce = status.nonce
        if nonce is None:
            return await self._requeue(status, status.reason)
        if nonce < sight.used_finally:
            return await self._overtaken(intent, status, nonce, sight)
        if status.state != "sent":  # a reorganisation has taken it out of the chain
            self._bench.stop(intent.key)
            status = await self._bench.note(status, state="sent", block_number=None, reason="")
        if nonce < sight.used:
            return status  # whoever used the nonce is not final: only that decides
        return await self._insist(intent, status, nonce)

    async def _found(
        self, intent: Intent, status: IntentStatus, mined: Mined, sight: Sight
    ) -> IntentStatus:
        """Note that it is mined, and final once its block is."""
        reason = "" if mined.is_good else await self._why(intent, status, mined)
        where = {"block_number": mined.block_number, "reason": reason}
        if mined.block_number > sight.final:
            return await self._bench.note(status, state="mined", **where)
        if reason == IN_VAIN and intent.key not in self._retried:
            self._retried.add(intent.key)  # it ran out of gas: with finality, so again is not twice
            return await self._requeue(status, reason)
        after = await self._bench.note(
            status, state="final" if mined.is_good else "refused", **where
        )
        await self._bench.offers.drop(intent.key)
        self._bench.stop(intent.key)
        return after

    async def _why(self, intent: Intent, status: IntentStatus, mined: Mined) -> str:
        """Return why it failed: asked once, for the state that it met is soon forgotten."""
        if status.reason and status.block_number == mined.block_number:
            return status.reason
        try:
            refusal = await self._bench.ask(self._bench.account.why_failed, call_of(intent), mined)
        except NodeRefusedError:
            return UNEXPLAINED
        return IN_VAIN if refusal is None else refusal.reason

    async def _overtaken(
        self, intent: Intent, status: IntentStatus, nonce: int, sight: Sight
    ) -> IntentStatus:
        """The nonce is used with finality, and by none that we know: find out by which."""
        if status.state == "lost" and status.reason == UNTOLD:
            return status  # only a person can tell whether it has to be wanted again
        consumer = await self._bench.ask(self._bench.account.consumer_of, nonce, sight.final)
        if consumer is None:
            if self._bench.waited_s(intent.key, "receipt") < self._bench.policy.receipt_lag_s:
                return status
            return await self._bench.note(status, state="lost", reason=UNTOLD)
        if consumer.mined.hash in status.hashes:
            return status  # ours after all: the node will show its receipt
        if consumer.says(call_of(intent)):  # its effect is there
            known = replace(status, hashes=(*status.hashes, consumer.mined.hash))
            return await self._found(intent, known, consumer.mined, sight)
        status = await self._bench.note(
            status, state="lost", reason=f"nonce {nonce} was used by another transaction"
        )
        return await self._requeue(status, status.reason)

    async def _requeue(self, status: IntentStatus, reason: str) -> IntentStatus:
        """Let the intent begin again; none of its transactions can be mined any more."""
        await self._bench.offers.drop(status.key)
        self._bench.stop(status.key)
        return await self._bench.note(
            status, state="queued", nonce=None, hashes=(), block_number=None, reason=reason
        )

    async def _insist(self, intent: Intent, status: IntentStatus, nonce: int) -> IntentStatus:
        """Have it wait at the node; offer more from time to time."""
        bench, key = self._bench, intent.key
        raw = bench.offers.get(key)
        is_new = False
        if raw is None:  # its bytes are lost, not its nonce
            raw = await bench.ask(bench.account.make_again, call_of(intent), nonce)
            is_new = True
        elif bench.waited_s(key, "offer") >= bench.policy.replace_after_s:
            bench.restart(key, "offer")
            better = await bench.ask(bench.account.replacement, raw, call_of(intent))
            is_new = better is not None
            raw = better or raw
        if is_new:
            await bench.offers.put(key, raw)
        if hash_of(raw) not in status.hashes:
            status = await bench.note(status, hashes=(*status.hashes, hash_of(raw)))
            is_new = True
        is_told = bench.is_running(key, "repeat")
        is_due = not is_told or bench.waited_s(key, "repeat") >= bench.policy.repeat_after_s
        if not is_new and not is_due:
            return status
        bench.restart(key, "repeat")
        return await bench.broadcast(status, raw)
