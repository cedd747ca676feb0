"""The hash time lock on revm and its model, with tokens and receivers that misbehave.

The same calls give the same texts, events and state, and every wallet holds what it must.
"""

from contextlib import ExitStack
from dataclasses import astuple, fields, replace
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import pytest
from eth_abi import encode
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clearing.channel.keccak import keccak256
from clearing.spec import htlc as spec
from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event, Pull, Push
from clearing.spec.htlc import Call, Claimed, Credited, HashTimeLock, Lock, Locked, Refunded
from clearing.spec.types import ZERO_ADDRESS, ZERO_WORD
from clearing.spec.units import Address
from tests.harness.contract import Contract, Receipt
from tests.harness.errors import Refused
from tests.harness.revm import Revm, text_of
from tests.property.token_zoo import ETH, HOSTILE_MODES, TokenZoo

USERS = tuple(Address(bytes([index]) * 20) for index in (0x11, 0x22, 0x33))
DEPLOYER = Address(b"\xde" * 20)
PLENTY = 10**12
PREIMAGES = tuple(sha256(bytes([index])).digest() for index in range(3))
HASHLOCKS = tuple(sha256(preimage).digest() for preimage in PREIMAGES)
LOCK = "(address,address,address,uint256,bytes32,uint256,uint256)"

