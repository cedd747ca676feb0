"""One embedded chain on which every measurement starts from the same named state.

Keys, amounts, times and nonces are fixed, so that addresses, signatures and calldata, and with them
the gas of a transaction, are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from eth_account import Account

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.artifacts import load
from clearing.chain.contract import Call, Contract, interface_of
from clearing.chain.deploy import deploy
from clearing.chain.params import Parameters, Sourced, Token, read_parameters
from clearing.chain.sender import Receipt, Sender
from clearing.channel.codec import domain_separator
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner
from clearing.spec.units import Address

__all__ = [
    "AMOUNT",
    "BLOCK_S",
    "LEGS_MAX",
    "STAKE_RAW",
    "START",
    "UNITS",
    "Party",
    "Rig",
    "Scene",
    "run_rig",
    "secret_of",
]

START: Final = 2_000_000_000
"""Time of the named state, Unix seconds: later than any clock that runs the tests."""
BLOCK_S: Final = 12
ETHER_WEI: Final = 10**21
STAKE_RAW: Final = 250_000 * 10**18
UNITS: Final = 10**18
AMOUNT: Final = 10_000 * UNITS
"""What each side puts into a channel."""
HELD: Final = 1_000_000 * UNITS
"""Raw units of each token in each broker's wallet."""
LEGS_MAX: Final = 20
CAP_RAW: Final = 10**30


@dataclass(frozen=True, slots=True)
class Party:
    """A broker: its account, and the key that signs its channel states."""

    address: Address
    signer: LocalSigner


def secret_of(role: str) -> bytes:
    return keccak256(f"gas {role}".encode())


def _parameters() -> Parameters:
    """Return the local parameters with plain tokens of 18 decimals, ascending letters for names."""
    local = read_parameters("local")
    tokens = [
        Token(
            symbol=f"LEG{chr(ord('A') + i)}",
            decimals=18,
            cap_raw=CAP_RAW,
            mock="MockERC20",
            source="the gas tests",
        )
        for i in range(LEGS_MAX)
    ]
    return local.model_copy(
        update={"tokens": tokens, "yellow_cap_raw": Sourced(value=CAP_RAW, source="the gas tests")}
    )


@dataclass(frozen=True)
class Rig:
    """The deployed protocol. `tokens` ascend by address; `low` is the broker of the low side."""

    anvil: Anvil
    adjudicator: Contract
    registry: Contract
    htlc: Contract
    yellow: Contract
    tokens: tuple[Contract, ...]
    low: Party
    high: Party
    roles: dict[str, Address]

    @property
    def separator(self) -> bytes:
        """The Adjudicator's domain separator."""
        return domain_separator(31_337, self.adjudicator.address)

    @contextmanager
    def scene(self) -> Iterator[Scene]:
        """Lend the named state to one measurement, and restore it."""
        snapshot = self.anvil.snapshot()
        try:
            yield Scene(self)
        finally:
            self.anvil.revert(snapshot)


