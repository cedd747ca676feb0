"""The governance contracts on one embedded chain: voters, a timelock, and a target to act on.

The target is a MockERC20: `mint` is a PARAMETER, `approve` a MARKET_ADDITION, `transfer` a
RISK_CONFIGURATION, and everything else an UPGRADE.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from clearing.channel.keccak import keccak256
from clearing.spec.governance import DEFAULT_TERMS, Action, Kind, Setup, Terms
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract, Receipt
from tests.harness.revm import Revm

__all__ = [
    "ABSTAIN",
    "AGAINST",
    "FOR",
    "GUARDIAN_TERM_S",
    "HOLDINGS",
    "SETUP",
    "SUPPLY",
    "TIMELOCK_S",
    "GovernanceRig",
    "Proposed",
    "deploy_governance",
]

SUPPLY: Final = 10_000_000 * WAD
HOLDINGS: Final = {
    "whale": 3_000_000 * WAD,
    "holder": 1_000_000 * WAD,
    "proposer": 50_000 * WAD,
    "rival": 50_000 * WAD,
    "small": 49_999 * WAD,
}
"""Raw YELLOW; each has delegated to itself. A sleeper holds the rest and votes never."""
TIMELOCK_S: Final = 2 * DAY_S
GUARDIAN_TERM_S: Final = 300 * DAY_S
SETUP: Final = Setup(
    voting_delay=2 * DAY_S,
    voting_period=5 * DAY_S,
    late_extension=2 * DAY_S,
    threshold=50_000 * WAD,
    quorum_floor_bps=400,
)
AGAINST: Final = 0
FOR: Final = 1
ABSTAIN: Final = 2
STATES: Final = (
    "PENDING",
    "ACTIVE",
    "CANCELED",
    "DEFEATED",
    "SUCCEEDED",
    "QUEUED",
    "EXPIRED",
    "EXECUTED",
)
"""As OpenZeppelin numbers them."""
LISTED: Final = (
    ("mint", 2, Kind.PARAMETER),
    ("approve", 2, Kind.MARKET_ADDITION),
    ("transfer", 2, Kind.RISK_CONFIGURATION),
)


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal as its author wrote it."""

    actions: tuple[Action, ...]
    description: str = "# Title"

    @property
    def lists(self) -> tuple[list[Address], list[int], list[bytes]]:
        """Targets, values and calldatas."""
        return (
            [action.target for action in self.actions],
            [action.value for action in self.actions],
            [action.data for action in self.actions],
        )

    @property
    def hashed(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        return (*self.lists, keccak256(self.description.encode()))


@dataclass(frozen=True)
class GovernanceRig:
    """Everything deployed, the timelock obeying the governor alone."""

    chain: Revm
    yellow: Contract
    timelock: Contract
    types: Contract
    governor: Contract
    target: Contract
    deployer: Address
    guardian: Address
    outsider: Address

    def voter(self, name: str) -> Address:
        """Return a holder of HOLDINGS."""
        assert name in HOLDINGS
        return key_of(name).address

    def calldata(self, contract: Contract, name: str, *args: Any) -> bytes:
        """Return a call's bytes."""
        return contract.interface.method(name, len(args)).encode(*args)

    def action(self, contract: Contract, name: str, *args: Any) -> Action:
        """Return a call without ether as an action."""
        return Action(contract.address, 0, self.calldata(contract, name, *args))

    @cached_property
    def parameter(self) -> Proposed:
        """A PARAMETER proposal: the outsider gets 7 of the target."""
        return Proposed((self.action(self.target, "mint", self.outsider, 7),))

    @cached_property
    def market(self) -> Proposed:
        """A MARKET_ADDITION."""
        return Proposed((self.action(self.target, "approve", self.outsider, 7),))

    @cached_property
    def risk(self) -> Proposed:
        """A RISK_CONFIGURATION."""
        return Proposed((self.action(self.target, "transfer", self.outsider, 0),))

    @cached_property
    def upgrade(self) -> Proposed:
        """An UPGRADE: votes last longer."""
        return Proposed((self.action(self.governor, "setVotingPeriod", 7 * DAY_S),))

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.warp(self.chain.now + seconds)

    def id_of(self, proposed: Proposed) -> int:
        """Return the proposal's id."""
        proposal_id: int = self.governor.read("getProposalId", *proposed.hashed)
        return proposal_id

    def state(self, proposed: Proposed) -> str:
        """Return the name of its state."""
        return STATES[self.governor.read("state", self.id_of(proposed))]

    def propose(self, proposed: Proposed, by: str = "proposer") -> Receipt:
        """Make a proposal."""
        arguments = (*proposed.lists, proposed.description)
        return self.governor.send("propose", *arguments, sender=self.voter(by))

    def vote(self, proposed: Proposed, name: str, support: int = FOR) -> Receipt:
        """Cast all votes of a holder."""
        return self.governor.send(
            "castVote", self.id_of(proposed), support, sender=self.voter(name)
        )

    def end(self, what: str, proposed: Proposed, by: Address | None = None) -> Receipt:
        """Send queue, execute, cancel or cancelExpired; by default the outsider does."""
        return self.governor.send(what, *proposed.hashed, sender=by or self.outsider)

    def make_active(self, proposed: Proposed, by: str = "proposer") -> None:
        """Propose and wait until votes count."""
        self.propose(proposed, by)
        self.wait(SETUP.voting_delay + 1)

    def make_succeeded(self, proposed: Proposed, by: str = "proposer") -> None:
        """Propose, vote in favour with the whale, and wait for the end."""
        self.make_active(proposed, by)
        self.vote(proposed, "whale")
        self.wait(SETUP.voting_period)

    def make_queued(self, proposed: Proposed, by: str = "proposer") -> int:
        """Propose, vote and queue; return the eta."""
        self.make_succeeded(proposed, by)
        self.end("queue", proposed)
        eta: int = self.governor.read("proposalEta", self.id_of(proposed))
        return eta

    def pass_proposal(self, proposed: Proposed, by: str = "proposer") -> Receipt:
        """Bring a proposal to its effect."""
        self.chain.warp(self.make_queued(proposed, by))
        return self.end("execute", proposed)


def terms_row(terms: Terms) -> tuple[int, int, int]:
    """Return terms as the contract takes them."""
    return terms.quorum_bps, terms.approval_bps, terms.extra_delay


def setup_row(setup: Setup, guardian: Address, expiry: int) -> tuple[Any, ...]:
    """Return a setup as the governor's constructor takes it."""
    return (
        setup.voting_delay,
        setup.voting_period,
        setup.late_extension,
        setup.threshold,
        setup.quorum_floor_bps,
        guardian,
        expiry,
    )


def predict(chain: Revm, deployer: Address, ahead: int) -> Address:
    """Return the address of the deployer's next deployment but `ahead`."""
    with chain.isolated():
        for _ in range(ahead):
            chain.deploy("MockERC20", "", "", 0, sender=deployer)
        return chain.next_address(deployer)


def deploy_governance(chain: Revm | None = None, setup: Setup = SETUP) -> GovernanceRig:
    """Deploy token, timelock, target, types and governor; hand the timelock over."""
    chain = chain or Revm()
    made = key_of("deployer").address
    guardian = key_of("guardian").address
    voters = {name: key_of(name).address for name in HOLDINGS}
    holders = [*voters.values(), key_of("sleeper").address]
    amounts = [*HOLDINGS.values(), SUPPLY - sum(HOLDINGS.values())]

    yellow = chain.deploy("YellowToken", holders, amounts, sender=made)
    for voter in voters.values():
        yellow.send("delegate", voter, sender=voter)
    timelock = chain.deploy("ProtocolTimelock", TIMELOCK_S, [], [], made, sender=made)
    target = chain.deploy("MockERC20", "Target", "TGT", 18, sender=made)
    terms = [terms_row(DEFAULT_TERMS[kind]) for kind in (k for k in Kind if k is not Kind.NONE)]
    rows = [
        (target.address, target.interface.method(name, n).encode(made, 0)[:4], kind)
        for name, n, kind in LISTED
    ]
    predicted = predict(chain, made, 1)
    types = chain.deploy("ProposalTypes", timelock.address, predicted, terms, rows, sender=made)
    governor = chain.deploy(
        "ProtocolGovernor",
        yellow.address,
        timelock.address,
        types.address,
        setup_row(setup, guardian, chain.now + GUARDIAN_TERM_S),
        sender=made,
    )
    for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
        timelock.send("grantRole", timelock.read(role), governor.address, sender=made)
    admin = timelock.read("DEFAULT_ADMIN_ROLE")
    timelock.send("renounceRole", admin, made, sender=made)
    chain.warp(chain.now + 1)

    return GovernanceRig(
        chain=chain,
        yellow=yellow,
        timelock=timelock,
        types=types,
        governor=governor,
        target=target,
        deployer=made,
        guardian=guardian,
        outsider=key_of("outsider").address,
    )