users = st.sampled_from(USERS)
secrets = st.integers(0, len(PREIMAGES) - 1)
fees = st.sampled_from([0, 0, 1, 2_500])
modes = st.sampled_from(HOSTILE_MODES)
amounts = st.one_of(st.just(10_000), st.integers(1, PLENTY // 50), st.integers(0, 3))
pick = st.integers(0, 839)
"""Chooses from a list whose length only the machine knows."""
NEXT_BLOCK = -10
moments = st.sampled_from([NEXT_BLOCK, NEXT_BLOCK, NEXT_BLOCK, -1, 0, None])
"""In the next block, in the last second of a claim, in the first of a refund, now."""


class Setup(NamedTuple):
    """A chain with the contract and the zoo; users hold plenty and have approved all of it."""

    chain: Revm
    htlc: Contract
    zoo: TokenZoo


@cache
def deployed() -> Setup:
    chain = Revm()
    htlc = chain.deploy("HashTimeLock", sender=DEPLOYER)
    zoo = TokenZoo(chain, DEPLOYER)
    for user in USERS:
        chain.set_balance(user, PLENTY)
        for token in zoo.by_name.values():
            token.send("mint", user, PLENTY, sender=DEPLOYER)
            token.send("approve", htlc.address, 2**256 - 1, sender=user)
    return Setup(chain, htlc, zoo)


class HashTimeLockMachine(RuleBasedStateMachine):
    """Users lock, claim, refund and collect while tokens and an account change their manners."""

    def __init__(self) -> None:
        super().__init__()
        self.chain, self.htlc, self.zoo = deployed()
        self.undo = ExitStack()
        self.undo.enter_context(self.chain.isolated())
        self.zoo.forget()
        self.model = HashTimeLock(self.htlc.address)
        self.made: list[Lock] = []
        self.parties = (*USERS, self.zoo.account.address)
        self.everybody = (*self.parties, self.htlc.address, ZERO_ADDRESS)
        self.wallets = {
            (token, party): PLENTY if party in USERS else 0
            for token in self.zoo.tokens
            for party in (*self.parties, self.htlc.address)
        }
        self.played = list(self.zoo.tokens)
        self.donated = dict.fromkeys(self.zoo.tokens, 0)
        self.told_ids: set[bytes] = set()
        self.told_live: dict[bytes, tuple[Any, ...]] = {}
        self.told_credits: dict[tuple[Address, Address], int] = {}

    def teardown(self) -> None:
        self.undo.close()

    @initialize(played=st.lists(pick, min_size=1, max_size=2), bps=fees)
    def start(self, played: list[int], bps: int) -> None:
        """Play one or two tokens, so that they meet all that can happen to them."""
        self.played = sorted({_choose(self.zoo.tokens, which) for which in played})
        self.zoo.take_fee(bps)

    # LOCKS

    @rule(
        sender=users,
        to=pick,
        which=pick,
        amount=amounts,
        secret=st.sampled_from([*range(len(PREIMAGES))] * 4 + [None]),
        ahead=st.sampled_from([100, 1_000] * 6 + [0, 1, 2]),
        extra_value=st.sampled_from([0] * 9 + [1]),
    )
    def lock(
        self,
        sender: Address,
        to: int,
        which: int,
        amount: int,
        secret: int | None,
        ahead: int,
        extra_value: int,
    ) -> None:
        token = _choose(self.played, which)
        receiver = _choose((*self.parties * 5, self.htlc.address, ZERO_ADDRESS), to)
        amount = min(amount, self.wallets[token, sender])
        value = min((amount if token == ETH else 0) + extra_value, self.wallets[ETH, sender])
        hashlock = ZERO_WORD if secret is None else HASHLOCKS[secret]
        terms = (receiver, token, amount, hashlock, self.chain.now + ahead)
        self._lock(terms, sender, value)

    @precondition(lambda self: self.made)
    @rule()
    def lock_a_twin(self) -> None:
        """Refused in the block of the first; later its id is another."""
        twin = self.made[-1]
        value = twin.amount if twin.token == ETH else 0
        if self.wallets[twin.token, twin.sender] >= twin.amount:
            terms = (twin.receiver, twin.token, twin.amount, twin.hashlock, twin.timelock)
            self._lock(terms, twin.sender, value)

    def _lock(self, terms: tuple[Any, ...], sender: Address, value: int) -> None:
        _, token, amount, _, _ = terms
        received = self.zoo.pulled(token, sender, self.htlc.address, amount)
        effects = self._both("lock", *terms, sender=sender, value=value, received=received)
        for effect in effects:
            if isinstance(effect, Locked):
                self.made.append(effect.lock)
                self._move(ETH, sender, self.htlc.address, value)

    @precondition(lambda self: self.model.live)
    @rule(which=pick, sender=users, secret=st.sampled_from([None] * 4 + [0, 1, 2]), at=moments)
    def claim(self, which: int, sender: Address, secret: int | None, at: int | None) -> None:
        terms = self._choose_lock(which, at)
        preimage = PREIMAGES[HASHLOCKS.index(terms.hashlock) if secret is None else secret]
        arrived = self.zoo.arrives(terms.token, self.htlc.address, terms.receiver)

        self._both("claim", terms, preimage, sender=sender, arrived=arrived)

    @precondition(lambda self: self.model.live)
    @rule(which=pick, sender=users, at=moments)
    def refund(self, which: int, sender: Address, at: int | None) -> None:
        terms = self._choose_lock(which, at)
        arrived = self.zoo.arrives(terms.token, self.htlc.address, terms.sender)

        self._both("refund", terms, sender=sender, arrived=arrived)

    def _choose_lock(self, which: int, at: int | None) -> Lock:
        """Choose a lock, more often a live one, and wait until `at` seconds after its timelock."""
        live = [lock for lock in self.made if lock in self.model.live]
        terms = _choose([*live * 4, *self.made], which)
        if at == NEXT_BLOCK:
            self.chain.warp(self.chain.now)
        elif at is not None:
            self.chain.warp(max(self.chain.now, terms.timelock + at))
        return terms

    @precondition(lambda self: self.made)
    @rule(which=pick, field=pick, sender=users, refunds=st.booleans())
    def end_another_lock_than_was_made(
        self,
        which: int,
        field: int,
        sender: Address,
        refunds: bool,  # noqa: FBT001 - drawn
    ) -> None:
        terms = _choose(self.made, which)
        name = _choose([each.name for each in fields(Lock)], field)
        old = getattr(terms, name)
        new = old + 1 if isinstance(old, int) else bytes([old[0] ^ 1]) + old[1:]
        forged = replace(terms, **{name: new})
        if forged in self.model.live:
            return

        if refunds:
            self._both("refund", forged, sender=sender)
        else:
            self._both("claim", forged, PREIMAGES[HASHLOCKS.index(terms.hashlock)], sender=sender)

    # CREDITS

    @precondition(lambda self: any(self.model.credits.values()))
    @rule(sender=users, which=pick, to=pick, all_behave=st.sampled_from([True, True, False]))
    def collect(self, sender: Address, which: int, to: int, all_behave: bool) -> None:  # noqa: FBT001 - drawn
        """Collect what is owed, more often than what is not."""
        if all_behave:
            self.zoo.behave()
        owed = sorted(key for key, amount in self.model.credits.items() if amount)
        nothing = (sender, _choose(self.played, which))
        account, token = _choose([*owed * 4, nothing], which)
        receiver = _choose((*self.parties * 5, self.htlc.address, ZERO_ADDRESS), to)
        arrived = receiver in self.parties and self.zoo.arrives(token, self.htlc.address, receiver)

        self._both("collect", token, receiver, sender=account, arrived=arrived)

    @rule(sender=users, which=pick, amount=st.integers(0, 1_000))
    def push_what_the_contract_holds(self, sender: Address, which: int, amount: int) -> None:
        token = _choose(list(self.zoo.by_name.values()), which)
        with pytest.raises(Refused, match="htlc: only itself"):
            self.htlc.send("push_token", token.address, sender, amount, sender=sender)

    # TIME

    @rule(seconds=st.sampled_from([0, 1, 2, 99, 100, 1_000]))
    def next_block(self, seconds: int) -> None:
        self.chain.warp(self.chain.now + seconds)

    # MANNERS

    @rule(hostile=st.booleans(), who=pick, bps=fees, mode=modes)
    def change_manners(self, hostile: bool, who: int, bps: int, mode: int) -> None:  # noqa: FBT001 - drawn
        self.zoo.answer_false(failing=hostile)
        self.zoo.block(_choose(self.everybody[:-1], who), blocked=hostile)
        self.zoo.take_fee(bps)
        self.zoo.attack(mode)
        self.zoo.refuse_ether(mode)

    @rule(which=pick, amount=st.integers(1, 1_000))
    def stranger_donates(self, which: int, amount: int) -> None:
        token = _choose(list(self.zoo.by_name.values()), which)
        if self.zoo.accepts_mint(token.address, self.htlc.address):
            token.send("mint", self.htlc.address, amount, sender=DEPLOYER)
            self.wallets[token.address, self.htlc.address] += amount
            self.donated[token.address] += amount

    # WHAT MUST HOLD

    @invariant()
    def wallets_are_as_foretold(self) -> None:
        for (token, party), amount in self.wallets.items():
            assert self._balance(token, party) == amount, "HTL-03: only who is due is paid"

    @invariant()
    def contract_covers_all_locks_and_credits(self) -> None:
        for token in self.zoo.tokens:
            held = self._balance(token, self.htlc.address)
            owed = spec.held_for(self.model, token)
            assert held == owed + self.donated[token], "HTL-01: held = locks + credits"

    @invariant()
    def stored_state_is_the_models(self) -> None:
        for lock in self.made:
            is_locked = self.htlc.read("is_locked", self._id(lock))
            assert is_locked == (lock in self.model.live), "HTL-02: a lock ends once"
        for token in self.zoo.tokens:
            for party in self.parties:
                credit = self.htlc.read("credit_of", party, token)
                assert credit == spec.credit_of(self.model, party, token), "HTL-04: credits"

    @invariant()
    def events_rebuild_all(self) -> None:
        live = {self._id(lock): astuple(lock) for lock in self.model.live}
        assert self.told_live == live, "HTL-07: events tell all"
        owed = {key: amount for key, amount in self.model.credits.items() if amount}
        assert {key: a for key, a in self.told_credits.items() if a} == owed, "HTL-07: events"

    # MACHINERY

    def _both(
        self, name: str, *args: Any, sender: Address, value: int = 0, **behaviour: Any
    ) -> Effects:
        """Make a call on model and contract, compare all that comes back, return the effects."""
        call = Call(sender, self.chain.now, self.chain.number, value)
        try:
            after, effects = getattr(spec, name)(self.model, call, *args, **behaviour)
        except SpecError as refusal:
            self._refused_alike(refusal, name, args, sender, value)
            return ()
        self.model = after
        receipt = self._send(name, args, sender, value)
        logs = [(log.event, log.args) for log in receipt.of(self.htlc)]
        assert logs == [self._logged(effect) for effect in effects if isinstance(effect, Event)]
        for effect in effects:
            self._settle(effect)
        for event, values in logs:
            self._index(event, values)
        return effects

    def _refused_alike(
        self, refusal: SpecError, name: str, args: tuple[Any, ...], sender: Address, value: int
    ) -> None:
        with pytest.raises(Refused) as refused:
            self._send(name, args, sender, value)
        assert (refused.value.name, refused.value.args_) == (refusal.name, refusal.args_)

    def _send(self, name: str, args: tuple[Any, ...], sender: Address, value: int) -> Receipt:
        """Send as a user, or through a user as the account that is a contract."""
        if sender != self.zoo.account.address:
            return self.htlc.send(name, *args, sender=sender, value=value)
        data = self.htlc.call(name, len(args)).method.encode(*args)
        return self.zoo.account.send("execute", [(self.htlc.address, 0, data)], sender=USERS[0])

    def _settle(self, effect: Any) -> None:
        """Follow the money that the model says has moved."""
        match effect:
            case Pull(token, owner, amount):
                self._move(token, owner, self.htlc.address, amount)
            case Push(token, to, amount, True):
                self._move(token, self.htlc.address, to, amount)
            case _:
                pass

    def _move(self, token: Address, owner: Address, to: Address, amount: int) -> None:
        self.wallets[token, owner] -= amount
        self.wallets[token, to] += amount - self.zoo.fee(token, amount)

    def _logged(self, event: Event) -> tuple[str, tuple[Any, ...]]:
        """Return an event as the contract logs it."""
        match event:
            case Locked(lock):
                values: tuple[Any, ...] = (self._id(lock), *astuple(lock))
            case Claimed(lock, preimage):
                values = (self._id(lock), preimage)
            case Refunded(lock):
                values = (self._id(lock),)
            case Credited(lock, account, token, amount):
                values = (self._id(lock), account, token, amount)
            case _:
                values = astuple(event)
        return type(event).__name__, values

    def _index(self, event: str, values: tuple[Any, ...]) -> None:
        """Follow the events alone, as an indexer does."""
        match event, values:
            case "Locked", (lock_id, *terms):
                assert lock_id not in self.told_ids, "HTL-06: no id is used twice"
                self.told_ids.add(lock_id)
                self.told_live[lock_id] = tuple(terms)
            case "Claimed" | "Refunded", (lock_id, *_):
                del self.told_live[lock_id]
            case "Credited", (_, account, token, amount):
                owed = self.told_credits.get((account, token), 0)
                self.told_credits[account, token] = owed + amount
            case "Collected", (account, token, _, amount):
                assert self.told_credits.pop((account, token)) == amount
            case _:
                message = f"unknown event {event}"
                raise AssertionError(message)

    def _id(self, lock: Lock) -> bytes:
        """Return the id by an independent ABI encoder."""
        sender, receiver, token, *rest = astuple(lock)
        terms = (*map(text_of, (sender, receiver, token)), *rest)
        return keccak256(encode(["address", LOCK], [text_of(self.htlc.address), terms]))

    def _balance(self, token: Address, party: Address) -> int:
        if token == ETH:
            return self.chain.balance_of(party)
        (contract,) = (each for each in self.zoo.by_name.values() if each.address == token)
        return int(contract.read("balanceOf", party))


def _choose(among: Any, index: int) -> Any:
    return among[index % len(among)]


TestHashTimeLockMachine = HashTimeLockMachine.TestCase
TestHashTimeLockMachine.settings = settings(stateful_step_count=50)
