"""What the tests of the MatchSettler say over and over."""

from dataclasses import dataclass, replace

import pytest

from clearing.channel.perp_batch import Match
from tests.harness.errors import Refused
from tests.harness.match import MID, MatchRig, Trader, deploy_match
from tests.harness.perp import LOT

__all__ = ["MID", "ONE", "Scene"]

ONE = LOT
"""One unit, in lots."""


@dataclass(frozen=True)
class Scene:
    rig: MatchRig
    taker: Trader
    maker: Trader
    third: Trader

    @classmethod
    def new(cls):
        rig = deploy_match()
        return cls(rig, *(rig.trader(name) for name in ("taker", "maker", "third")))

    @property
    def chain(self):
        return self.rig.perp.chain

    @property
    def now(self):
        return self.chain.now

    @property
    def settler(self):
        return self.rig.settler

    # MATCHES

    def match(self, taker=None, *makers, sizes=None, **changes):
        """The taker buys one unit at 3,000; `taker` and `makers` change their orders' members."""
        makers = makers or ({},)
        sizes = sizes or [None] * len(makers)
        orders = [replace(self.order(self.maker, -ONE), **{**changes, **each}) for each in makers]
        filled = [
            abs(order.size) if lots is None else lots
            for order, lots in zip(orders, sizes, strict=True)
        ]
        bought = replace(
            self.order(self.taker, max(sum(filled), 1)), **{**changes, **(taker or {})}
        )
        return self.of(bought, *zip(orders, filled, strict=True))

    def of(self, taker, *makers):
        """Sign a taker's order, and (order, lots) of makers, by their accounts' owners."""
        lots = sum(each for _, each in makers)
        return Match(
            self.rig.signed(self.owner_of(taker), taker, lots),
            tuple(self.rig.signed(self.owner_of(order), order, each) for order, each in makers),
        )

    def owner_of(self, order):
        everybody = (self.taker, self.maker, self.third)
        return next((each for each in everybody if each.account == order.account), self.taker)

    def order(self, trader, size, price=MID, **changes):
        return self.rig.order(trader, size, price, **changes)

    # OUTCOMES

    def state(self):
        """All that a settlement can change, but the number of the batch."""
        accounts = (self.taker.account, self.maker.account, self.third.account)
        rings = tuple(
            (self.settler.read("minNonceOf", a), *(self.rig.slot(a, n) for n in range(64)))
            for a in accounts
        )
        return rings, self.rig.perp.everything()

    def skip_of(self, match, settle=None):
        """Settle a group that is skipped; return why. Nothing else may have happened."""
        before = self.state()
        receipt = (settle or self.rig.settle)(match)
        assert self.state() == before
        names = [log.event for log in receipt.logs if log.event != "FundingTicked"]
        assert names == ["FillSkipped", "BatchSettled"]
        ((index, reason),) = self.rig.skipped(receipt)
        assert index == 0
        return reason.name, *reason.args_

    def fills(self, match, settle=None):
        """Settle a group that must not be skipped, and undo it."""
        with self.chain.isolated():
            receipt = (settle or self.rig.settle)(match)
            assert self.rig.skipped(receipt) == ()

    def refused(self, act, error, *args):
        """Assert that a call is refused with exactly this error."""
        with self.chain.isolated(), pytest.raises(Refused) as refusal:
            act()
        assert (refusal.value.name, refusal.value.args_) == (error, args)

    def changed(self, match, **changes):
        """The same group, its first maker's order changed after it was signed."""
        first, *others = match.makers
        tampered = replace(first, order=replace(first.order, **changes))
        return replace(match, makers=(tampered, *others))
