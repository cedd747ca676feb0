"""Do what a plan says, one transaction after the other; killed at any point, the next run goes on.

A step is known to be done from the chain alone: code at the address that its nonce gives, or a
view's answer. The journal tells what was sent under a nonce, so that a foreign transaction of the
same account is never taken for ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from clearing.chain.contract import Call, Contract, as_text
from clearing.chain.deployment import ChainKey, Deployed, Deployment, chain_key_of
from clearing.chain.errors import ChainError, NonceLostError
from clearing.chain.node import Node, as_bytes, as_int
from clearing.chain.offer import nonce_at
from clearing.chain.params import Parameters
from clearing.chain.recipe import Create, resolved
from clearing.chain.sender import Receipt, Sender, SystemClock
from clearing.channel.keccak import keccak256
from clearing.deploy.journal import Begun, Header, Journal
from clearing.deploy.plan import Check, Facts, Order, Plan, Send, make_plan
from clearing.spec.units import Address

__all__ = ["Executor", "Prices", "StepCost", "TooEarlyError", "Wait", "plan_of", "wait_by_hand"]

FLIGHT_S: Final = 180
POLL_S: Final = 0.2


class TooEarlyError(ChainError):
    """The timelock's delay is not over."""


class Prices(Protocol):
    """Whoever can make both sources say a price now."""

    def refresh(self) -> None:
        """Raises ChainError if it cannot."""
        ...


Wait = Callable[[int], None]
"""Wait until a time of the chain, Unix seconds, or raise TooEarlyError."""


