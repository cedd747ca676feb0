"""The adversary: any function of any contract, by whoever is not honest, with whatever arguments.

It reads everything that was ever sent, signs with the keys of a rogue broker and of one that has
left, has money and accounts of its own, moves a token that calls back, and packs several calls into
one transaction. It holds no key of an honest player and none of the protocol's roles, but may be
the settler, who is trusted with the order of orders and with nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from clearing.chain.artifacts import load
from clearing.channel.abi import AbiEntry, Method
from clearing.channel.errors import CodecError
from clearing.channel.keccak import keccak256
from clearing.channel.perp_batch import Match, SignedFill
from clearing.deploy.plan import role_id
from clearing.spec.types import ZERO_ADDRESS, Status
from clearing.spec.units import WAD, Address
from tests.harness.contract import GAS
from tests.harness.match import abi_group
from tests.invariants.system_arguments import Arguments, Draw
from tests.invariants.system_desk import Sent
from tests.invariants.system_stage import ARTIFACTS, RAW, Rogues
from tests.invariants.system_town import PREIMAGE, Town

__all__ = ["MUTATORS", "Adversary", "Attack", "Shot", "mutable"]

VIEWS: Final = frozenset({"view", "pure"})
LOTS: Final = 10**8
LIMITLESS: Final = 10**9 * WAD
FAR_S: Final = 10**6
MONTH_S: Final = 30 * 86_400
SPOILS: Final = ("flip", "cut", "grow", "offset")
LEAST_GAS: Final = 22_000
SWITCHES: Final = ("arm", "mint")
"""What the mocks have of their own; no real token has it."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One transaction of an attack."""

    name: str
    calldata: bytes
    by: Address
    value: int = 0
    gas: int = GAS


