"""Trade against the vault.

Models `contracts/derivatives/VaultModule.sol` and `vault/VaultTrade.sol`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.perp_book import Leg, Sample, book
from clearing.spec.perp_doors import SMALL_DEBT, require_trader
from clearing.spec.perp_ledger import (
    Ledger,
    Look,
    Quotes,
    account_of,
    health_of,
    position_of,
    tick,
)
from clearing.spec.perp_margin import owed_by
from clearing.spec.perp_trade import quote_of, require_skew
from clearing.spec.perp_types import VAULT, Kind, Position, Purpose
from clearing.spec.perp_units import PICO, PICO_TO_WAD, TICK, notional, value
from clearing.spec.units import PPM, Address, div_trunc, mul_div_down, mul_div_up

__all__ = ["DUST", "Ask", "Deal", "Traded", "force_reduce", "price_deal", "trade", "vault_worth"]

SILENCE_S: Final = 86_400
"""How long the settler is silent before traders reduce without it."""
DUST: Final = PICO_TO_WAD
"""Wad that roundings may leave a vault below zero whose loss was just shared."""


@dataclass(frozen=True, slots=True)
class Traded(Event):
    """A trade against the vault: size in lots, quote and fee in pico."""

    account: int
    market: int
    size: int
    quote: int
    fee: int


@dataclass(frozen=True, slots=True)
class Deal:
    """A priced trade: the trader's size and quote, its fee, and the traders' net size around it."""

    size: int
    quote: int
    fee: int
    net: int

    @property
    def net_after(self) -> int:
        """Lots that the traders are long against the vault afterwards."""
        return self.net + self.size

    @property
    def is_less(self) -> bool:
        """Whether the vault carries less afterwards."""
        return abs(self.net_after) < abs(self.net)


def price_deal(ledger: Ledger, account: int, market: int, look: Look, size: int) -> Deal:
    """Return what a trade costs or brings. Raises ZeroSize."""
    if size == 0:
        raise SpecError("ZeroSize")
    held = position_of(ledger, account, market).size
    net = -position_of(ledger, VAULT, market).size
    reduces = held * size < 0 and abs(size) <= abs(held)
    quote = look.quote
    band = (quote.lo, quote.hi) if reduces else (quote.open_lo, quote.open_hi)
    worth = quote_of(size, net, *band, look.market.trade)
    fee = mul_div_up(worth, look.market.trade.taker_fee, PPM)
    return Deal(size, -worth if size > 0 else worth, fee, net)


@dataclass(frozen=True, slots=True)
class Ask:
    """Who wants to trade what: size in lots, the worst average price in wad."""

    sender: Address
    account: int
    market: int
    size: int
    limit_price: int


def trade(ledger: Ledger, ask: Ask, nav: int, quotes: Quotes, now: int) -> tuple[Ledger, Effects]:
    """Buy or sell against the vault; `nav` is the value that its caps are measured by, wad.

    Raises ZeroSize, UnknownAccount, NotTrader, UnknownMarket, VaultMustBeAbsorbed, PriceLimit,
    SkewTooHigh, VaultCapReached, and what `book` raises.
    """
    market, size = ask.market, ask.size
    if size == 0:
        raise SpecError("ZeroSize")
    return _deal(ledger, ask, quotes, now, partial(_require_room, market, nav=nav))


def force_reduce(
    ledger: Ledger, ask: Ask, last_batch_at: int, quotes: Quotes, now: int
) -> tuple[Ledger, Effects]:
    """Reduce (size 0: close) past the vault's caps, the settler having been silent for a day.

    Raises SettlerActive, NoPosition, NotReduced, and what `trade` raises.
    """
    if now < last_batch_at + SILENCE_S:
        raise SpecError("SettlerActive", last_batch_at + SILENCE_S)
    held = position_of(ledger, ask.account, ask.market).size

    def require_reduced(_look: Look, deal: Deal) -> None:
        if not (held * deal.size < 0 and abs(deal.size) <= abs(held)):
            raise SpecError("NotReduced", ask.account, ask.market, held)

    return _deal(ledger, replace(ask, size=ask.size or -held), quotes, now, require_reduced)


def _deal(
    ledger: Ledger, ask: Ask, quotes: Quotes, now: int, require: Callable[[Look, Deal], None]
) -> tuple[Ledger, Effects]:
    """Price, ask the vault's rules, book."""
    account, market, size = ask.account, ask.market, ask.size
    require_trader(ledger, account, ask.sender, now)
    ledger, look, ticked = tick(ledger, market, quotes, now)
    if size == 0:
        raise SpecError("NoPosition", account, market)
    _require_carried(ledger, market, look, quotes, now)
    deal = price_deal(ledger, account, market, look, size)
    _require_limit(deal, ask.limit_price)
    if deal.net_after == 0:
        _require_solvent_when_flat(ledger, market, look, deal, quotes, now)
    require(look, deal)

    scale = look.market.trade.skew_lots
    sample = Sample(div_trunc(deal.net_after * PICO, scale), abs(deal.quote) * PICO_TO_WAD)
    legs = (
        Leg(account, size, deal.quote, deal.fee, judged=True),
        Leg(VAULT, -size, -deal.quote),
    )
    ledger, effects = book(ledger, market, legs, sample, Kind.VAULT, quotes, now)
    event = Traded(account, market, size, deal.quote, deal.fee)
    return ledger, (*ticked, event, *effects)


