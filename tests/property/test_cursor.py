"""A log cursor follows any reorganisation: what it has applied is what a fresh reading applies."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.chain.cursor import Apply, Block, Cursor, Log, Undo, follow
from clearing.chain.errors import NodeUnreachableError, ReorgTooDeepError
from clearing.spec.units import Address


@dataclass
class ForkingChain:
    """A chain in memory; block hashes name their whole history, each block has one log."""

    branch: list[bytes] = field(default_factory=lambda: [b"genesis"])

    def grow(self, tag: int) -> None:
        self.branch.append(self.branch[-1] + bytes([tag]))

    def fork(self, depth: int, tags: list[int]) -> None:
        """Replace the last `depth` blocks by others."""
        del self.branch[max(1, len(self.branch) - depth) :]
        for tag in tags:
            self.grow(tag)

    def head(self) -> int:
        return len(self.branch) - 1

    def block_at(self, number: int) -> Block | None:
        if number > self.head():
            return None
        return Block(number, self.branch[number], self.branch[number - 1] if number else b"")

    def logs_of(self, block: Block) -> tuple[Log, ...] | None:
        if self.block_at(block.number) != block:
            return None
        return (Log(Address(bytes(20)), (), block.hash, block.number, block.hash, b"", 0),)


class RestlessChain(ForkingChain):
    """Changes between any two calls of the reader, for a while."""

    def __init__(self, seed: int, unrest: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._unrest = unrest
        for _ in range(5):
            self.grow(self._random.randrange(3))

    def _stir(self) -> None:
        if self._unrest > 0 and self._random.random() < 0.3:
            self._unrest -= 1
            tags = [self._random.randrange(3) for _ in range(self._random.randrange(4))]
            self.fork(self._random.randrange(4), tags)

    def head(self) -> int:
        self._stir()
        return super().head()

    def block_at(self, number: int) -> Block | None:
        self._stir()
        return super().block_at(number)

    def logs_of(self, block: Block) -> tuple[Log, ...] | None:
        self._stir()
        return super().logs_of(block)


def _read(cursor: Cursor, chain: ForkingChain, seen: list[bytes], confirmations: int = 0) -> Cursor:
    """Read to the end, keeping in `seen` the data of the logs that stand."""
    for cursor_after, step in follow(cursor, chain, confirmations=confirmations):
        cursor = cursor_after
        match step:
            case Apply(_, logs):
                seen.extend(log.data for log in logs)
            case Undo(block):
                assert seen.pop() == block.hash
    return cursor


TAGS = st.lists(st.integers(0, 2), max_size=8)


@given(start=TAGS, forks=st.lists(st.tuples(st.integers(0, 8), TAGS), max_size=5))
def test_follow__reorganised_between_readings__equals_a_fresh_reading(
    start: list[int], forks: list[tuple[int, list[int]]]
) -> None:
    chain = ForkingChain()
    chain.fork(0, start)
    seen: list[bytes] = []
    cursor = _read(Cursor(), chain, seen)

    for depth, tags in forks:
        chain.fork(depth, tags)
        cursor = _read(cursor, chain, seen)
        fresh: list[bytes] = []
        _read(Cursor(), chain, fresh)

        assert seen == fresh == chain.branch


@given(seed=st.integers(0, 2**32), unrest=st.integers(0, 40))
def test_follow__chain_changes_between_any_two_calls__ends_on_the_chain_that_stands(
    seed: int, unrest: int
) -> None:
    chain = RestlessChain(seed, unrest)
    seen: list[bytes] = []
    cursor = Cursor()

    for _ in range(unrest + 2):  # each reading may stop at a head that was cut off since
        cursor = _read(cursor, chain, seen)
    chain._unrest = 0
    _read(cursor, chain, seen)

    assert seen == chain.branch


@given(length=st.integers(0, 12), confirmations=st.integers(0, 5))
def test_follow__confirmations__stays_that_far_below_the_head(
    length: int, confirmations: int
) -> None:
    chain = ForkingChain()
    chain.fork(0, [0] * length)
    seen: list[bytes] = []

    _read(Cursor(), chain, seen, confirmations)

    assert seen == chain.branch[: max(0, length + 1 - confirmations)]


def test_follow__reorganisation_within_memory__is_followed_and_deeper__is_refused() -> None:
    chain = ForkingChain()
    chain.fork(0, [0] * 10)
    seen: list[bytes] = []
    cursor = _read(Cursor(memory=4), chain, seen)

    chain.fork(3, [1, 1, 1])
    cursor = _read(cursor, chain, seen)
    assert seen == chain.branch

    chain.fork(4, [2, 2, 2, 2])
    with pytest.raises(ReorgTooDeepError, match="read the chain again"):
        _read(cursor, chain, seen)


def test_follow__reading_began_above_the_fork__starts_over_from_its_first_block() -> None:
    chain = ForkingChain()
    chain.fork(0, [0] * 6)
    seen: list[bytes] = []
    cursor = _read(Cursor(first=4), chain, seen)

    chain.fork(4, [1] * 5)
    _read(cursor, chain, seen)

    assert seen == chain.branch[4:]


def test_forward__block_that_is_no_child__is_refused() -> None:
    first = Block(0, b"a", b"")
    cursor = Cursor().forward(first)
    assert cursor.forward(Block(1, b"b", b"a")).next_number == 2

    with pytest.raises(ValueError, match="does not follow"):
        cursor.forward(Block(1, b"b", b"z"))
    with pytest.raises(ValueError, match="does not follow"):
        cursor.forward(Block(2, b"b", b"a"))


def test_follow__node_contradicts_itself__is_refused_instead_of_spinning() -> None:
    class Liar(ForkingChain):
        def logs_of(self, block: Block) -> tuple[Log, ...] | None:
            return None

    with pytest.raises(NodeUnreachableError, match="contradicts itself"):
        list(follow(Cursor(), Liar()))
