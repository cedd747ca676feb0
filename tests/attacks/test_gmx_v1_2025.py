"""GMX v1, July 2025: a position's owner was called in the middle of its close, and traded on.

From there he reached the contract behind, whose books were half written, and the pool's shares
were worth more than they should have been.

Here nobody's contract is called while a position changes. The two that are called, the collateral
token during deposit and withdraw and a wallet that is asked for its signature, find one lock over
engine, vault, settler and liquidations, and a pool whose value has not moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from clearing.channel.perp_batch import Match, SignedFill
from clearing.channel.signatures import Signature
from tests.attacks.perp_stage import Market, price_of, provide
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.match import MatchRig, Trader, abi_group
from tests.harness.perp import ETH, FAR, FEEDS, LOT, PerpRig, deploy_admin, deploy_perp, usd
from tests.unit.perp_engine.scene import with_changed

DAY_S = 86_400
NOW = 2_750 * 10**18
"""Wad: the index of ETH in the end."""


# THE TOKEN CALLS BACK


@dataclass(frozen=True)
class Trap:
    """An engine whose collateral calls back, and is a trader, a provider and the settler too."""

    rig: PerpRig
    token: Contract
    match: MatchRig
    account: int
    provider: int
    weak: Trader
    other: Trader

    def does(self, callee: Contract, function: str, *arguments: Any) -> bytes:
        """Let the token make a call, nobody holding the lock. It must succeed."""
        self.arm(callee, function, *arguments)
        self.token.send("transfer", b"\x70" * 20, 0, sender=self.rig.roles.outsider)
        answer: bytes = self.token.read("answer")
        assert self.token.read("succeeded"), (function, answer.hex())
        self.disarm()
        return answer

    def arm(self, callee: Contract, function: str, *arguments: Any) -> None:
        data = callee.call(function, len(arguments)).method.encode(*arguments)
        self.token.send("arm", callee.address, data, sender=self.rig.roles.outsider)

    def disarm(self) -> None:
        self.token.send("arm", bytes(20), b"", sender=self.rig.roles.outsider)

    def steps(self) -> dict[str, tuple[Contract, str, tuple[Any, ...]]]:
        """Return what the incident did, and its likes, each through another module."""
        rig = self.rig
        bid = self.match.order(self.other, LOT, price_of(0, NOW))
        ask = self.match.order(self.weak, -LOT, price_of(0, NOW))
        pair = Match(self.match.signed(self.other, bid), (self.match.signed(self.weak, ask),))
        return {
            "open": (rig.vault, "trade", (self.account, ETH, LOT, 2**127, FAR)),
            "close": (rig.vault, "close", (self.account, ETH, 0, FAR)),
            "buy shares": (rig.vault, "addLiquidity", (self.provider, usd(10), 0)),
            "sell shares": (rig.vault, "claim", (self.provider,)),
            "take the value": (rig.vault, "takeNav", ()),
            "settle": (self.match.settler, "settle", (1, [abi_group(pair)])),
            "liquidate": (rig.risk, "liquidate", (self.weak.account, ETH, self.account)),
            "move cash": (rig.engine, "transferCash", (self.account, self.provider, usd(1))),
        }


def trap() -> Trap:
    """Deploy; the token holds 10 ETH long and shares that it may claim, and another is weak."""
    base = deploy_perp(vault_usd=0)
    chain, made = base.chain, base.roles.deployer
    token = chain.deploy("ReentrantToken", "Trap", "TRAP", 6, sender=made)
    parties = (base.oracle.address, base.roles.timelock, base.roles.guardian)
    engine = chain.deploy("DerivativesEngine", token.address, *parties, sender=made)
    vault, risk = (
        chain.deploy(n, engine.address, sender=made) for n in ("VaultModule", "RiskManager")
    )
    settler = chain.deploy("MatchSettler", engine.address, token.address, sender=made)
    admin = deploy_admin(chain, engine, made)
    for role, module in ((1, vault), (2, settler), (3, risk), (6, admin)):
        engine.send("setModule", role, module.address, sender=base.roles.timelock)
    admin.send("addMarket", ETH, FEEDS[ETH], *with_changed(), sender=base.roles.timelock)
    rig = PerpRig(
        chain,
        base.roles,
        base.oracle,
        base.pyth,
        base.aggregators,
        token,
        engine,
        vault,
        risk,
        settler,
        admin,
    )
    people = (("weak", 3_500), ("other", 100_000), ("founder", 10_000_000))
    weak, other, founder = (Trader(*rig.trader(name, dollars)) for name, dollars in people)
    provide(rig, founder, usd(10_000_000))
    match = MatchRig(rig, settler, key_of("nobody"))
    stage = Trap(rig, token, match, 7, 8, weak, other)
    for account, dollars in ((stage.account, 100_000), (stage.provider, 10_000)):
        assert int.from_bytes(stage.does(engine, "createAccount"), "big") == account
        rig.fund(account, dollars)
    stage.does(vault, "trade", stage.account, ETH, 10 * LOT, 2**127, FAR)
    stage.does(vault, "addLiquidity", stage.provider, usd(5_000), 0)
    shares = vault.read("sharesOf", stage.provider)
    stage.does(vault, "requestClaim", stage.provider, shares // 10)
    rig.trade(weak.account, weak.key, ETH, 10 * LOT)
    rig.wait(DAY_S)
    rig.set_price(ETH, 2_750 * 10**8)
    rig.calm(ETH)
    rig.set_price(ETH, 2_750 * 10**8)
    return stage


@pytest.fixture(scope="module")
def trap_stage() -> Trap:
    return trap()


@pytest.fixture
def sprung(trap_stage: Trap) -> Iterator[Trap]:
    """Undone after the test."""
    with trap_stage.rig.chain.isolated():
        yield trap_stage


STEPS = (
    "open",
    "close",
    "buy shares",
    "sell shares",
    "take the value",
    "settle",
    "liquidate",
    "move cash",
)


def withdraw(stage: Trap) -> None:
    """Let the weak account's neighbour take 5 USD out: the token is called."""
    other = stage.other
    args = (other.account, 5 * 10**6, other.owner)
    stage.rig.engine.send("withdraw", *args, sender=other.owner)