def vault_worth(cash: int, held: Position, look: Look) -> int:
    """Return the vault's cash and what its position in a market is worth at mid, wad, down."""
    gain = held.quote * PICO_TO_WAD + value(held.size, look.quote.mid)
    return cash + gain - owed_by(held, look.market.funding)


def _require_carried(ledger: Ledger, market: int, look: Look, quotes: Quotes, now: int) -> None:
    """Refuse trades with a vault below zero: its loss is shared first.

    Its other markets are looked at only where its cash does not cover what it lacks in this one.
    Where most of it has no price that is fair, nobody could share the loss: trades do not wait.
    Without positions, nobody's market has lost it: where it lacks more than what ends no market,
    they wait until somebody gives what it lacks.
    """
    cash, held = account_of(ledger, VAULT).cash, position_of(ledger, VAULT, market)
    if vault_worth(cash, held, look) >= 0:
        return
    view = health_of(ledger, VAULT, Purpose.LIQUIDATE, quotes, now)
    most = DUST if view.is_priced else SMALL_DEBT
    if view.equity < -most and (view.mm == 0 or view.is_priced):
        raise SpecError("VaultMustBeAbsorbed", view.equity)


def _require_solvent_when_flat(
    ledger: Ledger, market: int, look: Look, deal: Deal, quotes: Quotes, now: int
) -> None:
    """Refuse to leave the vault without a position here and below zero.

    By more than what ends no market, and where its loss can be shared: what it lost must stay where
    it was lost until then. At LIQUIDATE, but for the position here, at mid; and its cash, where
    this position has lost more than that: what is won elsewhere and not closed may go again.
    """
    view = health_of(ledger, VAULT, Purpose.LIQUIDATE, quotes, now)
    held, had = position_of(ledger, VAULT, market), account_of(ledger, VAULT).cash
    change = -value(held.size, look.quote.mid) - deal.quote * PICO_TO_WAD
    least, cash = view.equity + change, vault_worth(had, held, look) + change
    if cash < had - SMALL_DEBT:
        least = min(least, cash)
    if least < -SMALL_DEBT and view.is_priced:
        raise SpecError("VaultWouldOwe", least)


def _require_limit(deal: Deal, limit_price: int) -> None:
    """Refuse an average price worse than the limit: lots times wad over 1e14 is pico."""
    if deal.size > 0:
        most = mul_div_down(deal.size, limit_price, TICK)
        if -deal.quote > most:
            raise SpecError("PriceLimit", -deal.quote, most)
    else:
        least = mul_div_up(-deal.size, limit_price, TICK)
        if deal.quote < least:
            raise SpecError("PriceLimit", deal.quote, least)


def _require_room(market: int, look: Look, deal: Deal, *, nav: int) -> None:
    """Refuse what would load the vault beyond its skew or its share, unless it unloads."""
    require_skew(deal.size, deal.net, look.market.trade)
    if deal.is_less:
        return
    cap = mul_div_down(nav, look.market.limit.vault_share, PPM)
    carried = notional(deal.net_after, look.quote.mid)
    if carried > cap:
        raise SpecError("VaultCapReached", market, carried, cap)
