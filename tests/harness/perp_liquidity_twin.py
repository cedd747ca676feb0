"""The vault's shares, kept in step with their specification."""

from __future__ import annotations

from typing import Any

from clearing.spec.perp_ledger import health_of
from clearing.spec.perp_liquidity import (
    Liquidity,
    add_liquidity,
    claim,
    request_claim,
    take_nav,
)
from clearing.spec.perp_types import VAULT, Purpose
from clearing.spec.units import Address
from tests.harness.perp_twin import PerpTwin

__all__ = ["LiquidityTwin"]


class LiquidityTwin(PerpTwin):
    """A twin whose vault has shares."""

    def add_liquidity(self, sender: Address, account: int, amount: int, min_shares: int = 0) -> str:
        """Give cash for shares."""
        return self._both(
            self.rig.vault,
            "addLiquidity",
            (account, amount, min_shares),
            sender,
            lambda: add_liquidity(
                self.model,
                self.liquidity,
                sender,
                account,
                amount,
                min_shares,
                self.quotes,
                self.now,
            ),
        )

    def request_claim(self, sender: Address, account: int, shares: int) -> str:
        """Ask for shares to be paid out."""
        return self._both(
            self.rig.vault,
            "requestClaim",
            (account, shares),
            sender,
            lambda: request_claim(self.model, self.liquidity, sender, account, shares, self.now),
        )

    def claim(self, sender: Address, account: int) -> str:
        """Have the shares paid out."""
        return self._both(
            self.rig.vault,
            "claim",
            (account,),
            sender,
            lambda: claim(self.model, self.liquidity, sender, account, self.quotes, self.now),
        )

    def take_nav(self) -> str:
        """Let the vault's value be taken, if it is time."""
        return self._both(
            self.rig.vault,
            "takeNav",
            (),
            self.rig.roles.outsider,
            lambda: take_nav(self.model, self.liquidity, self.quotes, self.now),
        )

    def _keep(self, part: Any) -> None:
        if isinstance(part, Liquidity):
            self.liquidity = part
        else:
            super()._keep(part)

    def check(self) -> None:
        """Compare the ledger, then shares, requests and the value last taken."""
        super().check()
        vault, mine = self.rig.vault, self.liquidity
        whole = (vault.read("totalShares"), vault.read("navTaken"))
        if whole != (mine.total, (mine.nav, mine.nav_at)):
            self._fail(f"the vault stores {whole}, specification: {mine}")
        quotes = self.quotes
        worst, best = (
            health_of(self.model, VAULT, purpose, quotes, self.now).equity
            for purpose in (Purpose.OPEN, Purpose.LIQUIDATE)
        )
        if vault.read("nav") != (worst, best):
            self._fail(f"the vault is worth {vault.read('nav')}, specification: {worst}, {best}")
        for account in self.model.accounts:
            stored = (vault.read("sharesOf", account), vault.read("claimOf", account))
            asked = mine.requests.get(account)
            request = (asked.shares, asked.begins, asked.ends) if asked else (0, 0, 0)
            if stored != (mine.shares.get(account, 0), request):
                self._fail(f"account {account} has shares {stored}, specification: {mine}")
