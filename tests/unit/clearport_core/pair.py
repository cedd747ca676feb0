"""Two cores, a store and a key for each, and a link between them that loses what is on its way.

The shell here is the daemon's in small: what one transition wants durable is one commit, the rest
follows effect by effect, and it can be killed between any two of them. Broken promises raise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from clearing.channel.codec import domain_separator
from clearing.channel.risk_hash import DatedPrices
from clearing.channel.signatures import LocalSigner, Signature, is_signed_by
from clearing.channel.validate import authenticate
from clearing.clearport.core.channel import Line, Phase, Policy
from clearing.clearport.core.effects import Effect, Notify, Persist, Send, Sign, Submit
from clearing.clearport.core.events import (
    Connected,
    Consented,
    Event,
    Forced,
    Heard,
    Lost,
    Priced,
    Recorded,
    Signed,
    Ticked,
    Wanted,
)
from clearing.clearport.core.messages import (
    Answer,
    Message,
    Proposal,
    Refusal,
    ReportedTrade,
    Wish,
)
from clearing.clearport.core.opening import open_line, rejoin
from clearing.clearport.core.step import step
from clearing.client import moves
from clearing.client.session import CoSigned
from clearing.client.terms import Market, Terms, Token
from clearing.spec.assets import AssetId, asset_id
from clearing.spec.liabilities import Trade
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.types import ChannelDef, Side
from clearing.spec.units import WAD, Bytes32, Timestamp
from tests.unit.clearport_core.chain import (
    ADJUDICATOR,
    BROKERS,
    DURATION,
    GRACE,
    HOUR,
    PARAMS,
    SpecChain,
    address,
)

BTC, ETH, USDC, USDT = map(asset_id, ("BTC", "ETH", "USDC", "USDT"))
FACTORS = FactorTable.of({BTC: 209 * 10**14, ETH: 268 * 10**14, USDC: 27 * 10**13})
UNIT = 10**6
NETS = ((100_000 * UNIT, 100_000 * UNIT),)
KEYS = (LocalSigner(b"\x01" * 32), LocalSigner(b"\x02" * 32))
TERMS = Terms(
    collateral=(Token(USDT, address(0xC0), 6),),
    deliverable={
        BTC: Token(BTC, address(0xC1), 8),
        ETH: Token(ETH, address(0xC2), 18),
        USDC: Token(USDC, address(0xC3), 6),
    },
)
TOKENS = tuple(address(0xC0 + n) for n in range(4))
SEPARATOR = Bytes32(domain_separator(PARAMS.chain_id, ADJUDICATOR))
DEFINITION = ChannelDef(
    chain_id=PARAMS.chain_id,
    adjudicator=ADJUDICATOR,
    broker_low=BROKERS[0],
    broker_high=BROKERS[1],
    signer_low=KEYS[0].address,
    signer_high=KEYS[1].address,
    assets=(address(0xC0),),
    challenge_duration=DURATION,
    nonce=7,
)
POLICY = Policy(grace_s=GRACE, offer_s=HOUR)


class Promise(AssertionError):
    """A promise of the daemon is broken; the text begins with its id."""


class Killed(Exception):
    """The process is gone."""


def market_at(now: int, btc_usd: int = 50_000, eth_usd: int = 3_000) -> Market:
    prices = {BTC: btc_usd * WAD, ETH: eth_usd * WAD, USDC: WAD, USDT: WAD}
    return Market(DatedPrices(PriceSet.of(prices), Timestamp(now), Timestamp(now)), FACTORS)


def trade(
    number: int, seller: Side = Side.HIGH, base: AssetId = BTC, base_wad: int = WAD // 10
) -> ReportedTrade:
    price = {BTC: 50_000, ETH: 3_000}[base]
    return ReportedTrade(f"T{number}", Trade(seller, base, base_wad, USDC, base_wad * price))


@dataclass
class Disk:
    """What survives. `signatures` holds those that are durable, by (epoch, version)."""

    line: Line
    reserved: dict[tuple[int, int], bytes] = field(default_factory=dict)
    signatures: dict[tuple[int, int], Signature] = field(default_factory=dict)
    booked: dict[str, tuple[int, int]] = field(default_factory=dict)
    submitted: dict[str, Submit] = field(default_factory=dict)
    notices: list[Notify] = field(default_factory=list)
    refused: dict[tuple[int, int], str] = field(default_factory=dict)
    agreed: dict[tuple[int, int], CoSigned] = field(default_factory=dict)


class Node:
    """One side's process and disk. `kill_in` counts down the boundaries until it is killed."""

    def __init__(self, side: Side, chain: SpecChain, policy: Policy = POLICY) -> None:
        self.side, self.chain, self.policy = side, chain, policy
        line = open_line(DEFINITION, TERMS, SEPARATOR, BROKERS[side], is_initiator=side is Side.LOW)
        self.disk = Disk(line)
        self.signed: dict[tuple[int, int], bytes] = {}
        self.outbox: deque[Message] = deque()
        self.kill_in: int | None = None
        self.is_up = True
        self.phase = rejoin(line, policy)
        self.clock_skew = 0

    @property
    def line(self) -> Line:
        return self.phase.line

    @property
    def version(self) -> int:
        state = self.line.position.state
        return 0 if state is None else state.version

    def happen(self, event: Event) -> tuple[Effect, ...]:
        """Do one event and what its signature leads to; raise Killed when it is time to die."""
        signature: tuple[int, int, Signature] | None = None
        first: tuple[Effect, ...] | None = None
        while True:
            phase, effects = step(self.phase, event, now=self.chain.now + self.clock_skew)
            first = effects if first is None else first
            sign = self._perform(phase, effects, signature)
            if sign is None:
                return first
            signed = self._key(sign)
            self._boundary()
            signature = (sign.epoch, sign.version, signed)
            event = Signed(sign.version, signed)

    def notices(self, kind: str) -> list[dict[str, str]]:
        return [dict(each.fields) for each in self.disk.notices if each.kind == kind]

    def restart(self) -> None:
        """Start again with what the disk has."""
        self.outbox.clear()
        self.kill_in = None
        self.is_up = True
        self.phase = rejoin(self.disk.line, self.policy)

    # THE SHELL

    def _perform(
        self,
        phase: Phase,
        effects: tuple[Effect, ...],
        signature: tuple[int, int, Signature] | None,
    ) -> Sign | None:
        self._boundary()
        sign: Sign | None = None
        is_committed = False
        for effect in effects:
            match effect:
                case Persist() | Submit() | Notify() if not is_committed:
                    self._commit(effects, signature)
                    is_committed = True
                    self._boundary()
                case Send(message):
                    self._send(message)
                    self._boundary()
                case Sign():
                    if self.disk.reserved.get((effect.epoch, effect.version)) != effect.digest:
                        raise Promise("CLP-02: a digest is to be signed that is not reserved")
                    sign = effect
                case _:
                    pass
        self.phase = phase
        return sign

    def _commit(
        self, effects: tuple[Effect, ...], signature: tuple[int, int, Signature] | None
    ) -> None:
        disk = self.disk
        if signature is not None and any(isinstance(each, Persist) for each in effects):
            epoch, version, signed = signature
            disk.signatures[epoch, version] = signed
        for effect in effects:
            match effect:
                case Persist():
                    self._store(effect)
                case Sign(epoch, version, digest):
                    have = disk.reserved.setdefault((epoch, version), digest)
                    if have != digest:
                        raise Promise("CLP-01: two digests for one version")
                    if (epoch, version) in disk.refused:
                        raise Promise("CLP-01: a refused version is signed")
                case Submit(key, request):
                    if key not in disk.submitted:
                        disk.submitted[key] = effect
                        self.chain.pending.append((self.side, request))
                case Notify():
                    disk.notices.append(effect)
                case _:
                    pass

    def _store(self, persist: Persist) -> None:
        disk, line = self.disk, persist.line
        before, after = disk.line.position, line.position
        old = 0 if disk.line.full is None else disk.line.full.state.version
        new = 0 if line.full is None else line.full.state.version
        is_back = disk.line.backing is not None and line.full == disk.line.backing
        is_lower = after.epoch < before.epoch or (after.epoch == before.epoch and new < old)
        if is_lower and not is_back:
            raise Promise(f"CLP-04: the latest version falls from {old} to {new}")
        if persist.agreed is not None:
            state = persist.agreed.state
            verdict = authenticate(SEPARATOR, DEFINITION, state, persist.agreed.signatures)
            if not (verdict.low_signed and verdict.high_signed):
                raise Promise("CLP-05: a state is taken for agreed that lacks a signature")
            disk.agreed[state.epoch, state.version] = persist.agreed
        if persist.booked is not None:
            for trade_id in persist.booked.trade_ids:
                if trade_id in disk.booked:
                    raise Promise(f"CLP-06: {trade_id} is booked twice")
                disk.booked[trade_id] = (after.epoch, persist.booked.version)
        disk.line = line

    def _send(self, message: Message) -> None:
        disk = self.disk
        match message:
            case Proposal() | Answer():
                stored = disk.signatures.get((message.epoch, message.version))
                if stored != message.signature:
                    raise Promise("CLP-02: a signature is sent that is not durable")
            case Refusal():
                if message.version > disk.line.burnt:
                    raise Promise("CLP-02: a refusal is sent that is not durable")
                disk.refused[message.epoch, message.version] = message.code
                if (message.epoch, message.version) in disk.signatures:
                    raise Promise("CLP-01: a signed version is refused")
            case _:
                pass
        self.outbox.append(message)

    def _key(self, sign: Sign) -> Signature:
        place = (sign.epoch, sign.version)
        if self.signed.setdefault(place, sign.digest) != sign.digest:
            raise Promise("CLP-01: two digests for one version")
        signature = KEYS[self.side].sign(sign.digest)
        if not is_signed_by(sign.digest, signature, KEYS[self.side].address):
            raise Promise("the key signs")
        return signature

    def _boundary(self) -> None:
        if self.kill_in is not None:
            if self.kill_in == 0:
                self.is_up = False
                self.kill_in = None
                raise Killed
            self.kill_in -= 1


