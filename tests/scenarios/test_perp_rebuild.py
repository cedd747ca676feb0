"""Everything that the perpetual swaps store is rebuilt from their events, step by step.

Deposits, trades, signed fills, funding, liquidations, shares, parameters, pauses, powers: after
each step a replica that saw events alone is compared with every view, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from clearing.chain.artifacts import abi_of
from clearing.channel.perp_batch import Match
from clearing.channel.signatures import LocalSigner
from clearing.spec.perp_orders import Flag
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.match import SETTLER_ROLE, MatchRig, Trader
from tests.harness.perp import (
    BTC,
    ETH,
    FAR,
    FEEDS,
    LIMIT,
    LOT,
    NAMES,
    PRICES_E8,
    RAW,
    RISK,
    TRADE,
    VAULT,
    PerpRig,
    deploy_perp,
    usd,
)
from tests.harness.perp_replica import Recorder, Replica
from tests.harness.perp_views import Comparison
from tests.unit.perp_engine.scene import RESOLUTION_ROLE, in_lock, module

HOUR_S: Final = 3_600
DAY_S: Final = 86_400
INSURANCE_ROLE: Final = 5
DECIMALS: Final = 6
DEGRADED_AT: Final = 9
"""Place in a Quote."""
STATELESS: Final = {"Traded", "FillSkipped", "TermsSet"}
"""Events that tell of nothing that is stored."""


@dataclass(frozen=True, slots=True)
class Life:
    """The system, its people, and the replica that follows."""

    chain: Recorder
    rig: PerpRig
    match: MatchRig
    replica: Replica
    comparison: Comparison
    buyer: Trader
    seller: Trader
    thin: Trader
    provider: Trader
    session: LocalSigner

    @property
    def engine(self) -> Contract:
        return self.rig.engine

    @property
    def emitters(self) -> tuple[Contract, ...]:
        return emitters_of(self.rig, self.match.settler)

    @property
    def vault(self) -> Contract:
        return self.rig.vault

    @property
    def timelock(self) -> Address:
        return self.rig.roles.timelock

    def follow(self) -> None:
        """Let the replica take up what is new, and compare."""
        self.replica.take(self.chain.told[self.replica.seen :])
        self.comparison.hold(self.replica)

    def fresh(self, eth: int = 3_000, btc: int = 50_000) -> None:
        """Let both markets say a price now, in USD, and nothing be latched."""
        for market, dollars in ((ETH, eth), (BTC, btc)):
            self.rig.set_price(market, dollars * 10**8)
            self.rig.calm(market)
            self.rig.set_price(market, dollars * 10**8)

    def pair(self, lots: int, *, nonce: int, flags: int = 0, more: int = 0) -> Match:
        """Return the buyer's order met by the seller's, both of this nonce."""
        bid = self.match.order(self.buyer, lots + more, usd(3_010), nonce=nonce, flags=flags)
        ask = self.match.order(self.seller, -lots - more, usd(3_010), nonce=nonce)
        makers = (self.match.signed(self.seller, ask, lots),)
        return Match(self.match.signed(self.buyer, bid, lots), makers)


def emitters_of(rig: PerpRig, settler: Contract) -> tuple[Contract, ...]:
    """Return whose events tell of what is stored."""
    return rig.engine, rig.admin, rig.vault, settler


def born() -> Life:
    """Return a life of one step: everything is deployed, people have collateral."""
    chain, bringer = Recorder(), key_of("settler")
    rig = deploy_perp(chain)
    settler = chain.deploy(
        "MatchSettler", rig.engine.address, bringer.address, sender=rig.roles.deployer
    )
    rig.engine.send("setModule", SETTLER_ROLE, settler.address, sender=rig.roles.timelock)
    match = MatchRig(rig, settler, bringer)
    probe, probing = rig.trader("probe")
    people = [
        Trader(*rig.trader(name, dollars))
        for name, dollars in (
            ("buyer", 500_000),
            ("seller", 500_000),
            ("thin", 400),
            ("provider", 100_000),
        )
    ]
    replica = Replica(emitters_of(rig, settler), DECIMALS)
    comparison = Comparison(rig, settler, chain, (probe, probing.address))
    return Life(chain, rig, match, replica, comparison, *people, key_of("session key"))


# STEPS


def deposits_and_transfers(life: Life) -> None:
    buyer = life.buyer
    life.rig.fund(life.provider.account, 12_345)
    life.engine.send("withdraw", buyer.account, 77 * RAW, b"\x70" * 20, sender=buyer.owner)
    life.engine.send("transferCash", buyer.account, 2, usd(5) + 1, sender=buyer.owner)


def sessions(life: Life) -> None:
    buyer, now = life.buyer, life.chain.now
    for key, expiry in ((life.session.address, now + 2 * DAY_S), (b"\x71" * 20, now + HOUR_S)):
        life.engine.send("setSession", buyer.account, key, expiry, sender=buyer.owner)
    life.engine.send("revokeSession", buyer.account, b"\x71" * 20, sender=buyer.owner)


def vault_trades(life: Life) -> None:
    life.rig.trade(life.buyer.account, life.session, ETH, 40 * LOT + 1)
    life.rig.trade(life.seller.account, life.seller.key, BTC, -3 * LOT)
    life.rig.trade(life.thin.account, life.thin.key, ETH, LOT)


def many_samples_at_one_time(life: Life) -> None:
    for size in (7, -11, 13):
        life.rig.trade(life.seller.account, life.seller.key, ETH, size * LOT)


def signed_fills(life: Life) -> None:
    life.match.settle(life.pair(5 * LOT, nonce=0), life.pair(LOT, nonce=1, more=LOT))
    life.match.settle_packed(life.pair(3 * LOT, nonce=65), life.pair(LOT, nonce=2, flags=Flag.IOC))


def a_rest_is_cancelled(life: Life) -> None:
    life.match.settle(life.pair(LOT, nonce=3, flags=Flag.IOC, more=2 * LOT))


def a_group_is_skipped(life: Life) -> None:
    life.match.settle(life.pair(LOT, nonce=1), life.pair(LOT, nonce=4))


def cancels(life: Life) -> None:
    seller, settler = life.seller, life.match.settler
    settler.send("cancel", seller.account, [1, 9, 200], sender=seller.owner)
    settler.send("cancelUpTo", seller.account, 66, sender=seller.owner)


def time_passes(life: Life) -> None:
    life.rig.wait(50)
    life.fresh()
    life.rig.trade(life.buyer.account, life.buyer.key, ETH, LOT)
    life.rig.wait(200)
    life.fresh()


def funding(life: Life) -> None:
    """Nobody ticks: trades do it."""
    life.rig.wait(HOUR_S)
    life.fresh(3_003)
    life.rig.trade(life.seller.account, life.seller.key, ETH, -9 * LOT)


def funding_over_hours(life: Life) -> None:
    life.rig.wait(5 * HOUR_S + 7)
    life.fresh(3_010)
    life.engine.send("tickFunding", ETH, sender=life.rig.roles.outsider)


def funding_without_a_price(life: Life) -> None:
    """The last rate is charged again."""
    life.rig.wait(3 * HOUR_S)
    life.engine.send("tickFunding", ETH, sender=life.rig.roles.outsider)
    life.fresh()


def flips_and_closes(life: Life) -> None:
    seller = life.seller
    held = life.rig.size(seller.account, ETH)
    life.rig.trade(seller.account, seller.key, ETH, -2 * held)
    life.vault.send("close", seller.account, ETH, 0, FAR, sender=seller.owner)


def one_source_prices(life: Life) -> None:
    """Pyth is silent."""
    life.rig.wait(100)
    life.rig.set_price(ETH, PRICES_E8[ETH], pyth=False)
    life.rig.set_price(BTC, PRICES_E8[BTC], pyth=False)
    quote, *_ = life.engine.read("peekContext", VAULT, ETH)
    assert quote[DEGRADED_AT], "what opens now counts towards a cap"
    life.rig.trade(life.seller.account, life.seller.key, ETH, -2 * LOT)
    life.fresh()


def fees_are_collected(life: Life) -> None:
    for market in (ETH, BTC):
        life.engine.send("collectFees", market, sender=life.rig.roles.outsider)


def liquidity(life: Life) -> None:
    account, owner = life.provider.account, life.provider.owner
    shares = life.vault.send("addLiquidity", account, usd(90_000), 0, sender=owner).output
    life.vault.send("requestClaim", account, shares, sender=owner)
    life.vault.send("requestClaim", account, 0, sender=owner)
    life.vault.send("requestClaim", account, shares // 3, sender=owner)


def a_claim(life: Life) -> None:
    life.rig.wait(DAY_S)
    life.fresh()
    life.vault.send("claim", life.provider.account, sender=life.provider.owner)
    shares = life.vault.read("sharesOf", life.provider.account)
    life.vault.send("requestClaim", life.provider.account, shares, sender=life.provider.owner)


def value_is_taken(life: Life) -> None:
    life.rig.wait(HOUR_S)
    life.fresh(2_990)
    life.vault.send("takeNav", sender=life.rig.roles.outsider)


def liquidations(life: Life) -> None:
    life.rig.wait(60)
    life.fresh(2_745)
    seller, thin = life.seller, life.thin.account
    with life.chain.isolated():
        life.rig.risk.send("liquidate", thin, ETH, seller.account, sender=seller.owner)
    everybody = [life.buyer.account, thin]
    batch = life.rig.risk.call("liquidateBatch", 3)
    assert batch.send(everybody, ETH, seller.account, sender=seller.owner).output == 1


def changed(
    risk: dict[str, int] | None = None, limit: dict[str, int] | None = None, **trade: int
) -> tuple[tuple[int, ...], ...]:
    """Return a market's terms with some of them changed."""
    tables = ((RISK, risk or {}), (TRADE, trade), (LIMIT, limit or {}))
    return tuple(tuple({**table, **changes}.values()) for table, changes in tables)


