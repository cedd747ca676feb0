"""The deployed protocol on Ape's chain: send transactions, see all they change, tell and refuse."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, is_dataclass, replace
from typing import Any

from clearing.chain.artifacts import abi_of, all_errors, load
from clearing.chain.contract import Contract, as_address, as_text, interface_of
from clearing.chain.cursor import Log
from clearing.chain.log_source import log_of
from clearing.chain.node import HttpNode, as_bytes, as_int
from clearing.channel.abi import BUILT_IN_ERRORS, Interface
from clearing.channel.signatures import LocalSigner
from clearing.channel.words import snake_case
from clearing.client.contracts import Contracts
from clearing.spec.units import Address

GAS = 5_000_000
PATIENCE = 5_000
"""Looks for a receipt, a millisecond or more apart."""
RICHES = 10**15
"""Raw units of each token that each broker holds outside at the start."""
UNLIMITED = 2**256 - 1
EMPTY = ("0x", ())
"""A revert without data: the decoder's."""

_EVERY_ERROR = Interface(all_errors())
_OWN_ERRORS = [
    entry
    for contract in ("Adjudicator", "BrokerRegistry", "HashTimeLock")
    for entry in abi_of(contract)
    if entry["type"] == "error"
]
_VALUES_OF = {
    entry["name"]: [snake_case(value["name"]) for value in entry["inputs"]]
    for entry in (*BUILT_IN_ERRORS, *all_errors(), *_OWN_ERRORS)
}
"""Values of each error by its name; of names that contracts share, the channels' own come last."""

