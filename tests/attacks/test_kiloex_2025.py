"""KiloEx, April 2025: an open forwarder vouched for any sender, and so anybody set prices.

He opened at 100 USD and closed at 10,000. Here no contract knows a forwarder: the caller is
msg.sender, whatever address is appended to the data; and no function takes a price.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from clearing.chain.artifacts import abi_of
from clearing.channel.perp_batch import Match
from clearing.spec.units import WAD, Address
from tests.attacks.perp_stage import Market, price_of
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.match import Trader, abi_group
from tests.harness.perp import ETH, FAR, FEEDS, LOT, PRICES_E8, TRADE, usd
from tests.unit.perp_engine.scene import rates_with, with_changed

CONTRACTS: Final = (
    "DerivativesEngine",
    "VaultModule",
    "MatchSettler",
    "RiskManager",
    "PriceOracle",
    "MarketAdmin",
    "MarketBounds",
)
FORWARDING: Final = {"forward", "multicall", "execute", "meta", "relay", "onbehalf", "setprice"}
"""Parts of names under which others' calls, or prices, are brought in elsewhere."""
DAY_S: Final = 86_400
Do = tuple[Contract, str, tuple[Any, ...], Address, str]
"""A call, who may make it, and how anybody else is refused."""


def functions(contract: str) -> list[dict[str, Any]]:
    return [entry for entry in abi_of(contract) if entry["type"] == "function"]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_kiloex__the_abi__has_nothing_that_forwards(contract: str) -> None:
    """The mocks of an attacker do, so the words are looked for rightly."""
    assert any("execute" in entry["name"] for entry in functions("HostileAccount"))

    names = [entry["name"].lower() for entry in functions(contract)]

    assert [name for name in names if any(part in name for part in FORWARDING)] == []


def inputs(entries: list[Any]) -> set[str]:
    """Return the names of inputs, those of structs included."""
    inner = [inputs(entry.get("components", [])) for entry in entries]
    return {entry["name"].lower() for entry in entries}.union(*inner)


def test_kiloex__the_oracle__takes_no_price_from_anybody() -> None:
    """A trade's limit is the one price that callers name."""
    assert "limitprice" in inputs([e for f in functions("VaultModule") for e in f["inputs"]])

    names = inputs([e for f in functions("PriceOracle") for e in f["inputs"]])

    assert {name for name in names if "price" in name} == set()


# SOMEBODY ELSE'S NAME


