"""Name assets, and attach one integer to each of them in the one order that is ever hashed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NewType, Self

from clearing.spec.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AssetId", "AssetTable", "asset_id", "is_symbol", "symbol_of"]

AssetId = NewType("AssetId", bytes)
"""bytes32. What is cleared, on whichever chain or venue it is delivered."""

ASSET_ID_BYTES = 32
INT256_MAX = 2**255 - 1
INT256_MIN = -(2**255)


def is_symbol(text: str) -> bool:
    """Say whether `asset_id` takes a text: 1 to 32 printable ASCII characters, no blank."""
    is_printable = text.isascii() and text.isprintable() and " " not in text
    return is_printable and 0 < len(text) <= ASSET_ID_BYTES


def asset_id(symbol: str) -> AssetId:
    """Return the id of a symbol: its printable ASCII bytes, padded on the right with zeros to 32.

    The id reads as the symbol in any wallet, and two symbols never share one.
    Raises SpecError `AssetSymbol` for a text that is no symbol.
    """
    if not is_symbol(symbol):
        raise SpecError("AssetSymbol", symbol)
    return AssetId(symbol.encode("ascii").ljust(ASSET_ID_BYTES, b"\0"))


def symbol_of(asset: AssetId) -> str:
    """Return the symbol that `asset_id` gave this id, or its hex if no symbol has it."""
    symbol = asset.rstrip(b"\0").decode("ascii", errors="replace")
    return symbol if is_symbol(symbol) else "0x" + asset.hex()


@dataclass(frozen=True, slots=True)
class AssetTable:
    """One integer per asset, ascending by id, so that equal contents are equal and hash alike.

    Raises SpecError `AssetLength` (an id is not 32 bytes), `AssetOrder` (ids not strictly
    ascending) or `AssetAmount` (outside int256, or refused by the subclass).
    """

    rows: tuple[tuple[AssetId, int], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a table that has a second spelling."""
        for asset, amount in self.rows:
            if len(asset) != ASSET_ID_BYTES:
                raise SpecError("AssetLength", asset)
            if not INT256_MIN <= amount <= INT256_MAX or not self.is_amount(amount):
                raise SpecError("AssetAmount", asset, amount)
        for (before, _), (after, _) in pairwise(self.rows):
            if not before < after:
                raise SpecError("AssetOrder", before, after)

    @staticmethod
    def is_amount(_amount: int) -> bool:
        """Say whether the table can hold this number; subclasses narrow it."""
        return True

    @classmethod
    def of(cls, amounts: Mapping[AssetId, int]) -> Self:
        """Return the table of a mapping, in any order."""
        return cls(tuple(sorted(amounts.items())))

    def find(self, asset: AssetId) -> int | None:
        """Return the asset's number, None if the table has none."""
        return dict(self.rows).get(asset)
