"""One oracle on the embedded chain, its sources the mocks: set them, call, see what it came to.

Prices are given in USD; ages and waits in seconds.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass, is_dataclass, replace
from typing import Any

from clearing.chain.artifacts import abi_of
from clearing.channel.words import snake_case
from clearing.spec.oracle_types import FeedMemo, FeedParams, FeedSources, PriceState
from clearing.spec.units import WAD, Address
from tests.harness.actors import actors
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.puppet import words
from tests.harness.revm import Revm
from tests.unit.adjudicator.scene import Refusal

NOW = 1_800_000_000
"""Unix seconds."""
FEED = b"ETH/USD".ljust(16, b"\0")
OTHER = b"OP/USD".ljust(16, b"\0")
NAME = "ETH / USD"
PYTH_ID = b"\xff" * 32
PARAMS = FeedParams()
FIRST_AT, SECOND_AT = NOW - 600, NOW - 2
"""Times of the first answers: Chainlink's 3,000, Pyth's 3,003 -/+ 1.50."""
ETHER = 10**18
GAS = 20_000_000
RING = 128
E8 = 10**8

Event = tuple[str, tuple[object, ...]]

_FIELDS_OF = {
    entry["name"]: [snake_case(field["name"]) for field in entry["inputs"]]
    for entry in abi_of("IPriceOracle")
    if entry["type"] == "event"
}
_MEMO_FIELDS = tuple(FeedMemo.__dataclass_fields__)


def event(name: str, /, **fields: object) -> Event:
    """Return an event of the oracle with all its values, by their names in snake case."""
    assert list(fields) == _FIELDS_OF[name], f"{name} carries {_FIELDS_OF[name]}"
    return name, tuple(_plain(value) for value in fields.values())


def usd(dollars: float) -> int:
    """Return a price in WAD; exact for cents."""
    return round(dollars * 100) * WAD // 100


def update(publish_time: int, dollars: float, conf: float = 1.5, pyth_id: bytes = PYTH_ID) -> bytes:
    """Return an entry of update data with one price."""
    price, conf_ = (round(amount * 100) * E8 // 100 for amount in (dollars, conf))
    head = words(32, 1, int.from_bytes(pyth_id, "big"))
    return head + words(price, conf_, -8, publish_time, publish_time - 1, price, conf_)


@dataclass(frozen=True, slots=True)
class Act:
    """A call that a test means to make."""

    function: str
    arguments: tuple[object, ...]
    sender: Address
    value_wei: int = 0
    gas: int = GAS
    through: Contract | None = None

    def by(self, sender: Address) -> "Act":
        """Return the same from another account."""
        return replace(self, sender=sender)

    def paying(self, wei: int) -> "Act":
        """Return the same with ether."""
        return replace(self, value_wei=wei)

    def with_gas(self, gas: int) -> "Act":
        """Return the same with this much gas, without what a transaction costs by itself."""
        return replace(self, gas=gas)

    def by_contract(self, account: Contract) -> "Act":
        """Return the same from a HostileAccount, which pays from its own ether."""
        return replace(self, through=account)


class Scene:
    """An oracle without feeds; sources that answer and agree."""

    def __init__(self) -> None:
        self.chain, self.roles = Revm(NOW), actors()
        self.pyth = self.deploy("MockPyth", 1, 0)
        self.aggregator, self.successor = (self.deploy("MockAggregator", 8, NAME) for _ in range(2))
        self.sequencer = self.deploy("MockSequencerFeed", NOW - 10**6)
        self.oracle = self.deploy(
            "PriceOracle", self.pyth.address, self.roles.timelock, self.roles.guardian
        )
        self.chain.set_balance(self.roles.outsider, 10 * ETHER)
        self.chainlink(3_000, age=600)
        self.pyth_says(3_003, age=2)

    def deploy(self, name: str, *args: object) -> Contract:
        """Deploy a contract. Raises Refused."""
        return self.chain.deploy(name, *args, sender=self.roles.deployer)

    @property
    def now(self) -> int:
        """Time of the next call."""
        return self.chain.now

    @property
    def sources(self) -> FeedSources:
        """What the feed is added with."""
        return FeedSources(self.aggregator.address, 8, PYTH_ID, self.sequencer.address)

    # SOURCES

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.warp(self.now + seconds)

    def chainlink(self, dollars: float, age: int = 0, source: Contract | None = None) -> None:
        """Let an aggregator answer this."""
        at = self.now - age
        answer = round(dollars * 100) * E8 // 100
        source = source or self.aggregator
        source.send("transmitAt", answer, at, at, sender=self.roles.deployer)

    def pyth_says(self, dollars: float, age: int = 0, conf: float = 1.5) -> None:
        """Deliver a Pyth price; later ones only are stored."""
        data = update(self.now - age, dollars, conf)
        self.pyth.send("updatePriceFeeds", [data], sender=self.roles.outsider, value=1)

    def misbehave(self, source: Contract, mode: int) -> None:
        """Let a source fail as Misbehaving.Mode says."""
        source.send("setMode", mode, sender=self.roles.deployer)

    def sequencer_says(self, *, is_down: bool, age: int = 0) -> None:
        """Let the sequencer feed report a flip."""
        self.sequencer.send("report", is_down, self.now - age, sender=self.roles.deployer)

    def warm(self) -> None:
        """Poke the feed, at 3,000 by Chainlink alone, until its ring is fit."""
        for _ in range(8):
            self.wait(150)
            self.chainlink(3_000)
            self.send(self.act("poke", FEED))

    def become(self, state: PriceState) -> None:
        """Let the sources of the listed feed come to a state."""
        match state:
            case PriceState.PRIMARY_ONLY:
                self.wait(59)
            case PriceState.SECONDARY_ONLY:
                self.warm()
                self.misbehave(self.aggregator, REJECT)
                self.pyth_says(3_003)
            case PriceState.TWAP_ONLY:
                self.warm()
                self.chainlink(3_000, age=PARAMS.cl_max_stale + 1)
            case PriceState.DIVERGED:
                self.pyth_says(3_030)
            case PriceState.TRIPPED:
                self.pyth_says(3_100)
            case PriceState.FROZEN:
                self.misbehave(self.aggregator, REJECT)
                self.wait(59)
        assert PriceState(self.read("getPrice", FEED)[4]) is state

    # CALLS

    def act(self, function: str, *arguments: object, by: Address | None = None) -> Act:
        """Return a call of the oracle, by default an outsider's."""
        return Act(function, arguments, by or self.roles.outsider)

    def read(self, function: str, *arguments: object) -> Any:
        """Return the answer of a static call. Raises Refused."""
        return self.oracle.read(function, *arguments)

    def attempt(self, act: Act) -> tuple[Refusal | None, tuple[Event, ...], Any]:
        """Make a call; return its refusal or None, the oracle's events and the answer."""
        call = self.oracle.call(act.function, len(act.arguments))
        try:
            if act.through is None:
                receipt = call.send(
                    *act.arguments, sender=act.sender, value=act.value_wei, gas=act.gas
                )
            else:
                inner = (self.oracle.address, act.value_wei, call.method.encode(*act.arguments))
                receipt = act.through.send("execute", [inner], sender=act.sender)
        except Refused as refused:
            return (refused.name, refused.args_), (), None
        events = tuple((log.event, log.args) for log in receipt.of(self.oracle))
        return None, events, receipt.output

    def send(self, *acts: Act) -> Any:
        """Make calls that must succeed; return the last one's answer."""
        for act in acts:
            refusal, _, answer = self.attempt(act)
            assert refusal is None, refusal
        return answer

    def events_of(self, act: Act) -> tuple[Event, ...]:
        """Make a call that must succeed and return every event of the oracle."""
        refusal, events, _ = self.attempt(act)
        assert refusal is None, refusal
        return events

    def changes_of(self, act: Act) -> dict[str, object]:
        """Make a call that must succeed and return all that is stored otherwise, by name."""
        before = self.picture()
        self.send(act)
        after = self.picture()
        return {key: new for key, new in after.items() if new != before.get(key)}

    def assert_only_fails_for(
        self, arrange: Callable[[Any], Act], *, broken: object, fixed: object, error: Refusal
    ) -> None:
        """Succeed with `arrange(fixed)`; refuse `arrange(broken)` with the error, storing nothing.

        `arrange` sets the stage and returns the call that is judged. Nothing remains of either.
        """
        with self.chain.isolated():
            self.send(arrange(fixed))
        with self.chain.isolated():
            act = arrange(broken)
            before = self.picture()

            refusal, _, _ = self.attempt(act)

            assert refusal == error
            assert self.picture() == before

    # STORAGE

    def picture(self) -> dict[str, object]:
        """Return all that the oracle stores of its feeds, and the ether that it and Pyth hold."""
        feeds = self.read("feeds")
        picture: dict[str, object] = {
            "feeds": feeds,
            "wei": self.chain.balance_of(self.oracle.address),
            "wei of Pyth": self.chain.balance_of(self.pyth.address),
        }
        for feed in feeds:
            prefix = "" if feed == FEED else f"{feed.rstrip(bytes(1)).decode()} "
            memo = dict(zip(_MEMO_FIELDS, self.read("memoOf", feed), strict=True))
            ring = {f"ring[{i}]": self.read("observationOf", feed, i) for i in range(RING)}
            sources, params = self.read("configOf", feed)
            found = {**memo, **ring, "sources": sources, "params": params}
            picture |= {prefix + key: value for key, value in found.items()}
        return picture


REJECT = 1
"""Misbehaving.Mode.Reject."""


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return astuple(value)
    return value
