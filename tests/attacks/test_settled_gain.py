"""A winner of a settled market spends his gain elsewhere before it can be cut.

A gain of a SETTLED market is paid when everybody is out, and cut by what losers could not pay. As
margin elsewhere it could be lost to an account of his own until then, and only what was left of it
would be claimed, and cut. So it is no margin for opening; losses count in full.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.attacks.perp_stage import AT_MID, FOR_LIQUIDATE, FOR_OPEN, TERMS, dollars
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FAR, LOT
from tests.unit.perp_engine.scene import MATCH_KIND, NO_SAMPLE, in_lock, refusal_of, with_changed
from tests.unit.perp_resolution.settle_scene import HOUR, SettlementTwin, settling

GIVEN = {"mine": 1_000, "poor": 5_000, "second": 100_000, "rich": 100_000, "own": 100_000}
GAIN = 60_000
"""Of 100 ETH from 3,000 to 3,600; `poor` pays 5,000 of it."""


@dataclass(frozen=True)
class Ended:
    """ETH is settled; accounts by name."""

    twin: SettlementTwin
    accounts: dict[str, int]

    def __getitem__(self, name: str) -> int:
        return self.accounts[name]

    def trade(self, name: str, units: int) -> None:
        """Let an account trade BTC with the vault, at any price."""
        limit, owner = 2**127 if units > 0 else 0, key_of(name).address
        args = (self[name], BTC, units * LOT, limit, FAR)
        self.twin.rig.vault.send("trade", *args, sender=owner)

    def pay(self) -> tuple[int, int]:
        """Close the winner and end; return what he and his own have gained, and `second`, USD."""
        rig, ending, by = self.twin.rig, self.twin.module, self.twin.rig.roles.outsider
        ending.send("closeAt", ETH, [self["mine"]], sender=by)
        ending.send("finalise", ETH, sender=by)
        ending.send("payClaims", ETH, [self["mine"], self["second"]], sender=by)
        worth = dollars(rig, self["mine"], self["own"])
        return worth - 101_000, rig.cash(self["second"]) // 10**18 - 100_000

    def equity(self, purpose: int) -> int:
        """Return what the winner is worth, wad."""
        equity: int = self.twin.rig.engine.read("healthOf", self["mine"], purpose)[0]
        return equity


@contextmanager
def ending_with(coins: int) -> Iterator[Ended]:
    """`mine` and `second` have won 60,000 USD each; `mine` has BTC too, so he is not closed."""
    with settling() as twin:
        rig, ending, by = twin.rig, twin.module, twin.rig.roles.outsider
        made = Ended(twin, {name: twin.trader(name, usd) for name, usd in GIVEN.items()})
        twin.meet(made["mine"], made["poor"], 100)
        twin.meet(made["second"], made["rich"], 100)
        twin.meet(made["mine"], made["rich"], coins, market=BTC, at=50_000)
        changed = {ETH: with_changed(**TERMS), BTC: with_changed(**TERMS, skewScale=200)}
        for market, terms in changed.items():
            rig.admin.send("setMarket", market, *terms, sender=rig.roles.timelock)
        ending.send("windDown", ETH, sender=rig.roles.timelock)
        for hours, price in ((20, 3_300), (3, 3_600), (1, 3_600)):
            rig.wait(hours * HOUR)
            rig.set_price(ETH, price * 10**8)
        rig.set_price(BTC, 50_000 * 10**8)
        ending.send("settle", ETH, sender=by)
        ending.send("closeAt", ETH, list(made.accounts.values()), sender=by)
        assert rig.size(made["mine"], ETH) == 100 * LOT
        yield made


@pytest.fixture
def ended() -> Iterator[Ended]:
    """With 1 BTC."""
    with ending_with(1) as made:
        yield made


def test_settled__gain_before_it_is_closed__is_no_margin_elsewhere(ended: Ended) -> None:
    """Spent in BTC it would escape the haircut: 39,151 USD instead of 32,340, another's 9,471."""
    rig = ended.twin.rig
    with rig.chain.isolated():
        rig.fund(ended["mine"], GAIN)
        ended.trade("mine", 8)

    for units in (8, 1, -2):
        assert refusal_of(lambda units=units: ended.trade("mine", units))[0] == "UnderInitialMargin"
    ended.trade("mine", -1)

    gained, others = ended.pay()
    assert 32_330 <= gained <= 32_350
    assert 32_495 <= others <= 32_500


def test_settled__position_from_before__moves_a_part_of_the_gain_as_it_is_reduced() -> None:
    """KI-99: 10 BTC of before, sold to his own at the band's edge: 25,000 USD are not cut.

    Farther away, what is left would be less for each unit of margin than before.
    """
    with ending_with(10) as ended:

        def sell(price: int) -> None:
            size, quote = 10 * LOT, 10 * price * 10**12
            legs = [
                (ended["mine"], -size, quote, 0, 0, True),
                (ended["own"], size, -quote, 0, 0, True),
            ]
            in_lock(rig, rig.settler, ("book", (BTC, legs, NO_SAMPLE, MATCH_KIND)))

        rig = ended.twin.rig
        assert refusal_of(lambda: sell(46_000))[0] == "UnderInitialMargin"
        sell(47_500)

        gained, others = ended.pay()
        assert 39_370 <= gained <= 39_380
        assert 25_620 <= others <= 25_625


def test_settled__gain_and_loss__at_open_only_the_loss_counts(ended: Ended) -> None:
    """The gain counts at MID and when liquidating: it is his, but not yet."""
    assert dollars(ended.twin.rig, ended["mine"]) == 1_000 + GAIN
    assert ended.equity(FOR_LIQUIDATE) > ended.equity(AT_MID) > 0
    assert 0 < ended.equity(FOR_OPEN) <= 1_000 * 10**18
