"""As many markets as MarketAdmin lists: whoever must be absorbed, it fits into one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from clearing.keeper.costs import MOST_GAS
from clearing.spec.oracle_types import FeedParams, FeedSources
from clearing.spec.perp_types import (
    MAX_MARKETS_PER_ACCOUNT,
    MOST_LISTED,
    MarketStatus,
    Purpose,
    Role,
)
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness import perp
from tests.harness.oracle import DECIMALS, DESCRIPTION, ROUND, round_of, saying, text
from tests.harness.perp import BACKSTOP, FEES, INSURANCE, LOT, VAULT, PerpRig, deploy_perp, usd
from tests.harness.puppet import Puppet, words
from tests.unit.perp_engine.scene import MATCH_KIND, NO_SAMPLE, in_lock, module
from tests.unit.perp_resolution.scene import RISK_IN_CONTEXT, STATUS_AT

COLD = 25 * 2_100 * MOST_LISTED
"""Gas: more slots than a market has, each read for the first time in a transaction."""
MID = 3_000
ALL = range(MOST_LISTED)
TERMS = tuple(tuple(each.values()) for each in (perp.RISK, perp.TRADE, perp.LIMIT))


@dataclass
class Crowd:
    """All markets at 3,000 USD; positions are booked past every gate."""

    rig: PerpRig = field(default_factory=lambda: deploy_perp(vault_usd=0))

    def __post_init__(self) -> None:
        rig, made, timelock = self.rig, self.rig.roles.deployer, self.rig.roles.timelock
        self.fund = rig.chain.deploy("InsuranceFund", rig.engine.address, sender=made)
        at = (rig.engine.address, self.fund.address)
        self.resolution = rig.chain.deploy("ResolutionModule", *at, sender=made)
        rig.engine.send("setModule", Role.INSURANCE, self.fund.address, sender=timelock)
        rig.wait(5)
        rig.set_price(1, MID * 10**8)
        rig.calm(1)
        for market in ALL[2:]:
            self._list(market)
        for market in ALL:
            limits = (usd(100), usd(100))
            self.fund.send("setLimits", market, *limits, sender=timelock)

    def _list(self, market: int) -> None:
        rig, timelock, now, e8 = self.rig, self.rig.roles.timelock, self.rig.chain.now, MID * 10**8
        puppet, name = Puppet(rig.chain, Address(bytes([96 + market]) * 20)), f"M{market:02} / USD"
        feed, pyth_id = f"M{market:02}/USD".encode().ljust(16, b"\0"), bytes([128 + market]) * 32
        puppet.says(DECIMALS, saying(8).data)
        puppet.says(DESCRIPTION, text(name).data)
        puppet.says(ROUND, round_of(e8, now).data)
        update = words(32, 1, int.from_bytes(pyth_id, "big"))
        update += words(e8, e8 // 10_000, -8, now, now - 1, e8, e8 // 10_000)
        rig.pyth.send("updatePriceFeeds", [update], sender=rig.roles.outsider)
        listed = FeedSources(puppet.address, 8, pyth_id, ZERO_ADDRESS)
        rig.oracle.send("addFeed", feed, listed, FeedParams(), name, sender=timelock)
        rig.admin.send("addMarket", market, feed, *TERMS, sender=timelock)

    def meet(self, buyer: int, seller: int, markets: Iterable[int], units: int, at: int) -> None:
        """Let two accounts trade so many units at a price in USD, in each of some markets."""
        size, quote = units * LOT, units * LOT * at * 10**4
        legs = [(buyer, size, -quote, 0, 0, False), (seller, -size, quote, 0, 0, False)]
        for market in markets:
            in_lock(self.rig, self.rig.settler, ("book", (market, legs, NO_SAMPLE, MATCH_KIND)))

    def set_worth(self, account: int, dollars: int) -> None:
        """Give or take cash until the account is worth so much at LIQUIDATE."""
        worth = self.rig.engine.read("healthOf", account, Purpose.LIQUIDATE)[0]
        more = usd(dollars) - worth
        way = (FEES, account, more) if more > 0 else (account, FEES, -more)
        in_lock(self.rig, module(self.rig, Role.RESOLUTION), ("moveCash", way))

    def absorb(self, name: str, *args: object) -> int:
        """Absorb in one transaction, whose other half is free, and return its gas."""
        rig, at = self.rig, self.resolution.address
        rig.engine.send("setModule", Role.RESOLUTION, at, sender=rig.roles.timelock)
        sent = self.resolution.send(name, *args, sender=rig.roles.outsider, gas=MOST_GAS)
        return int(sent.gas_used)

    def ended(self) -> int:
        """Return how many markets have ended."""
        risks = (self.rig.engine.read("peekContext", 0, m)[RISK_IN_CONTEXT] for m in ALL)
        return sum(risk >> STATUS_AT & 0xF == MarketStatus.SETTLED for risk in risks)


@pytest.fixture(scope="module")
def listed():
    """The vault and the backstop are in every market, have lost there, and start anew in each."""
    crowd = Crowd()
    others = [crowd.rig.trader(f"other {i}", 10**6)[0] for i in range(len(ALL) // 8)]
    for i, other in enumerate(others):
        mine = ALL[8 * i : 8 * i + 8]
        crowd.meet(other, VAULT, mine, 10, MID - 50)
        crowd.meet(BACKSTOP, other, mine, 1, MID + 50)
    crowd.set_worth(INSURANCE, 10**6)
    return crowd


@pytest.fixture
def crowd(listed):
    with listed.rig.chain.isolated():
        yield listed


@pytest.mark.parametrize(
    ("carrier", "lacks", "other", "ended"),
    [
        (VAULT, 10**3, 10**5, 0),
        (VAULT, 10**6, 10**7, MOST_LISTED),
        (BACKSTOP, 10**3, 10**5, 0),
        (BACKSTOP, 10**6, 10**7, 0),
        (BACKSTOP, 10**6, 10**5, MOST_LISTED - 2),
        (BACKSTOP, 10**6, 0, MOST_LISTED),
    ],
)
def test_absorb_protocol__in_every_market__fits_into_a_transaction(
    crowd, carrier, lacks, other, ended
):
    """The other one pays what it has and may; what is lacking at last ends markets."""
    for each in (VAULT, BACKSTOP):
        crowd.set_worth(each, other)
    crowd.set_worth(carrier, -lacks)

    assert crowd.absorb("absorbProtocol", carrier) + COLD < MOST_GAS
    assert crowd.ended() == ended


@pytest.mark.parametrize("lacks", [10**3, 10**5])
def test_absorb__account_against_the_vault__fits_into_a_transaction(crowd, lacks):
    """In eight markets, where the vault has won and closes a part, pays a part, and all pay."""
    loser, keeper = (crowd.rig.trader(name, 0)[0] for name in ("loser", "keeper"))
    crowd.meet(loser, VAULT, ALL[:MAX_MARKETS_PER_ACCOUNT], 50, MID + 100)
    for each in (VAULT, BACKSTOP):
        crowd.set_worth(each, 50_000)
    crowd.set_worth(loser, -lacks)

    assert crowd.absorb("absorb", loser, keeper, []) + COLD < MOST_GAS
