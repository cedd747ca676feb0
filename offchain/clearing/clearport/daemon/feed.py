"""Sign prices, and read signed ones: a JSON file that whoever observes the market writes.

::

    {"prices": {"BTC": "52500", "USDT": "1"}, "oldestAt": 1700000000, "newestAt": 1700000001,
     "signatures": ["0x…"]}

Each signature is 65 bytes over EIP-712's Prices(bytes32[] assets,uint256[] pricesWad,uint40
oldestAt,uint40 newestAt) in the domain "Clearport Prices", version 1, of the chain and Adjudicator.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account.messages import encode_typed_data

from clearing.channel.keccak import keccak256
from clearing.channel.risk_hash import DatedPrices
from clearing.channel.signatures import Signature, Signer, recover
from clearing.clearport.errors import UnavailableError
from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled, scaled_text
from clearing.risk.errors import NumberError
from clearing.spec.assets import asset_id, symbol_of
from clearing.spec.errors import SpecError
from clearing.spec.risk import PriceSet
from clearing.spec.units import Address, Timestamp

__all__ = ["FeedDomain", "SignedPrices", "parse_signed", "sign_prices", "write_signed"]

LARGEST_FILE: Final = 65_536
MOST_SIGNATURES: Final = 32
SIGNATURE_BYTES: Final = 65
UINT40: Final = 1 << 40
UINT256: Final = 1 << 256
TYPES: Final = {
    "Prices": [
        {"name": "assets", "type": "bytes32[]"},
        {"name": "pricesWad", "type": "uint256[]"},
        {"name": "oldestAt", "type": "uint40"},
        {"name": "newestAt", "type": "uint40"},
    ]
}
FIX: Final = "have the feed written anew"


@dataclass(frozen=True, slots=True)
class FeedDomain:
    """For which chain and Adjudicator prices are signed."""

    chain_id: int
    adjudicator: Address

    def digest(self, dated: DatedPrices) -> bytes:
        """Return the 32 bytes that a feed's key signs."""
        signable = encode_typed_data(
            domain_data={
                "name": "Clearport Prices",
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": "0x" + self.adjudicator.hex(),
            },
            message_types=TYPES,
            message_data={
                "assets": [asset for asset, _ in dated.prices.rows],
                "pricesWad": [price_wad for _, price_wad in dated.prices.rows],
                "oldestAt": dated.oldest_at,
                "newestAt": dated.newest_at,
            },
        )
        return keccak256(b"\x19" + signable.version + signable.header + signable.body)


@dataclass(frozen=True, slots=True)
class SignedPrices:
    """Prices, and signatures (r, s, v) of their digest."""

    dated: DatedPrices
    signatures: tuple[bytes, ...]

    def signers(self, domain: FeedDomain) -> frozenset[Address]:
        """Return whose signatures they are; one that is nobody's counts for nothing."""
        digest = domain.digest(self.dated)
        expanded = map(Signature.from_expanded, self.signatures)
        found = (recover(digest, signature) for signature in expanded if signature is not None)
        return frozenset(address for address in found if address is not None)

    def to_json(self) -> str:
        """Spell it as `parse_signed` reads it."""
        dated = self.dated
        return json.dumps(
            {
                "prices": {
                    symbol_of(asset): scaled_text(price_wad, WAD_DECIMALS)
                    for asset, price_wad in dated.prices.rows
                },
                "oldestAt": dated.oldest_at,
                "newestAt": dated.newest_at,
                "signatures": ["0x" + signature.hex() for signature in self.signatures],
            },
            indent=2,
        )


def sign_prices(
    prices_wad: Mapping[str, int], at: int, domain: FeedDomain, keys: Iterable[Signer]
) -> SignedPrices:
    """Return prices by symbol, WAD USD, observed at a time and signed by some keys."""
    prices = PriceSet.of({asset_id(symbol): wad for symbol, wad in prices_wad.items()})
    dated = DatedPrices(prices, Timestamp(at), Timestamp(at))
    digest = domain.digest(dated)
    return SignedPrices(dated, tuple(key.sign(digest).expanded() for key in keys))


def write_signed(path: Path, signed: SignedPrices) -> None:
    """Replace the file in one step, so that nobody reads half of it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(signed.to_json() + "\n", encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105 - atomic by its documentation


def parse_signed(text: bytes) -> SignedPrices:
    """Return what a feed's file says. Raises UnavailableError naming the field."""
    if len(text) > LARGEST_FILE:
        raise UnavailableError(f"has more than {LARGEST_FILE} bytes", FIX, field="prices.file")
    try:
        document = json.loads(text)
        prices = {asset_id(symbol): _price(wad) for symbol, wad in document["prices"].items()}
        oldest_at, newest_at = _time(document["oldestAt"]), _time(document["newestAt"])
        signatures = tuple(map(_signature, document["signatures"]))
        dated = DatedPrices(PriceSet.of(prices), oldest_at, newest_at)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = f"is no feed: {type(error).__name__} {error}"
        raise UnavailableError(problem, FIX, field="prices.file") from error
    except (NumberError, SpecError) as error:
        raise UnavailableError(str(error), FIX, field="prices.file") from error
    if oldest_at > newest_at or len(signatures) > MOST_SIGNATURES:
        raise UnavailableError("has times or signatures out of range", FIX, field="prices.file")
    return SignedPrices(dated, signatures)


def _price(text: Any) -> int:
    if not isinstance(text, str):
        raise TypeError("a price is decimal text")
    wad = parse_scaled(text, WAD_DECIMALS, "price")
    if not 0 < wad < UINT256:
        raise ValueError("a price is positive")
    return wad


def _time(seconds: Any) -> Timestamp:
    if type(seconds) is not int or not 0 < seconds < UINT40:
        raise ValueError("a time is Unix seconds")
    return Timestamp(seconds)


def _signature(text: Any) -> bytes:
    signature = bytes.fromhex(text.removeprefix("0x"))
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"a signature has {SIGNATURE_BYTES} bytes")
    return signature
