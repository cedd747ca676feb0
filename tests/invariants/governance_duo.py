"""Governance's contracts and their model side by side: one call at a time, everything compared.

Every call must have one verdict, the same values in its refusal, the same events in the same
order, and the same result. `Witness` (governance_rules) sees what the contracts alone say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from clearing.channel.signatures import Signature
from clearing.spec import governance as spec
from clearing.spec.errors import SpecError
from clearing.spec.governance import Kind
from clearing.spec.units import Address
from tests.harness.contract import NOBODY, Contract, Receipt
from tests.harness.errors import Refused
from tests.harness.governance import SUPPLY, terms_row
from tests.harness.governance_draft import Draft
from tests.harness.governance_stage import Stage
from tests.harness.governance_state import ALL_ROLES
from tests.harness.governance_world import GovernanceWorld
from tests.harness.results import ACCEPTED, Divergence

__all__ = ["SENDER", "GovernanceDuo", "Step", "Told", "words_of"]

SENDER: Final = object()
"""Stands for whoever calls, in the values of an expected refusal."""
WORD: Final = 32
Told = tuple[int, int, int, tuple[int, ...], tuple[int, ...]]
"""State, deadline, eta, votes (against, in favour, abstaining), terms: as the governor tells."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call as both know it; a receipt only if it was accepted."""

    part: str
    name: str
    sender: Address
    verdict: str
    receipt: Receipt | None


def words_of(governor: Contract, view: str, proposal_id: int) -> tuple[int, ...]:
    """Return what a view of a proposal answers, word by word: much faster than by its types."""
    call = governor.call(view, 1)
    calldata = call.method.selector + proposal_id.to_bytes(WORD, "big")
    answer = call.raw(calldata, sender=NOBODY, is_static=True)
    return tuple(
        int.from_bytes(answer[at : at + WORD], "big") for at in range(0, len(answer), WORD)
    )


def _refuse(name: str, *values: object) -> None:
    raise SpecError(name, *values)