def parameters(life: Life) -> None:
    terms = changed({"im": 200_000, "imMax": 300_000, "slope": 50}, takerFee=300, makerFee=0)
    life.rig.admin.send("setMarket", ETH, *terms, sender=life.timelock)


def parameters_once_more(life: Life) -> None:
    """Halfway through the phase; the interval changes too."""
    life.rig.wait(9 * HOUR_S + 1)
    life.fresh()
    terms = changed({"im": 150_000, "imMax": 400_000}, {"interval": 7_200, "maxOi": 10**12})
    life.rig.admin.send("setMarket", ETH, *terms, sender=life.timelock)
    life.rig.wait(5 * HOUR_S)
    life.fresh()
    life.rig.trade(life.buyer.account, life.buyer.key, ETH, -LOT)


def pauses(life: Life) -> None:
    life.rig.admin.send("setPause", BTC, 32 | 8, sender=life.timelock)
    life.rig.wait(3 * HOUR_S)
    life.fresh()
    life.engine.send("tickFunding", BTC, sender=life.rig.roles.outsider)
    life.rig.admin.send("setPause", BTC, 1 | 4, sender=life.timelock)


def a_guardians_pause_is_lifted(life: Life) -> None:
    guardian, end = life.rig.roles.guardian, life.chain.now + 2 * DAY_S
    life.engine.send("pauseAll", 1 | 16, end, sender=guardian)
    life.follow()
    life.engine.send("liftGuardianPause", sender=life.timelock)