def books(stage: Trap) -> Any:
    """Return the ledger, the shares and what the vault is worth."""
    rig = stage.rig
    return rig.everything(), rig.vault.read("totalShares"), rig.vault.read("nav")


@pytest.mark.parametrize("step", STEPS)
def test_gmx__the_token_calls_another_module_midway__finds_it_locked(
    sprung: Trap, step: str
) -> None:
    """Each step works by itself and changes the books; within another call it changes nothing."""
    assert set(STEPS) == set(sprung.steps())
    callee, function, arguments = sprung.steps()[step]
    with sprung.rig.chain.isolated():
        before = books(sprung), sprung.rig.vault.read("navTaken")
        sprung.does(callee, function, *arguments)
        assert (books(sprung), sprung.rig.vault.read("navTaken")) != before
    with sprung.rig.chain.isolated():
        withdraw(sprung)
        expected = books(sprung)
    sprung.arm(callee, function, *arguments)

    withdraw(sprung)

    assert sprung.token.read("calls") == 1, "the token did call back"
    answer = sprung.token.read("answer")
    assert sprung.rig.engine.interface.decode_error(answer) == ("Locked", ())
    assert books(sprung) == expected


def test_gmx__the_token_looks_at_the_pool_midway__sees_no_other_value(sprung: Trap) -> None:
    """What the incident bent, the value of a share, is the same before, midway and afterwards."""
    rig = sprung.rig
    before = rig.vault.read("nav")
    sprung.arm(rig.vault, "nav")

    withdraw(sprung)

    answer = sprung.token.read("answer")
    midway = tuple(int.from_bytes(answer[at : at + 32], "big") for at in (0, 32))
    assert midway == before == rig.vault.read("nav")
    assert before[0] > usd(10_000_000)


# ETHER


def receiving(market: Market) -> tuple[Contract, int]:
    """Return a contract that buys an ETH whenever ether arrives, and its account."""
    rig = market.rig
    outsider = rig.roles.outsider
    holder = rig.chain.deploy("HostileAccount", sender=rig.roles.deployer)
    account = rig.engine.read("parameters")[4]
    create = rig.engine.call("createAccount", 0).method.encode()
    holder.send("execute", [(rig.engine.address, 0, create)], sender=outsider)
    rig.fund(account, 100_000)
    rig.chain.set_balance(outsider, 10**18)
    reopen = rig.vault.call("trade", 5).method.encode(account, ETH, LOT, 2**127, FAR)
    holder.send("arm", rig.vault.address, reopen, sender=outsider)
    return holder, account


