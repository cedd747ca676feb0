"""Losses, the fund and markets' ends, kept in step with their specification.

What no move may do is held after every one of them: `PERP-32` to `PERP-37`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any, Final

from clearing.spec.errors import SpecError
from clearing.spec.events import Event
from clearing.spec.perp_absorb import (
    Deleverage,
    Deleveraged,
    absorb,
    absorb_protocol,
    begin_ended,
    note_absorbed,
    take_backstop,
)
from clearing.spec.perp_doors import SMALL_DEBT
from clearing.spec.perp_ending import ClosedAt, Endings
from clearing.spec.perp_insurance import Fund, donate, spent_of, sweep, with_limits
from clearing.spec.perp_ledger import Ledger, health_of, position_of
from clearing.spec.perp_settle import (
    RestCovered,
    close_at,
    cover_rest,
    finalise,
    pay_claims,
    repay_debt,
)
from clearing.spec.perp_types import BACKSTOP, FIRST_OWNED, INSURANCE, VAULT, MarketStatus, Purpose
from clearing.spec.perp_waterfall import Covered, Moment, Resolution, Step, fee_allowance, shared_of
from clearing.spec.perp_wind_down import settle, settle_frozen, wind_down
from clearing.spec.units import Address
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.perp import FEEDS, PerpRig
from tests.harness.perp_liquidity_twin import LiquidityTwin
from tests.harness.results import ACCEPTED

__all__ = ["PAYERS", "ResolutionTwin", "Resolvers", "deploy_resolvers"]

RESOLUTION, INSURANCE_ROLE, SETTLEMENT = 4, 5, 7
TWAP_WINDOW_S: Final = 3_600
STATUS_AT: Final = 213
RISK_IN_CONTEXT: Final = 4
LAST_GOOD: Final = slice(0, 2)
PAYERS: Final = ("insurance", "backstop", "shared", "vault", "debt")
"""Who covers a loss, one after the other, but for those who are deleveraged."""
SHARED_DUST: Final = 10**13
"""Wad that shared losses may leave over: whole pico a unit, charged to every unit."""
BY_OTHERS: Final = frozenset(
    (
        *("absorb", "absorbProtocol", "takeBackstop", "liquidate", "sweep", "windDown", "settle"),
        *("settleFrozen", "closeAt", "finalise", "payClaims", "repayDebt", "tickFunding"),
        *("collectFees", "takeNav"),
    )
)
"""Calls that take nobody's cash without a position."""


@dataclass(frozen=True, slots=True)
class Resolvers:
    """The contracts that resolve losses and end markets."""

    fund: Contract
    resolution: Contract
    settlement: Contract


def deploy_resolvers(rig: PerpRig) -> Resolvers:
    """Deploy them and let the timelock give them their roles."""
    chain, made, engine = rig.chain, rig.roles.deployer, rig.engine
    fund = chain.deploy("InsuranceFund", engine.address, sender=made)
    resolution = chain.deploy("ResolutionModule", engine.address, fund.address, sender=made)
    settlement = chain.deploy("SettlementModule", engine.address, sender=made)
    roles = ((RESOLUTION, resolution), (INSURANCE_ROLE, fund), (SETTLEMENT, settlement))
    for role, module in roles:
        engine.send("setModule", role, module.address, sender=rig.roles.timelock)
    return Resolvers(fund, resolution, settlement)


