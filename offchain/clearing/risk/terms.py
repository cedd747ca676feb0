"""Read what `clearing risk` is told: who owes what, at which prices and factors, behind what.

Amounts are exact decimal text. A side is written `low` or `high`, a factor with its percent sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled, scaled_text
from clearing.risk.documents import read_document
from clearing.risk.errors import TermsError, quote, quote_path
from clearing.spec.assets import AssetId, AssetTable, asset_id, is_symbol, symbol_of
from clearing.spec.liabilities import Liabilities
from clearing.spec.risk import Collateral, FactorTable, PriceSet
from clearing.spec.types import Side
from clearing.spec.units import WAD

__all__ = [
    "parse_collateral",
    "parse_factors",
    "parse_moved",
    "parse_owed",
    "parse_prices",
    "read_factors",
    "read_liabilities",
    "require_known",
]

LARGEST_WAD = 10**30 * WAD
"""Beyond any supply or price, so a larger number is a slip of the unit."""
PERCENT_DECIMALS = WAD_DECIMALS - 2
SIDES: Mapping[str, Side] = {"low": Side.LOW, "high": Side.HIGH}


def parse_owed(options: Sequence[str]) -> Liabilities:
    """Return the liabilities of `SIDE:ASSET:QUANTITY` options, such as `low:ETH:10`."""
    owed: dict[AssetId, int] = {}
    for option in options:
        place = f"--owes {quote(option)}"
        parts = option.split(":")
        if len(parts) != 3:  # noqa: PLR2004 - side, asset, quantity
            raise TermsError(place, "is not SIDE:ASSET:QUANTITY", "write it like low:ETH:10")
        side = _parse_side(parts[0], place)
        _put(owed, parts[1], _signed(side, _parse_positive(parts[2], place)), place)
    return Liabilities.of(owed)


def read_liabilities(path: Path) -> Liabilities:
    """Return the liabilities of a file like {"low": {"ETH": "10"}, "high": {"BTC": "1"}}."""
    owed: dict[AssetId, int] = {}
    for name, debts in _need_object(read_document(path), quote_path(path)).items():
        place = f"{quote_path(path)}, {quote(name)}"
        side = _parse_side(name, place)
        for symbol, quantity in _need_object(debts, place).items():
            here = f"{place}, {quote(symbol)}"
            _put(
                owed, symbol, _signed(side, _parse_positive(_need_text(quantity, here), here)), here
            )
    return Liabilities.of(owed)


def parse_prices(options: Sequence[str]) -> PriceSet:
    """Return the prices of `ASSET=USD` options, such as `BTC=52500`."""
    prices: dict[AssetId, int] = {}
    for option in options:
        place = f"--price {quote(option)}"
        symbol, text = _split_assignment(option, place, "BTC=52500")
        _put(prices, symbol, _parse_positive(text, place), place)
    return PriceSet.of(prices)


def parse_factors(options: Sequence[str], base: FactorTable) -> FactorTable:
    """Return `base` and the factors of `ASSET=PERCENT%` options, such as `BTC=2.09%`."""
    factors = dict(base.rows)
    for option in options:
        place = f"--factor {quote(option)}"
        symbol, text = _split_assignment(option, place, "BTC=2.09%")
        if not text.endswith("%"):
            raise TermsError(place, "has no percent sign", "write it like BTC=2.09%")
        factor_wad = parse_scaled(text.removesuffix("%"), PERCENT_DECIMALS, place)
        _put(factors, symbol, _need_share(factor_wad, place), place)
    return FactorTable.of(factors)


def read_factors(path: Path) -> FactorTable:
    """Return the factors of a file that `clearing risk-factors --json` wrote."""
    place = quote_path(path)
    document = _need_object(read_document(path), place)
    if "factors" not in document:
        fix = "write it with: clearing risk-factors FILE --json"
        raise TermsError(place, "has no 'factors'", fix)
    factors: dict[AssetId, int] = {}
    for symbol, row in _need_object(document["factors"], f"{place}, 'factors'").items():
        here = f"{place}, 'factors', {quote(symbol)}"
        factor = _need_object(row, here).get("factor_wad")
        here = f"{here}, 'factor_wad'"
        factor_wad = parse_scaled(_need_text(factor, here), 0, here)
        _put(factors, symbol, _need_share(factor_wad, here), here)
    return FactorTable.of(factors)


def parse_moved(option: str | None) -> int:
    """Return the variation margin of a `SIDE:USD` option, WAD USD, positive if low paid high."""
    if option is None:
        return 0
    side, moved_wad = _parse_side_amount(option, f"--moved {quote(option)}", "low:500")
    return _signed(side, moved_wad)


def parse_collateral(options: Sequence[str]) -> Collateral | None:
    """Return the collateral of `SIDE:USD` options; both sides or neither must be given."""
    held: dict[Side, int] = {}
    for option in options:
        place = f"--collateral {quote(option)}"
        side, collateral_wad = _parse_side_amount(option, place, "low:10000")
        if side in held:
            raise TermsError(place, f"{side.name.lower()} is given twice", "keep one of them")
        held[side] = collateral_wad
    if not held:
        return None
    for side in Side:
        if side not in held:
            name = side.name.lower()
            fix = f"add --collateral {name}:USD"
            raise TermsError("--collateral", f"is not given for {name}", fix)
    return Collateral(low_wad=held[Side.LOW], high_wad=held[Side.HIGH])


def require_known(liabilities: Liabilities, table: AssetTable, field: str, fix: str) -> None:
    """Raise TermsError for the first owed asset that `table` lacks; `fix` ends with its option."""
    for asset, _ in liabilities.rows:
        if table.find(asset) is None:
            symbol = symbol_of(asset)
            raise TermsError(field, f"none for {quote(symbol)}, which is owed", fix.format(symbol))


def _parse_side(text: str, place: str) -> Side:
    """Return the side that a text names."""
    if text not in SIDES:
        raise TermsError(place, f"{quote(text)} is not a side", "write low or high")
    return SIDES[text]


def _parse_side_amount(option: str, place: str, example: str) -> tuple[Side, int]:
    """Return the two parts of `SIDE:USD`; the amount is not negative."""
    name, colon, text = option.partition(":")
    if not colon:
        raise TermsError(place, "is not SIDE:USD", f"write it like {example}")
    side = _parse_side(name, place)
    amount_wad = parse_scaled(text, WAD_DECIMALS, place)
    if not 0 <= amount_wad <= LARGEST_WAD:
        problem = f"{quote(text)} is negative or beyond {scaled_text(LARGEST_WAD, WAD_DECIMALS)}"
        raise TermsError(place, problem, f"write it like {example}")
    return side, amount_wad


def _split_assignment(option: str, place: str, example: str) -> tuple[str, str]:
    """Return the two parts of `ASSET=TEXT`."""
    symbol, equals, text = option.partition("=")
    if not equals:
        raise TermsError(place, "is not ASSET=VALUE", f"write it like {example}")
    return symbol, text


def _parse_positive(text: str, place: str) -> int:
    """Return a positive amount, WAD."""
    amount_wad = parse_scaled(text, WAD_DECIMALS, place)
    if amount_wad <= 0:
        raise TermsError(place, f"{quote(text)} is not positive", "write a number above 0")
    if amount_wad > LARGEST_WAD:
        problem = f"{quote(text)} is beyond {scaled_text(LARGEST_WAD, WAD_DECIMALS)}"
        raise TermsError(place, problem, "check its unit: whole units, and USD per whole unit")
    return amount_wad


def _need_share(factor_wad: int, place: str) -> int:
    """Return the factor if it lies within 0 and 100 %."""
    if not 0 <= factor_wad <= WAD:
        percent = scaled_text(factor_wad, PERCENT_DECIMALS)
        raise TermsError(place, f"{percent} % is not within 0 and 100", "write it like 2.09%")
    return factor_wad


def _signed(side: Side, amount_wad: int) -> int:
    """Count what low owes or pays as positive."""
    return amount_wad if side is Side.LOW else -amount_wad


def _put(table: dict[AssetId, int], symbol: str, number: int, place: str) -> None:
    """Add an asset that is not there yet."""
    if not is_symbol(symbol):
        fix = "write 1 to 32 printable ASCII characters without a blank, like BTC"
        raise TermsError(place, f"{quote(symbol)} is not an asset's symbol", fix)
    if asset_id(symbol) in table:
        raise TermsError(place, f"{quote(symbol)} is given twice", "give it once")
    table[asset_id(symbol)] = number


def _need_object(value: object, place: str) -> dict[str, object]:
    """Return a document's object."""
    if not isinstance(value, dict):
        raise TermsError(place, "is not an object with keys", "see the command's --help")
    return {str(key): item for key, item in value.items()}


def _need_text(value: object, place: str) -> str:
    """Return a document's number, which was kept as text."""
    if not isinstance(value, str):
        raise TermsError(place, "is not a number", "write it in digits such as 1234.56")
    return value
