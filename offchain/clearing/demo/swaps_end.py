"""Scene: count everything, and hold what must be true whatever was played."""

from __future__ import annotations

from collections.abc import Mapping

from clearing.demo.swaps_facts import Sums, Worth
from clearing.demo.swaps_market import BTC, ETH, MARKETS
from clearing.demo.swaps_stage import RAW, SwapsStage
from clearing.demo.swaps_words import usd
from clearing.demo.teller import Teller
from clearing.risk.decimal_text import WAD_DECIMALS, scaled_text
from clearing.spec.perp_types import BACKSTOP, FEES, INSURANCE, VAULT
from clearing.spec.perp_units import PICO_TO_WAD
from clearing.spec.units import WAD, mul_div_down

__all__ = ["play_end", "require_books"]

IDLE = "Saver"
RAW_TO_WAD = WAD // RAW
DUST_WAD = 10**12
"""What rounding may leave to nobody, at most: a millionth of a dollar."""
STATE, FEES_PICO = 2, 3
"""Where PerpLens.markets has a market's state, and fees in it."""


def play_end(swaps: SwapsStage, teller: Teller) -> None:
    """Count. Raises AssertionError if the books do not balance."""
    teller.chapter("16 · What must hold in the end")
    for market in (ETH, BTC):
        swaps.stage.faucet.send(swaps["DerivativesEngine"].transact("collectFees", market))
    accounts = {
        "vault": int(VAULT),
        "backstop": int(BACKSTOP),
        "insurance": int(INSURANCE),
        "fees": int(FEES),
    }
    accounts |= {trader.name: trader.account for trader in swaps.traders.values()}
    worth = {
        name: Worth(swaps.paid_in.get(account, 0), swaps.equity(account))
        for name, account in accounts.items()
    }
    facts = teller.facts.swaps
    facts.worth, facts.sums = worth, _sums(swaps)
    _tell(teller, worth)
    require_books(facts.sums, worth[IDLE])

    left = facts.sums.tokens - facts.sums.owed
    teller.say(
        "  ✓ The sizes of all positions sum to 0 in ETH and to 0 in BTC.\n"
        f"  ✓ The ledger holds {usd(facts.sums.tokens)} USDC and owes no more: rounding has left\n"
        f"    {scaled_text(left, WAD_DECIMALS)} of it to nobody.\n"
        f"  ✓ {IDLE}, who had no position, has lost nothing, and takes his money home."
    )
    idle = swaps.traders[IDLE]
    all_raw = mul_div_down(swaps.cash(idle.account), 1, RAW_TO_WAD)
    call = ("DerivativesEngine", "withdraw", idle.account, all_raw, idle.sender.address)
    teller.step(f"{IDLE} withdraws 5,000", swaps.send(idle, *call))


def _sums(swaps: SwapsStage) -> Sums:
    """Return the sums over all accounts there are, with all funding that is due."""
    *_, count, _ = swaps.call("DerivativesEngine", "parameters")
    accounts = range(count)
    sizes = {
        MARKETS[market].symbol: sum(swaps.size(account, market) for account in accounts)
        for market in (ETH, BTC)
    }
    owed = sum(swaps.cash(account) for account in accounts)
    for account in accounts:
        for _, (_, quote_pico, _, due_wad), *_ in swaps.call("PerpLens", "positions", account):
            owed += quote_pico * PICO_TO_WAD - due_wad
    for market, told in enumerate(swaps.call("PerpLens", "markets", 0, len(MARKETS))):
        owed += told[STATE][FEES_PICO] * PICO_TO_WAD
        owed -= swaps.call("DerivativesEngine", "debtOf", market)
    held = swaps.call("USDC", "balanceOf", swaps["DerivativesEngine"].address)
    return Sums(sizes, held * RAW_TO_WAD, owed)


def require_books(sums: Sums, idle: Worth) -> None:
    """Raise AssertionError, which names it, for what does not hold; `idle` had no position."""
    for symbol, lots in sums.sizes.items():
        _insist(lots == 0, f"sizes in {symbol} sum to {lots} lots")
    left = sums.tokens - sums.owed
    _insist(left >= 0, f"the ledger owes {-left} wad more than it has")
    _insist(left <= DUST_WAD, f"{left} wad belong to nobody")
    _insist(idle.worth == idle.paid_in * WAD, f"{IDLE} has {idle.worth} wad")


def _insist(holds: bool, otherwise: str) -> None:  # noqa: FBT001 -- a condition, as in assert
    if not holds:
        raise AssertionError(otherwise)


def _tell(teller: Teller, worth: Mapping[str, Worth]) -> None:
    rows = [(name, usd(it.paid_in * WAD), usd(it.worth)) for name, it in worth.items()]
    paid_in, left = (
        sum(getattr(it, name) for it in worth.values()) for name in ("paid_in", "worth")
    )
    rows.append(("all together", usd(paid_in * WAD), usd(left)))
    teller.table("USD", "paid in", "worth now", rows=rows)