class ResolutionTwin(LiquidityTwin):
    """A twin of everything that is deployed but the settler of signed orders."""

    def __init__(self, rig: PerpRig, resolvers: Resolvers) -> None:
        self.resolvers = resolvers
        self.store = Resolution(Fund())
        self.checks = 0
        self.endings = Endings(rig.roles.timelock, resolvers.settlement.read("POT"))
        super().__init__(rig)

    @property
    def moment(self) -> Moment:
        """What the oracle says, and when."""
        return Moment(self.quotes, self.now, self.endings.unreckoned)

    @property
    def dust(self) -> int:
        """Shared losses leave some, too."""
        return super().dust + SHARED_DUST

    # GOVERNANCE, which the specification does not have: it is put in place

    def set_limits(self, market: int, insurance: int, backstop: int) -> str:
        """Set what each may lose in a market."""
        timelock = self.rig.roles.timelock
        self.resolvers.fund.send("setLimits", market, insurance, backstop, sender=timelock)
        self._keep(
            replace(self.store, fund=with_limits(self.store.fund, market, insurance, backstop))
        )
        self.check()
        return ACCEPTED

    def set_target(self, wad: int) -> str:
        """Set what insurance keeps."""
        self.resolvers.fund.send("setTarget", wad, sender=self.rig.roles.timelock)
        self._keep(replace(self.store, fund=replace(self.store.fund, target=wad)))
        self.check()
        return ACCEPTED

    # LOSSES

    def absorb(
        self, sender: Address, account: int, keeper: int, lists: Sequence[Deleverage]
    ) -> str:
        """Absorb, with a list of each market."""
        before = self.model
        args = (account, keeper, [(one.market, list(one.counterparties)) for one in lists])

        def parts() -> tuple[Any, ...]:
            at = self.moment
            began = begin_ended(self.model, self.store, self.endings, account, at)
            ledger, store, endings, begun = began
            at = replace(at, unreckoned=endings.unreckoned)
            step = absorb(ledger, store, account, keeper, lists, at)
            effects = (*begun, *step.effects)
            return step.ledger, step.store, note_absorbed(endings, step.effects), effects

        told = self._both(self.resolvers.resolution, "absorb", args, sender, parts)
        if told == ACCEPTED:
            self._check_absorbed(before, account)
        return told

    def absorb_protocol(self, sender: Address, account: int) -> str:
        """Cover what the vault or the backstop lacks."""
        model = partial(absorb_protocol, self.model, self.store, account, self.moment)
        return self._step("absorbProtocol", (account,), sender, model)

    def take_backstop(self, sender: Address, market: int, size: int, to: int) -> str:
        """Take over from the backstop."""
        given = (sender, market, size, to, self.moment)
        model = partial(take_backstop, self.model, self.store, *given)
        return self._step("takeBackstop", (market, size, to), sender, model)

    def _step(
        self, name: str, args: tuple[Any, ...], sender: Address, model: Callable[[], Step]
    ) -> str:
        def parts() -> tuple[Any, ...]:
            step = model()
            return step.ledger, step.store, step.effects

        return self._both(self.resolvers.resolution, name, args, sender, parts)

    # FUND

    def donate(self, sender: Address, account: int, amount: int) -> str:
        """Give cash to insurance."""
        model = partial(donate, self.model, sender, account, amount)
        return self._both(self.resolvers.fund, "donate", (account, amount), sender, model)

    def sweep(self, sender: Address) -> str:
        """Move what insurance has too much."""
        model = partial(sweep, self.model, self.store.fund)
        return self._both(self.resolvers.fund, "sweep", (), sender, model)

    # ENDS

    def wind_down(self, sender: Address, market: int) -> str:
        """Let a market close only."""
        model = partial(wind_down, self.model, self.endings, sender, market)
        return self._end("windDown", (market,), sender, model)

    def settle(self, sender: Address, market: int) -> str:
        """End a market at its average price, if the oracle has one."""
        refusal: SpecError | None = None
        twap = self.quote(market).mid
        try:
            twap = self.rig.oracle.read("twap", FEEDS[market], TWAP_WINDOW_S)
        except Refused as refused:
            refusal = SpecError(refused.name, *refused.args_)

        def model(*moment: Any) -> tuple[Any, ...]:
            after = settle(self.model, self.endings, market, twap, *moment)
            if refusal is not None:
                raise refusal
            return after

        return self._end("settle", (market,), sender, model)

    def settle_frozen(self, sender: Address, market: int) -> str:
        """End a market whose feed is of no use."""
        good = self.rig.oracle.read("memoOf", FEEDS[market])[LAST_GOOD]
        model = partial(settle_frozen, self.model, self.endings, sender, market, good)
        return self._end("settleFrozen", (market,), sender, model)

    def close_at(self, sender: Address, market: int, accounts: Sequence[int]) -> str:
        """Close accounts of a settled market."""
        model = partial(close_at, self.model, self.endings, market, accounts)
        return self._last("closeAt", (market, list(accounts)), sender, model)

    def finalise(self, sender: Address, market: int) -> str:
        """Make the books of a settled market final."""
        model = partial(finalise, self.model, self.endings, market)
        return self._last("finalise", (market,), sender, model)

    def pay_claims(self, sender: Address, market: int, accounts: Sequence[int]) -> str:
        """Pay gains."""
        model = partial(pay_claims, self.model, self.endings, market, accounts)
        args = (market, list(accounts))
        return self._both(self.resolvers.settlement, "payClaims", args, sender, model)

    def repay_debt(self, sender: Address, market: int) -> str:
        """Repay debt out of fees."""
        model = partial(repay_debt, self.model, market)
        return self._both(self.resolvers.settlement, "repayDebt", (market,), sender, model)

    def _end(
        self, name: str, args: tuple[Any, ...], sender: Address, model: Callable[..., Any]
    ) -> str:
        given = partial(model, self.quotes, self.now)
        return self._both(self.resolvers.settlement, name, args, sender, given)

    def _last(
        self, name: str, args: tuple[Any, ...], sender: Address, model: Callable[..., Any]
    ) -> str:
        """Make a call that may be a market's last, whose rest is covered then."""

        def parts(*moment: Any) -> tuple[Any, ...]:
            ledger, endings, effects = model(*moment)
            given = (ledger, self.store, endings, args[0], self.moment)
            ledger, store, covered = cover_rest(*given)
            return ledger, store, endings, (*effects, *covered)

        return self._end(name, args, sender, parts)

    # BOTH

    def _both(
        self,
        contract: Contract,
        name: str,
        args: tuple[Any, ...],
        sender: Address,
        model: Callable[[], tuple[Any, ...]],
    ) -> str:
        before = self.model
        told = super()._both(contract, name, args, sender, model)
        if name in BY_OTHERS:
            self._check_untouched(before, sender)
        return told

    def _keep(self, part: Any) -> None:
        match part:
            case Resolution():
                self.store = part
            case Endings():
                self.endings = part
            case _:
                super()._keep(part)

    def _names(self, event: Event) -> tuple[str, ...]:
        """Count who covers losses, and who is deleveraged, apart."""
        match event:
            case Covered():
                paid = {name: getattr(event, name) for name in PAYERS}
                return tuple(f"Covered by {name}" for name, wad in paid.items() if wad)
            case RestCovered():
                payers = {"insurance", "backstop", "vault", "debt"}
                return tuple(
                    f"RestCovered by {each}" for each in sorted(payers) if getattr(event, each)
                )
            case Deleveraged():
                return (
                    "Deleveraged the vault"
                    if event.counterparty == VAULT
                    else "Deleveraged a trader",
                )
            case ClosedAt():
                sign = "claim" if event.claim else "debt" if event.debt else "neither"
                return (f"ClosedAt with {sign}",)
            case _:
                return super()._names(event)

    # STORAGE

    def check(self) -> None:
        """Compare the fund, fees, shared losses, debts and ends, too."""
        super().check()
        for market in self.model.markets:
            self._check_fund(market)
            self._check_ending(market)
        allowance = self.resolvers.resolution.read("feeAllowance")
        if allowance != fee_allowance(self.store, self.now):
            self._fail(f"fee allowance is {allowance}, specification: {self.store}")
        self._check_worth()
        self._check_protocol()

    def _check_worth(self) -> None:
        """Compare what one account is worth for one purpose, another each time."""
        self.checks += 1
        turn, account = divmod(self.checks, len(self.model.accounts))
        purpose = Purpose(turn % len(Purpose))
        stored = self.rig.engine.read("healthOf", account, purpose)
        mine = health_of(self.model, account, purpose, self.quotes, self.now)
        if stored != astuple(mine):
            self._fail(f"account {account} is worth {stored}, specification: {mine}")
        unreckoned = self.resolvers.settlement.read("unreckoned")
        if unreckoned != self.endings.unreckoned:
            self._fail(f"{unreckoned} is not reckoned, specification: {self.endings}")
        covered = self.resolvers.settlement.read("coveredFor", account)
        if covered != self.endings.covered.get(account, 0):
            self._fail(f"{covered} was covered for {account}, specification: {self.endings}")

    def _check_fund(self, market: int) -> None:
        fund, limits = self.resolvers.fund, self.store.fund.of(market)
        stored = (fund.read("limits", market), fund.read("spent", market))
        if stored != (astuple(limits), spent_of(limits, self.now)):
            self._fail(f"limits of market {market} are {stored}, specification: {limits}")
        shared = self.resolvers.resolution.read("sharedOf", market)
        if shared != shared_of(self.store, market, self.now):
            self._fail(f"market {market} has shared {shared}, specification: {self.store}")

    def _check_ending(self, market: int) -> None:
        stored, mine = self.model.markets[market], self.endings.of(market)
        word = self.rig.engine.read("peekContext", 0, market)[RISK_IN_CONTEXT]
        told = (
            self.rig.engine.read("debtOf", market),
            word >> STATUS_AT & 0xF,
            self.resolvers.settlement.read("settlementOf", market),
        )
        if told != (stored.debt, stored.risk.status, astuple(mine)):
            self._fail(f"market {market} is {told}, specification: {stored}, {mine}")
        if not mine.settled_at:
            return
        for account in self.model.accounts:
            claim = self.resolvers.settlement.read("claimOf", market, account)
            if claim != self.endings.claims.get((market, account), 0):
                self._fail(f"the claim of {account} is {claim}, specification: {self.endings}")

    # INVARIANTS

    def _check_protocol(self) -> None:
        assert self.model.accounts[INSURANCE].cash >= 0, "PERP-32: insurance never owes"
        for market, stored in self.model.markets.items():
            is_live = stored.risk.status is MarketStatus.LIVE
            is_small = stored.debt <= SMALL_DEBT
            assert is_small or not is_live, f"PERP-33: live market {market} owes little"
        pots = sum(ending.pot for ending in self.endings.markets.values() if ending.is_final)
        open_ = sum(e.claims for e in self.endings.markets.values() if not e.is_final)
        held = self.model.accounts[self.endings.pot].cash
        owed = sum(self._owed_for(*key) for key in self.endings.claims)
        assert owed <= held <= pots + open_, f"PERP-37: the pot holds what is owed: {held}, {owed}"

    def _owed_for(self, market: int, account: int) -> int:
        """Return what the pot will pay of an open claim, wad."""
        ending, claim = self.endings.of(market), self.endings.claims[market, account]
        return claim * ending.pot // ending.claims if ending.is_final else claim

    def _check_untouched(self, before: Ledger, sender: Address) -> None:
        """Hold that an account without positions pays nothing for what others do."""
        for account, was in before.accounts.items():
            is_mine = account < FIRST_OWNED or account == self.endings.pot or was.owner == sender
            if is_mine or before.markets_of(account):
                continue
            now = self.model.accounts[account].cash
            assert now >= was.cash, f"PERP-34: {account} has no position and paid {was.cash - now}"

    def _check_absorbed(self, before: Ledger, absorbed: int) -> None:
        """Hold that the account is empty and nobody else was turned around or loaded."""
        after = self.model
        rest = (after.accounts[absorbed].cash, after.markets_of(absorbed))
        assert rest == (0, ()), f"PERP-35: absorbed account {absorbed} has {rest}"
        for account in before.accounts:
            if account in {absorbed, BACKSTOP}:
                continue
            for market in before.markets:
                was = position_of(before, account, market).size
                now = position_of(after, account, market).size
                is_less = was * now >= 0 and abs(now) <= abs(was)
                assert is_less, f"PERP-36: {account} in {market} turned from {was} to {now}"
