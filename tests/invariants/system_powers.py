"""Who may change things: the pauser, the guardian of proposals, and the council that votes.

A proposal goes its whole way: propose, vote, queue, wait, execute. What it may change is listed
here, at least one action for each governed function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode

from clearing.chain.params import read_parameters
from clearing.channel.codec import domain_separator, signing_digest
from clearing.channel.keccak import keccak256
from clearing.deploy.kinds import selector_of
from clearing.deploy.plan import role_id
from clearing.spec.governance import Kind
from clearing.spec.oracle_types import FeedParams, FeedSources
from clearing.spec.perp_types import MarketStatus, Role
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.oracle import ACCEPTED
from tests.harness.revm import CHAIN_ID
from tests.invariants.system_stage import FEEDS, MARKETS
from tests.invariants.system_town import Town

__all__ = ["Powers"]

GOVERNOR: Final = "ProtocolGovernor"
GUARDIAN: Final = "PauseGuardian"
OPENINGS, TRADING = (n.to_bytes(32, "big") for n in (1, 2))
SCOPES: Final = (OPENINGS, TRADING, *(feed.ljust(32, b"\0") for feed in FEEDS))
MENDED: Final = ("DerivativesEngine", "PriceOracle")
"""Contracts whose upgrade lets a pause go on."""
KINDS: Final = {
    Kind.PARAMETER: 1,
    Kind.MARKET_ADDITION: 1,
    Kind.RISK_CONFIGURATION: 3,
    Kind.UPGRADE: 7,
}
"""How often each kind of proposal is made."""
FROZEN_S: Final = 8 * DAY_S
STATUS_AT: Final = 213
FOR: Final = 1
PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, EXPIRED, EXECUTED = range(8)
BALLOT: Final = keccak256(b"Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)")
EXTENDED: Final = keccak256(
    b"ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,"
    b"string reason,bytes params)"
)
DELEGATION: Final = keccak256(b"Delegation(address delegatee,uint256 nonce,uint256 expiry)")
PERMIT: Final = keccak256(
    b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
PROPOSAL: Final = ["address[]", "uint256[]", "bytes[]", "bytes32"]
Move = tuple[Callable[[], str], float]
Action = tuple[str, str, tuple[Any, ...]]
"""Contract, function, arguments."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the council has proposed."""

    actions: tuple[Action, ...]
    targets: tuple[Address, ...]
    calls: tuple[bytes, ...]
    text: str
    id: int
    made_at: int

    @property
    def lists(self) -> tuple[list[Address], list[int], list[bytes]]:
        """Targets, values and calldatas."""
        return list(self.targets), [0] * len(self.calls), list(self.calls)

    @property
    def hashed(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        return (*self.lists, keccak256(self.text.encode()))


class Powers:
    """The pauser, the proposal guardian, the council."""

    def __init__(self, town: Town, watch: Callable[[], None]) -> None:
        self.town, self.desk, self._watch = town, town.desk, watch
        roles = town.stage.roles
        self.council = roles["council"]
        self.pauser = roles["pauser"].address
        self.guardian = roles["proposal_guardian"].address
        self.anybody = roles["anybody"].address
        self.live: Proposal | None = None
        self.has_voted = False
        self.number = 0
        rows = read_parameters("optimism-sepolia").protocol.swaps.markets
        self._rows = tuple((row.risk.row, row.trade.row, row.limit.row) for row in rows)
        self._catalogue = self._make_catalogue()

    def moves(self) -> tuple[Move, ...]:
        """Return what they do, and how often."""
        return (
            (self.govern, 6),
            (self.pause, 0.4),
            (self.extend, 0.6),
            (self.veto, 0.02),
            (self.delegate, 0.2),
        )

    # PAUSES

    def pause(self) -> str:
        """Pause a scope."""
        duration = self.town.pick((60, 3_600, DAY_S, 3 * DAY_S, 3 * DAY_S + 1))
        return self.desk.send(GUARDIAN, "pause", self.town.pick(SCOPES), duration, by=self.pauser)

    def extend(self) -> str:
        """Let a pause go on while the council's upgrade mends it; mostly one is begun for that."""
        if self.live is None:
            return ACCEPTED
        proposal = encode(PROPOSAL, list(self.live.hashed))
        scope = self.town.pick(SCOPES[1:])
        action = self.town.random.randrange(len(self.live.calls))
        mends = [at for at, (name, _, _) in enumerate(self.live.actions) if name in MENDED]
        if mends and self.town.chance(70):
            action = self.town.pick(mends)
            self.desk.send(GUARDIAN, "pause", scope, 3_600, by=self.pauser)
        return self.desk.send(GUARDIAN, "extend", scope, proposal, action, by=self.pauser)

    # PROPOSALS

    def govern(self) -> str:
        """Take the council's proposal a step further, or make one."""
        if self.live is None:
            return self.propose()
        state = self.town.stage[GOVERNOR].read("state", self.live.id)
        if state == PENDING:
            return self._cancel("cancel", 0.1)
        if state == ACTIVE:
            return self._cancel("cancel", 0.1) if self.has_voted else self.vote()
        if state == SUCCEEDED:
            return self.desk.send(GOVERNOR, "queue", *self.live.hashed, by=self.anybody)
        if state == QUEUED:
            return self.execute()
        if state == EXPIRED:
            told = self.desk.send(GOVERNOR, "cancelExpired", *self.live.hashed, by=self.anybody)
            self.live = None
            return told
        self.live = None
        return ACCEPTED

    def propose(self) -> str:
        """Propose one to three actions, of one kind mostly, or a winding market's end."""
        winding = [market for market in MARKETS if self._winds_down(market)]
        if winding and self.town.chance(40):  # before somebody else settles it
            return self._propose([("SettlementModule", "settleFrozen", (self.town.pick(winding),))])
        kinds, weights = zip(*KINDS.items(), strict=True)
        kind = self.town.random.choices(kinds, weights)[0]
        makers = self._catalogue[kind]
        actions = [self.town.pick(makers)() for _ in range(self.town.pick((1, 3, 5, 8)))]
        if kind is Kind.UPGRADE and self.town.chance(45):
            actions = self._pointers()
        return self._propose(actions)

    def _propose(self, actions: list[Action]) -> str:
        self.number += 1
        targets = tuple(self.town.address(name) for name, _, _ in actions)
        calls = tuple(
            self.town.stage[name].call(function, len(args)).method.encode(*args)
            for name, function, args in actions
        )
        lists = (list(targets), [0] * len(calls), list(calls))
        by, text = self.council.address, f"# Number {self.number}"
        if self.town.chance(70):
            told = self.desk.send(GOVERNOR, "propose", *lists, text, by=by)
        else:
            digest = keccak256(text.encode())
            told = self.desk.send(GOVERNOR, "proposeWithMetadata", *lists, text, digest, by=by)
        if told != ACCEPTED:
            return told
        (fields,) = (
            fields
            for name, fields in map(self.desk.fields_of, self.desk.logs)
            if name == "ProposalCreated"
        )
        kept = fields[8]
        self.has_voted = False
        self.live = Proposal(tuple(actions), targets, calls, kept, fields[0], self.town.now)
        return told

    def vote(self) -> str:
        """Vote in one of the five ways; then everything waits for the rest."""
        live, by = self.live, self.council.address
        assert live is not None
        self.has_voted = True
        self.town.wanted.update(zip(live.targets, live.calls, strict=True))
        base = (live.id, FOR)
        match self.town.random.randrange(5):
            case 0:
                return self.desk.send(GOVERNOR, "castVote", *base, by=by)
            case 1:
                return self.desk.send(GOVERNOR, "castVoteWithReason", *base, "so", by=by)
            case 2:
                name = "castVoteWithReasonAndParams"
                return self.desk.send(GOVERNOR, name, *base, "so", b"", by=by)
            case 3:
                signature = self._ballot(BALLOT, live.id, b"")
                name = "castVoteBySig"
                return self.desk.send(GOVERNOR, name, *base, by, signature, by=self.anybody)
            case _:
                more = keccak256(b"so") + keccak256(b"")
                args = (*base, by, "so", b"", self._ballot(EXTENDED, live.id, more))
                name = "castVoteWithReasonAndParamsBySig"
                return self.desk.send(GOVERNOR, name, *args, by=self.anybody)

    def _ballot(self, type_hash: bytes, proposal: int, more: bytes) -> bytes:
        governor, voter = self.town.stage[GOVERNOR], self.council.address
        nonce = governor.read("nonces", voter)
        numbers = b"".join(n.to_bytes(32, "big") for n in (proposal, FOR))
        struct = type_hash + numbers + voter.rjust(32, b"\0") + nonce.to_bytes(32, "big") + more
        separator = domain_separator(CHAIN_ID, governor.address, governor.read("name"))
        return self.council.sign(signing_digest(separator, keccak256(struct))).expanded()

    def execute(self) -> str:
        """Execute when the time has come, with prices just said; rarely forget it."""
        assert self.live is not None
        eta = self.town.stage[GOVERNOR].read("proposalEta", self.live.id)
        if self.town.now < eta:
            return self._cancel("cancel", 0.1)
        if self.town.chance(3):
            self._watch()
            self.town.stage.chain.warp(self.town.now + 15 * DAY_S)
            return ACCEPTED
        if self.live.actions[0][1] == "settleFrozen":
            self._watch()
            self.town.stage.chain.warp(self.town.now + FROZEN_S)
        else:
            for market in MARKETS:
                self.town.stage.says(market, self.town.prices[market])
        told = self.desk.send(GOVERNOR, "execute", *self.live.hashed, by=self.anybody)
        if told != ACCEPTED and self.town.chance(40):
            return self.veto()  # what it wants has become impossible
        return told

    def _cancel(self, function: str, percent: float) -> str:
        """Cancel it after all, or go on waiting; sometimes the wait is over at once."""
        assert self.live is not None
        if self.town.chance(percent):
            by = self.town.pick((self.council.address, self.guardian))
            return self.desk.send(GOVERNOR, function, *self.live.hashed, by=by)
        if self.town.chance(40):
            self._watch()
            self.town.stage.chain.warp(self.town.now + DAY_S)
        return ACCEPTED

    def veto(self) -> str:
        """Let the guardian cancel."""
        if self.live is None:
            return ACCEPTED
        return self.desk.send(GOVERNOR, "cancel", *self.live.hashed, by=self.guardian)

    def delegate(self) -> str:
        """Delegate to oneself as before, or let an owner's signature speak for him."""
        by = self.council.address
        nonce = self.town.stage["Yellow"].read("nonces", by)
        until = self.town.now + DAY_S
        match self.town.random.randrange(3):
            case 0:
                return self.desk.send("Yellow", "delegate", by, by=by)
            case 1:
                v, r, s = self._yellow(DELEGATION, by, nonce, until)
                word = (nonce, until, v, r, s)
                return self.desk.send("Yellow", "delegateBySig", by, *word, by=self.anybody)
            case _:
                spender = self.town.address("BrokerRegistry")
                v, r, s = self._yellow(PERMIT, by, spender, 0, nonce, until)
                args = (by, spender, 0, until, v, r, s)
                return self.desk.send("Yellow", "permit", *args, by=self.anybody)

    def _yellow(self, type_hash: bytes, *fields: int | Address) -> tuple[int, bytes, bytes]:
        """Return v, r and s of the council's word on YELLOW."""
        yellow = self.town.stage["Yellow"]
        words = b"".join(
            each.to_bytes(32, "big") if isinstance(each, int) else each.rjust(32, b"\0")
            for each in fields
        )
        separator = domain_separator(CHAIN_ID, yellow.address, yellow.read("eip712Domain")[1])
        digest = signing_digest(separator, keccak256(type_hash + words))
        rsv = self.council.sign(digest).expanded()
        return rsv[64], rsv[:32], rsv[32:64]

    # WHAT CAN BE DECIDED

    def _make_catalogue(self) -> dict[Kind, tuple[Callable[[], Action], ...]]:
        return {
            Kind.PARAMETER: (self._rates,),
            Kind.MARKET_ADDITION: (self._market, self._market, self._feed),
            Kind.RISK_CONFIGURATION: (
                self._cap,
                self._cap,
                self._terms,
                self._mask,
                lambda: ("InsuranceFund", "setTarget", (self.town.pick((0, 10**6 * WAD)),)),
                self._limits,
                self._replace,
                lambda: ("PriceOracle", "setParams", (self.town.pick(FEEDS), FeedParams())),
                lambda: ("PriceOracle", "liftPause", (self.town.pick(FEEDS),)),
                lambda: ("DerivativesEngine", "liftGuardianPause", ()),
                lambda: ("Adjudicator", "liftPause", ()),
            ),
            Kind.UPGRADE: (
                self._settler,
                lambda: (GOVERNOR, "setVotingDelay", (self.town.pick((1, 2)) * DAY_S,)),
                lambda: (GOVERNOR, "setVotingPeriod", (self.town.pick((3, 5)) * DAY_S,)),
                lambda: (GOVERNOR, "setLateQuorumVoteExtension", (DAY_S,)),
                lambda: (GOVERNOR, "setProposalThreshold", (10**25 * self.town.pick((2, 5)),)),
                lambda: (GOVERNOR, "updateQuorumNumerator", (self.town.pick((300, 400)),)),
                self._relay,
                self._guard,
                lambda: ("ProposalTypes", "setTerms", (int(Kind.PARAMETER), (400, 5_000, 0))),
                self._kind,
                lambda: ("ProtocolTimelock", "updateDelay", (self.town.pick((1, 2)) * DAY_S,)),
                self._oracle,
                lambda: ("PriceOracle", "reset", (self.town.pick(FEEDS),)),
            ),
        }

    def _row(self, market: int) -> tuple[Any, Any, Any]:
        return self._rows[market % len(self._rows)]

    def _rates(self) -> Action:
        market = self.town.market()
        risk, trade, limit = self._row(market)
        fees = [fee * self.town.pick((1, 2)) for fee in trade[:3]]
        return "MarketAdmin", "setRates", (market, (risk[0], risk[1], *fees, limit[0], limit[1]))

    def _market(self) -> Action:
        if self.town.markets > len(MARKETS):
            return self._rates()
        row = self._row(0)
        return "MarketAdmin", "addMarket", (2, FEEDS[0], *row)

    def _feed(self) -> Action:
        sources, params = self.town.stage["PriceOracle"].read("configOf", FEEDS[0])
        third = b"ETH/USD 2".ljust(16, b"\0")
        return "PriceOracle", "addFeed", (third, FeedSources(*sources), params, "ETH / USD")

    def _replace(self) -> Action:
        sources, params = self.town.stage["PriceOracle"].read("configOf", FEEDS[0])
        return "PriceOracle", "replaceFeed", (FEEDS[0], FeedSources(*sources), params, "ETH / USD")

    def _cap(self) -> Action:
        token = self.town.pick(("EURC", "EURC", "USDC"))
        cap = self.town.books.word(("power", "cap", token))
        return "Adjudicator", "raiseCap", (self.town.address(token), cap + 10**12)

    def _terms(self) -> Action:
        market = self.town.market()
        risk, trade, limit = self._row(market)
        looser = (risk[0] * self.town.pick((1, 2)), *risk[1:])
        return "MarketAdmin", "setMarket", (market, looser, trade, limit)

    def _mask(self) -> Action:
        mask = self.town.pick((0, 0, 0, 1, 8, 16, 32))
        return "MarketAdmin", "setPause", (self.town.market(), mask)

    def _limits(self) -> Action:
        wad = self.town.pick((0, 10**3, 10**6)) * WAD
        return "InsuranceFund", "setLimits", (self.town.market(), wad, wad)

    def _settler(self) -> Action:
        settler = self.town.stage.roles["settler"].address
        return "MatchSettler", "setSettler", (settler,)

    def _guard(self) -> Action:
        return GOVERNOR, "setGuardian", (self.guardian, self.town.now + 300 * DAY_S)

    def _relay(self) -> Action:
        method = self.town.stage["PriceOracle"].call("poke", 1).method
        return GOVERNOR, "relay", (self.town.address("PriceOracle"), 0, method.encode(FEEDS[0]))

    def _kind(self) -> Action:
        row = (self.town.address("MarketAdmin"), selector_of("MarketAdmin", "setRates"))
        return "ProposalTypes", "setKind", (*row, int(Kind.PARAMETER))

    def _ending(self) -> Action:
        """Wind a market down, or settle one that winds down without a price."""
        market = self.town.market()
        function = "settleFrozen" if self._winds_down(market) else "windDown"
        return "SettlementModule", function, (market,)

    def _winds_down(self, market: int) -> bool:
        status = self.town.books.word(("risk", market)) >> STATUS_AT & 15
        return status == MarketStatus.WIND_DOWN

    def _oracle(self) -> Action:
        return "DerivativesEngine", "setOracle", (self.town.address("PriceOracle"),)

    def _pointers(self) -> list[Action]:
        """Return what must come in one piece: a module out and in, a role out and in, a successor.

        Without a settler for a while traders may force their reductions.
        """
        engine, lock = "DerivativesEngine", "ProtocolTimelock"
        settler = self.town.address("MatchSettler")
        match self.town.random.randrange(6):
            case 4 | 5:
                return [self._ending()]
            case 0:
                return [(engine, "setModule", (int(Role.SETTLER), ZERO_ADDRESS))]
            case 1:
                out = (int(Role.SETTLER), ZERO_ADDRESS)
                return [
                    (engine, "setModule", out),
                    (engine, "setModule", (int(Role.SETTLER), settler)),
                ]
            case 2:
                return [
                    (engine, "proposeTimelock", (self.town.address(lock),)),
                    (engine, "acceptTimelock", ()),
                ]
            case _:
                held = (role_id("CANCELLER_ROLE"), self.guardian)
                return [(lock, "grantRole", held), (lock, "revokeRole", held)]
