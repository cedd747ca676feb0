"""Play a recorded price path over a recorded book: what a keeper would have done, and earned.

Nothing is sent. Takeovers and absorptions are applied to the book in memory as the contracts would
apply them, so the next row meets what is left. Prices are what both sources say; there is no
premium, funding stands still, and what is absorbed goes to the backstop.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from clearing.keeper.book import Book
from clearing.keeper.columns import Columns
from clearing.keeper.decoding import Told
from clearing.keeper.exact import Takeover, Terms, health_at
from clearing.keeper.plan import Costs, Liquidator, PlanPolicy, Victim, plan
from clearing.keeper.scan import Found, scan
from clearing.risk.decimal_text import parse_scaled
from clearing.risk.errors import InputError, NumberError
from clearing.spec.perp_liquidation import quote_of
from clearing.spec.perp_margin import BPS, owed_by
from clearing.spec.perp_trade import filled
from clearing.spec.perp_types import BACKSTOP, INSURANCE, Funding, Position, RiskNow
from clearing.spec.units import mul_div_down, mul_div_up

__all__ = ["Moment", "PathError", "Recorded", "read_path", "read_recorded", "replay"]

WAD_DECIMALS: Final = 18
LIQUIDATION: Final = 2
RESOLUTION: Final = 3
ROLE: Final = 4


class PathError(InputError):
    """Say what is wrong with a file of a replay."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A book, and its markets' names and terms; `absorb_fee` wad by market."""

    book: Book
    names: Mapping[int, str]
    terms: Mapping[int, Terms]
    absorb_fee: Mapping[int, int]

    def to_json(self) -> dict[str, Any]:
        """Return what `read_recorded` reads."""
        return {
            "book": self.book.snapshot(),
            "markets": [
                {
                    "market": market,
                    "name": self.names[market],
                    "absorb_fee": str(self.absorb_fee[market]),
                    "f_long": str(terms.funding.f_long),
                    "f_short": str(terms.funding.f_short),
                    "least_wad": str(terms.least_wad),
                    "risk": asdict(terms.risk),
                }
                for market, terms in self.terms.items()
            ],
        }


@dataclass(frozen=True, slots=True)
class Moment:
    """One row: whom a keeper found and what it did; wad. `inventory` is what it holds at mid."""

    time: int
    found: tuple[Found, ...]
    takeovers: tuple[Takeover, ...]
    absorbed: tuple[int, ...]
    left: Mapping[int, str]
    reward: int
    cost: int
    equity: int
    bad_debt: int


def read_recorded(path: Path) -> Recorded:
    """Return what `clearing keeper snapshot` wrote. Raises PathError."""
    try:
        said = json.loads(path.read_text("utf-8"))
        markets = {int(row["market"]): row for row in said["markets"]}
        return Recorded(
            book=Book.restored(said["book"]),
            names={market: str(row["name"]) for market, row in markets.items()},
            terms={market: _terms(market, row) for market, row in markets.items()},
            absorb_fee={market: int(row["absorb_fee"]) for market, row in markets.items()},
        )
    except OSError as error:
        raise PathError("--book", f"cannot be read ({error.strerror})", "name a file") from None
    except (ValueError, KeyError, TypeError) as error:
        problem = f"is no snapshot ({type(error).__name__})"
        raise PathError("--book", problem, "make it with clearing keeper snapshot") from None


def _terms(market: int, row: Mapping[str, Any]) -> Terms:
    return Terms(
        market=market,
        long_price=0,
        short_price=0,
        long_open=0,
        short_open=0,
        mid=0,
        funding=Funding(int(row["f_long"]), int(row["f_short"]), 0, 0),
        risk=RiskNow(**row["risk"]),
        least_wad=int(row["least_wad"]),
        priced=True,
        liquidates=True,
    )


