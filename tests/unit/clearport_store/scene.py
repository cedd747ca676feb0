"""A channel that books trades, version after version, as records for the store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from clearing.channel.risk_hash import DatedPrices
from clearing.channel.signatures import Signature
from clearing.clearport.core.channel import Half, Line
from clearing.clearport.core.effects import Booked
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.ports import Permit, Record, Reservation
from clearing.client import moves
from clearing.client.position import Position, advance
from clearing.client.session import CoSigned
from clearing.client.terms import Market, Terms, Token
from clearing.spec.assets import asset_id
from clearing.spec.liabilities import Trade
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.types import ChannelDef, Side
from clearing.spec.units import WAD

BTC, ETH, USDC, USDT = map(asset_id, ("BTC", "ETH", "USDC", "USDT"))
KEY = "signer-1"
TYPE = b"\x5c" * 32
FACTORS = FactorTable.of({BTC: 209 * 10**14, ETH: 268 * 10**14, USDC: 27 * 10**13})
PRICES = PriceSet.of({BTC: 50_000 * WAD, ETH: 3_000 * WAD, USDC: WAD, USDT: WAD})
MARKET = Market(DatedPrices(PRICES, 1, 2), FACTORS)
TERMS = Terms(
    collateral=(Token(USDT, b"\x01" * 20, 6),),
    deliverable={
        BTC: Token(BTC, b"\x03" * 20, 8),
        ETH: Token(ETH, b"\x04" * 20, 18),
        USDC: Token(USDC, b"\x05" * 20, 6),
    },
)
DEFINITION = ChannelDef(
    31_337,
    b"\xad" * 20,
    b"\x01" * 20,
    b"\x02" * 20,
    b"\x11" * 20,
    b"\x12" * 20,
    (b"\x01" * 20,),
    86_400,
    1,
)
SIGNED_AT = 1_000


def channel_id(number: int) -> bytes:
    return b"\xc4" + number.to_bytes(31, "big")


def digest_of(version: int) -> bytes:
    return b"\xd1" + version.to_bytes(31, "big")


def signature_of(version: int) -> Signature:
    return Signature(version.to_bytes(32, "big"), bytes(32))


def opened(number: int = 1) -> Line:
    """Return a channel that is open at version 1, with nothing owed."""
    start = Position(channel_id(number), epoch=0)
    opening = moves.Open(((10**12, 10**12),), 9_000)
    position = advance(start, opening, TERMS, 1, SIGNED_AT)
    return Line(
        DEFINITION,
        channel_id(number),
        b"\x5e" * 32,
        Side.LOW,
        TERMS,
        position,
        full=CoSigned(position.live, (signature_of(1), signature_of(2))),
        signed=(position.live,),
    )


def reservation(line: Line, version: int, digest: bytes | None = None) -> Reservation:
    epoch = line.position.epoch
    digest = digest_of(version) if digest is None else digest
    return Reservation(KEY, TYPE, line.channel_id, epoch, version, digest)


@dataclass
class Updates:
    """The records of one update after another, as high does them: two commits each."""

    line: Line
    trades: int = 1
    done: int = 0
    permit: Permit | None = field(default=None)

    def propose(self) -> Record:
        version = self.line.position.live.version + 1
        name = f"T-{version}"
        # To and fro, so that the risk stays small, and at two prices, so that something is owed.
        seller, usd = (Side.LOW, 3_000) if version % 2 else (Side.HIGH, 3_001)
        booked = tuple(
            ReportedTrade(f"{name}-{i}", Trade(seller, ETH, WAD, USDC, usd * WAD))
            for i in range(self.trades)
        )
        move = moves.Book(tuple(each.trade for each in booked), MARKET)
        after = advance(self.line.position, move, TERMS, version, SIGNED_AT + version)
        ids = tuple(each.trade_id for each in booked)
        half = Half(move, ids, after, digest_of(version), theirs=signature_of(version))
        self.line = replace(self.line, half=half, trades=booked, reported=booked)
        return Record(line=self.line, reserve=reservation(self.line, version))

    def agree(self, permit: Permit) -> Record:
        half = self.line.half
        signed = Permit(permit.reservation, signature_of(half.version))
        full = CoSigned(half.after.live, (half.theirs, signed.signature))
        self.line = replace(
            self.line,
            position=half.after,
            full=full,
            half=None,
            signed=(*self.line.signed[:1], half.after.live),
            trades=(),
            reported=(),
        )
        self.done += 1
        return Record(
            line=self.line,
            signed=signed,
            agreed=full,
            booked=Booked(half.version, half.trade_ids),
        )

    async def update(self, store) -> int:
        """Do one update; return its version."""
        permit = await store.commit(self.propose())
        await store.commit(self.agree(permit))
        return self.line.position.live.version
