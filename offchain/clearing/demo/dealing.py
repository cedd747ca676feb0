"""Trade, once through a crash; then prices move: what is at risk, and the margin call."""

from __future__ import annotations

from clearing.demo.crash import book_through_a_crash
from clearing.demo.facts import Crash
from clearing.demo.floor import Floor
from clearing.demo.market import PRICES_AFTER, TRADES, market_at, real_factors
from clearing.operator.v1 import operator_pb2 as pb
from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled, rounded_text, scaled_text
from clearing.risk.views import risk_view
from clearing.spec.assets import symbol_of
from clearing.spec.liabilities import Liabilities, Trade
from clearing.spec.risk import risk_of
from clearing.spec.types import Side

__all__ = ["by_broker", "move_prices", "trade"]

HASH_SHOWN = 8
"""Hex digits that tell states apart for a person."""
CENTS = 2


async def trade(floor: Floor) -> None:
    """Book two trades; high is killed while the second is agreed on."""
    teller = floor.teller
    teller.chapter("3 · Trades: co-signed states, nothing on the chain; a kill -9 in between")
    first, second = TRADES
    await floor.record(1, first, *floor.desks)
    version = (await floor.reach("open", 2))[0].version
    teller.say(f"  {_told(floor, first)}: version {version}, signed by both")
    killed = floor.high.broker.pid
    teller.facts.crash = await book_through_a_crash(floor, 2, second)
    _tell_crash(floor, teller.facts.crash, _told(floor, second), killed)

    owed = by_broker(floor, await floor.liabilities())
    teller.facts.liabilities = owed
    for name, debts in owed.items():
        listed = ", ".join(
            f"{rounded_text(quantity, WAD_DECIMALS, 0)} {symbol}"
            for symbol, quantity in debts.items()
        )
        teller.say(f"  {name} owes {listed}.")


async def move_prices(floor: Floor) -> None:
    """Show what is at risk, then let both daemons see the prices: low pays high by itself."""
    teller = floor.teller
    low, high = (desk.broker.name for desk in floor.desks)
    teller.chapter("4 · Prices move: BTC 52,500, ETH 3,300. What is at risk?")
    owed = await floor.liabilities()
    market = market_at(PRICES_AFTER["BTC"], PRICES_AFTER["ETH"], floor.stage.contracts.now())
    seed = risk_of(owed, market.prices, market.factors)
    teller.facts.risk_usd_seed_wad = seed.risk_wad
    teller.say(f"  With the agreed factors ({low} is the low side, {high} the high side):")
    teller.show(risk_view(seed, None))
    real = risk_of(owed, market.prices, real_factors())
    teller.facts.risk_usd_real_wad = real.risk_wad
    teller.say("  With factors computed from a year of real daily closes:")
    teller.show(risk_view(real, None))

    teller.chapter("5 · Margin call: the split moves by the mark-to-market difference")
    before, _ = await floor.reach("open")
    floor.observe(PRICES_AFTER)
    called, _ = await floor.reach("open", before.version + 1)
    teller.say(
        f"  Both daemons see the prices. {low} pays {high} "
        f"{_usd(_wad(before.balances[0].own) - _wad(called.balances[0].own))} USDT inside the "
        f"channel: version {called.version}, signed by both, no transaction."
    )
    rows = [
        (
            f"version {channel.version}",
            _usd(_wad(channel.balances[0].own)),
            _usd(_wad(channel.balances[0].theirs)),
        )
        for channel in (before, called)
    ]
    teller.table("Split, USDT", low, high, rows=rows)
    teller.say(f"  What {low} must still cover: {_usd(await _required(floor))} USD.")


def by_broker(floor: Floor, liabilities: Liabilities) -> dict[str, dict[str, int]]:
    """Return what each broker owes by symbol, WAD of whole units."""
    low, high = (desk.broker.name for desk in floor.desks)
    owed: dict[str, dict[str, int]] = {low: {}, high: {}}
    for asset, quantity in liabilities.rows:
        owed[low if quantity > 0 else high][symbol_of(asset)] = abs(quantity)
    return owed


def _tell_crash(floor: Floor, crash: Crash, told: str, killed: int) -> None:
    teller = floor.teller
    low, high = (desk.broker for desk in floor.desks)
    teller.say(
        f"  {told}: {low.name} has signed version {crash.signed}, "
        f"{high.name} (process {killed}) is killed before it answers."
    )
    rows = [
        (when, *(f"version {held[it.name]}" for it in (low, high)))
        for when, held in (
            (f"once {high.name} is killed", crash.before),
            (f"once {high.name} is back, process {high.pid}", crash.after),
        )
    ]
    teller.table("Latest state that both have signed", low.name, high.name, rows=rows)
    teller.say(
        f"  {low.name} repeated the bytes it had signed, {high.name} answered: version "
        f"{crash.signed}, hash {crash.state_hash.hex()[:HASH_SHOWN]}… in both stores."
    )


def _told(floor: Floor, trade_: Trade) -> str:
    names = {Side.LOW: floor.low.broker.name, Side.HIGH: floor.high.broker.name}
    return (
        f"{names[trade_.seller]} sells {names[trade_.seller.other]} "
        f"{scaled_text(trade_.base_wad, WAD_DECIMALS)} {symbol_of(trade_.base)} for "
        f"{rounded_text(trade_.quote_wad, WAD_DECIMALS, 0)} {symbol_of(trade_.quote)}"
    )


async def _required(floor: Floor) -> int:
    """Return what low must cover by its daemon's word, WAD USD."""
    reply = await floor.low.client.ask("GetRisk", pb.ChannelRef(channel_id=floor.channel_id))
    return _wad(reply.own_required_usd)


def _wad(text: str) -> int:
    return parse_scaled(text, WAD_DECIMALS, "amount")


def _usd(wad: int) -> str:
    return rounded_text(wad, WAD_DECIMALS, CENTS)
