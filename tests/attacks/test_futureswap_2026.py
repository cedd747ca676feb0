"""FutureSwap, 2026: a pool's shares were minted and paid at a value that a transaction could move.

Here a share is bought at the vault's best case and paid at its worst, a day after it was asked for;
gifts and first deposits meet virtual shares; the value that caps are measured by is taken at most
hourly, or by who leaves his money in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clearing.spec.units import WAD
from tests.attacks.perp_stage import Market, market_of, provide
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.match import Trader
from tests.harness.perp import ETH, FAR, LIMIT, LOT, RAW, VAULT, usd
from tests.unit.perp_engine.scene import batch, set_market

DAY_S = 86_400
HOUR_S = 3_600
FEW = 10**20
"""Shares: hardly anything, but not nothing."""
VICTIMS = 10_000
"""USD that the victim puts in."""


def share_worth(market: Market, account: int) -> int:
    """Return what an account's shares would be paid now, wad, down."""
    vault = market.rig.vault
    shares, total = vault.read("sharesOf", account), vault.read("totalShares")
    return shares * (vault.read("nav")[0] + 1) // (total + 10**6)


def leave(market: Market, trader: Trader) -> int:
    """Ask for all shares, wait a day, and claim; return what was paid, wad."""
    vault = market.rig.vault
    shares = vault.read("sharesOf", trader.account)
    vault.send("requestClaim", trader.account, shares, sender=trader.owner)
    market.rig.wait(DAY_S)
    market.say()
    paid: int = vault.send("claim", trader.account, sender=trader.owner).output
    return paid


# THE FIRST DEPOSIT, AND GIFTS


@pytest.fixture(scope="module")
def empty_stage() -> Market:
    return market_of(vault_usd=0)


@pytest.fixture
def empty(empty_stage: Market) -> Iterator[Market]:
    """A vault with nothing in it; undone after the test."""
    with empty_stage.rig.chain.isolated():
        yield empty_stage


@pytest.mark.parametrize("first_wad", [1, 10**6, 10**12, WAD])
@pytest.mark.parametrize("gift", [0, 100, VICTIMS, 1_000_000])
def test_futureswap__first_deposit_and_gift__cost_the_attacker_more_than_the_victim(
    empty: Market, first_wad: int, gift: int
) -> None:
    """He is first with next to nothing, gives to the vault, and waits for somebody to come.

    The victim loses less than a share's worth; the attacker a million times as much. At worst, a
    wei and a gift of 1,000,000 USD, it is 0.50 USD of 10,000 against 499,999.75.
    """
    attacker, victim = (empty.match.trader(name, 2_000_000) for name in ("attacker", "victim"))
    provide(empty.rig, attacker, first_wad)
    before = empty.wealth([attacker]) + first_wad
    if gift:
        empty.rig.engine.send(
            "transferCash", attacker.account, VAULT, usd(gift), sender=attacker.owner
        )
    total, nav = empty.rig.vault.read("totalShares"), empty.rig.vault.read("nav")[0]
    a_share = (nav + 1) // (total + 10**6) + 1

    provide(empty.rig, victim, usd(VICTIMS))

    lost = usd(VICTIMS) - share_worth(empty, victim.account)
    assert 0 <= lost <= a_share + 1
    leave(empty, attacker)
    spent = before - empty.wealth([attacker])
    assert spent >= 10**6 * (lost - 1), "but for a wei of rounding"


def test_futureswap__tokens_sent_past_the_ledger__are_worth_nothing(market: Market) -> None:
    """A deposit into the vault's account counts for its shares; a bare transfer does not."""
    rig, outsider = market.rig, market.rig.roles.outsider
    before = rig.vault.read("nav")
    with rig.chain.isolated():
        rig.fund(VAULT, 1_000)
        assert rig.vault.read("nav") == tuple(value + usd(1_000) for value in before)

    rig.token.send("mint", rig.engine.address, 1_000 * RAW, sender=outsider)

    assert rig.vault.read("nav") == before


# ONE TRANSACTION


def holder_of(market: Market, dollars: int) -> tuple[Contract, tuple[int, int]]:
    """Return a contract that does many things in one transaction, and two accounts of its own."""
    rig = market.rig
    holder = rig.chain.deploy("HostileAccount", sender=rig.roles.deployer)
    first = rig.engine.read("parameters")[4]
    create = (rig.engine, "createAccount", ())
    holder.send("execute", batch(create, create), sender=rig.roles.outsider)
    rig.fund(first, dollars)
    rig.fund(first + 1, dollars)
    return holder, (first, first + 1)


def refusal(market: Market, holder: Contract, *calls: Any) -> str:
    """Make calls in one transaction, undone; return why not, if not."""
    with market.rig.chain.isolated():
        try:
            holder.send("execute", batch(*calls), sender=market.rig.roles.outsider)
        except Refused as refused:
            return refused.name
    return ""