def wait_by_hand(until: int) -> None:
    """Refuse to wait for days: say when to run again."""
    when = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    raise TooEarlyError(
        f"the timelock's delay ends at {when}", "run the same command again then; it goes on"
    )


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step of this run used: gas, and its unsigned size in bytes."""

    step: str
    gas_used: int
    unsigned_size: int


def plan_of(
    node: Node,
    parameters: Parameters,
    sender: Sender,
    journal: Journal,
    accounts: Mapping[str, Address],
) -> Plan:
    """Return the plan that the journal remembers, or begin a new one.

    Raises JournalError if parameters, accounts or contracts are not what they were, and what
    make_plan raises.
    """
    known = journal.header
    block = node.request("eth_getBlockByNumber", ["latest", False])
    facts = Facts(
        deployer=sender.address,
        nonce=sender.next_nonce() if known is None else known.nonce,
        started_at=as_int(block["timestamp"]) if known is None else known.started_at,
        accounts=accounts,
    )
    plan = make_plan(parameters, facts)
    journal.open(
        Header(
            chain=str(chain_key_of(node)),
            deployer=as_text(sender.address),
            nonce=facts.nonce,
            started_at=facts.started_at,
            accounts={name: as_text(account) for name, account in accounts.items()},
            digest="0x" + plan.digest.hex(),
        )
    )
    return plan


@dataclass
class Executor:
    """One run of a plan. `report` hears the name of each step when it is done."""

    node: Node
    sender: Sender
    plan: Plan
    journal: Journal
    parameters: Parameters
    wait: Wait
    prices: Prices | None = None
    report: Callable[[str], None] = lambda _: None
    costs: list[StepCost] = field(default_factory=list)
    _made: dict[str, Deployed] = field(default_factory=dict)

    def run(self) -> Deployment:
        """Do every step that is not done and return where everything stands.

        Raises TooEarlyError before the timelock's delay is over, NonceLostError if something else
        was sent from the account in between, and what `Sender.send` raises.
        """
        self._land()
        for place, create in enumerate(self.plan.creates):
            self._create(create, self.plan.facts.nonce + place)
        for send in self.plan.sends:
            self._send(send)
        return self._deployment(chain_key_of(self.node))

    # CONTRACTS

    def _create(self, create: Create, nonce: int) -> None:
        step, address = f"deploy {create.role}", self.plan.known[create.role]
        data = self.plan.initcode(create)
        if self._code_at(address):
            block = self._mined_in(step, nonce)
        else:
            if self.sender.next_nonce() != nonce:
                raise NonceLostError(
                    f"{step} needs nonce {nonce} of {as_text(self.sender.address)}, "
                    f"which goes on at {self.sender.next_nonce()}",
                    "something else was sent from it; move the journal away and deploy anew",
                )
            receipt = self._do(step, Call(None, data, step), as_text(address))
            block = receipt.block_number
        code = self._code_at(address)
        if not code:
            raise ChainError(f"{create.role} left no code", "look at the node")
        self._made[create.role] = Deployed(
            contract=create.contract,
            address=as_text(address),
            args="0x" + self.plan.arguments(create).hex(),
            code_hash="0x" + keccak256(code).hex(),
            block=block,
        )

    def _mined_in(self, step: str, nonce: int) -> int:
        """Return the block of a creation that an earlier run sent; make sure that it was ours."""
        begun = self.journal.first(step)
        if begun is None:
            raise NonceLostError(f"{step} was not sent by this deployment", "deploy anew")
        head = as_int(self.node.request("eth_blockNumber", []))
        own = as_text(self.sender.address).lower()
        for number in range(begun.block, head + 1):
            block = self.node.request("eth_getBlockByNumber", [hex(number), True])
            for it in block["transactions"]:
                if str(it["from"]).lower() == own and as_int(it["nonce"]) == nonce:
                    if "0x" + keccak256(as_bytes(it["input"])).hex() != begun.data:
                        raise NonceLostError(f"{step}: nonce {nonce} made else", "deploy anew")
                    return number
        raise ChainError(f"{step} stands, and no block shows how", "use a node with all blocks")

    def _code_at(self, address: Address) -> bytes:
        return as_bytes(self.node.request("eth_getCode", [as_text(address), "latest"]))

    # CALLS

    def _send(self, send: Send) -> None:
        if self._is_done(send.done):
            return
        if send.is_timelocked:
            self._wait_for(send)
        if send.needs_prices and self.prices is not None:
            self.prices.refresh()
        order = send.order
        self._do(send.name, Call(self.plan.known[order.role], self.plan.calldata(order), send.name))
        if not self._is_done(send.done):
            raise ChainError(f"{send.name} had no effect", "look at the node")

    def _wait_for(self, send: Send) -> None:
        """Wait until the timelock lets an operation through."""
        if send.order.method != "executeBatch":
            return
        (operation,) = send.done.order.args
        ready = self._ask(Order("ProtocolTimelock", "getTimestamp", (operation,)))
        if ready > self._now():
            self.wait(ready)

    def _is_done(self, check: Check) -> bool:
        return bool(self._ask(check.order) == check.want)

    def _ask(self, order: Order) -> Any:
        at = self.plan.known[order.role]
        contract = Contract(self.node, self.plan.artifact_of(order.role), at)
        return contract.call(order.method, *resolved(order.args, self.plan.known))

    # SENDING

    def _do(self, step: str, call: Call, address: str = "") -> Receipt:
        """Remember a step, then send it."""
        block = as_int(self.node.request("eth_blockNumber", []))
        nonce = self.sender.next_nonce()
        data = "0x" + keccak256(call.data).hex()
        self.journal.begin(Begun(step, nonce, block, data, address))
        receipt = self.sender.send(call)
        self.costs.append(StepCost(step, receipt.gas_used, receipt.unsigned_size))
        self.report(step)
        return receipt

    def _land(self) -> None:
        """Wait until what an earlier run sent is mined."""
        clock, own = SystemClock(), self.sender.address
        start_s = clock.monotonic_s()
        while nonce_at(self.node, own, "pending") > nonce_at(self.node, own, "latest"):
            if clock.monotonic_s() - start_s > FLIGHT_S:
                raise ChainError("a transaction of an earlier run is not mined", "wait for it")
            clock.sleep(POLL_S)

    def _now(self) -> int:
        return as_int(self.node.request("eth_getBlockByNumber", ["latest", False])["timestamp"])

    def _deployment(self, chain: ChainKey) -> Deployment:
        tokens = {"YELLOW": as_text(self.plan.known["Yellow"])}
        tokens |= {it.symbol: as_text(self.plan.known[it.symbol]) for it in self.parameters.tokens}
        return Deployment(self.parameters.network, chain, dict(self._made), tokens)
