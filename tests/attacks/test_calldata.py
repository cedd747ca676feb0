"""Calldata that no honest encoder writes: dirty bits, and offsets that point where they please."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from clearing.channel.codec import type_hash
from clearing.channel.keccak import keccak256
from clearing.channel.typed_data import struct_of
from clearing.spec.types import (
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    Intent,
    Leg,
    SettlementOrder,
)
from tests.attacks.duel import HOUR_S, STAKE, Duel, refused
from tests.harness.actors import co_sign
from tests.harness.errors import Refused

WORD = 32
SELECTOR = 4


@dataclass
class Paper:
    """Calldata as words, with the places of what is hashed; whoever changes words signs again."""

    duel: Duel
    function: str
    words: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, duel: Duel, function: str, *arguments: object) -> Paper:
        """Encode a call of (definition, state, signatures, …) as the ABI says."""
        method = duel.vault.call(function, len(arguments)).method
        data = method.encode(*arguments)[SELECTOR:]
        words = [data[i : i + WORD] for i in range(0, len(data), WORD)]
        return cls(duel, function, words)

    def at(self, *path: int) -> int:
        """Follow offsets: the index of the word at which the last one's target begins."""
        base = 0
        for head in path:
            base += int.from_bytes(self.words[base + head], "big") // WORD
        return base

    def set(self, index: int, word: int) -> None:
        """Write a word."""
        self.words[index] = word.to_bytes(WORD, "big")

    def number(self, index: int) -> int:
        """Read a word."""
        return int.from_bytes(self.words[index], "big")

    def soil(self, index: int, bit: int) -> None:
        """Set a bit outside of the word's type, or clear the one that is set."""
        self.set(index, self.number(index) ^ (1 << bit))

    # HASHES over the words as they are

    def hash_def(self) -> bytes:
        """Return keccak over the definition's words."""
        at = self.at(0)
        assets = self._array(self.at(0) + self.number(at + 6) // WORD, 1)
        words = [*self.words[at : at + 6], keccak256(assets), *self.words[at + 7 : at + 9]]
        return self._hash(ChannelDef, words)

    def hash_state(self) -> bytes:
        """Return keccak over the state's words."""
        at = self.at(1)
        splits = self._structs(AssetSplit, at + self.number(at + 4) // WORD, 6)
        condition = at + self.number(at + 5) // WORD
        alternatives = self._array(condition + self.number(condition + 3) // WORD, 1)
        inner = [*self.words[condition : condition + 3], keccak256(alternatives)]
        words = [
            *self.words[at : at + 4],
            splits,
            self._hash(Condition, inner),
            *self.words[at + 6 : at + 10],
        ]
        return self._hash(ClearingState, words)

    def hash_order(self) -> bytes:
        """Return keccak over the order's words."""
        at = self.at(6)
        legs = self._structs(Leg, at + self.number(at + 4) // WORD, 3)
        return self._hash(SettlementOrder, [*self.words[at : at + 4], legs])

    def _array(self, at: int, words_per_item: int) -> bytes:
        count = self.number(at) * words_per_item
        return b"".join(self.words[at + 1 : at + 1 + count])

    def _structs(self, kind: type, at: int, words_per_item: int) -> bytes:
        data = self._array(at, words_per_item)
        size = words_per_item * WORD
        items = [data[i : i + size] for i in range(0, len(data), size)]
        return keccak256(b"".join(self._hash(kind, [item]) for item in items))

    @staticmethod
    def _hash(kind: type, words: list[bytes]) -> bytes:
        return keccak256(type_hash(struct_of(kind)) + b"".join(words))

    # ACT

    def sign(self) -> None:
        """Let both brokers, who collude, sign the words as they are."""
        for i, signature in enumerate(
            co_sign(self.duel.digest(self.hash_state()), *self.duel.keys)
        ):
            self.words[2 + 2 * i] = signature.r
            self.words[3 + 2 * i] = signature.vs

    def send(self, sender: bytes) -> None:
        """Send the words."""
        arguments = 4 if self.function in {"settle", "challengeByIntent"} else 3
        call = self.duel.vault.call(self.function, arguments)
        call.send_raw(call.method.selector + b"".join(self.words), sender=sender)  # type: ignore[arg-type]


def stated(duel: Duel, function: str, state: ClearingState, *rest: object) -> Paper:
    """Return the paper of a call with a state."""
    return Paper.of(duel, function, duel.definition, state, duel.signed(state), *rest)


def test_paper__untouched__hashes_as_the_contract_does(opened: Duel) -> None:
    """What the attacks below sign is what the contract would hash."""
    state, order = opened.order(2)
    opened.deposit(100)
    paper = stated(opened, "settle", state, order)

    assert paper.hash_def() == opened.id
    assert paper.hash_state() == opened.vault.read("hashState", state)
    assert paper.hash_order() == opened.vault.read("hashOrder", order)
    paper.sign()
    paper.send(opened.outsider)


# DIRTY BITS. Colluding brokers sign the dirty words themselves, so no signature is in the way.

STATE_WORDS = {"epoch": (1, 32), "version": (2, 64), "intent": (3, 8), "signedAt": (8, 40)}
STATE_WORDS |= {"validUntil": (9, 40)}
SPLIT_WORDS = {"netLow": 0, "netHigh": 1, "low": 2, "high": 3, "outLow": 4, "outHigh": 5}
DEF_WORDS = {
    "adjudicator": (1, 160),
    "brokerLow": (2, 160),
    "brokerHigh": (3, 160),
    "signerLow": (4, 160),
    "signerHigh": (5, 160),
    "challengeDuration": (7, 32),
    "nonce": (8, 64),
}
LEG_WORDS = {"token": (0, 160), "fromLow": (1, 1), "amount": (2, 128)}
ORDER_WORDS = {"epoch": (1, 32), "version": (2, 64), "fundBy": (3, 40)}


@pytest.mark.parametrize("top", [False, True], ids=["first dirty bit", "last bit"])
@pytest.mark.parametrize("name", STATE_WORDS)
def test_state__with_dirty_bits__is_refused(opened: Duel, name: str, *, top: bool) -> None:
    """[ADJ-17] A version of 2^64 + 2 must not pass for 2 with another hash."""
    paper = stated(opened, "checkpoint", opened.operate(2))
    index, bits = STATE_WORDS[name]

    assert_dirt_is_refused(opened, paper, paper.at(1) + index, 255 if top else bits)


def assert_dirt_is_refused(duel: Duel, paper: Paper, index: int, bit: int) -> None:
    """Show that the signed words pass, and with one dirty bit, signed too, do not."""
    with duel.chain.isolated():
        paper.sign()
        paper.send(duel.outsider)
    paper.soil(index, bit)
    paper.sign()

    with duel.chain.isolated(), refused("0x"):
        paper.send(duel.outsider)


@pytest.mark.parametrize("name", SPLIT_WORDS)
def test_split__with_dirty_bits__is_refused(opened: Duel, name: str) -> None:
    """[ADJ-17] Also a net whose sign is not extended, which is negative or not as one reads it."""
    paper = stated(opened, "checkpoint", opened.operate(2))
    at = paper.at(1)
    split = at + paper.number(at + 4) // WORD + 1

    assert_dirt_is_refused(opened, paper, split + SPLIT_WORDS[name], 128)


@pytest.mark.parametrize(("word", "bit"), [(0, 8), (2, 40)], ids=["kind", "expiry"])
def test_condition__with_dirty_bits__is_refused(opened: Duel, word: int, bit: int) -> None:
    """[ADJ-17]."""
    state = opened.hash_locked(2, opened.now + HOUR_S, revealed=7)
    paper = stated(opened, "checkpoint", state)

    assert_dirt_is_refused(opened, paper, paper.at(1, 5) + word, bit)


def test_alternative__with_dirty_bits__is_refused(opened: Duel) -> None:
    """[ADJ-17]."""
    paper = stated(opened, "checkpoint", opened.hash_locked(2, opened.now + HOUR_S, revealed=7))

    assert_dirt_is_refused(opened, paper, paper.at(1, 5, 3) + 1, 128)


@pytest.mark.parametrize("name", [*ORDER_WORDS, *LEG_WORDS])
def test_order__with_dirty_bits__is_refused(opened: Duel, name: str) -> None:
    """[ADJ-17] A leg whose `fromLow` is 2, or whose token has 32 bytes."""
    opened.deposit(100)
    state, order = opened.order(2)
    paper = stated(opened, "settle", state, order)
    at = paper.at(6)
    if name in ORDER_WORDS:
        index, bit = at + ORDER_WORDS[name][0], ORDER_WORDS[name][1]
    else:
        legs = at + paper.number(at + 4) // WORD + 1
        index, bit = legs + LEG_WORDS[name][0], LEG_WORDS[name][1]
    with opened.chain.isolated():
        paper.sign()
        paper.send(opened.outsider)

    paper.soil(index, bit)
    paper.words[paper.at(1, 5) + 1] = paper.hash_order()
    paper.sign()

    with refused("0x"):
        paper.send(opened.outsider)


@pytest.mark.parametrize("name", [*DEF_WORDS, "asset"])
def test_definition__with_dirty_bits__opens_nothing(duel: Duel, name: str) -> None:
    """A second id for the same brokers and assets: each with an opening of its own."""
    paper = stated(duel, "open", duel.state(Intent.OPEN, 1))
    with duel.chain.isolated():
        paper.sign()
        paper.send(duel.outsider)
    at = paper.at(0)
    index, bit = DEF_WORDS.get(name, (0, 160))

    paper.soil(paper.at(0, 6) + 1 if name == "asset" else at + index, bit)
    paper.words[paper.at(1)] = paper.hash_def()
    paper.sign()

    with refused("0x"):
        paper.send(duel.outsider)


def test_definition__with_dirty_bits__finds_no_open_channel(opened: Duel) -> None:
    """Dirt changes the id, and under that id nothing was ever opened."""
    paper = stated(opened, "checkpoint", opened.operate(2))
    for index, bit in DEF_WORDS.values():
        paper.soil(paper.at(0) + index, bit)
        with refused("WrongStatus", 0):
            paper.send(opened.outsider)
        paper.soil(paper.at(0) + index, bit)

    paper.send(opened.outsider)


# OFFSETS


def test_arrays__moved_elsewhere__are_the_same_call(opened: Duel) -> None:
    """What is hashed is what is read, wherever it stands: another spelling, the same state."""
    state = opened.hash_locked(2, opened.now + HOUR_S, revealed=7)
    paper = stated(opened, "checkpoint", state)
    at = paper.at(1)
    splits = at + paper.number(at + 4) // WORD
    moved = paper.words[splits : splits + 7]
    paper.set(at + 4, (len(paper.words) - at) * WORD)
    paper.words[splits : splits + 7] = [b"\xff" * WORD] * 7
    paper.words += moved

    paper.send(opened.outsider)

    assert opened.view()[2] == 2


def test_arrays__that_share_their_words__are_judged_by_what_they_say(opened: Duel) -> None:
    """`altLow` laid over the split's own array says something else: its signers did not sign it."""
    paper = stated(opened, "checkpoint", opened.hash_locked(2, opened.now + HOUR_S, revealed=7))
    with opened.chain.isolated():
        paper.send(opened.outsider)
    at, condition = paper.at(1), paper.at(1, 5)
    splits = at + paper.number(at + 4) // WORD
    overlap = ((splits - condition) * WORD) % 2**256
    paper.set(condition + 3, overlap)

    with pytest.raises(Refused) as refusal:
        paper.send(opened.outsider)
    assert refusal.value.name in {"BadSignature", "0x"}


def test_arrays__that_share_their_words_and_are_signed__pay_by_the_shared_words(
    opened: Duel,
) -> None:
    """Colluding brokers who sign an overlap get the state that it spells, checked as any other.

    The alternative is then the split's first word, netLow = 1,000, which is within the total.
    """
    paper = stated(opened, "checkpoint", opened.hash_locked(2, opened.now + HOUR_S, revealed=7))
    at = paper.at(1)
    # Behind the condition, so that the offset is positive: a copy of the splits that both use.
    splits = at + paper.number(at + 4) // WORD
    condition = paper.at(1, 5)
    copy = len(paper.words)
    paper.words += paper.words[splits : splits + 7]
    paper.set(at + 4, (copy - at) * WORD)
    paper.set(condition + 3, (copy - condition) * WORD)
    paper.sign()
    spelt = opened.hash_locked(2, opened.now + HOUR_S, revealed=STAKE)

    assert paper.hash_state() == opened.vault.read("hashState", spelt)
    paper.send(opened.outsider)


@pytest.mark.parametrize("offset", [2**256 - 32, 2**255, 2**64, 2**32, 10_000])
@pytest.mark.parametrize("place", ["assets", "splits", "condition", "altLow"])
def test_offset__that_points_astray__spells_the_signed_state_or_nothing(
    opened: Duel, place: str, offset: int
) -> None:
    """[ADJ-17] Before, beyond or around the calldata: what is read there is what is hashed.

    So a wild offset is accepted only where it finds the very words that were signed, as an empty
    `altLow` finds its zero in many places.
    """
    paper = stated(opened, "checkpoint", opened.operate(2))
    index = {
        "assets": paper.at(0) + 6,
        "splits": paper.at(1) + 4,
        "condition": paper.at(1) + 5,
        "altLow": paper.at(1, 5) + 3,
    }[place]
    before = opened.view()
    with opened.chain.isolated():
        paper.send(opened.outsider)
        meant = opened.view()

    paper.set(index, offset)
    reason = "accepted"
    with opened.chain.isolated():
        try:
            paper.send(opened.outsider)
        except Refused as refusal:
            reason = refusal.name
        effect = opened.view()

    assert reason in {"accepted", "0x", "WrongStatus", "WrongSplitCount", "BadSignature"}
    assert effect == (meant if reason == "accepted" else before), "ADJ-17"
    assert reason != "accepted" or place == "altLow"


@pytest.mark.parametrize("length", [2**256 - 1, 2**64, 2**32, 9])
@pytest.mark.parametrize("place", ["assets", "splits", "altLow"])
def test_length__greater_than_the_calldata__is_refused(
    opened: Duel, place: str, length: int
) -> None:
    """A huge array neither wraps a size around nor burns the block."""
    paper = stated(opened, "checkpoint", opened.operate(2))
    index = {"assets": paper.at(0, 6), "splits": paper.at(1, 4), "altLow": paper.at(1, 5, 3)}[place]
    with opened.chain.isolated():
        paper.send(opened.outsider)

    paper.set(index, length)

    with pytest.raises(Refused) as refusal:
        paper.send(opened.outsider)
    assert refusal.value.name in {"0x", "WrongStatus", "BadSignature"}


def test_call__cut_short__is_refused(opened: Duel) -> None:
    """Missing words are not zero."""
    paper = stated(opened, "checkpoint", opened.operate(2))
    whole = list(paper.words)
    for length in range(len(whole)):
        paper.words = whole[:length]
        with opened.chain.isolated(), pytest.raises(Refused):
            paper.send(opened.outsider)

    paper.words = whole
    paper.send(opened.outsider)
