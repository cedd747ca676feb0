"""Say what deploying means: every contract, every call, in order, and how to tell that it is done.

The contracts come first, from consecutive nonces of one account, so each address is known before
anything is sent. The deployer then gives the timelock's roles to the governor, has the timelock
schedule the first settings, waits for its delay, executes them, and renounces every role.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clearing.chain.artifacts import load
from clearing.chain.contract import as_address, interface_of
from clearing.chain.deploy import predict_address
from clearing.chain.params import Parameters
from clearing.chain.protocol_params import FeedListing, Governance
from clearing.chain.recipe import (
    MODULES,
    Create,
    Ref,
    channel_contracts,
    holder,
    lock_contracts,
    resolved,
    swap_contracts,
)
from clearing.channel.keccak import keccak256
from clearing.deploy.kinds import kind_rows
from clearing.spec.units import Address

__all__ = [
    "DEPLOYER_ROLES",
    "GOVERNOR_ROLES",
    "Batch",
    "Check",
    "Facts",
    "Order",
    "Plan",
    "Send",
    "make_plan",
    "role_id",
]

GOVERNOR_ROLES: Final = ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")
DEPLOYER_ROLES: Final = (*GOVERNOR_ROLES, "DEFAULT_ADMIN_ROLE")
"""The admin's goes last: with it the deployer could take the others again."""
NO_WORD: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a plan depends on beside the parameters.

    `started_at` is the time of the block at which the deployment began, Unix seconds; `nonce` the
    deployer's next one then; `accounts` who stands for each `@role`.
    """

    deployer: Address
    nonce: int
    started_at: int
    accounts: Mapping[str, Address]


@dataclass(frozen=True, slots=True)
class Order:
    """One call: the contract that the plan knows by this name, its function and arguments."""

    role: str
    method: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A view and the answer by which a step is known to be done."""

    order: Order
    want: Any


@dataclass(frozen=True, slots=True)
class Send:
    """One transaction. `needs_prices`: both sources must have spoken within the minute before."""

    name: str
    order: Order
    done: Check
    needs_prices: bool = False
    is_timelocked: bool = False
    """Whether it must wait for the timelock's delay after the schedules."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls that the timelock makes together."""

    name: str
    orders: tuple[Order, ...]
    needs_prices: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to be done, every address known."""

    facts: Facts
    creates: tuple[Create, ...]
    batches: tuple[Batch, ...]
    sends: tuple[Send, ...]
    known: Mapping[str, Address]

    def initcode(self, create: Create) -> bytes:
        """Return what creates a contract. Raises ArtifactMissingError."""
        return load(create.contract).bytecode + self.arguments(create)

    def arguments(self, create: Create) -> bytes:
        """Return its constructor's arguments, encoded."""
        encode = interface_of(create.contract).constructor.encode
        return encode(resolved(create.args, self.known))

    def calldata(self, order: Order) -> bytes:
        """Return a call's bytes."""
        args = resolved(order.args, self.known)
        return (
            interface_of(self.artifact_of(order.role)).method(order.method, len(args)).encode(*args)
        )

    def artifact_of(self, role: str) -> str:
        """Return which contract has this name."""
        return {create.role: create.contract for create in self.creates}[role]

    @property
    def digest(self) -> bytes:
        """Return a hash over every contract's code and arguments and every call."""
        parts = [keccak256(self.initcode(create)) for create in self.creates]
        parts += [keccak256(self.calldata(send.order)) for send in self.sends]
        return keccak256(b"".join(parts))


def role_id(name: str) -> bytes:
    """Return a role's id in OpenZeppelin's AccessControl."""
    return NO_WORD if name == "DEFAULT_ADMIN_ROLE" else keccak256(name.encode())


def make_plan(parameters: Parameters, facts: Facts) -> Plan:
    """Return the plan of a governed deployment.

    Raises ParameterInvalidError if the parameters lack a part or an account.
    """
    protocol = parameters.protocol
    governance, swaps = protocol.governance, protocol.swaps
    yellow, registry, adjudicator = channel_contracts(parameters)
    creates = (
        yellow,
        *_governance_contracts(governance, facts),
        registry,
        adjudicator,
        *lock_contracts(),
        *swap_contracts(
            Ref(swaps.collateral.value),
            as_address(protocol.oracle.pyth.value),
            Ref("@timelock"),
            Ref("@guardian"),
            holder(swaps.settler.value),
        ),
    )
    known = {f"@{name}": account for name, account in facts.accounts.items()}
    known |= {
        create.role: predict_address(facts.deployer, facts.nonce + place)
        for place, create in enumerate(creates)
    }
    known |= {"@timelock": known["ProtocolTimelock"], "@guardian": known["PauseGuardian"]}
    known |= {
        token.symbol: as_address(token.address)
        for token in parameters.tokens
        if token.address is not None
    }
    batches = tuple(_batches(parameters))
    draft = Plan(facts, creates, batches, (), known)
    return Plan(facts, creates, batches, tuple(_sends(draft, governance)), known)


