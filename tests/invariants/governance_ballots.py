"""Moves of voters: votes whole, in parts and by signature, and the YELLOW that they come from."""

from __future__ import annotations

from clearing.channel.signatures import LocalSigner
from clearing.spec import governance as spec
from clearing.spec.governance import State
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import WAD
from tests.harness.governance_world import FRACTIONS
from tests.invariants.governance_drafts import HEIR
from tests.invariants.governance_player import KEYS, Made, Player
from tests.invariants.governance_spoils import high_s, params_of

__all__ = ["Ballots"]


class Ballots(Player):
    """What holders of YELLOW do."""

    # VOTES

    def vote(self) -> Made:
        """Vote, or vote with one thing wrong."""
        entry = self._entry(State.ACTIVE)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        voter, proposal_id = self._voter(entry), entry.draft.id
        spoil = self.random.choice(("", "", "", "again", "support", "unknown", "nobody", "reason"))
        match spoil:
            case "":
                return "vote", self.duo.vote(voter, proposal_id, self.random.choice((0, 1, 2)))
            case "again":
                voter = next((v for v in self.voters if entry.used.get(v)), voter)
                return "vote~again", self.duo.vote(voter, proposal_id, 1)
            case "support":
                support = self.random.choice((3, 254, FRACTIONS))
                return "vote~support", self.duo.vote(voter, proposal_id, support)
            case "unknown":
                return "vote~unknown", self.duo.vote(voter, proposal_id ^ 1, 1)
            case "nobody":
                voter = self.random.choice(self.strangers)
                return "vote~nobody", self.duo.vote(voter, proposal_id, 1)
            case _:
                verdict = self.duo.vote_with(voter, proposal_id, 1, "because", b"")
                return "vote~reason", verdict

    def fraction(self) -> Made:
        """Cast parts of one's votes: what is just enough, or one less; or parts that do not fit."""
        entry = self._entry(State.ACTIVE)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        voter = self._voter(entry)
        weight, votes = self._weight(voter, entry), entry.proposal.votes
        spoil = self.random.choice(
            ("quorum", "quorum", "approval", "approval", "some", "nothing", "more", "short", "both")
        )
        if spoil in {"quorum", "approval"}:
            voter = max(self.voters, key=lambda each: self._weight(each, entry))
            weight = self._weight(voter, entry)
        parts, support, cut = (0, 0, 0), FRACTIONS, 0
        match spoil:
            case "quorum":
                missing = spec.quorum_of(entry.proposal) - votes.in_favour - votes.abstain
                enough = min(max(missing - self.random.choice((0, 0, 1)), 0), weight)
                in_favour = enough - self.random.choice((0, enough // 3))
                parts = (0, in_favour, enough - in_favour)
            case "approval":
                bps = entry.proposal.terms.approval_bps
                most = bps * votes.against // (spec.BPS - bps) - votes.in_favour  # still too few
                enough = min(max(most + self.random.choice((0, 0, 1)), 0), weight)
                parts = (0, enough, 0)
            case "more":
                parts = (1, weight, 0)
            case "short":
                parts, cut = (0, weight // 2, 0), 1
            case "both":
                parts, support = (0, 1, 0), 1
            case "some":
                parts = (weight // 7, weight // 3, weight // 5)
            case _:
                pass
        params = params_of(parts)[cut:]
        verdict = self.duo.vote_with(voter, entry.draft.id, support, "", params)
        return f"fraction~{spoil}", verdict

    def vote_by_sig(self) -> Made:
        """Vote by signature, often one that is not quite the right one."""
        entry = self._entry(State.ACTIVE)
        if entry is None:
            return self._fresh()
        self.touched = entry.draft
        voter, proposal_id = self._voter(entry), entry.draft.id
        support = self.random.choice((1, 1, 0, 2))
        long: tuple[str, bytes] | None = None
        if self.random.random() < 0.4:
            support = FRACTIONS
            weight = self._weight(voter, entry)
            long = "because", params_of((0, weight - weight // 4, 0))
        nonce = self.world.nonces.get(voter, 0)
        key: LocalSigner = KEYS[voter]
        spoil = self.random.choice(
            ("", "", "", "key", "nonce", "support", "proposal", "voter", "high s", "cut", "form")
        )
        signed = {"id": proposal_id, "support": support, "nonce": nonce}
        match spoil:
            case "key":
                key = KEYS[self.voters[self.voters.index(voter) - 1]]
            case "nonce":
                signed["nonce"] = nonce + self.random.choice((-1, 1)) if nonce else 1
            case "support":
                signed["support"] = (support + 1) % 256
            case "proposal":
                signed["id"] ^= 1
            case _:
                pass
        form = long if spoil != "form" else None if long else ("", b"")
        ballot = self.world.ballot(voter, signed["id"], signed["support"], signed["nonce"], form)
        signature = key.sign(ballot).expanded()
        if spoil == "high s":
            signature = high_s(signature)
        if spoil == "cut":
            signature = signature[:-1]
        if spoil == "voter":
            voter = self.random.choice((HEIR, self.voters[self.voters.index(voter) - 1]))
        move = "voteBySig" + (f"~{spoil}" if spoil else "")
        return move, self.duo.vote_by_sig(voter, proposal_id, support, signature, long)

    # YELLOW

    def transfer(self) -> Made:
        """Move YELLOW, often so that a proposer falls to the threshold or just below."""
        balances, setup = self.world.yellow.balances, self.world.setup
        sender, to = self.random.choice(self.voters), self.random.choice(self.people)
        held = balances.get(sender, 0)
        spare = self.world.yellow.votes(sender, self.world.now) - setup.threshold
        amounts = (1, WAD, held // 2, held, spare, spare + 1)
        raw = min(max(self.random.choice(amounts), 0), held)
        spoil = self.random.choice(("", "", "", "", "", "~more", "~nobody"))
        if spoil == "~more":
            raw = held + 1
        if spoil == "~nobody":
            to = ZERO_ADDRESS
        return f"transfer{spoil}", self.duo.transfer(sender, to, raw)

    def delegate(self) -> Made:
        """Delegate, mostly to oneself or to another holder."""
        sender = self.random.choice((*self.voters, HEIR))
        to = self.random.choice((sender, sender, *self.voters, ZERO_ADDRESS))
        return "delegate", self.duo.delegate(sender, to)

    def delegate_by_sig(self) -> Made:
        """Delegate by signature, sometimes one that is not quite the right one."""
        signer, now = self.random.choice(self.voters), self.world.now
        to = self.random.choice((signer, signer, *self.voters))
        nonce, expiry = self.world.yellow.nonces.get(signer, 0), now + self.random.choice((0, 9))
        spoil = self.random.choice(("", "", "nonce", "old", "other", "late", "high s"))
        if spoil == "nonce":
            nonce += 1
        if spoil == "old":
            nonce = max(nonce - 1, 0)
        if spoil == "late":
            expiry = now - 1
        signature = KEYS[signer].sign(self.world.yellow.delegation(to, nonce, expiry))
        if spoil == "other":
            to = self.random.choice([voter for voter in self.voters if voter != to])
        move = "delegateBySig" + (f"~{spoil}" if spoil else "")
        if spoil == "high s":
            rsv = high_s(signature.expanded())
            return move, self.duo.delegate_with_high_s(signer, to, nonce, expiry, rsv)
        return move, self.duo.delegate_by_sig(HEIR, to, nonce, expiry, signature)