def test_futureswap__in_and_out_in_one_transaction__is_too_soon(market: Market) -> None:
    """Each half works; shares that were just bought are paid a day later at the earliest."""
    rig, (holder, (account, _)) = market.rig, holder_of(market, 5_000_000)
    vault = rig.vault
    buy = (vault, "addLiquidity", (account, usd(1_000_000), 0))
    ask = (vault, "requestClaim", (account, FEW))
    paid = (vault, "claim", (account,))
    assert refusal(market, holder, buy, ask) == ""
    assert refusal(market, holder, buy, ask, paid) == "TooSoon"

    holder.send("execute", batch(buy, ask), sender=rig.roles.outsider)
    for wait_s, expected in ((DAY_S - 1, "TooSoon"), (1, "")):
        rig.wait(wait_s)
        assert refusal(market, holder, paid) == expected


def test_futureswap__the_caps_are_raised_for_a_trade__by_money_that_stays(market: Market) -> None:
    """The vault may carry a tenth of its value; money that comes in raises that at once.

    But it cannot go again for a day. A gift raises it hourly, and is gone for good.
    """
    rig, (holder, (account, other)) = market.rig, holder_of(market, 9_000_000)
    set_market(rig, ETH, vaultShare=LIMIT["vaultShare"] // 10)
    vault, engine, size = rig.vault, rig.engine, 400 * LOT
    trade = (vault, "trade", (other, ETH, size, 2**127, FAR))
    buy = (vault, "addLiquidity", (account, usd(5_000_000), 0))
    gift = (engine, "transferCash", (account, VAULT, usd(5_000_000)))
    take = (vault, "takeNav", ())
    ask = (vault, "requestClaim", (account, FEW))
    claim = (vault, "claim", (account,))
    assert refusal(market, holder, trade) == "VaultCapReached"
    assert refusal(market, holder, buy, trade) == ""
    assert refusal(market, holder, gift, trade) == "VaultCapReached"
    assert refusal(market, holder, gift, take, trade) == "TooSoon"

    assert refusal(market, holder, buy, trade, ask, claim) == "TooSoon"

    rig.wait(HOUR_S)
    market.say()
    assert refusal(market, holder, gift, take, trade) == ""


def test_futureswap__who_leaves__takes_his_part_of_the_caps_along(market: Market) -> None:
    """The value is taken at every move of liquidity: no cap outlives the money behind it."""
    rig = market.rig
    provider = market.match.trader("provider", 5_000_000)
    taken = rig.vault.read("navTaken")[0]
    provide(rig, provider, usd(5_000_000))
    assert rig.vault.read("navTaken")[0] == taken + usd(5_000_000)

    leave(market, provider)

    assert taken <= rig.vault.read("navTaken")[0] <= taken + 1


# AROUND A PRICE, AND AROUND THE PREMIUM


CARRIED = 3_000 * LOT
MONEY = 10_000_000


def carrying(market: Market, side: int) -> Trader:
    """Let the vault carry 9,000,000 USD against an honest trader; return the attacker."""
    honest = market.match.trader("honest", 2_000_000)
    market.rig.trade(honest.account, honest.key, ETH, side * CARRIED)
    market.fade()
    return market.match.trader("attacker", MONEY)


@pytest.mark.parametrize("side", [1, -1])
def test_futureswap__in_and_out_at_one_price__costs_the_band(market: Market, side: int) -> None:
    """[PERP-18] In at the best case, out at the worst: 800 USD of 10,000,000 are lost."""
    attacker = carrying(market, side)
    before = market.wealth([attacker])
    provide(market.rig, attacker, usd(MONEY))

    leave(market, attacker)

    lost = before - market.wealth([attacker])
    assert usd(700) < lost < usd(900), "PERP-18: nobody gains by stepping in and out"


@pytest.mark.parametrize("side", [1, -1])
def test_futureswap__the_premium_is_pushed_before__costs_more(market: Market, side: int) -> None:
    """[PERP-18] Two rounds of trades with himself, 5,000 USD of fees, push it by 1.4 %.

    The vault is then valued 127,000 USD too low even in its best case; the premium fades in 300 s,
    and a day later he is paid without it: 58,000 USD more than all that he spent.
    """
    attacker = carrying(market, side)
    pushing = [market.match.trader(name, 2_000_000) for name in ("one", "other")]
    crew = (attacker, *pushing)
    before = market.wealth(crew)
    market.pump(pushing[0], pushing[1], 600 * LOT, shift_ppm=side * 45_000, rounds=2)
    assert before - market.wealth(crew) > usd(4_800)
    provide(market.rig, attacker, usd(MONEY))

    leave(market, attacker)

    assert market.wealth(crew) <= before, "PERP-18: nobody gains by stepping in and out"