@dataclass
class Scene:
    """The chain as one measurement sees it: fixed times, one block for each transaction."""

    rig: Rig
    now: int = START
    nonce: int = 0
    sent: list[bytes] = field(default_factory=list)
    _senders: dict[Address, Sender] = field(default_factory=dict)

    def send(self, contract: Contract, method: str, *args: Any, sender: Address) -> int:
        """Send a transaction in the next block and return the gas it used."""
        return self.receipt(contract, method, *args, sender=sender).gas_used

    def receipt(
        self, contract: Contract, method: str, *args: Any, sender: Address, value_wei: int = 0
    ) -> Receipt:
        """Send a transaction in the next block and return its receipt."""
        self._next_block()
        call = contract.transact(method, *args, value_wei=value_wei)
        receipt = self._sender(sender).send(call)
        self.sent.append(receipt.hash)
        return receipt

    def create(self, kind: str, *args: object) -> Contract:
        """Deploy a contract that is no part of the rig."""
        self._next_block()
        data = load(kind).bytecode + interface_of(kind).constructor.encode(args)
        made = self._sender(self.rig.roles["deployer"]).send(Call(None, data, f"deploy {kind}"))
        assert made.created is not None, "a creation creates"
        return Contract(self.rig.anvil.node, kind, made.created)

    def calls_of(self, transaction: bytes) -> list[int]:
        """Return the gas that each direct call of a transaction used, in their order."""
        calls = self._trace(transaction)["calls"]
        assert not any("error" in call for call in calls), "only what succeeded is measured"
        return [int(call["gasUsed"], 16) for call in calls]

    def used_by(self, contract: Contract, transaction: bytes) -> int:
        """Return the gas that the transaction's direct calls to a contract used."""
        callee = "0x" + contract.address.hex()
        calls = self._trace(transaction)["calls"]
        return sum(int(c["gasUsed"], 16) for c in calls if c["to"].lower() == callee)

    def used_within(self, contract: Contract, transaction: bytes) -> int:
        """Return the gas that calls of a contract used at any depth; none of them calls it."""
        callee = "0x" + contract.address.hex()

        def used(call: Any) -> int:
            if call["to"].lower() == callee:
                return int(call["gasUsed"], 16)
            return sum(map(used, call.get("calls", [])))

        return used(self._trace(transaction))

    def wait(self, duration_s: int) -> None:
        """Let time pass; a block is mined at its end."""
        self.now += duration_s
        self.rig.anvil.travel_to(self.now)

    def approve(self, owner: Party, token: Contract, amount: int) -> None:
        """Approve the vault for exactly this much, as a broker's client does."""
        self.send(token, "approve", self.rig.adjudicator.address, amount, sender=owner.address)

    def deposit(self, owner: Party, token: Contract, amount: int) -> int:
        """Put `amount` into a broker's ledger; return the gas of the deposit alone."""
        self.approve(owner, token, amount)
        return self.send(
            self.rig.adjudicator, "deposit", token.address, amount, sender=owner.address
        )

    def fill_ledgers(self, *tokens: Contract, amount: int = 10 * AMOUNT) -> None:
        """Give both brokers ledgers that outlast the measurement."""
        for token in tokens:
            for party in (self.rig.low, self.rig.high):
                self.deposit(party, token, amount)

    def _next_block(self) -> None:
        self.now += BLOCK_S
        self.rig.anvil.node.request("evm_setNextBlockTimestamp", [self.now])

    def _trace(self, transaction: bytes) -> Any:
        options = {"tracer": "callTracer"}
        return self.rig.anvil.node.request(
            "debug_traceTransaction", ["0x" + transaction.hex(), options]
        )

    def _sender(self, address: Address) -> Sender:
        if address not in self._senders:
            role = next(role for role, known in self.rig.roles.items() if known == address)
            self._senders[address] = Sender(self.rig.anvil.node, Account.from_key(secret_of(role)))
        return self._senders[address]


@contextmanager
def run_rig() -> Iterator[Rig]:
    """Deploy on a new chain and bring it into the named state.

    Both brokers have staked one lot of two, named their signers, and hold YELLOW and every token;
    all tokens are listed; the vault and the hash time lock hold one unit of each token; no ledger,
    no channel and no lock exists.
    """
    with run_anvil() as anvil:
        anvil.travel_to(START - 10_000)
        roles = {}
        for role in (
            "deployer",
            "timelock",
            "guardian",
            "treasury",
            "broker 0",
            "broker 1",
            "outsider",
        ):
            roles[role] = Address(bytes.fromhex(Account.from_key(secret_of(role)).address[2:]))
            anvil.give_ether("0x" + roles[role].hex(), ETHER_WEI)
        deployer, timelock = (
            Sender(anvil.node, Account.from_key(secret_of(role)))
            for role in ("deployer", "timelock")
        )
        made = deploy(anvil.node, _parameters(), deployer, roles=roles, timelock=timelock)

        def contract(role: str, kind: str | None = None) -> Contract:
            return Contract(anvil.node, kind or role, made.address_of(role))

        symbols = [symbol for symbol in made.tokens if symbol != "YELLOW"]
        tokens = sorted(
            (contract(symbol, "MockERC20") for symbol in symbols), key=lambda each: each.address
        )
        low, high = sorted(
            (Party(roles[f"broker {i}"], LocalSigner(secret_of(f"signer {i}"))) for i in range(2)),
            key=lambda party: party.address,
        )
        rig = Rig(
            anvil=anvil,
            adjudicator=contract("Adjudicator"),
            registry=contract("BrokerRegistry"),
            htlc=contract("HashTimeLock"),
            yellow=contract("YELLOW", "YellowToken"),
            tokens=tuple(tokens),
            low=low,
            high=high,
            roles=roles,
        )
        _prepare(Scene(rig, now=START - 9_000))
        anvil.travel_to(START)
        yield rig


def _prepare(scene: Scene) -> None:
    rig = scene.rig
    for token in rig.tokens:
        for holder in (rig.low.address, rig.high.address):
            scene.send(token, "mint", holder, HELD, sender=holder)
        for vault in (rig.adjudicator, rig.htlc):
            scene.send(token, "mint", vault.address, UNITS, sender=rig.roles["outsider"])
    for party in (rig.low, rig.high):
        broker = party.address
        scene.send(rig.yellow, "transfer", broker, 2 * STAKE_RAW, sender=rig.roles["treasury"])
        scene.send(rig.yellow, "approve", rig.registry.address, STAKE_RAW, sender=broker)
        scene.send(rig.registry, "stake", STAKE_RAW, sender=broker)
        scene.send(rig.registry, "set_signer", party.signer.address, sender=broker)