def _governance_contracts(governance: Governance, facts: Facts) -> tuple[Create, ...]:
    own = [facts.deployer]
    terms = [
        (asks.quorum_bps, asks.approval_bps, asks.extra_delay_s)
        for asks in governance.kinds.values()
    ]
    setup = (
        governance.voting_delay_s.value,
        governance.voting_period_s.value,
        governance.late_extension_s.value,
        governance.threshold_raw.value,
        governance.quorum_floor_bps.value,
        holder(governance.proposal_guardian.value),
        facts.started_at + governance.guardian_term_s.value,
    )
    timelock = ("ProtocolTimelock", (governance.timelock_delay_s.value, own, own, facts.deployer))
    types = (Ref("ProtocolTimelock"), Ref("ProtocolGovernor"), terms, kind_rows())
    governor = (Ref("Yellow"), Ref("ProtocolTimelock"), Ref("ProposalTypes"), setup)
    pauses = ("ProtocolGovernor", "Adjudicator", "DerivativesEngine", "PriceOracle")
    guardian = (holder(governance.pauser.value), *map(Ref, pauses))
    return (
        Create("ProtocolTimelock", *timelock),
        Create("ProposalTypes", "ProposalTypes", types),
        Create("ProtocolGovernor", "ProtocolGovernor", governor),
        Create("PauseGuardian", "PauseGuardian", guardian),
    )


def _batches(parameters: Parameters) -> Iterable[Batch]:
    protocol = parameters.protocol
    caps = [("Yellow", parameters.yellow_cap_raw.value)]
    caps += [(token.symbol, token.cap_raw) for token in parameters.tokens]
    yield Batch(
        "token caps", tuple(Order("Adjudicator", "raiseCap", (Ref(it), cap)) for it, cap in caps)
    )
    yield Batch(
        "modules",
        tuple(
            Order("DerivativesEngine", "setModule", (int(role), Ref(name)))
            for role, name in MODULES
        ),
    )
    feeds = {feed.name: feed for feed in protocol.oracle.feeds}
    yield Batch("feeds", tuple(map(_add_feed, feeds.values())), needs_prices=True)
    yield Batch(
        "markets",
        tuple(
            Order(
                "MarketAdmin",
                "addMarket",
                (place, feeds[it.feed].feed, it.risk.row, it.trade.row, it.limit.row),
            )
            for place, it in enumerate(protocol.swaps.markets)
        ),
    )


def _add_feed(feed: FeedListing) -> Order:
    return Order("PriceOracle", "addFeed", (feed.feed, feed.sources, feed.params, feed.name))


def _sends(plan: Plan, governance: Governance) -> Iterable[Send]:
    """Return the calls behind the creations."""
    lock, admin = "ProtocolTimelock", plan.facts.deployer
    for name in GOVERNOR_ROLES:
        to = (role_id(name), Ref("ProtocolGovernor"))
        order = Order(lock, "grantRole", to)
        yield Send(f"give {name} to the governor", order, _has_role(to, has=True))
    for batch in plan.batches:
        call, operation = _operation(plan, batch)
        delay = governance.timelock_delay_s.value
        order = Order(lock, "scheduleBatch", (*call, delay))
        done = Check(Order(lock, "isOperation", (operation,)), want=True)
        yield Send(f"schedule {batch.name}", order, done)
    for batch in plan.batches:
        call, operation = _operation(plan, batch)
        yield Send(
            f"execute {batch.name}",
            Order(lock, "executeBatch", call),
            Check(Order(lock, "isOperationDone", (operation,)), want=True),
            needs_prices=batch.needs_prices,
            is_timelocked=True,
        )
    for name in DEPLOYER_ROLES:
        held = (role_id(name), admin)
        order = Order(lock, "renounceRole", held)
        yield Send(f"renounce {name}", order, _has_role(held, has=False), is_timelocked=True)


def _has_role(held: tuple[Any, ...], *, has: bool) -> Check:
    return Check(Order("ProtocolTimelock", "hasRole", held), want=has)


def _operation(plan: Plan, batch: Batch) -> tuple[tuple[Any, ...], bytes]:
    """Return the arguments of a timelocked batch, and its id."""
    call = (
        [plan.known[order.role] for order in batch.orders],
        [0] * len(batch.orders),
        [plan.calldata(order) for order in batch.orders],
        NO_WORD,
        keccak256(f"deployment: {batch.name}".encode()),
    )
    encoded = interface_of("ProtocolTimelock").method("hashOperationBatch").encode(*call)
    return call, keccak256(encoded[4:])