def read_path(path: Path, names: Mapping[int, str]) -> list[tuple[int, dict[int, int]]]:
    """Return the rows of a CSV `time,ETH/USD,…`: seconds and USD; each market has a column.

    Raises PathError.
    """
    markets = {name.upper(): market for market, name in names.items()}
    rows: list[tuple[int, dict[int, int]]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = markets.keys() - {str(name).upper() for name in reader.fieldnames or ()}
            if missing:
                problem = f"has no column {min(missing)}"
                raise PathError("FILE", problem, "add one for each market")
            for row in reader:
                prices = {
                    markets[name.upper()]: parse_scaled(
                        text, WAD_DECIMALS, f"line {reader.line_num}"
                    )
                    for name, text in row.items()
                    if name.upper() in markets
                }
                rows.append((int(row["time"]), prices))
    except OSError as error:
        raise PathError("FILE", f"cannot be read ({error.strerror})", "name a file") from None
    except (NumberError, ValueError, KeyError, AttributeError, TypeError) as error:
        if isinstance(error, PathError):
            raise
        problem = f"line {len(rows) + 2} is no row of prices"
        raise PathError("FILE", problem, "write time and USD for each market") from None
    return rows


def replay(
    recorded: Recorded,
    rows: Sequence[tuple[int, Mapping[int, int]]],
    liquidator: int,
    policy: PlanPolicy,
    costs: Costs,
    band_bps: int = 0,
) -> Iterator[Moment]:
    """Yield each row's moment; the recorded book is used up by it."""
    book, columns = recorded.book, Columns()
    for number, (time, prices) in enumerate(rows):
        terms = {
            market: _priced(recorded.terms[market], price, band_bps)
            for market, price in prices.items()
        }
        found = scan(book, columns, terms)
        bad_debt = sum(max(0, -each.equity) for each in found)
        victims = [_victim(recorded, each, terms) for each in found if each.account != liquidator]
        mine = Liquidator(book.cash[liquidator], book.positions(liquidator), terms)
        decided = plan(victims, terms, mine, costs, policy)
        takeovers = [each for batch in decided.batches for each in batch.takeovers]
        fees = {victim.account: victim.absorb_fee for victim in victims}
        absorbed = [each.account for each in decided.absorbs]
        told = [it for each in takeovers for it in _taken(each, liquidator)]
        book.take(2 * number, _in_turn(book, told))
        book.take(2 * number + 1, _absorptions(book, absorbed, terms, fees, liquidator))
        reward = sum(each.reward for each in takeovers) + sum(fees[each] for each in absorbed)
        sums = (
            costs.batch_wad * len(decided.batches)
            + costs.account_wad * len(takeovers)
            + costs.absorb_wad * len(absorbed)
        )
        own = health_at(book.cash[liquidator], book.positions(liquidator), terms)
        yield Moment(
            time=time,
            found=found,
            takeovers=tuple(takeovers),
            absorbed=tuple(absorbed),
            left=decided.left,
            reward=reward,
            cost=sums,
            equity=own.equity,
            bad_debt=bad_debt,
        )


def _priced(terms: Terms, price: int, band_bps: int) -> Terms:
    lo = mul_div_down(price, BPS - band_bps, BPS)
    hi = mul_div_up(price, BPS + band_bps, BPS)
    return replace(terms, long_price=hi, short_price=lo, long_open=lo, short_open=hi, mid=price)


def _victim(recorded: Recorded, found: Found, terms: Mapping[int, Terms]) -> Victim:
    book = recorded.book
    held = book.positions(found.account)
    view = health_at(book.cash[found.account], held, terms)
    asked = sum(recorded.absorb_fee[market] for market in held)
    own = max(0, min(asked, view.equity))
    fee = own + min(asked - own, max(0, book.cash[INSURANCE]))
    return Victim(found.account, view, held, fee)


def _taken(takeover: Takeover, liquidator: int) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield the legs of a takeover: market, account, lots, quote, extra cash, kind."""
    quote = quote_of(takeover.size, takeover.price)
    penalty = takeover.penalty
    yield takeover.market, takeover.account, -takeover.size, quote, -penalty, LIQUIDATION
    yield takeover.market, liquidator, takeover.size, -quote, takeover.reward, LIQUIDATION
    rest = penalty - takeover.reward
    yield takeover.market, INSURANCE, 0, 0, rest, LIQUIDATION


def _in_turn(book: Book, legs: Sequence[tuple[int, int, int, int, int, int]]) -> Iterator[Told]:
    """Yield each leg's event; the book has taken the one before when the next is asked for."""
    for market, account, lots, quote, cash, kind in legs:
        before = book.position(account, market)
        known = book.markets[market]
        funding = Funding(known.f_long, known.f_short, 0, 0)
        _, realised = filled(before, funding, lots, quote) if lots else (None, 0)
        moved = realised + cash - owed_by(before, funding)
        yield Told("Booked", (market, account, lots, quote, 0, moved, kind))


def _absorptions(
    book: Book,
    accounts: Sequence[int],
    terms: Mapping[int, Terms],
    fees: Mapping[int, int],
    keeper: int,
) -> Iterator[Told]:
    for account in accounts:
        yield from _absorbed(book, account, terms, fees, keeper)


def _absorbed(
    book: Book,
    account: int,
    terms: Mapping[int, Terms],
    fees: Mapping[int, int],
    keeper: int,
) -> Iterator[Told]:
    """Yield the events of an absorption: positions and what is left go to the backstop."""
    held: dict[int, Position] = dict(book.positions(account))
    for market, position in held.items():
        price = terms[market].price(position.size)
        quote = quote_of(position.size, price)
        legs = (
            (market, account, -position.size, quote, 0, RESOLUTION),
            (market, BACKSTOP, position.size, -quote, 0, RESOLUTION),
        )
        yield from _in_turn(book, legs)
    own = max(0, min(fees[account], book.cash[account]))
    yield Told("CashMoved", (account, keeper, own, ROLE))
    yield Told("CashMoved", (INSURANCE, keeper, fees[account] - own, ROLE))
    yield Told("CashMoved", (account, BACKSTOP, book.cash[account], ROLE))
