"""Keep the book in step with the chain: catch up by ranges, follow by blocks, check at random.

Old blocks are read many at a time from the first endpoint; the last ones one by one, from all
endpoints, with a way back. A sample of accounts is compared with the chain from time to time: a
node that leaves logs out is found, and the book is read anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Any, Final

from clearing.chain.contract import Contract, as_text
from clearing.chain.cursor import Apply, Block, Cursor, Log, Undo, follow
from clearing.chain.errors import NodeRefusedError, NodeUnreachableError, ReorgTooDeepError
from clearing.chain.log_source import log_of
from clearing.keeper.book import MEMORY, Book, BookError
from clearing.keeper.columns import Columns
from clearing.keeper.decoding import Decoder
from clearing.keeper.endpoints import AgreedLogs, Endpoints, Head
from clearing.keeper.errors import DamagedError
from clearing.keeper.store import Checkpoint, Store

__all__ = ["Replica", "ReplicaPolicy"]

SIZE_BITS: Final = 72
QUOTE_BITS: Final = 96
INDEX_BITS: Final = 88


@dataclass(frozen=True, slots=True)
class ReplicaPolicy:
    """How to read: blocks in one question at most, blocks below the head that are read singly.

    `audit_ppm` of the accounts are compared with the chain in an audit, at least `audit_least`.
    """

    range_blocks: int = 2_000
    live_blocks: int = 64
    checkpoint_blocks: int = 300
    audit_ppm: int = 10_000
    audit_least: int = 25
    audit_most: int = 500


class Replica:
    """The ledger as its events tell it, up to `tip`."""

    def __init__(
        self,
        endpoints: Endpoints,
        engine: Contract,
        first_block: int,
        decimals: int,
        store: Store,
        policy: ReplicaPolicy | None = None,
        *,
        chance: Random | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._engine = engine
        self._first_block = first_block
        self._decimals = decimals
        self._store = store
        self._policy = policy or ReplicaPolicy()
        self._chance = chance or Random()  # noqa: S311 - samples accounts, guards nothing
        self._decoder = Decoder()
        self._logs = AgreedLogs(endpoints, [engine.address])
        self._checkpointed = 0
        self.undone = 0
        self.audited = 0
        self._begin()

    def _begin(self) -> None:
        self.book, self.columns = Book(self._decimals), Columns()
        self._cursor = Cursor(self._first_block, memory=MEMORY)

    @property
    def tip(self) -> Block | None:
        """The block that was read last."""
        return self._cursor.tip

    def load(self) -> None:
        """Begin at the newest checkpoint that is still of this chain. Raises ChainError."""
        for checkpoint in self._store.checkpoints():
            block = checkpoint.block
            if self._logs.block_at(block.number) == block:
                self._begin()
                self.book = Book.restored(checkpoint.book)
                self._stand_on(block)
                return
        self._begin()

    def catch_up(self, head: Head) -> int:
        """Read up to a head; return how many blocks were taken back.

        Raises ChainError; DamagedError if what is read does not fit: then all is read anew.
        """
        before = self.undone
        try:
            self._catch_up_in_ranges(head)
            self._follow()
        except BookError as error:
            self.begin_anew()
            raise DamagedError(str(error), "it is read again from the start") from error
        except ReorgTooDeepError:
            self.load()
            self._catch_up_in_ranges(head)
            self._follow()
        tip = self.tip
        if tip is not None and tip.number - self._checkpointed >= self._policy.checkpoint_blocks:
            self.checkpoint()
        return self.undone - before

    def begin_anew(self) -> None:
        """Forget everything."""
        self._store.drop_checkpoints()
        self._checkpointed = 0
        self._begin()

    def checkpoint(self) -> None:
        """Keep what is known now."""
        tip = self.tip
        if tip is not None:
            self._store.put_checkpoint(Checkpoint(tip, self.book.snapshot()))
            self._checkpointed = tip.number

    # READ

    def _follow(self) -> None:
        for cursor, step in follow(self._cursor, self._logs):
            match step:
                case Undo():
                    self.book.back()
                    self.undone += 1
                case Apply(block, logs):
                    self.book.take(block.number, self._decoder.decode(logs))
            self._cursor = cursor

    def _catch_up_in_ranges(self, head: Head) -> None:
        last = head.number - self._policy.live_blocks
        width = self._policy.range_blocks
        if self._cursor.next_number <= last:
            self._step_back()
        while self._cursor.next_number <= last:
            first = self._cursor.next_number
            until = min(last, first + width - 1)
            end = self._logs.block_at(until)
            try:
                logs = self._range(first, until)
            except NodeRefusedError:
                if width == 1:
                    raise
                width = max(1, width >> 1)  # too many logs for one answer
                continue
            if end is None or self._logs.block_at(until) != end:
                raise NodeUnreachableError(f"block {until} changed meanwhile", "try again")
            for number, of_block in groupby(logs, key=lambda log: log.block_number):
                self.book.take(number, self._decoder.decode(of_block))
            self._stand_on(end)

    def _step_back(self) -> None:
        """Undo what left the chain while nobody looked. Raises ReorgTooDeepError."""
        while (tip := self.tip) is not None and self._logs.block_at(tip.number) != tip:
            self._cursor = self._cursor.back()
            self.book.back()
            self.undone += 1

    def _range(self, first: int, until: int) -> list[Log]:
        topics = ["0x" + topic.hex() for topic in self._decoder.topics]
        wanted = {
            "fromBlock": hex(first),
            "toBlock": hex(until),
            "address": as_text(self._engine.address),
            "topics": [topics],
        }
        logs = map(log_of, self._endpoints.request("eth_getLogs", [wanted]))
        return sorted(logs, key=lambda log: (log.block_number, log.index))

    def _stand_on(self, block: Block) -> None:
        """Go on behind a block, with no way back behind it."""
        self.book.forget()
        self._cursor = Cursor(block.number + 1, (block,), memory=MEMORY)

    # AUDIT

    def audit(self) -> int:
        """Compare a sample of accounts with the chain; return how many.

        Raises DamagedError, and the book is read anew then; ChainError.
        """
        tip = self.tip
        if tip is None:
            return 0
        sample = self._sample()
        try:
            self._compare(sample, hex(tip.number))
        except DamagedError:
            self.begin_anew()
            raise
        self.audited += len(sample)
        return len(sample)

    def _sample(self) -> list[int]:
        policy, count = self._policy, len(self.book)
        share = count * policy.audit_ppm // 1_000_000  # floor: a number of accounts
        size = min(count, max(policy.audit_least, min(policy.audit_most, share)))
        return sorted(self._chance.sample(range(count), size))

    def _compare(self, sample: list[int], block: str) -> None:
        *_, accounts, _ = self._engine.call("parameters", block=block)
        if accounts != len(self.book):
            raise DamagedError(f"there are {accounts} accounts, not {len(self.book)}", "read again")
        for account, (_, cash, bits), sizes in self._on_chain(sample, block):
            held = self.book.positions(account)
            mine = sum(1 << market for market in held)
            if (cash, bits) != (self.book.cash[account], mine):
                raise DamagedError(f"account {account} differs from the chain", "read again")
            for market, (size, quote, index) in sizes.items():
                known = held[market]
                if (size, quote, index) != (known.size, known.quote, known.index):
                    raise DamagedError(
                        f"account {account} differs in market {market}", "read again"
                    )

    def _on_chain(
        self, sample: list[int], block: str
    ) -> Iterator[tuple[int, Any, dict[int, tuple[int, int, int]]]]:
        keys = [(a, market) for a in sample for market in self.book.positions(a)]
        states = self._calls("accountOf", [(account,) for account in sample], block)
        words = self._calls("positionOf", keys, block)
        found: dict[int, dict[int, tuple[int, int, int]]] = {}
        for (account, market), word in zip(keys, words, strict=True):
            found.setdefault(account, {})[market] = _position_of(word)
        for account, state in zip(sample, states, strict=True):
            yield account, state, found.get(account, {})

    def _calls(self, method: str, every: Sequence[tuple[int, ...]], block: str) -> list[Any]:
        entry = self._engine.interface.method(method)
        to = as_text(self._engine.address)
        calls = [
            ("eth_call", [{"to": to, "data": "0x" + entry.encode(*args).hex()}, block])
            for args in every
        ]
        answers = self._endpoints.batch(calls)
        for answer in answers:
            if isinstance(answer, NodeRefusedError):
                raise answer
        return [entry.decode(bytes.fromhex(answer[2:])) for answer in answers]


def _position_of(word: int) -> tuple[int, int, int]:
    """Return size, quote and index of a stored position; the bits are those of Position.sol."""
    return (
        _signed(word, SIZE_BITS),
        _signed(word >> SIZE_BITS, QUOTE_BITS),
        _signed(word >> (SIZE_BITS + QUOTE_BITS), INDEX_BITS),
    )


def _signed(word: int, bits: int) -> int:
    value = word & ((1 << bits) - 1)
    return value - (1 << bits) if value >> (bits - 1) else value