class Pair:
    """Both nodes, the chain and the link."""

    def __init__(self, policy: Policy = POLICY, *, depth: int = 2) -> None:
        self.chain = SpecChain((KEYS[0].address, KEYS[1].address), TOKENS, depth=depth)
        self.low = Node(Side.LOW, self.chain, policy)
        self.high = Node(Side.HIGH, self.chain, policy)
        self.nodes = (self.low, self.high)
        self.is_linked = False
        self.ids = 0
        self.said: list[tuple[Side, Message]] = []

    # EVENTS

    def happen(self, node: Node, event: Event) -> tuple[Effect, ...]:
        """Let an event happen at a node that may die of it."""
        if not node.is_up:
            return ()
        try:
            return node.happen(event)
        except Killed:
            node.outbox.clear()
            self.cut()
            return ()

    def both(self, event: Event) -> None:
        for node in self.nodes:
            self.happen(node, event)

    def link(self) -> None:
        """Connect the two, if both are up."""
        if not self.is_linked and all(node.is_up for node in self.nodes):
            self.is_linked = True
            for node in self.nodes:
                self.happen(node, Connected())

    def cut(self) -> None:
        """Lose the stream and everything on its way."""
        was_linked, self.is_linked = self.is_linked, False
        for node in self.nodes:
            node.outbox.clear()
        if was_linked:
            for node in self.nodes:
                self.happen(node, Lost())
                node.outbox.clear()

    def deliver(self, node: Node, *, is_doubled: bool = False) -> bool:
        """Bring the first message that a node has sent to the other."""
        if not self.is_linked or not node.outbox:
            return False
        message = node.outbox[0] if is_doubled else node.outbox.popleft()
        self.said.append((node.side, message))
        self.happen(self.nodes[node.side.other], Heard(message))
        return True

    def talk(self) -> None:
        """Deliver until nobody has anything to say."""
        for _ in range(2_000):
            from_low, from_high = map(self.deliver, self.nodes)
            if not (from_low or from_high):
                return
        raise Promise("CLP-07: the two never stop talking")

    def mine(self, seconds: int = 12, blocks: int = 1) -> None:
        """Make blocks, tell both of each, let them talk."""
        for _ in range(blocks):
            self.chain.mine(seconds)
            self.look()
            self.talk()

    def look(self) -> None:
        for node in self.nodes:
            self.happen(node, self.chain.observed(node.line))

    def price(self, btc_usd: int = 50_000, eth_usd: int = 3_000) -> None:
        self.both(Priced(market_at(self.chain.now, btc_usd, eth_usd)))
        self.talk()

    def pass_time(self, seconds: int, pace: int = 300) -> None:
        """Let time pass in blocks, with fresh prices."""
        until = self.chain.now + seconds
        while self.chain.now < until:
            self.mine(min(pace, until - self.chain.now))
            self.both(Ticked())
            self.talk()

    def want(self, node: Node, wish: Wish) -> bytes:
        self.ids += 1
        request_id = self.ids.to_bytes(16, "big")
        self.happen(node, Wanted(request_id, wish))
        return request_id

    def record(self, node: Node, *trades: ReportedTrade) -> None:
        self.happen(node, Recorded(tuple(trades)))

    def record_both(self, trades: Iterable[ReportedTrade]) -> None:
        trades = tuple(trades)
        self.record(self.low, *trades)
        self.record(self.high, *reversed(trades))
        self.talk()

    def force(self, node: Node) -> None:
        self.happen(node, Forced())

    # NAMED STATES

    def asked(self) -> Node:
        """Return the node whose operator is asked; there must be one."""
        for node in self.nodes:
            if any(not each.is_ours and not each.is_agreed for each in node.line.waits):
                return node
        raise AssertionError("nobody is asked")

    def open(self, asker: Side = Side.LOW) -> Pair:
        """Open and fund, with finality."""
        self.look()
        self.price()
        self.link()
        self.talk()
        wanted = self.want(self.nodes[asker], moves.Open(NETS, self.chain.now + HOUR))
        self.talk()
        self.happen(self.nodes[asker.other], Consented(wanted))
        self.talk()
        self.mine(blocks=1 + self.chain.depth)
        self.mine(seconds=61, blocks=1 + self.chain.depth)
        self.price()
        return self

    def require_agreed(self) -> None:
        """Hold both sides' latest states against each other."""
        low, high = self.low.line, self.high.line
        if low.full != high.full or low.position != high.position:
            raise Promise(
                f"CLP-03: low is at {self.low.version}, high at {self.high.version}, "
                "or at different states"
            )


def with_policy(**changes: object) -> Policy:
    return replace(POLICY, **changes)  # type: ignore[arg-type]
