"""Perform actions on the specification and on the contracts, and compare all there is to compare.

After each step: the verdict (a refusal's name and values; for a token's own failure its class), the
events to the byte, the storage that the call touched, and the predicates of clearing.spec. Every
64 steps, and at the end: all storage, all balances.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NoReturn

from clearing.chain.artifacts import load
from clearing.spec import registry
from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Pull, Push, events_of
from clearing.spec.invariants import violated_in, violated_over
from clearing.spec.predicates import Step, owed
from clearing.spec.registry import Registry
from clearing.spec.types import MAX_ASSETS
from clearing.spec.units import Address
from clearing.spec.world import Env, World, channel_of, with_registry
from tests.harness.contract import Contract
from tests.harness.results import ACCEPTED, Divergence
from tests.harness.revm import START
from tests.invariants.actions import Action, Manner, RegistryCall, Send, Warp
from tests.invariants.arena import Arena
from tests.invariants.chain import Answer, Chain, told
from tests.invariants.tokens import TOKEN_FAILED

__all__ = ["CALLED_BACK", "Lockstep"]

CALLED_BACK: Final = "call back"
"""The function under which calls are counted that a token made into the Adjudicator."""
FAILED_IN_OPEN_ZEPPELIN: Final = "SafeERC20FailedOperation"
"""How the Adjudicator says that a token answered false or nothing sensible."""
FULL_CHECK_EVERY: Final = 64
OUR_ERRORS: Final = frozenset(
    entry["name"] for entry in load("Adjudicator").abi if entry["type"] == "error"
) - {FAILED_IN_OPEN_ZEPPELIN}
"""What the Adjudicator says of itself; anything else is a token's failure."""