def test_gmx__a_close_that_brings_ether__calls_nobody_back(market: Market) -> None:
    """The incident's way in was ether sent back. Here none is: too much of it is refused."""
    rig, (holder, account) = market.rig, receiving(market)
    outsider = rig.roles.outsider

    def trade(size: int, wei: int) -> None:
        limit = 2**127 if size > 0 else 0
        args = ([], account, ETH, size, limit, FAR)
        data = rig.vault.call("tradeWithUpdate", 6).method.encode(*args)
        calls = [(rig.vault.address, wei, data)]
        holder.send("execute", calls, sender=outsider, value=wei)

    trade(10 * LOT, 0)
    with pytest.raises(Refused):
        trade(-10 * LOT, 1)
    assert rig.size(account, ETH) == 10 * LOT

    trade(-10 * LOT, 0)

    assert rig.size(account, ETH) == 0
    assert holder.read("calls") == 0, "nobody was called back"
    assert rig.chain.balance_of(holder.address) == 0


def test_gmx__the_mode_that_calls_back__does_so_where_ether_arrives(market: Market) -> None:
    """The same contract opens a position as soon as it is paid: it is no dud."""
    rig, (holder, account) = market.rig, receiving(market)

    holder.send("execute", [(holder.address, 1, b"")], sender=rig.roles.outsider, value=1)

    assert (holder.read("calls"), holder.read("succeeded")) == (1, True)
    assert rig.size(account, ETH) == LOT


# A WALLET THAT IS ASKED FOR ITS SIGNATURE


def vouching(market: Market) -> tuple[Contract, int]:
    """Return a contract that signs, and its account."""
    rig = market.rig
    wallet = rig.chain.deploy("HostileSigner", sender=rig.roles.deployer)
    create = rig.engine.call("createAccount", 0).method.encode()
    made = wallet.send("execute", rig.engine.address, create, sender=rig.roles.outsider).output
    account = int.from_bytes(made, "big")
    rig.fund(account, 100_000)
    return wallet, account


def test_gmx__a_wallet_enters_another_module_when_asked__loses_its_fill(market: Market) -> None:
    """It is closing 10 ETH by a signed order; whatever it calls when asked undoes its group."""
    rig, (wallet, account) = market.rig, vouching(market)
    taker = market.match.trader("taker")

    def data(callee: Contract, function: str, *arguments: Any) -> bytes:
        return callee.call(function, len(arguments)).method.encode(*arguments)

    buy = data(rig.vault, "trade", account, ETH, 10 * LOT, 2**127, FAR)
    wallet.send("execute", rig.vault.address, buy, sender=rig.roles.outsider)
    spare = rig.engine.read("parameters")[4]
    create = rig.engine.call("createAccount", 0).method.encode()
    wallet.send("execute", rig.engine.address, create, sender=rig.roles.outsider)
    rig.fund(spare, 1_000)
    rig.wait(3_600)
    market.say()
    unsigned = Signature(b"\x11" * 32, b"\x22" * 32)
    order = market.match.order(Trader(account, key_of("nobody")), -10 * LOT, price_of(0))
    bid = market.match.order(taker, 10 * LOT, price_of(0))
    closing = Match(market.match.signed(taker, bid), (SignedFill(order, unsigned, 10 * LOT),))
    with rig.chain.isolated():
        assert market.match.skipped(market.match.settle(closing)) == ()
        assert rig.size(account, ETH) == 0, "it closes where the wallet only signs"

    for callee, *call in (
        (rig.vault, "trade", account, ETH, LOT, 2**127, FAR),
        (rig.vault, "close", account, ETH, 0, FAR),
        (rig.vault, "addLiquidity", spare, usd(10), 0),
        (rig.vault, "takeNav"),
        (rig.risk, "liquidateBatch", [], ETH, account),
        (rig.engine, "withdraw", account, 1, wallet.address),
    ):
        calldata = data(callee, *call)
        with rig.chain.isolated():
            wallet.send("execute", callee.address, calldata, sender=rig.roles.outsider)
        wallet.send("arm", callee.address, calldata, sender=rig.roles.outsider)
        before = rig.everything()

        ((_, reason),) = market.match.skipped(market.match.settle(closing))

        assert (reason.name, reason.args_[0]) == ("InvalidSignature", account), call
        assert rig.everything() == before