@dataclass
class GovernanceDuo:
    """The stage, its model, and who is told of each step."""

    stage: Stage
    world: GovernanceWorld
    watchers: list[Callable[[Step], None]] = field(default_factory=list)

    # CALLS

    def transfer(self, sender: Address, to: Address, raw: int) -> str:
        """Move YELLOW."""
        world = self.world
        return self._both(
            sender,
            ("yellow", "transfer", to, raw),
            lambda: world.yellow.transfer(sender, to, raw, world.now),
        )

    def delegate(self, sender: Address, to: Address) -> str:
        """Give votes away."""
        world = self.world
        return self._both(
            sender,
            ("yellow", "delegate", to),
            lambda: world.yellow.delegate(sender, to, world.now),
        )

    def delegate_by_sig(
        self, sender: Address, to: Address, nonce: int, expiry: int, signature: Signature
    ) -> str:
        """Give the votes of whoever signed away."""
        world, rsv = self.world, signature.expanded()
        return self._both(
            sender,
            ("yellow", "delegateBySig", to, nonce, expiry, rsv[-1], rsv[:32], rsv[32:64]),
            lambda: world.yellow.delegate_by_sig(to, nonce, expiry, signature, world.now),
        )

    def delegate_with_high_s(
        self, sender: Address, to: Address, nonce: int, expiry: int, rsv: bytes
    ) -> str:
        """Try the form of a signature that is refused."""
        return self._both(
            sender,
            ("yellow", "delegateBySig", to, nonce, expiry, rsv[-1], rsv[:32], rsv[32:64]),
            lambda: _refuse("ECDSAInvalidSignatureS", rsv[32:64]),
        )

    def propose(self, sender: Address, draft: Draft, digest: bytes | None = None) -> str:
        """Make a proposal; with a digest of its text, by the longer form."""
        lists = (list(draft.targets), list(draft.values), list(draft.calldatas), draft.description)
        call = ("propose", *lists) if digest is None else ("proposeWithMetadata", *lists, digest)
        return self._both(
            sender,
            ("governor", *call),
            lambda: self.world.propose(sender, draft, digest or bytes(32)),
        )

    def vote(self, sender: Address, proposal_id: int, support: int) -> str:
        """Cast all votes that are left."""
        return self._both(
            sender,
            ("governor", "castVote", proposal_id, support),
            lambda: self.world.vote(sender, proposal_id, support),
        )

    def vote_with(
        self, sender: Address, proposal_id: int, support: int, reason: str, params: bytes
    ) -> str:
        """Cast votes with a reason, or in parts."""
        return self._both(
            sender,
            ("governor", "castVoteWithReasonAndParams", proposal_id, support, reason, params),
            lambda: self.world.vote(sender, proposal_id, support, reason, params),
        )

    def vote_by_sig(
        self,
        voter: Address,
        proposal_id: int,
        support: int,
        signature: bytes,
        long: tuple[str, bytes] | None = None,
    ) -> str:
        """Cast the votes of another, who signed, or is said to have signed."""
        name = "castVoteWithReasonAndParamsBySig" if long else "castVoteBySig"
        return self._both(
            self.stage.gov.outsider,
            ("governor", name, proposal_id, support, voter, *(long or ()), signature),
            lambda: self.world.vote_by_sig(
                voter, proposal_id, support, Signature.from_expanded(signature), long
            ),
        )

    def queue(self, sender: Address, draft: Draft) -> str:
        """Queue a proposal."""
        call = ("governor", "queue", *draft.hashed)
        return self._both(sender, call, lambda: self.world.queue(sender, draft))

    def execute(self, sender: Address, draft: Draft, value: int = 0) -> str:
        """Execute a proposal, with ether."""
        return self._both(
            sender,
            ("governor", "execute", *draft.hashed),
            lambda: self.world.execute(sender, draft, value),
            value=value,
        )

    def cancel(self, sender: Address, draft: Draft) -> str:
        """Cancel a proposal."""
        call = ("governor", "cancel", *draft.hashed)
        return self._both(sender, call, lambda: self.world.cancel(sender, draft))

    def cancel_expired(self, sender: Address, draft: Draft) -> str:
        """Clear the timelock of a proposal."""
        call = ("governor", "cancelExpired", *draft.hashed)
        return self._both(sender, call, lambda: self.world.cancel_expired(sender, draft))

    def pause(self, sender: Address, scope: bytes, duration: int) -> str:
        """Pause through the guardian."""
        call = ("pauses", "pause", scope, duration)
        return self._both(sender, call, lambda: self.world.pauses.pause(sender, scope, duration))

    def extend(
        self, sender: Address, scope: bytes, encoded: bytes, draft: Draft | None, action: int
    ) -> str:
        """Extend a pause; `draft` is what the bytes encode, if they encode any."""
        return self._both(
            sender,
            ("pauses", "extend", scope, encoded, action),
            lambda: self.world.pauses.extend(sender, scope, draft, action),
        )

    def schedule(self, sender: Address, draft: Draft, delay: int) -> str:
        """Go to the timelock directly."""
        lists = draft.hashed[:3]
        return self._both(
            sender,
            ("timelock", "scheduleBatch", *lists, bytes(32), draft.salt, delay),
            lambda: self.world.schedule(sender, draft, delay),
        )

    def run_batch(self, sender: Address, draft: Draft) -> str:
        """Execute in the timelock directly."""
        call = ("timelock", "executeBatch", *draft.hashed[:3], bytes(32), draft.salt)
        return self._both(sender, call, lambda: self.world.run_batch(sender, draft))

    def cancel_operation(self, sender: Address, operation: bytes) -> str:
        """Cancel in the timelock directly."""
        return self._both(
            sender,
            ("timelock", "cancel", operation),
            lambda: self.world.cancel_operation(sender, operation),
        )

    def direct(self, sender: Address, part: str, data: bytes) -> str:
        """Make a call that only a proposal may make, with its calldata as it is."""
        contract = self.stage[part]
        method = next(m for m in contract.interface.methods() if m.selector == data[:4])
        call = contract.call(method.name, len(method.inputs.names))
        return self._compare(
            Step(part, method.name, sender, "", None),
            lambda: call.send_raw(data, sender=sender),
            lambda: self.world.calls[contract.address, data](sender),
            has_result=False,
        )

    def refused(self, sender: Address, call: tuple[Any, ...], error: tuple[Any, ...]) -> str:
        """Make a call that nobody but one contract may make, and that is refused with this."""
        name, *values = error
        said = [sender if value is SENDER else value for value in values]
        return self._both(sender, call, lambda: _refuse(name, *said))

    # COMPARING

    def _both(
        self,
        sender: Address,
        call: tuple[Any, ...],
        model: Callable[[], Any],
        value: int = 0,
    ) -> str:
        part, name, *args = call
        return self._compare(
            Step(part, name, sender, "", None),
            lambda: self.stage[part].send(name, *args, sender=sender, value=value),
            model,
        )

    def _compare(
        self,
        step: Step,
        contract: Callable[[], Receipt],
        model: Callable[[], Any],
        *,
        has_result: bool = True,
    ) -> str:
        """Run both; return the common verdict."""
        receipt: Receipt | None = None
        told: Any
        try:
            receipt = contract()
            told = ACCEPTED, receipt.output if has_result else None
        except Refused as refused:
            told = refused.name, refused.args_
        try:
            result = self.world.attempt(model)
            said: Any = ACCEPTED, result if has_result else None
        except SpecError as refused:
            said = refused.name, refused.args_
        if told != said:
            raise Divergence(f"{step.name}: contract {told}, specification {said}")
        if receipt is not None:
            logs = [(log.emitter, log.event, log.args) for log in receipt.logs]
            if logs != self.world.told:
                raise Divergence(f"{step.name}: contract told {logs}, model {self.world.told}")
        verdict: str = told[0]
        done = Step(step.part, step.name, step.sender, verdict, receipt)
        for watcher in self.watchers:
            watcher(done)
        return verdict

    def compare_proposal(self, draft: Draft) -> Told:
        """Hold one proposal against its record; return what the governor tells of it."""
        governor, world = self.stage["governor"], self.world
        entry = world.proposals[draft.id]
        votes, terms = entry.proposal.votes, entry.proposal.terms
        told: Told = (
            words_of(governor, "state", draft.id)[0],
            words_of(governor, "proposalDeadline", draft.id)[0],
            words_of(governor, "proposalEta", draft.id)[0],
            words_of(governor, "proposalVotes", draft.id),
            words_of(governor, "termsOf", draft.id),
        )
        said: Told = (
            world.state(entry),
            entry.proposal.deadline,
            entry.proposal.eta,
            (votes.against, votes.in_favour, votes.abstain),
            (
                entry.proposal.kind,
                entry.proposal.is_guardian_only,
                entry.is_closed,
                *terms_row(terms),
                int.from_bytes(entry.pin.ljust(WORD, b"\0"), "big"),
            ),
        )
        self._same(f"proposal {draft.id}", told, said)
        return told

    def compare_all(self, people: tuple[Address, ...]) -> None:
        """Hold everything that can be asked against the model."""
        self._compare_settings()
        self._compare_kinds()
        self._compare_people(people)
        self._compare_pauses()
        for entry in self.world.proposals.values():
            self.compare_proposal(entry.draft)
            self._compare_rest(entry.draft, people)

    def _same(self, what: str, contract: Any, model: Any) -> None:
        if contract != model:
            raise Divergence(f"{what}: contract {contract}, specification {model}")

    def _compare_settings(self) -> None:
        read, world, setup = self.stage["governor"].read, self.world, self.world.setup
        self._same(
            "settings",
            (
                read("votingDelay"),
                read("votingPeriod"),
                read("lateQuorumVoteExtension"),
                read("proposalThreshold"),
                read("quorumNumerator"),
                read("proposalGuardian"),
                read("guardianExpiry"),
                self.stage["timelock"].read("getMinDelay"),
            ),
            (
                setup.voting_delay,
                setup.voting_period,
                setup.late_extension,
                setup.threshold,
                setup.quorum_floor_bps,
                world.guardian or bytes(20),
                world.cells["expiry"],
                world.min_delay,
            ),
        )

    def _compare_kinds(self) -> None:
        types, table = self.stage["types"], self.world.table
        for kind in Kind:
            if kind is not Kind.NONE:
                told = types.read("termsOf", kind)
                self._same(f"terms of {kind.name}", told, terms_row(table.terms[kind]))
        for (target, selector), kind in table.rows.items():
            self._same("kind", types.read("kindOf", target, selector), kind)

    def _compare_people(self, people: tuple[Address, ...]) -> None:
        yellow, world = self.stage["yellow"].read, self.world
        for person in people:
            self._same(
                "holder",
                (
                    yellow("balanceOf", person),
                    yellow("getVotes", person),
                    yellow("getPastVotes", person, world.now - 1),
                    yellow("nonces", person),
                    self.stage["governor"].read("nonces", person),
                    self.stage["target"].read("balanceOf", person),
                    tuple(
                        self.stage["timelock"].read("hasRole", role, person) for role in ALL_ROLES
                    ),
                ),
                (
                    world.yellow.balances.get(person, 0),
                    world.yellow.votes(person, world.now),
                    world.yellow.votes(person, world.now - 1),
                    world.yellow.nonces.get(person, 0),
                    world.nonces.get(person, 0),
                    world.balances.get(person, 0),
                    tuple(world.roles.get((role, person), False) for role in ALL_ROLES),
                ),
            )

    def _compare_pauses(self) -> None:
        pauses, books = self.stage["pauses"].read, self.world.pauses
        for scope, window in books.windows.items():
            told = pauses("began_at", scope), pauses("ends_at", scope)
            self._same("window", told, (window.began_at, window.ends_at))

    def _compare_rest(self, draft: Draft, people: tuple[Address, ...]) -> None:
        read, world = self.stage["governor"].read, self.world
        entry = world.proposals[draft.id]
        snapshot = entry.proposal.snapshot
        self._same(
            f"proposal {draft.id}",
            (
                read("proposalSnapshot", draft.id),
                read("proposalProposer", draft.id),
                read("isLive", draft.id),
                tuple(read("usedVotes", draft.id, person) for person in people),
                read("quorumOf", draft.id) if world.now > snapshot else None,
                self.stage["timelock"].read("getTimestamp", draft.operation),
            ),
            (
                snapshot,
                entry.proposal.proposer,
                world.is_live(entry),
                tuple(entry.used.get(person, 0) for person in people),
                spec.quorum_of(entry.proposal) if world.now > snapshot else None,
                world.operations.get(draft.operation, 0),
            ),
        )
        if sum(entry.used.values()) > SUPPLY:
            raise Divergence("GOV-02")
