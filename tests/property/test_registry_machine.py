"""The registry on revm and its model: the same calls, the same answers, texts, events and state.

[REG-01] [REG-02] [REG-03] [REG-04] [REG-05]
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import astuple
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clearing.spec import registry as spec
from clearing.spec.errors import SpecError
from clearing.spec.events import events_of
from clearing.spec.registry import LOT, UNSTAKE_DELAY_S, Broker, Registry
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.revm import Revm

BROKERS = tuple(Address(bytes([index]) * 20) for index in (0x11, 0x22, 0x33))
SIGNERS = tuple(Address(bytes([index]) * 20) for index in (0xAA, 0xBB, 0xFF))
ADJUDICATOR = Address(b"\x0a" * 20)
OUTSIDER = Address(b"\x0f" * 20)
DEPLOYER = Address(b"\xde" * 20)
SUPPLY = 100 * LOT

brokers = st.sampled_from(BROKERS)
signers = st.sampled_from(SIGNERS)
callers = st.sampled_from((ADJUDICATOR,) * 7 + (OUTSIDER, *BROKERS[:1]))
pairs = st.permutations(BROKERS).map(lambda order: order[:2])
# full lots, one unit on either side of them, and dust
amounts = st.one_of(
    st.builds(lambda lots, dust: max(0, lots * LOT + dust), st.integers(0, 4), st.integers(-1, 1)),
    st.integers(0, 3 * LOT),
)


class Setup(NamedTuple):
    """A chain with a registry that nobody has used; each broker has approved all it holds."""

    chain: Revm
    yellow: Contract
    registry: Contract


@cache
def deployed() -> Setup:
    chain = Revm()
    yellow = chain.deploy("YellowToken", BROKERS, [SUPPLY] * len(BROKERS), sender=DEPLOYER)
    registry = chain.deploy("BrokerRegistry", yellow.address, ADJUDICATOR, sender=DEPLOYER)
    for broker in BROKERS:
        yellow.send("approve", registry.address, SUPPLY, sender=broker)
    return Setup(chain, yellow, registry)


class RegistryMachine(RuleBasedStateMachine):
    """Brokers, an outsider, an Adjudicator that opens and ends channels, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.chain, self.yellow, self.contract = deployed()
        self.undo = ExitStack()
        self.undo.enter_context(self.chain.isolated())
        self.model = Registry(self.yellow.address, ADJUDICATOR)
        self.live: list[tuple[Address, Address]] = []
        self.rebuilt: dict[Address, Broker] = {}

    def teardown(self) -> None:
        self.undo.close()

    # BROKERS

    @initialize(lots=st.tuples(*[st.integers(0, 3)] * len(BROKERS)), some=st.booleans())
    def start(self, lots: tuple[int, ...], some: bool) -> None:  # noqa: FBT001 - drawn
        """Start half of all runs with brokers that can open channels."""
        if some:
            for broker, signer, count in zip(BROKERS, SIGNERS, lots, strict=True):
                self._both("set_signer", signer, sender=broker)
                self._both("stake", count * LOT, sender=broker)

    @rule(broker=brokers, amount=amounts)
    def stake(self, broker: Address, amount: int) -> None:
        held = SUPPLY - self._staked(broker)
        self._both("stake", min(amount, held), sender=broker)

    @rule(broker=brokers, amount=amounts)
    def request_unstake(self, broker: Address, amount: int) -> None:
        self._both("request_unstake", amount, sender=broker, now=self.chain.now)

    @rule(broker=brokers, too_much=st.integers(0, 1))
    def request_all_but_what_is_in_use(self, broker: Address, too_much: int) -> None:
        known = spec.broker_of(self.model, broker)
        lots_in_use = -(-known.used // spec.SLOTS_PER_LOT)
        amount = known.stake - lots_in_use * LOT + too_much
        self._both("request_unstake", amount, sender=broker, now=self.chain.now)

    @rule(broker=brokers)
    def cancel_unstake(self, broker: Address) -> None:
        self._both("cancel_unstake", sender=broker)

    @rule(broker=brokers, early=st.sampled_from([None, 1, 0]))
    def complete_unstake(self, broker: Address, early: int | None) -> None:
        if early is not None:
            available_at = spec.broker_of(self.model, broker).available_at
            self.chain.warp(max(self.chain.now, available_at - early))
        self._both("complete_unstake", sender=broker, now=self.chain.now)

    @rule(broker=brokers, key=st.one_of(signers, signers, brokers, st.just(ZERO_ADDRESS)))
    def set_signer(self, broker: Address, key: Address) -> None:
        self._both("set_signer", key, sender=broker)

    # THE ADJUDICATOR, AND WHO PLAYS IT

    @rule(pair=pairs, count=st.integers(1, 9))
    def open_channels(self, pair: list[Address], count: int) -> None:
        for _ in range(count):
            self.take_slots(pair, spec.signers_of(self.model, *pair), ADJUDICATOR)

    @rule(pair=pairs, keys=st.tuples(signers, signers), caller=callers)
    def take_slots(
        self, pair: list[Address], keys: tuple[Address, Address], caller: Address
    ) -> None:
        low, high = pair
        answer = self._both("take_slots", low, keys[0], high, keys[1], sender=caller)
        if answer == spec.TakeResult.TAKEN:
            self.live.append((low, high))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), caller=callers)
    def release_slots(self, data: st.DataObject, caller: Address) -> None:
        pair = data.draw(st.sampled_from(self.live))
        if self._both("release_slots", *pair, sender=caller) is not REFUSED:
            self.live.remove(pair)

    # TIME

    @rule(seconds=st.one_of(st.integers(0, 86_400), st.just(UNSTAKE_DELAY_S)))
    def wait(self, seconds: int) -> None:
        self.chain.warp(self.chain.now + seconds)

    # WHAT MUST HOLD

    @invariant()
    def stored_state_is_the_models(self) -> None:
        for address in BROKERS:
            known = spec.broker_of(self.model, address)
            assert self.contract.read("stake_of", address) == known.stake
            assert self.contract.read("slots_of", address) == known.granted
            assert self.contract.read("slots_used", address) == known.used
            assert self.contract.read("unstake_of", address) == (known.pending, known.available_at)
            assert self.contract.read("signer_of", address) == known.signer
        assert self.contract.read("signers_of", *BROKERS[:2]) == spec.signers_of(
            self.model, *BROKERS[:2]
        )

    @invariant()
    def slots_used_are_live_channels(self) -> None:
        count = Counter(broker for pair in self.live for broker in pair)
        for address in BROKERS:
            used = self.contract.read("slots_used", address)
            granted = self.contract.read("slots_of", address)
            assert used == count[address], "REG-01: slots used are live channels"
            assert used <= granted, "REG-02: stake never leaves below what is in use"

    @invariant()
    def yellow_covers_all_stakes(self) -> None:
        owed = sum(map(self._staked, BROKERS))
        assert self.yellow.read("balanceOf", self.contract.address) == owed, "REG-04: covered"
        for address in BROKERS:
            held = self.yellow.read("balanceOf", address)
            assert held == SUPPLY - self._staked(address), "REG-04: nobody pays for another"

    @invariant()
    def events_rebuild_all_but_slots(self) -> None:
        for address in BROKERS:
            known = spec.broker_of(self.model, address)
            told = self.rebuilt.get(address, spec.NEW_BROKER)
            assert astuple(told)[:2] == (known.signer, known.stake), "REG-05: events tell all"
            assert (told.pending, told.available_at) == (known.pending, known.available_at), (
                "REG-05: events tell all"
            )

    # MACHINERY

    def _staked(self, broker: Address) -> int:
        known = spec.broker_of(self.model, broker)
        return known.stake + known.pending

    def _both(self, name: str, *args: Any, sender: Address, **clock: int) -> Any:
        """Make a call on model and contract, compare all that comes back, return the answer."""
        try:
            after, answer, events = _model_call(name, self.model, sender, args, clock)
        except SpecError as refusal:
            self._refused_alike(refusal, name, args, sender)
            return REFUSED
        self.model = after
        receipt = self.contract.send(name, *args, sender=sender)
        logs = [(log.event, log.args) for log in receipt.of(self.contract)]
        assert receipt.output == answer
        assert logs == [(type(event).__name__, astuple(event)) for event in events]
        for event_name, values in logs:
            self._index(event_name, values)
        return answer

    def _refused_alike(
        self, refusal: SpecError, name: str, args: tuple[Any, ...], sender: Address
    ) -> None:
        with pytest.raises(Refused) as refused:
            self.contract.send(name, *args, sender=sender)
        assert (refused.value.name, refused.value.args_) == (refusal.name, refusal.args_)

    def _index(self, event: str, values: tuple[Any, ...]) -> None:
        """Follow the events alone, as an indexer does."""
        broker = values[0]
        told = self.rebuilt.get(broker, spec.NEW_BROKER)
        match event:
            case "Staked":
                told = Broker(told.signer, values[2], 0, told.pending, told.available_at)
            case "UnstakeRequested":
                told = Broker(told.signer, values[2], 0, values[1], values[4])
            case "UnstakeCancelled":
                told = Broker(told.signer, values[2])
            case "Unstaked":
                told = Broker(told.signer, told.stake)
            case "SignerNamed":
                assert values[1] == told.signer
                told = Broker(values[2], told.stake, 0, told.pending, told.available_at)
            case _:
                message = f"unknown event {event}"
                raise AssertionError(message)
        self.rebuilt[broker] = told


REFUSED = object()
"""What a call gives that both refuse."""


def _model_call(
    name: str, model: Registry, sender: Address, args: tuple[Any, ...], clock: dict[str, int]
) -> tuple[Registry, Any, tuple[Any, ...]]:
    """Return the model's new state, answer and events."""
    function = getattr(spec, name)
    if name == "take_slots":
        after, code = function(model, sender, *args)
        return after, int(code), ()
    if name == "release_slots":
        return function(model, sender, *args), None, ()
    after, effects = function(model, sender, *clock.values(), *args)
    return after, None, events_of(effects)


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(stateful_step_count=40)
