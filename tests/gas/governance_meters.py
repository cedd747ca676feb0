"""What governing costs: propose, vote, queue, execute, for a proposal of one action.

YELLOW here is its own token, its holders have delegated to themselves and have moved it once, so
that there is a history to search. The action makes a mock token mint; its own gas is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clearing.chain.contract import Contract
from clearing.chain.deploy import predict_address
from clearing.chain.sender import Receipt
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner
from clearing.spec.governance import DEFAULT_TERMS, Kind
from clearing.spec.units import DAY_S, WAD, Address
from tests.gas.meter import meter
from tests.gas.rig import Scene, secret_of

__all__: list[str] = []

SUPPLY: Final = 10_000_000 * WAD
FOR: Final = 1
TIMELOCK_S: Final = 2 * DAY_S
DELAY_S: Final = 2 * DAY_S
PERIOD_S: Final = 5 * DAY_S
MARGIN_S: Final = 60
"""More than the blocks that a proposal has used on its way."""
DESCRIPTION: Final = "# Lower the maker fee\n\nWhy and how.\n\nipfs://bafkrei" + 53 * "a"


def address_of(role: str) -> Address:
    return LocalSigner(secret_of(role)).address


@dataclass
class House:
    """The governance contracts, set up, and what one proposal is made of."""

    scene: Scene
    yellow: Contract
    governor: Contract
    target: Contract

    @classmethod
    def new(cls, scene: Scene) -> House:
        """Deploy all, hand the timelock over, delegate."""
        made = scene.rig.roles["deployer"]
        low, high = scene.rig.low.address, scene.rig.high.address
        rest = address_of("sleeper")
        amounts = [3_000_000 * WAD, 1_000_000 * WAD, SUPPLY - 4_000_000 * WAD]
        yellow = scene.create("YellowToken", [low, high, rest], amounts)
        timelock = scene.create("ProtocolTimelock", TIMELOCK_S, [], [], made)
        target = scene.create("MockERC20", "Target", "TGT", 18)
        governor = cls._governor(scene, yellow, timelock, target)
        for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
            name = keccak256(role.encode())
            scene.send(timelock, "grantRole", name, governor.address, sender=made)
        scene.send(timelock, "renounceRole", bytes(32), made, sender=made)
        for holder in (low, high):
            scene.send(yellow, "delegate", holder, sender=holder)
        scene.send(yellow, "transfer", high, WAD, sender=low)
        scene.send(yellow, "transfer", low, WAD, sender=high)
        scene.send(target, "mint", rest, 1, sender=made)
        return cls(scene, yellow, governor, target)

    @staticmethod
    def _governor(scene: Scene, yellow: Contract, timelock: Contract, target: Contract) -> Contract:
        """Create types and governor, which name each other."""
        terms = [
            (each.quorum_bps, each.approval_bps, each.extra_delay)
            for each in (DEFAULT_TERMS[kind] for kind in Kind if kind is not Kind.NONE)
        ]
        rows = [(target.address, mint_of(target, target.address)[:4], Kind.PARAMETER)]
        made = scene.rig.roles["deployer"]
        counted = scene.rig.anvil.node.request(
            "eth_getTransactionCount", ["0x" + made.hex(), "latest"]
        )
        predicted = predict_address(made, int(counted, 16) + 1)
        types = scene.create("ProposalTypes", timelock.address, predicted, terms, rows)
        setup = (DELAY_S, PERIOD_S, 2 * DAY_S, 50_000 * WAD, 400, bytes(20), 0)
        parts = (yellow.address, timelock.address, types.address)
        governor = scene.create("ProtocolGovernor", *parts, setup)
        assert governor.address == predicted, "the types name this governor"
        return governor

    def lists(self, text: str) -> tuple[list[Address], list[int], list[bytes], str]:
        """Return what propose takes."""
        data = mint_of(self.target, address_of("sleeper"))
        return [self.target.address], [0], [data], text

    def hashed(self, text: str) -> tuple[list[Address], list[int], list[bytes], bytes]:
        """Return what queue and execute take."""
        targets, values, calldatas, description = self.lists(text)
        return targets, values, calldatas, keccak256(description.encode())

    def propose(self, text: str = DESCRIPTION) -> int:
        """Propose as the high broker."""
        sender = self.scene.rig.high.address
        return self.scene.send(self.governor, "propose", *self.lists(text), sender=sender)

    def vote(self, *, is_low: bool, text: str = DESCRIPTION) -> int:
        """Vote in favour as one of the brokers."""
        sender = self.scene.rig.low.address if is_low else self.scene.rig.high.address
        proposal_id = self.governor.call("getProposalId", *self.hashed(text))
        return self.scene.send(self.governor, "castVote", proposal_id, FOR, sender=sender)

    def end(self, what: str, text: str = DESCRIPTION) -> Receipt:
        """Queue or execute as an outsider."""
        sender = self.scene.rig.roles["outsider"]
        return self.scene.receipt(self.governor, what, *self.hashed(text), sender=sender)

    def pass_one(self, text: str) -> None:
        """Bring one proposal to its end, so that nothing is done for the first time."""
        self.propose(text)
        self.scene.wait(DELAY_S + MARGIN_S)
        self.vote(is_low=True, text=text)
        self.scene.wait(PERIOD_S + MARGIN_S)
        self.end("queue", text)
        self.scene.wait(TIMELOCK_S + MARGIN_S)
        self.end("execute", text)


def mint_of(token: Contract, to: Address) -> bytes:
    data: bytes = token.transact("mint", to, WAD).data
    return data


@meter(
    "gov.propose", "one listed action, 104 bytes of description, after an earlier proposal ended"
)
def propose(scene: Scene) -> int:
    house = House.new(scene)
    house.pass_one("# Earlier")
    return house.propose()


@meter("gov.proposeFirst", "as gov.propose, the proposer's first")
def propose_first(scene: Scene) -> int:
    return House.new(scene).propose()


def voting(scene: Scene) -> House:
    house = House.new(scene)
    house.propose()
    scene.wait(DELAY_S + MARGIN_S)
    return house


@meter("gov.vote.first", "the first vote, which reaches the quorum; plain and without a reason")
def vote_first(scene: Scene) -> int:
    return voting(scene).vote(is_low=True)


@meter("gov.vote.next", "as gov.vote.first, by another after it")
def vote_next(scene: Scene) -> int:
    house = voting(scene)
    house.vote(is_low=True)
    return house.vote(is_low=False)


def passed(scene: Scene) -> House:
    house = voting(scene)
    house.vote(is_low=True)
    scene.wait(PERIOD_S + MARGIN_S)
    return house


@meter("gov.queue", "one action, by an account that has no role")
def queue(scene: Scene) -> int:
    return passed(scene).end("queue").gas_used


@meter("gov.execute", "one action, by an account that has no role; less the action's own gas")
def execute(scene: Scene) -> int:
    house = passed(scene)
    house.end("queue")
    scene.wait(TIMELOCK_S + MARGIN_S)
    done = house.end("execute")
    return done.gas_used - scene.used_within(house.target, done.hash)