@dataclass(frozen=True, slots=True)
class Attack:
    """What is sent and what it counts as; `stays`: the token calls back in the next step too."""

    mutator: str
    target: str
    shots: tuple[Shot, ...]
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function that acts: its contract, its entry of the ABI, its coder."""

    name: str
    method: Method
    inputs: Sequence[AbiEntry]
    is_payable: bool


@cache
def mutable(name: str) -> tuple[AbiEntry, ...]:
    """Return the ABI's functions of a contract of the stage that act, without a mock's switches."""
    return tuple(
        entry
        for entry in load(ARTIFACTS[name]).abi
        if entry["type"] == "function"
        and entry["stateMutability"] not in VIEWS
        and entry["name"] not in SWITCHES
    )


class Adversary:
    """Draws attacks; the machine carries them out."""

    def __init__(self, town: Town) -> None:
        self.town, self.desk, self.random = town, town.desk, town.random
        self.rogues: Rogues = town.stage.rogues
        self.functions = self._functions()
        self._by_name: dict[str, list[Function]] = {}
        for function in self.functions:
            self._by_name.setdefault(function.name, []).append(function)
        self.arguments = Arguments(town)

    def _functions(self) -> tuple[Function, ...]:
        return tuple(
            Function(
                name,
                self.town.stage[name].interface.method(entry["name"], len(entry["inputs"])),
                entry["inputs"],
                entry["stateMutability"] == "payable",
            )
            for name in ARTIFACTS
            if name not in ("Pyth", "HostileAccount")
            for entry in mutable(name)
        )

    def draw(self) -> Attack:
        """Return the next attack."""
        name, weight = zip(*MUTATORS.items(), strict=True)
        mutator = self.random.choices(name, weight)[0]
        attack = _DRAWERS[mutator](self)
        while attack is None:  # nothing was sent yet that it could use
            attack = self.with_drawn()
        return attack

    # MUTATORS

    def with_drawn(self) -> Attack:
        """Call anything with arguments that look right."""
        function = self._any()
        return self._attack("drawn", function, self._encoded(function, self.arguments.plausible))

    def with_extremes(self) -> Attack:
        """Call anything with the ends of each type."""
        function = self._any()
        return self._attack("extreme", function, self._encoded(function, self.arguments.extreme))

    def with_remembered(self) -> Attack | None:
        """Call what somebody called, with one argument changed."""
        sent = self.arguments.sent()
        if sent is None or not sent.args:
            return None
        function = self._function_of(sent)
        at = self.random.randrange(len(sent.args))
        draw = self.town.pick((self.arguments.plausible, self.arguments.extreme))
        args = list(sent.args)
        args[at] = self.arguments.changed(args[at], function.inputs[at], draw)
        try:
            calldata = sent.method.encode(*args)
        except (CodecError, AttributeError, TypeError, ValueError):
            return None
        return self._attack("changed", function, calldata, sent.value)

    def with_replay(self) -> Attack | None:
        """Send again what somebody sent, to the bit."""
        sent = self.arguments.sent()
        if sent is None:
            return None
        return self._attack("replayed", self._function_of(sent), sent.calldata, sent.value)

    def with_foreign_words(self) -> Attack | None:
        """Put what was signed for one call into another of the same function."""
        sent = self.arguments.sent()
        if sent is None or len(sent.args) < 2:
            return None
        others = [each for each in self.desk.memory if each.method is sent.method]
        other = self.town.pick(others)
        at = self.random.randrange(len(sent.args))
        args = (*sent.args[:at], other.args[at], *sent.args[at + 1 :])
        function = self._function_of(sent)
        return self._attack("foreign", function, sent.method.encode(*args), sent.value)

    def with_spoiled(self) -> Attack | None:
        """Send calldata that no encoder writes."""
        sent = self.arguments.sent()
        if sent is None or len(sent.calldata) < 36:
            return None
        data = bytearray(sent.calldata)
        match self.town.pick(SPOILS):
            case "flip":
                data[self.random.randrange(4, len(data))] ^= 1 << self.random.randrange(8)
            case "cut":
                del data[self.random.randrange(4, len(data)) :]
            case "grow":
                data += self.random.randbytes(self.town.pick((1, 32, 64)))
            case _:
                at = 4 + 32 * self.random.randrange((len(data) - 4) // 32)
                word = self.town.pick((0, 1, 32, 64, 2**255, 2**256 - 1, len(data)))
                data[at : at + 32] = word.to_bytes(32, "big")
        return self._attack("spoiled", self._function_of(sent), bytes(data), sent.value)

    def with_little_gas(self) -> Attack | None:
        """Send what somebody sent with gas for a part of it."""
        sent = self.arguments.sent()
        if sent is None:
            return None
        function = self._function_of(sent)
        attack = self._attack("starved", function, sent.calldata, sent.value)
        gas = self.random.randrange(LEAST_GAS, self.town.pick((60_000, 200_000, 700_000)))
        return Attack("starved", attack.target, (replace(attack.shots[0], gas=gas),))

    def in_one(self) -> Attack | None:
        """Make several calls in one transaction, as a contract with an account of its own."""
        shell = self.rogues.shell
        calls = []
        for _ in range(self.random.randrange(2, 5)):
            function = self._any()
            calldata = self._encoded(function, self.arguments.plausible)
            calls.append((self.town.address(function.name), 0, calldata))
        data = shell.call("execute", 1).method.encode(calls)
        shot = Shot("HostileAccount", data, self.rogues.outsider.address)
        return Attack("in one", "HostileAccount.execute", (shot,))

    def with_callback(self) -> Attack | None:
        """Let the token call anything while it moves: for the adversary, or in the next step."""
        token, me = self.town.stage["USDC"], self.rogues.outsider.address
        inner = self._any()
        if self.town.chance(50) and (sent := self.arguments.sent()):
            inner, payload = self._function_of(sent), sent.calldata
        else:
            payload = self._encoded(inner, self.arguments.plausible)
        target = self.town.address(inner.name)
        arm = token.call("arm", 2).method
        shots = [Shot("USDC", arm.encode(target, payload), me)]
        stays = self.town.chance(40)
        if not stays:
            shots += [self._mover(), Shot("USDC", arm.encode(ZERO_ADDRESS, b""), me)]
        return Attack("called back", f"{inner.name}.{inner.method.name}", tuple(shots), stays)

    def disarm(self) -> Shot:
        """Return what ends a token's calls."""
        data = self.town.stage["USDC"].call("arm", 2).method.encode(ZERO_ADDRESS, b"")
        return Shot("USDC", data, self.rogues.outsider.address)

    def as_settler(self) -> Attack | None:
        """Bring orders that others signed, paired as it likes, filled as far as it likes."""
        orders = list(self.town.orders)
        if len(orders) < 2:
            return None
        taker = self.town.pick(orders)
        fits = [o for o in orders if o.order.account != taker.order.account]
        makers = [o for o in fits if o.order.size * taker.order.size < 0] or fits
        if not makers:
            return None
        chosen = self.town.pick(makers)
        lots = 1 + self.town.part(abs(chosen.order.size))
        maker = SignedFill(chosen.order, chosen.signature, lots)
        group = abi_group(Match(taker, (maker,)))
        batch = self.town.books.word(("settler",)) >> 160 & 2**48 - 1
        data = self.town.stage["MatchSettler"].call("settle", 2).method.encode(batch + 1, [group])
        shot = Shot("MatchSettler", data, self.town.stage.roles["settler"].address)
        return Attack("settler", "MatchSettler.settle", (shot,))

    def with_own(self) -> Attack:
        """Act like anybody else, with its own money, at the worst of times."""
        town, me, mine = self.town, self.rogues.outsider.address, self.rogues.account
        market, far = town.market(), town.now + FAR_S
        size = town.pick((-1, 1)) * town.pick((LOTS // 10, LOTS, 20 * LOTS))
        limit = LIMITLESS if size > 0 else 0
        victim, usdc = self.arguments.account(), town.address("USDC")
        amount = 1 + town.part(10**3 * RAW)
        calls: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
            ("VaultModule", "trade", (mine, market, size, limit, far)),
            ("VaultModule", "trade", (mine, market, size, limit, far)),
            ("VaultModule", "close", (mine, market, town.pick((0, LIMITLESS)), far)),
            ("VaultModule", "forceReduce", (mine, market, size, limit, far)),
            ("VaultModule", "addLiquidity", (mine, amount * 10**12, 0)),
            ("VaultModule", "requestClaim", (mine, town.part(10**12))),
            ("VaultModule", "claim", (mine,)),
            ("RiskManager", "liquidate", (victim, market, mine)),
            ("RiskManager", "liquidateBatch", (self._everybody(), market, mine)),
            ("ResolutionModule", "absorb", (victim, mine, self._lists())),
            ("ResolutionModule", "takeBackstop", (market, size, mine)),
            ("SettlementModule", "closeAt", (market, self._everybody())),
            ("DerivativesEngine", "withdraw", (mine, amount, me)),
            ("DerivativesEngine", "transferCash", (mine, victim, amount)),
            ("DerivativesEngine", "deposit", (victim, amount)),
            ("Adjudicator", "withdraw", (usdc, amount, me)),
            ("Adjudicator", "deposit", (usdc, amount)),
            ("HashTimeLock", "collect", (usdc, me)),
            ("BrokerRegistry", "complete_unstake", ()),
        )
        if town.chance(12):
            return self._with_credit()
        name, function, args = town.pick(calls)
        data = town.stage[name].call(function, len(args)).method.encode(*args)
        return Attack("own", f"{name}.{function}", (Shot(name, data, me),))

    def _with_credit(self) -> Attack:
        """Lock ether for a contract that refuses it, end the lock, fetch what was credited."""
        me, shell, lock = self.rogues.outsider.address, self.rogues.shell, "HashTimeLock"
        hashlock, until = hashlib.sha256(PREIMAGE).digest(), self.town.now + 100
        method = self.town.stage[lock].call("lock", 5).method
        data = method.encode(shell.address, ZERO_ADDRESS, 5, hashlock, until)
        mine = [each for each in self.town.locks.values() if each.preimage == PREIMAGE]
        match self.random.randrange(4):
            case 0:
                return Attack("own", f"{lock}.lock", (Shot(lock, data, me, 5),))
            case 1 if mine:
                claim = self.town.stage[lock].call("claim", 2).method
                data = claim.encode(mine[-1].terms, PREIMAGE)
                return Attack("own", f"{lock}.claim", (Shot(lock, data, me),))
            case 2:
                data = shell.call("setMode", 1).method.encode(self.random.randrange(4))
                return Attack("own", "HostileAccount.setMode", (Shot("HostileAccount", data, me),))
            case _:
                collect = self.town.stage[lock].call("collect", 2).method
                inner = collect.encode(ZERO_ADDRESS, me)
                calls = [(self.town.address(lock), 0, inner)]
                data = shell.call("execute", 1).method.encode(calls)
                return Attack("own", f"{lock}.collect", (Shot("HostileAccount", data, me),))

    def _everybody(self) -> list[int]:
        return list(range(5, self.town.books.accounts))

    def _lists(self) -> list[tuple[int, list[int]]]:
        accounts = self._everybody()
        self.random.shuffle(accounts)
        return [(market, accounts) for market in range(self.town.markets)]

    def with_cheat(self) -> Attack | None:
        """End a channel of the rogue's by a state that is not the newest."""
        town, rogue = self.town, self.rogues.rogue
        lines = [line for line in town.lines.values() if rogue in line.brokers]
        views = [(line, town.look(line)) for line in lines]
        live = [pair for pair in views if pair[1].status in (Status.OPEN, Status.CHALLENGED)]
        if not live:
            return None
        line, view = town.pick(live)
        if view.status is Status.CHALLENGED and town.now >= view.deadline:
            digest = town.books.word(("digest", line.id)).to_bytes(32, "big")
            states = [entry.state for entry in line.entries if entry.state_hash == digest]
            args: tuple[Any, ...] = (line.identified.definition, states[0])
            return self._cheat("finalize", args)
        entry = town.pick(line.of(view.epoch)[-6:])
        return self._cheat("challenge", (entry.definition, entry.state, entry.signatures))

    def _cheat(self, function: str, args: tuple[Any, ...]) -> Attack:
        data = self.town.stage["Adjudicator"].call(function, len(args)).method.encode(*args)
        by = self.town.pick((self.rogues.rogue.address, self.rogues.rogue.signer.address))
        return Attack("cheat", f"Adjudicator.{function}", (Shot("Adjudicator", data, by),))

    def with_grab(self) -> Attack:
        """Take a proposal of its own towards a role or a module as far as its votes go."""
        town, me = self.town, self.rogues.outsider.address
        wants: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
            ("Adjudicator", "raiseCap", (me, 2**100)),
            ("DerivativesEngine", "setModule", (2, me)),
            ("MatchSettler", "setSettler", (me,)),
            ("ProtocolTimelock", "grantRole", (role_id("EXECUTOR_ROLE"), me)),
        )
        name, function, args = wants[town.now // MONTH_S % len(wants)]
        call = town.stage[name].call(function, len(args)).method.encode(*args)
        lists, text = ([town.address(name)], [0], [call]), "# More for me"
        hashed = (*lists, keccak256(text.encode()))
        known = town.stage["ProtocolGovernor"].read("getProposalId", *hashed)
        act, more = town.pick(
            (
                ("propose", (*lists, text)),
                ("castVote", (known, 1)),
                ("queue", hashed),
                ("execute", hashed),
                ("cancel", hashed),
            )
        )
        data = town.stage["ProtocolGovernor"].call(act, len(more)).method.encode(*more)
        shot = Shot("ProtocolGovernor", data, me)
        return Attack("grab", f"ProtocolGovernor.{act}", (shot,))

    def _mover(self) -> Shot:
        """Return a call of the adversary's that moves the token."""
        me, pick = self.rogues.outsider.address, self.town.pick
        usdc, amount = self.town.address("USDC"), 1 + self.town.part(100 * RAW)
        calls: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
            ("Adjudicator", "deposit", (usdc, amount)),
            ("Adjudicator", "withdraw", (usdc, amount, me)),
            ("DerivativesEngine", "deposit", (self.rogues.account, amount)),
            ("DerivativesEngine", "withdraw", (self.rogues.account, amount, me)),
            ("USDC", "transfer", (me, amount)),
        )
        name, function, args = pick(calls)
        method = self.town.stage[name].call(function, len(args)).method
        return Shot(name, method.encode(*args), me)

    # WHO AND WHAT

    def _any(self) -> Function:
        """Return any function of any contract; each contract as often as any other, almost."""
        if self.town.chance(40):
            return self.town.pick(self.functions)
        return self.town.pick(self._by_name[self.town.pick(tuple(self._by_name))])

    def _function_of(self, sent: Sent) -> Function:
        for function in self._by_name[sent.name]:
            if function.method.selector == sent.method.selector:
                return function
        raise KeyError(sent.name, sent.method.name)

    def _encoded(self, function: Function, draw: Draw) -> bytes:
        return self.arguments.encoded(function.method, function.inputs, draw)

    def _attack(self, mutator: str, function: Function, calldata: bytes, value: int = 0) -> Attack:
        if function.is_payable and self.town.chance(10):
            value = self.town.pick((1, WAD))
        by = self.town.pick(self.rogues.senders)
        shot = Shot(function.name, calldata, by, value)
        return Attack(mutator, f"{function.name}.{function.method.name}", (shot,))


MUTATORS: Final[Mapping[str, float]] = {
    "drawn": 6,
    "extreme": 1.5,
    "changed": 4,
    "replayed": 3,
    "foreign": 1.5,
    "spoiled": 2,
    "starved": 1.5,
    "in one": 2,
    "called back": 2,
    "settler": 1,
    "own": 4,
    "grab": 2,
    "cheat": 2,
}
"""The ways to attack, and how often each is taken."""

_DRAWERS: Final[Mapping[str, Callable[[Adversary], Attack | None]]] = {
    "drawn": Adversary.with_drawn,
    "extreme": Adversary.with_extremes,
    "changed": Adversary.with_remembered,
    "replayed": Adversary.with_replay,
    "foreign": Adversary.with_foreign_words,
    "spoiled": Adversary.with_spoiled,
    "starved": Adversary.with_little_gas,
    "in one": Adversary.in_one,
    "called back": Adversary.with_callback,
    "settler": Adversary.as_settler,
    "own": Adversary.with_own,
    "grab": Adversary.with_grab,
    "cheat": Adversary.with_cheat,
}
