"""What the tests of keepers share: a chain that keeps raw logs, and books compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyrevm

from clearing.chain.cursor import Log as RawLog
from clearing.keeper.book import Book
from clearing.keeper.exact import Terms, health_at, terms_of
from clearing.perp.answers import market_from
from clearing.spec.perp_types import Purpose
from clearing.spec.units import Address
from tests.harness.contract import Contract, Log
from tests.harness.perp_views import _POSITION, _unpack
from tests.harness.revm import Revm, address_of

DECIMALS = 6


class RawRecorder(Revm):
    """A chain that keeps every log as a node would give it."""

    def __init__(self) -> None:
        self.raw: list[RawLog] = []
        super().__init__()

    def log_of(self, log: pyrevm.Log) -> Log:
        topics, data = log.data
        emitter = address_of(log.address.lower())
        raw = RawLog(emitter, tuple(topics), data, 0, b"", b"", len(self.raw))
        self.raw.append(raw)
        return super().log_of(log)

    def deploy(self, name: str, *args: Any, sender: Address) -> Contract:
        contract = super().deploy(name, *args, sender=sender)
        result = self.evm.result
        assert result is not None
        for log in result.logs:
            self.log_of(log)
        return contract

    @contextmanager
    def isolated(self) -> Iterator[None]:
        before = len(self.raw)
        with super().isolated():
            yield
        del self.raw[before:]


def terms_at(lens: Contract, book: Book, now: int) -> dict[int, Terms]:
    """Return every market's terms, of what the lens says."""
    mask = book.guardian_mask(now)
    markets = map(market_from, lens.read("markets", 0, 128))
    return {each.market: terms_of(each, mask) for each in markets}


def hold_ledger(book: Book, engine: Contract) -> None:
    """Compare every account and position. Raises AssertionError."""
    *_, accounts, markets = engine.read("parameters")
    assert len(book) == accounts
    for account in range(accounts):
        _, cash, bits = engine.read("accountOf", account)
        assert book.cash[account] == cash, account
        assert sum(1 << market for market in book.positions(account)) == bits, account
        for market in range(markets):
            stored = _unpack(engine.read("positionOf", account, market), _POSITION)
            mine = book.position(account, market)
            assert stored == (mine.size, mine.quote, mine.index), (account, market)


def hold_health(book: Book, engine: Contract, terms: dict[int, Terms]) -> None:
    """Compare what every account is worth. Raises AssertionError."""
    for account in book.cash:
        for purpose in (Purpose.LIQUIDATE, Purpose.OPEN):
            said: Any = engine.read("healthOf", account, purpose)
            view = health_at(book.cash[account], book.positions(account), terms, purpose)
            assert tuple(said) == (
                view.equity,
                view.notional,
                view.im,
                view.mm,
                view.penalty,
                view.target,
                view.liquid_mm,
            ), (account, purpose)