Refusal = tuple[str, tuple[object, ...]]
Event = tuple[Address, str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Act:
    """A transaction that a test means to send; `to` None creates a contract.

    Its block has the timestamp `second`, by default one more than the latest block's.
    """

    to: Address | None
    data: bytes
    sender: Address
    second: int | None = None
    gas: int = GAS

    def by(self, sender: Address) -> "Act":
        """Return the same from another account."""
        return replace(self, sender=sender)

    def at(self, second: int) -> "Act":
        """Return the same in a block of this second."""
        return replace(self, second=second)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an act: the refusal, or None, and the events of all contracts."""

    refusal: Refusal | None
    events: tuple[Event, ...]
    created: Address | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What a channel stores, and who holds how much (ledgers, wallets, vault, slots, nets)."""

    stored: dict[str, object]
    amounts: dict[str, int]


def refusal(name: str, /, **values: object) -> Refusal:
    """Return a custom error with all its values, by their names in the ABI, in snake case."""
    assert list(values) == _VALUES_OF[name], f"{name} carries {_VALUES_OF[name]}"
    return name, tuple(values.values())


def changes(before: Picture, after: Picture) -> dict[str, object]:
    """Return what differs: of what is stored the new value, of amounts the difference."""
    stored = {key: new for key, new in after.stored.items() if new != before.stored[key]}
    amounts = {key: new - before.amounts[key] for key, new in after.amounts.items()}
    return stored | {key: difference for key, difference in amounts.items() if difference}


@dataclass
class Scene:
    """Contracts, roles and two listed tokens, ascending by address, in both brokers' ledgers."""

    node: HttpNode
    contracts: Contracts
    low: Address
    high: Address
    outsider: Address
    recipient: Address
    timelock: Address
    guardian: Address
    deployer: Address
    low_signer: LocalSigner
    high_signer: LocalSigner
    tokens: tuple[Address, ...]
    others: list[Address] = field(default_factory=list)
    """Tokens that a test has added."""

    @property
    def adjudicator(self) -> Contract:
        """The contract under test."""
        return self.contracts.adjudicator

    @property
    def now(self) -> int:
        """Timestamp of the latest block."""
        return self.contracts.now()

    # ACT

    def act(self, function: str, *arguments: object, by: Address) -> Act:
        """Return a call of the Adjudicator."""
        return self.call(self.adjudicator, function, *arguments, by=by)

    def call(self, contract: Contract, function: str, *arguments: object, by: Address) -> Act:
        """Return a call of any contract."""
        return Act(contract.address, contract.transact(function, *arguments).data, by)

    def creation(self, contract: str, *arguments: object) -> Act:
        """Return the creation of a contract."""
        encoded = interface_of(contract).constructor.encode(arguments)
        return Act(None, load(contract).bytecode + encoded, self.deployer, gas=3 * GAS)

    def attempt(self, act: Act) -> Outcome:
        """Have the transaction mined, whether it succeeds or not."""
        second = self.now + 1 if act.second is None else act.second
        self.node.request("evm_setNextBlockTimestamp", [second])
        transaction = {
            "from": as_text(act.sender),
            "data": "0x" + act.data.hex(),
            "gas": hex(act.gas),
        }
        if act.to is not None:
            transaction["to"] = as_text(act.to)
        sent = self.node.request("eth_sendTransaction", [transaction])
        receipt = self._receipt(sent)
        assert self.now == second, "the block has the second that was asked for"
        if as_int(receipt["status"]) == 1:
            created = receipt["contractAddress"]
            events = tuple(self._decoded(log_of(log)) for log in receipt["logs"])
            return Outcome(None, events, as_address(created) if created else None)
        return Outcome(self._reason(sent), (), None)

    def send(self, *acts: Act) -> Outcome:
        """Send acts that must succeed; return the outcome of the last."""
        for act in acts:
            outcome = self.attempt(act)
            assert outcome.refusal is None, outcome.refusal
        return outcome

    def events_of(self, act: Act) -> tuple[Event, ...]:
        """Send an act that must succeed and return every event of its receipt."""
        return self.send(act).events

    def changes_of(
        self, act: Act, channel_id: bytes = bytes(32), assets: Sequence[Address] | None = None
    ) -> dict[str, object]:
        """Send an act that must succeed and return all that it changed, and nothing else."""
        before = self.picture(channel_id, assets)
        self.send(act)
        return changes(before, self.picture(channel_id, assets))

    def assert_only_fails_for(
        self,
        call: Callable[[Any], Act | Sequence[Act]],
        *,
        broken: object,
        fixed: object,
        error: Refusal,
    ) -> None:
        """Succeed with `call(fixed)`; refuse `call(broken)` with the error, storing nothing.

        `call` makes an act, or acts of which the last is judged. Nothing remains of either.
        """
        with self.isolated():
            self.send(*_acts(call(fixed)))
        with self.isolated():
            *before, last = _acts(call(broken))
            if before:
                self.send(*before)
            roots = self.storage_roots()

            outcome = self.attempt(last)

            assert outcome.refusal == error
            assert self.storage_roots() == roots

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Undo what happens inside; Ape's `chain.isolate` would swallow a failed assertion."""
        snapshot = self.node.request("evm_snapshot", [])
        try:
            yield
        finally:
            assert self.node.request("evm_revert", [snapshot])

    @contextmanager
    def acting_as(self, contract: Address) -> Iterator[None]:
        """Let acts be sent from an address that has no key."""
        self.node.request("anvil_setBalance", [as_text(contract), hex(10**18)])
        self.node.request("anvil_impersonateAccount", [as_text(contract)])
        yield
        self.node.request("anvil_stopImpersonatingAccount", [as_text(contract)])

    def put_code(self, account: Address, code: bytes) -> None:
        """Put code where there is none."""
        self.node.request("anvil_setCode", [as_text(account), "0x" + code.hex()])

    # TOKENS

    def token(self, address: Address) -> Contract:
        """Return a token; every mock has at least this ABI."""
        return Contract(self.node, "MockERC20", address)

    def add_token(self, mock: str, *arguments: object, cap: int = RICHES) -> Contract:
        """Create a mock, list it, give both brokers plenty and let them approve the vault."""
        created = self.send(self.creation(mock, mock, mock, 6, *arguments)).created
        assert created is not None
        token = Contract(self.node, mock, created)
        self.others.append(token.address)
        if cap:
            self.send(self.act("raiseCap", token.address, cap, by=self.timelock))
        for broker in (self.low, self.high):
            self.send(
                self.call(token, "mint", broker, RICHES, by=broker),
                self.call(token, "approve", self.adjudicator.address, UNLIMITED, by=broker),
            )
        return token

    # SEE

    def picture(
        self, channel_id: bytes = bytes(32), assets: Sequence[Address] | None = None
    ) -> Picture:
        """Return all that a call on this channel, or on the ledgers alone, could change."""
        assets = self.tokens if assets is None else assets
        channel = self.contracts.channel(channel_id, len(assets))
        stored: dict[str, object] = {
            name: getattr(channel, name)
            for name in (
                "status", "epoch", "enforced_version", "deadline", "order_version", "order_flags",
                "digest", "order",
            )
        }  # fmt: skip
        stored["paused_until"] = self.adjudicator.call("openingsPausedUntil")
        amounts: dict[str, int] = {}
        for role, broker in (("low", self.low), ("high", self.high)):
            amounts[f"slots {role}"] = self.contracts.registry.call("slots_used", broker)
            for i, token in enumerate(assets):
                amounts[f"ledger {role} {i}"] = self.contracts.ledger(broker, token)
        for i, token in enumerate(assets):
            amounts[f"net low {i}"], amounts[f"net high {i}"] = channel.nets[i]
            for role, account in self._wallets():
                amounts[f"{role} {i}"] = self.contracts.wallet(account, token)
        return Picture(stored, amounts)

    def storage_roots(self) -> tuple[str, ...]:
        """Return the hash of all storage of every contract that a call could write to.

        The node counts a slot that was read as zero, so only a refused call is known to leave the
        hashes as they are.
        """
        contracts = (self.adjudicator.address, self.contracts.registry.address)
        return tuple(
            self.node.request("eth_getProof", [as_text(each), [], "latest"])["storageHash"]
            for each in (*contracts, *self.tokens, *self.others)
        )

    def event(self, name: str, /, **fields: object) -> Event:
        """Return an event of the Adjudicator, its fields by their names in snake case."""
        return self.adjudicator.address, name, {key: _plain(each) for key, each in fields.items()}

    def moved(self, token: Address, source: Address, to: Address, amount: int) -> Event:
        """Return a token's Transfer."""
        return token, "Transfer", {"from": source, "to": to, "value": amount}

    def _wallets(self) -> tuple[tuple[str, Address], ...]:
        return (
            ("wallet low", self.low),
            ("wallet high", self.high),
            ("wallet recipient", self.recipient),
            ("wallet outsider", self.outsider),
            ("vault", self.adjudicator.address),
        )

    def _decoded(self, log: Log) -> Event:
        known = {
            self.adjudicator.address: "Adjudicator",
            self.contracts.registry.address: "BrokerRegistry",
        }
        event = interface_of(known.get(log.address, "MockERC20")).event(log.topics[0])
        values = event.decode(log.topics, log.data)
        return log.address, event.name, dict(zip(map(snake_case, event.names), values, strict=True))

    def _receipt(self, transaction: str) -> dict[str, Any]:
        """Return the receipt; the node mines at once, but may answer the sending before."""
        for _ in range(PATIENCE):
            receipt = self.node.request("eth_getTransactionReceipt", [transaction])
            if receipt is not None:
                return receipt
            time.sleep(0.001)
        raise AssertionError("the transaction was not mined")

    def _reason(self, transaction: str) -> Refusal:
        trace = self.node.request(
            "debug_traceTransaction",
            [transaction, {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": True}}],
        )
        return _EVERY_ERROR.decode_error(as_bytes(trace.get("output", "0x")))


def _acts(acts: Act | Sequence[Act]) -> Sequence[Act]:
    return [acts] if isinstance(acts, Act) else acts


def _plain(value: object) -> object:
    """Return a value as the ABI decodes it: structs and arrays as tuples."""
    if is_dataclass(value) and not isinstance(value, type):
        return astuple(value)
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return value
