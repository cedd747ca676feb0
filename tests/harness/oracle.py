"""The oracle on the embedded chain, its sources played by puppets, and the specification beside it.

`OracleTwin` makes every call on both and compares all there is to compare: the verdict with its
values, the answer, the events, what is stored. A difference raises `Divergence`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from operator import attrgetter
from typing import Any, Final, NoReturn

from clearing.spec import oracle as spec
from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, events_of
from clearing.spec.oracle import Heard, Listing, Oracle
from clearing.spec.oracle_actions import is_allowed, price_for, quote_of, valuation_of
from clearing.spec.oracle_feed import Feed, memo_of, reading_of
from clearing.spec.oracle_ring import slots_of
from clearing.spec.oracle_types import (
    Action,
    ChainlinkAnswer,
    FeedId,
    FeedMemo,
    FeedParams,
    FeedSources,
    Purpose,
    PythAnswer,
    Reading,
    SequencerAnswer,
    SourceAnswers,
    TripReason,
)
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.actors import Actors, actors
from tests.harness.contract import Call, Contract
from tests.harness.errors import Refused
from tests.harness.puppet import Manner, Puppet, words
from tests.harness.results import ACCEPTED, Divergence
from tests.harness.revm import Revm

__all__ = [
    "ANYBODY",
    "DECIMALS",
    "DESCRIPTION",
    "FEED",
    "PYTH_ID",
    "PYTH_PRICE",
    "ROUND",
    "OracleRig",
    "OracleTwin",
    "Speech",
    "deploy_oracle",
    "price",
    "round_of",
    "saying",
    "text",
]

FEED: Final[FeedId] = b"ETH/USD".ljust(16, b"\0")
PYTH_ID: Final = b"\x1d" * 32
ROUND: Final = "latestRoundData()"
DECIMALS: Final = "decimals()"
DESCRIPTION: Final = "description()"
PYTH_PRICE: Final = "getPriceUnsafe(bytes32)"

WORD: Final = 32
ROUND_WORDS: Final = 5
PRICE_WORDS: Final = 4
INT64: Final = 2**63
INT32: Final = 2**31
UINT64: Final = 2**64


# WHAT SOURCES SAY


@dataclass(frozen=True, slots=True)
class Speech:
    """What a source does when it is asked one question."""

    data: bytes
    manner: Manner = Manner.RETURN


SILENCE: Final = Speech(b"")
"""What an address without code says."""


def saying(*values: int) -> Speech:
    """Return words, well formed."""
    return Speech(words(*values))


def round_of(answer: int, updated_at: int, *, started_at: int = 1, round_id: int = 1) -> Speech:
    """Return latestRoundData of an aggregator or sequencer feed."""
    return saying(round_id, answer, started_at, updated_at, round_id)


def price(raw: int, conf: int, expo: int, publish_time: int) -> Speech:
    """Return getPriceUnsafe."""
    return saying(raw, conf, expo, publish_time)


def text(value: str) -> Speech:
    """Return a string of at most 96 bytes, as Solidity does."""
    data = value.encode()
    padded = data.ljust(-(-len(data) // WORD) * WORD, b"\0")
    return Speech(words(WORD, len(data)) + padded)


def _words_of(speech: Speech, count: int) -> tuple[int, ...] | None:
    """Return the words that were asked for, or None if the call failed or brought fewer."""
    if speech.manner is not Manner.RETURN or len(speech.data) < count * WORD:
        return None
    return tuple(
        int.from_bytes(speech.data[at : at + WORD], "big") for at in range(0, count * WORD, WORD)
    )


def _signed(word: int) -> int:
    return word - 2**256 if word >> 255 else word


def _chainlink(latest: Speech, decimals: Speech) -> ChainlinkAnswer | None:
    given, places = _words_of(latest, ROUND_WORDS), _words_of(decimals, 1)
    if given is None or places is None:
        return None
    return ChainlinkAnswer(places[0], given[0], _signed(given[1]), given[3])


def _pyth(latest: Speech) -> PythAnswer | None:
    """Return a price whose words are of their types, else None."""
    given = _words_of(latest, PRICE_WORDS)
    if given is None:
        return None
    raw, conf, expo, at = _signed(given[0]), given[1], _signed(given[2]), given[3]
    fits = -INT64 <= raw < INT64 and conf < UINT64 and -INT32 <= expo < INT32 and at < UINT64
    return PythAnswer(raw, conf, expo, at) if fits else None


def _sequencer(latest: Speech) -> SequencerAnswer | None:
    given = _words_of(latest, ROUND_WORDS)
    return None if given is None else SequencerAnswer(_signed(given[1]), given[2])


# DEPLOYMENT


@dataclass(frozen=True, slots=True)
class OracleRig:
    """An oracle without feeds, and puppets: two aggregators, one Pyth, two sequencer feeds."""

    chain: Revm
    roles: Actors
    oracle: Contract
    pyth: Puppet
    aggregators: tuple[Puppet, Puppet]
    sequencers: tuple[Puppet, Puppet]


def _address(index: int) -> Address:
    return Address(bytes([0x50, index]) * 10)


def deploy_oracle(chain: Revm | None = None) -> OracleRig:
    """Deploy the oracle; nobody has taught the puppets anything."""
    chain, roles = chain or Revm(), actors()
    pyth, *others = (Puppet(chain, _address(index)) for index in range(5))
    oracle = chain.deploy(
        "PriceOracle", pyth.address, roles.timelock, roles.guardian, sender=roles.deployer
    )
    return OracleRig(chain, roles, oracle, pyth, (others[0], others[1]), (others[2], others[3]))


# BOTH AT ONCE

_READING = attrgetter(*(field.name for field in fields(Reading)))
_MEMO = attrgetter(*(field.name for field in fields(FeedMemo)))
_TRIP_WORDS: Final = slice(4 * WORD, 11 * WORD)
"""trippedAt to lastPrice, which mean nothing while nothing is latched."""


class OracleTwin:
    """The oracle and its specification, kept in step; the contract must follow."""

    def __init__(self, rig: OracleRig, feed_id: FeedId = FEED) -> None:
        self.rig = rig
        self.feed_id = feed_id
        self.model = Oracle(rig.roles.timelock, rig.roles.guardian)
        self.said: dict[tuple[Address, str], Speech] = {}
        self._puppets = {
            puppet.address: puppet for puppet in (rig.pyth, *rig.aggregators, *rig.sequencers)
        }
        self._reading_call = rig.oracle.call("readingOf", 1)
        self._memo_call = rig.oracle.call("memoOf", 1)

    @property
    def now(self) -> int:
        """Time of the next call, Unix seconds."""
        return self.rig.chain.now

    @property
    def feed(self) -> Feed:
        """The feed, as the specification holds it."""
        return spec.feed_of(self.model, self.feed_id)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        if seconds:
            self.rig.chain.warp(self.now + seconds)

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Undo on leaving whatever happens inside."""
        model, said = self.model, dict(self.said)
        with self.rig.chain.isolated():
            yield
        self.model, self.said = model, said

    # SOURCES

    def say(self, source: Address, function: str, speech: Speech) -> None:
        """Teach a puppet, unless it says that already."""
        if self.said.get((source, function)) == speech:
            return
        self._puppets[source].says(function, speech.data, speech.manner)
        self.said[source, function] = speech

    def answers_of(self, sources: FeedSources) -> SourceAnswers:
        """Return what sources answer now, as the contract must understand it."""
        return SourceAnswers(
            _chainlink(self._said(sources.cl_feed, ROUND), self._said(sources.cl_feed, DECIMALS)),
            _pyth(self._said(self.rig.pyth.address, PYTH_PRICE)),
            None
            if sources.sequencer == ZERO_ADDRESS
            else _sequencer(self._said(sources.sequencer, ROUND)),
        )

    @property
    def answers(self) -> SourceAnswers:
        """What the feed's sources answer now."""
        return self.answers_of(self.feed.sources)

    @property
    def reading(self) -> Reading:
        """What the specification reads now."""
        return reading_of(self.feed, self.answers, self.now)

    def _said(self, source: Address, function: str) -> Speech:
        return self.said.get((source, function), SILENCE)

    # VIEWS

    def look(self) -> Reading:
        """Compare the whole reading, and return it."""
        reading = self.reading
        expected = words(*_READING(reading))
        if self._raw(self._reading_call, self.feed_id) != expected:
            got = self.rig.oracle.read("readingOf", self.feed_id)
            names = [field.name for field in fields(Reading)]
            wrong = [
                f"{name} {int(mine)} is {int(its)}"
                for name, mine, its in zip(names, _READING(reading), got, strict=True)
                if mine != its
            ]
            self._fail(f"readingOf: {', '.join(wrong)}")
        return reading

    def ask_price(self, reading: Reading, action: Action, *, is_long: bool) -> str:
        """Compare what an action gets, or why it gets nothing; return that."""
        try:
            expected: object = price_for(reading, action, is_long=is_long)
            verdict = ACCEPTED
        except SpecError as refusal:
            expected, verdict = (refusal.name, refusal.args_), refusal.name
        self._compare("priceFor", (self.feed_id, action, is_long), expected)
        return verdict

    def ask_value(self, reading: Reading, purpose: Purpose, *, is_long: bool) -> None:
        """Compare what a position counts at."""
        expected = valuation_of(reading, purpose, is_long=is_long)
        self._compare("priceForValuation", (self.feed_id, purpose, is_long), expected)

    def ask_quote(self, reading: Reading, *, peek: bool) -> None:
        """Compare everything that a reader of prices needs."""
        name = "peekQuote" if peek else "quote"
        self._compare(name, (self.feed_id,), astuple(quote_of(reading)))

    def ask_allowed(self, reading: Reading, action: Action) -> None:
        """Compare whether an action is allowed, and why."""
        expected = (is_allowed(reading, action), reading.state, reading.gates)
        self._compare("isAllowed", (self.feed_id, action), expected)

    def ask_summary(self, reading: Reading) -> None:
        """Compare getPrice."""
        r = reading
        expected = (r.mid, r.lo, r.hi, r.mid_at, r.state, r.gates)
        self._compare("getPrice", (self.feed_id,), expected)

    def ask_twap(self, window_s: int) -> str:
        """Compare the average over a window, or that there is none; return which."""
        try:
            expected: object = spec.twap_of(self.model, self.feed_id, self.now, window_s)
            verdict = ACCEPTED
        except SpecError as refusal:
            expected, verdict = (refusal.name, refusal.args_), refusal.name
        self._compare("twap", (self.feed_id, window_s), expected)
        return verdict

    def _compare(self, name: str, args: tuple[Any, ...], expected: object) -> None:
        call = self.rig.oracle.call(name, len(args))
        try:
            is_static = name not in {"priceFor", "priceForValuation", "quote"}
            got = call.method.decode(self._raw(call, *args, is_static=is_static))
        except Refused as refusal:
            got = (refusal.name, refusal.args_)
        if got != expected:
            self._fail(f"{name}{args[1:]} is {got}, specification: {expected}")

    @staticmethod
    def _raw(call: Call, *args: Any, is_static: bool = True) -> bytes:
        return call.raw(call.method.encode(*args), sender=ANYBODY, is_static=is_static)

    # CALLS THAT CHANGE THE FEED

    def poke(self) -> str:
        """Poke on both; return what came of it."""
        return self._both("poke", (self.feed_id,), ANYBODY, lambda: spec.poke(*self._seen()))

    def reset(self, sender: Address) -> str:
        """Reset on both."""
        return self._both(
            "reset",
            (self.feed_id,),
            sender,
            lambda: spec.reset(self.model, sender, self.feed_id, self._answers(), self.now),
        )

    def pause(self, sender: Address, until: int) -> str:
        """Pause on both."""
        return self._both(
            "pause",
            (self.feed_id, until),
            sender,
            lambda: spec.pause(self.model, sender, self.feed_id, until, self.now),
        )

    def lift_pause(self, sender: Address) -> str:
        """Lift a pause on both."""
        return self._both(
            "liftPause",
            (self.feed_id,),
            sender,
            lambda: spec.lift_pause(self.model, sender, self.feed_id, self.now),
        )

    def set_params(self, sender: Address, params: FeedParams) -> str:
        """Set limits on both."""
        return self._both(
            "setParams",
            (self.feed_id, params),
            sender,
            lambda: spec.set_params(self.model, sender, self.feed_id, params, self.now),
        )

    def add_feed(self, sender: Address, listing: Listing) -> str:
        """Add the feed on both."""
        return self._both(
            "addFeed",
            (self.feed_id, listing.sources, listing.params, listing.description),
            sender,
            lambda: spec.add_feed(
                self.model, sender, self.feed_id, listing, self._heard(listing), self.now
            ),
        )

    def replace_feed(self, sender: Address, listing: Listing) -> str:
        """Replace the feed's sources on both."""
        return self._both(
            "replaceFeed",
            (self.feed_id, listing.sources, listing.params, listing.description),
            sender,
            lambda: spec.replace_feed(
                self.model,
                sender,
                self.feed_id,
                listing,
                self._answers(),
                self._heard(listing),
                self.now,
            ),
        )

    def _answers(self) -> SourceAnswers:
        """Return what the feed's sources answer; nothing is asked of a feed that is not there."""
        known = self.model.feeds.get(self.feed_id)
        return SourceAnswers() if known is None else self.answers_of(known.sources)

    def _seen(self) -> tuple[Oracle, FeedId, SourceAnswers, int]:
        return self.model, self.feed_id, self._answers(), self.now

    def _heard(self, listing: Listing) -> Heard:
        """Return what a listing's sources say; puppets that play aggregators know their words."""
        said = self._said(listing.sources.cl_feed, DESCRIPTION).data
        length = int.from_bytes(said[WORD : 2 * WORD], "big")
        places = _words_of(self._said(listing.sources.cl_feed, DECIMALS), 1)
        return Heard(
            self.answers_of(listing.sources),
            places[0] if places else 0,
            said[2 * WORD : 2 * WORD + length].decode(),
        )

    def _both(self, name: str, args: tuple[Any, ...], sender: Address, judge: Any) -> str:
        """Make a call on both, compare verdict, events and memory, return the verdict."""
        refusal: SpecError | None = None
        after: Oracle = self.model
        effects: Effects = ()
        try:
            after, effects = judge()
        except SpecError as refused:
            refusal = refused
        try:
            logs = self.rig.oracle.send(name, *args, sender=sender).of(self.rig.oracle)
        except Refused as its:
            mine = None if refusal is None else (refusal.name, refusal.args_)
            if mine != (its.name, its.args_):
                self._fail(f"{name} is refused: {its!r}, specification: {refusal or effects}")
            assert refusal is not None
            return refusal.name
        if refusal is not None:
            self._fail(f"{name} is accepted, specification: {refusal}")

        expected = [(type(event).__name__, astuple(event)) for event in events_of(effects)]
        told = [(log.event, log.args) for log in logs]
        if told != expected:
            self._fail(f"{name} told {told}, specification: {expected}")
        self.model = after
        self.check_memo()
        return ACCEPTED

    # STORAGE

    def check_memo(self) -> None:
        """Compare what is remembered of the feed, and its newest observation."""
        memo = memo_of(self.feed)
        stored = bytearray(self._raw(self._memo_call, self.feed_id))
        if memo.latch is TripReason.NONE:
            stored[_TRIP_WORDS] = bytes(len(stored[_TRIP_WORDS]))
        if stored != words(*_MEMO(memo)):
            got = self.rig.oracle.read("memoOf", self.feed_id)
            self._fail(f"memoOf is {got}, specification: {memo}")
        if memo.count:
            self._check_slot(memo.head, astuple(self.feed.ring.observations[-1]))

    def check_everything(self) -> None:
        """Compare all that is stored of the feed."""
        feed = self.feed
        self.check_memo()
        slots = slots_of(feed.ring)
        for index in range(128):
            expected = astuple(slots[index]) if index in slots else (0, 0, 0)
            self._check_slot(index, expected)
        expected = (astuple(feed.sources), astuple(feed.params))
        self._compare("configOf", (self.feed_id,), expected)

    def _check_slot(self, index: int, expected: tuple[int, ...]) -> None:
        self._compare("observationOf", (self.feed_id, index), expected)

    def _fail(self, message: str) -> NoReturn:
        raise Divergence(f"time {self.now}: {message}")


ANYBODY: Final = Address(b"\x0a" * 20)
"""Who pokes and asks: it must not matter."""