class Lockstep:
    """A schedule as it is performed; with chain None on the specification alone."""

    def __init__(self, arena: Arena, chain: Chain | None) -> None:
        self.arena = arena
        self.chain = chain
        self.world = arena.world
        self.shelf = arena.shelf
        self.now = START
        self.steps = 0
        self.last = ("", "")
        """The function that was called last, and what came of it."""
        self.seen: Counter[tuple[str, str]] = Counter()
        """How often each function came to each result: accepted, or the name of the refusal."""

    def perform(self, action: Action) -> str:
        """Do it everywhere and return what came of it. Raises Divergence."""
        name, result = self._do(action)
        self.last = (name, result)
        self.seen[self.last] += 1
        self.steps += 1
        if self.steps % FULL_CHECK_EVERY == 0:
            self.check_everything()
        return result

    # ACTIONS

    def _do(self, action: Action) -> tuple[str, str]:
        """Return what it is counted under, and its result."""
        match action:
            case Send():
                return action.request.function, self._send(action)
            case RegistryCall():
                return action.function, self._call_registry(action)
            case Manner():
                return action.function, self._change_manner(action)
            case Warp():
                return "warp", self._warp(action)

    def _send(self, action: Send) -> str:
        before, env = self.world, Env(self.now, action.sender)
        call = action.request.judged(self.arena.deployment.separator)
        call = self.shelf.foretell(call, before, env)
        answer = self._answer(action)
        if answer is not None and answer.refusal is not None and action.gas is not None:
            # starved: then any reason will do, and nothing has happened
            return answer.refusal if answer.refusal in OUR_ERRORS else TOKEN_FAILED
        try:
            after, effects = call.apply(before, env)
        except SpecError as refusal:
            return self._require_same_refusal(answer, refusal, action)
        self._require_same_events(answer, effects, action)
        self._require_not_reentered(effects)

        self.world, self.shelf = after, self.shelf.after(effects)
        broken = violated_over(Step(before, env, call, after, effects)) + violated_in(after)
        if broken:
            self._fail(f"{', '.join(broken)} broken by {action}")
        if self.chain is not None:
            self._check_touched(before, action)
        return ACCEPTED

    def _call_registry(self, action: RegistryCall) -> str:
        answer = None
        if self.chain is not None:
            answer = self.chain.send(
                self.arena.deployment.registry.address,
                action.function,
                action.arguments,
                action.sender,
            )
        try:
            seats, effects = self._judge_registry(action)
        except SpecError as refusal:
            return self._require_same_refusal(answer, refusal, action)
        self._require_same_events(answer, effects, action)
        self.world = with_registry(self.world, seats)
        self.shelf = self.shelf.after(effects)
        return ACCEPTED

    def _judge_registry(self, action: RegistryCall) -> tuple[Registry, Effects]:
        seats, sender = self.world.registry, action.sender
        match action.function, action.arguments:
            case "stake", (amount,):
                after, effects = registry.stake(seats, sender, amount)
                if self.shelf.wallets.get((seats.yellow, sender), 0) < amount:
                    raise SpecError(TOKEN_FAILED)
                return after, effects
            case "request_unstake", (amount,):
                return registry.request_unstake(seats, sender, self.now, amount)
            case "cancel_unstake", ():
                return registry.cancel_unstake(seats, sender)
            case "complete_unstake", ():
                return registry.complete_unstake(seats, sender, self.now)
            case "set_signer", (key,):
                return registry.set_signer(seats, sender, key)
            case "take_slots", arguments:
                return registry.take_slots(seats, sender, *arguments)[0], ()
            case "release_slots", arguments:
                return registry.release_slots(seats, sender, *arguments), ()
            case function, arguments:
                raise ValueError(function, arguments)

    def _change_manner(self, action: Manner) -> str:
        is_accepted = self.shelf.accepts(action)
        if self.chain is not None:
            answer = self.chain.send(action.token, action.function, action.arguments, action.sender)
            if (answer.refusal is None) is not is_accepted:
                self._fail(f"the tokens' model is wrong: {action} came to {answer}")
        if not is_accepted:
            return TOKEN_FAILED
        self.shelf = self.shelf.mannered(action)
        return ACCEPTED

    def _warp(self, action: Warp) -> str:
        self.now += action.seconds
        if self.chain is not None:
            self.chain.warp(self.now)
        return ACCEPTED

    # VERDICTS

    def _answer(self, action: Send) -> Answer | None:
        if self.chain is None:
            return None
        return self.chain.request(action.request, action.sender, action.gas)

    def _require_same_refusal(
        self, answer: Answer | None, refusal: SpecError, action: Action
    ) -> str:
        """Return the refusal's name."""
        if answer is None:
            return refusal.name
        if refusal.name == TOKEN_FAILED:
            is_same = answer.refusal is not None and answer.refusal not in OUR_ERRORS
        else:
            is_same = (answer.refusal, answer.values) == (refusal.name, refusal.args_)
        if not is_same:
            self._fail(f"ENC-02 {action}\nspecification: {refusal}\ncontract: {answer}")
        is_known = answer.refusal == FAILED_IN_OPEN_ZEPPELIN
        return FAILED_IN_OPEN_ZEPPELIN if is_known else refusal.name

    def _require_same_events(self, answer: Answer | None, effects: Effects, action: Action) -> None:
        if answer is None:
            return
        expected = tuple(told(event) for event in events_of(effects))
        if answer.refusal is not None or answer.told != expected:
            self._fail(f"ENC-02 {action}\nspecification: {effects}\ncontract: {answer}")

    def _require_not_reentered(self, effects: Effects) -> None:
        """No call back into the Adjudicator is let in while it calls a token."""
        token = self.arena.deployment.tokens["ReentrantToken"]
        is_called = any(
            isinstance(effect, Pull | Push) and effect.token == token.address for effect in effects
        )
        if self.chain is None or not is_called or not token.read("calls"):
            return
        if token.read("succeeded"):
            self._fail("ADJ-04 a token's call back was let in")
        name, _ = self.chain.adjudicator.interface.decode_error(token.read("answer"))
        self.seen[CALLED_BACK, name] += 1

    # STORAGE

    def _check_touched(self, before: World, action: Send) -> None:
        """Compare what the accepted call may have changed, and the vault's balances of it."""
        after = self.world
        changed = {
            key
            for key in before.ledgers.keys() | after.ledgers.keys()
            if before.ledgers.get(key) != after.ledgers.get(key)
        }
        for broker, token in changed:
            self._check_ledger(broker, token)
        for channel_id, channel in after.channels.items():
            if channel is not before.channels.get(channel_id):
                self._check_channel(channel_id)
        if before.registry is not after.registry:
            for broker in after.registry.brokers:
                if before.registry.brokers.get(broker) != after.registry.brokers[broker]:
                    self._check_seat(broker)
        self._check_solvency({token for _, token in changed})

    def check_everything(self) -> None:
        """Compare all storage and all balances. Raises Divergence."""
        if self.chain is None:
            return
        adjudicator, world = self.chain.adjudicator, self.world
        parties = (*(m.address for m in self.arena.members), self.arena.outsider)
        for token in self.arena.tokens:
            at = token.address
            self._says(adjudicator, "capOf", at, expected=world.caps.get(at, 0))
            for party in parties:
                self._check_ledger(party, at)
                wallet = self.shelf.wallets.get((at, party), 0)
                self._says(token, "balanceOf", party, expected=wallet)
        for channel_id in world.channels:
            self._check_channel(channel_id)
        for broker in world.registry.brokers:
            self._check_seat(broker)
        for account, nonce in world.spent:
            self._says(adjudicator, "isAuthSpent", account, nonce, expected=True)
        self._says(adjudicator, "openingsPausedUntil", expected=world.paused_until)
        self._check_solvency({token.address for token in self.arena.tokens})
        self._check_stakes()

    def _check_ledger(self, broker: Address, token: Address) -> None:
        expected = self.world.ledgers.get((broker, token), 0)
        self._says(self._chain.adjudicator, "balanceOf", broker, token, expected=expected)

    def _check_channel(self, channel_id: bytes) -> None:
        channel, adjudicator = channel_of(self.world, channel_id), self._chain.adjudicator
        view = (
            channel.status,
            channel.epoch,
            channel.enforced_version,
            channel.deadline,
            channel.order_version,
            channel.order_flags,
            channel.digest,
            channel.order,
        )
        self._says(adjudicator, "channelOf", channel_id, expected=view)
        for asset in range(MAX_ASSETS):
            self._says(adjudicator, "netOf", channel_id, asset, expected=channel.nets[asset])

    def _check_seat(self, broker: Address) -> None:
        seat, of = self.world.registry.brokers[broker], self._chain.registry
        self._says(of, "signer_of", broker, expected=seat.signer)
        self._says(of, "stake_of", broker, expected=seat.stake)
        self._says(of, "slots_of", broker, expected=seat.granted)
        self._says(of, "slots_used", broker, expected=seat.used)
        self._says(of, "unstake_of", broker, expected=(seat.pending, seat.available_at))

    def _check_solvency(self, tokens: set[Address]) -> None:
        """The vault holds, to the unit, what it owes and what it was given beside."""
        if not tokens:
            return
        debts, vault = owed(self.world), self.shelf.vault
        for at in tokens & self._chain.contracts.keys():
            expected = debts[at] + self.shelf.gifts.get(at, 0)
            held = int.from_bytes(
                self._chain.read(self._chain.contracts[at], "balanceOf", vault), "big"
            )
            if held != expected:
                self._fail(f"ADJ-01 the vault holds {held} of {at.hex()} and owes {expected}")

    def _check_stakes(self) -> None:
        """The registry holds every stake, active or pending."""
        seats = self.world.registry.brokers.values()
        expected = sum(seat.stake + seat.pending for seat in seats)
        yellow = self.arena.deployment.yellow
        at = self._chain.registry.address
        if not self._chain.says(yellow, "balanceOf", at, expected=expected):
            self._fail(f"REG-04 the registry does not hold the {expected} staked")

    def _says(self, of: Contract, view: str, *arguments: object, expected: object) -> None:
        if not self._chain.says(of, view, *arguments, expected=expected):
            got = of.read(view, *arguments)
            self._fail(f"ENC-02 {view}{arguments} is {got}, specification: {expected}")

    @property
    def _chain(self) -> Chain:
        assert self.chain is not None, "storage is compared where there is a chain"
        return self.chain

    def _fail(self, message: str) -> NoReturn:
        raise Divergence(f"step {self.steps}, time {self.now}: {message}")