def rights(market: Market) -> dict[str, Do]:
    """Return a call of each function that asks who calls; all of them succeed now."""
    rig, match = market.rig, market.match
    engine, vault, settler, oracle = rig.engine, rig.vault, match.settler, rig.oracle
    victim, keeper = match.trader("victim"), match.trader("keeper")
    weak, idle = match.trader("weak", 3_500), market.founder
    timelock, guardian = rig.roles.timelock, rig.roles.guardian
    a, owner = victim.account, victim.owner
    provider = Trader(engine.send("createAccount", sender=owner).output, victim.key)
    rig.fund(provider.account, 1_000)
    shares = vault.read("sharesOf", idle.account)
    vault.send("requestClaim", idle.account, shares // 2, sender=idle.owner)
    rig.trade(a, victim.key, ETH, 10 * LOT)
    rig.trade(weak.account, weak.key, ETH, 10 * LOT)
    rig.wait(DAY_S)
    market.say(2_750 * 10**8)
    nonce = next(market.nonces)
    at = price_of(0, 2_750 * 10**18)
    bid = match.order(keeper, LOT, at, nonce=nonce)
    ask = match.order(victim, -LOT, at, nonce=nonce)
    pair = Match(match.signed(keeper, bid), (match.signed(victim, ask),))
    feed, params = oracle.read("configOf", FEEDS[ETH])
    batch = (match.next_batch(), [abi_group(pair)])
    end = rig.chain.now + 100
    return {
        "withdraw": (engine, "withdraw", (a, 1, owner), owner, "NotOwner"),
        "transferCash": (engine, "transferCash", (a, 0, 1), owner, "NotOwner"),
        "setSession": (engine, "setSession", (a, guardian, end), owner, "NotOwner"),
        "revokeSession": (engine, "revokeSession", (a, guardian), owner, "NotOwner"),
        "addMarket": (
            rig.admin,
            "addMarket",
            (2, FEEDS[ETH], *with_changed()),
            timelock,
            "NotTimelock",
        ),
        "setMarket": (rig.admin, "setMarket", (ETH, *with_changed()), timelock, "NotTimelock"),
        "setRates": (rig.admin, "setRates", (ETH, rates_with()), timelock, "NotTimelock"),
        "setPause": (rig.admin, "setPause", (ETH, 1), timelock, "NotTimelock"),
        "setModule": (engine, "setModule", (5, guardian), timelock, "NotTimelock"),
        "setOracle": (engine, "setOracle", (oracle.address,), timelock, "NotTimelock"),
        "proposeTimelock": (engine, "proposeTimelock", (owner,), timelock, "NotTimelock"),
        "pauseAll": (engine, "pauseAll", (1, end), guardian, "NotGuardian"),
        "trade": (vault, "trade", (a, ETH, LOT, 2**127, FAR), owner, "NotTrader"),
        "close": (vault, "close", (a, ETH, 0, FAR), owner, "NotTrader"),
        "addLiquidity": (
            vault,
            "addLiquidity",
            (provider.account, usd(5), 0),
            owner,
            "NotOwner",
        ),
        "requestClaim": (vault, "requestClaim", (idle.account, 7), idle.owner, "NotOwner"),
        "claim": (vault, "claim", (idle.account,), idle.owner, "NotOwner"),
        "liquidate": (
            rig.risk,
            "liquidate",
            (weak.account, ETH, keeper.account),
            keeper.owner,
            "NotOwner",
        ),
        "settle": (settler, "settle", batch, match.bringer.address, "NotSettler"),
        "cancel": (settler, "cancel", (a, [900]), owner, "NotTrader"),
        "cancelUpTo": (settler, "cancelUpTo", (a, 900), owner, "NotTrader"),
        "setSettler": (settler, "setSettler", (owner,), timelock, "NotTimelock"),
        "addFeed": (
            oracle,
            "addFeed",
            (b"new".ljust(16), feed, params, "ETH / USD"),
            timelock,
            "NotTimelock",
        ),
        "setParams": (oracle, "setParams", (FEEDS[ETH], params), timelock, "NotTimelock"),
        "pause": (oracle, "pause", (FEEDS[ETH], end), guardian, "NotGuardian"),
    }


RIGHTS: Final = (
    *("withdraw", "transferCash", "setSession", "revokeSession"),
    *("addMarket", "setMarket", "setRates", "setPause", "setModule", "setOracle"),
    "proposeTimelock",
    *("pauseAll", "trade", "close", "addLiquidity", "requestClaim", "claim"),
    *("liquidate", "settle", "cancel", "cancelUpTo", "setSettler"),
    *("addFeed", "setParams", "pause"),
)


def refused(call: Callable[[], object]) -> tuple[str, tuple[object, ...]]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.name, caught.value.args_


@pytest.mark.parametrize("name", RIGHTS)
def test_kiloex__anothers_address_appended__is_not_him(market: Market, name: str) -> None:
    """As a trusted forwarder would pass it on; it changes nothing in the right caller's data.

    Nor does a contract that forwards become anybody: it is refused under its own address.
    """
    rig, all_rights = market.rig, rights(market)
    assert set(RIGHTS) == set(all_rights)
    attacker = key_of("attacker").address
    contract, function, args, rightful, error = all_rights[name]
    call = contract.call(function, len(args))
    data = call.method.encode(*args)
    forwarder = rig.chain.deploy("HostileAccount", sender=attacker)
    with rig.chain.isolated():
        call.send_raw(data + attacker, sender=rightful)

    direct = refused(lambda: call.send_raw(data + rightful, sender=attacker))
    batch = [(contract.address, 0, data + rightful)]
    forwarded = refused(lambda: forwarder.send("execute", batch, sender=rightful))

    for caller, (refusal, values) in ((attacker, direct), (forwarder.address, forwarded)):
        assert refusal == error
        assert caller in values
        assert rightful not in values


# PRICES


def test_kiloex__whoever_pokes_the_oracle__moves_no_price(market: Market) -> None:
    """Everything that anybody may call there, between opening and closing, earns nothing."""
    rig, thief = market.rig, market.match.trader("thief")
    feed, by = FEEDS[ETH], thief.owner
    before = market.wealth([thief])
    rig.trade(thief.account, thief.key, ETH, 100 * LOT)
    opened = market.wealth([thief])

    for function, *args in (
        ("poke", feed),
        ("updateAndPoke", [], [feed]),
        ("quote", feed),
        ("priceFor", feed, 0, True),
        ("priceForValuation", feed, True, True),
    ):
        rig.oracle.send(function, *args, sender=by)
        assert market.wealth([thief]) == opened, function
    rig.trade(thief.account, thief.key, ETH, -100 * LOT)

    spent = before - market.wealth([thief])
    assert spent >= 2 * 300_000 * WAD * (TRADE["takerFee"] + TRADE["vaultSpread"]) // 10**6


FALSE_E8: Final = (100 * 10**8, 2_000 * 10**8, 4_000 * 10**8, 10_000 * 10**8)


@pytest.mark.parametrize("false_e8", FALSE_E8)
def test_kiloex__one_source_lies__nobody_trades_at_the_lie(market: Market, false_e8: int) -> None:
    """Even with Pyth's keys: the incident's 100 and 10,000 USD are refused, and neither pays.

    Where both sources say it, a trade is made at that price: long or short, one of them gains.
    """
    rig = market.rig
    crew = [market.match.trader(name) for name in ("long", "short")]
    for trader, size in zip(crew, (100 * LOT, -100 * LOT), strict=True):
        rig.trade(trader.account, trader.key, ETH, size)
    before = market.wealth(crew)
    worth = [market.equity(trader) for trader in crew]
    with rig.chain.isolated():
        market.rig.wait(10)
        market.say(false_e8)
        gains = [market.equity(t) - was for t, was in zip(crew, worth, strict=True)]
        assert max(gains) >= 100 * abs(false_e8 - PRICES_E8[ETH]) * 10**10

    rig.wait(10)
    rig.pyth_says(ETH, false_e8)
    rig.oracle.send("poke", FEEDS[ETH], sender=crew[0].owner)

    for trader, size in ((crew[0], LOT), (crew[1], -LOT)):
        opening = refused(lambda t=trader, s=size: rig.trade(t.account, t.key, ETH, s))
        closing = refused(lambda t=trader, s=size: rig.trade(t.account, t.key, ETH, -s))
        assert (opening[0], closing[0]) == ("FeedForbids", "FeedForbids")
    assert market.wealth(crew) == before