def a_guardians_pause_ends(life: Life) -> None:
    life.rig.wait(8 * DAY_S)
    life.fresh()
    life.engine.send("pauseAll", 1, life.chain.now + 50, sender=life.rig.roles.guardian)
    life.follow()
    life.rig.wait(50)
    life.fresh()


def a_guardians_pause_lasts(life: Life) -> None:
    life.rig.wait(8 * DAY_S)
    life.fresh()
    life.engine.send("pauseAll", 1 | 16, FAR // 2**25, sender=life.rig.roles.guardian)


def another_oracle(life: Life) -> None:
    rig = life.rig
    parties = (rig.pyth.address, rig.roles.timelock, rig.roles.guardian)
    oracle = life.chain.deploy("PriceOracle", *parties, sender=rig.roles.deployer)
    for feed, name in zip(FEEDS, NAMES, strict=True):
        known = rig.oracle.read("configOf", feed)
        oracle.send("addFeed", feed, *known, name, sender=life.timelock)
    life.engine.send("setOracle", oracle.address, sender=life.timelock)


def powers_move(life: Life) -> None:
    life.engine.send("setModule", INSURANCE_ROLE, b"\x75" * 20, sender=life.timelock)
    life.engine.send("setModule", INSURANCE_ROLE, ZERO_ADDRESS, sender=life.timelock)
    life.match.settler.send("setSettler", b"\x76" * 20, sender=life.timelock)
    heir = key_of("heir").address
    life.engine.send("proposeTimelock", heir, sender=life.timelock)
    life.follow()
    life.engine.send("acceptTimelock", sender=heir)
    life.engine.send("proposeTimelock", life.timelock, sender=heir)


def losses_and_ends(life: Life) -> None:
    """A loss is shared, a market owes and repays, and is on its way to its end."""
    by = module(life.rig, RESOLUTION_ROLE)
    share = ("shareLoss", (ETH, 1_000, life.thin.account, 1, 0))
    owe = ("moveDebt", (BTC, life.thin.account, usd(7)))
    repay = ("moveDebt", (BTC, life.buyer.account, -usd(3)))
    in_lock(life.rig, by, share, owe, repay, ("setStatus", (BTC, 2, 0)))


STEPS: Final[tuple[Callable[[Life], None], ...]] = (
    deposits_and_transfers,
    sessions,
    vault_trades,
    many_samples_at_one_time,
    signed_fills,
    a_rest_is_cancelled,
    a_group_is_skipped,
    cancels,
    time_passes,
    funding,
    funding_over_hours,
    funding_without_a_price,
    flips_and_closes,
    one_source_prices,
    fees_are_collected,
    liquidity,
    a_claim,
    value_is_taken,
    liquidations,
    parameters,
    parameters_once_more,
    pauses,
    a_guardians_pause_is_lifted,
    a_guardians_pause_ends,
    a_guardians_pause_lasts,
    another_oracle,
    losses_and_ends,
    powers_move,
)


@pytest.fixture(scope="module")
def lived() -> Life:
    """Return the whole life, the replica compared after each step."""
    life = born()
    life.follow()
    for step in STEPS:
        step(life)
        life.follow()
    return life


def test_rebuild__a_whole_life__ends_with_the_same_state(lived: Life) -> None:
    """Compared after each step; and whoever comes late and reads all events knows as much."""
    late = Replica(lived.emitters, DECIMALS)

    late.take(lived.chain.told)

    lived.comparison.hold(late)


def told_by(life: Life) -> set[str]:
    """Return the names of all events of these contracts."""
    contracts = {each.address for each in life.emitters}
    return {told.log.event for told in life.chain.told if told.log.emitter in contracts}


def test_rebuild__a_whole_life__tells_every_event_that_there_is(lived: Life) -> None:
    """So that no event goes untried; the handlers refuse one that they do not know."""
    declared = {
        entry["name"]
        for name in ("DerivativesEngine", "MarketAdmin", "VaultModule", "MatchSettler")
        for entry in abi_of(name)
        if entry["type"] == "event"
    }

    assert declared - told_by(lived) == {"EIP712DomainChanged"}


def names() -> Iterator[str]:
    """Return the names of the events that a replica takes up."""
    for name in sorted(vars(Replica)):
        event = name.removeprefix("_on_")
        if event != name and event not in STATELESS:
            yield event


@pytest.mark.parametrize("event", names())
def test_rebuild__one_event_is_missed__is_found_out(lived: Life, event: str) -> None:
    """The comparison sees what each event alone tells: it is trusted because it can fail."""
    of_it = [i for i, told in enumerate(lived.chain.told) if told.log.event == event]
    last = max(i for i in of_it if lived.chain.told[i].log.emitter != lived.rig.oracle.address)
    without = [told for i, told in enumerate(lived.chain.told) if i != last]
    blind = Replica(lived.emitters, DECIMALS)

    def follow() -> None:
        blind.take(without)
        lived.comparison.hold(blind)

    with pytest.raises((AssertionError, KeyError)):
        follow()
