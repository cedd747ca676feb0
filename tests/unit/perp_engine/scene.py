"""How the tests of the perpetual swaps act and look: one call, all it told, all it changed."""

from collections.abc import Callable
from typing import Any

import pytest

from clearing.chain.artifacts import abi_of
from tests.harness.contract import Contract, Receipt
from tests.harness.errors import Refused
from tests.harness.perp import FEES, LIMIT, PRICES_E8, RISK, TRADE, PerpRig
from tests.harness.puppet import Manner

OPEN, REDUCE, LIQUIDATE, WITHDRAW, SETTLE, FUNDING = (1 << bit for bit in range(6))
"""What a pause mask stops."""
NO_ROLE, VAULT_ROLE, SETTLER_ROLE, RISK_ROLE, RESOLUTION_ROLE, INSURANCE_ROLE, ADMIN_ROLE = range(7)
VAULT_KIND, MATCH_KIND, LIQUIDATION_KIND, RESOLUTION_KIND = range(4)
FOR_OPEN, FOR_LIQUIDATE, AT_MID = range(3)
"""What a position is valued for."""
PICO = 10**12
WAD = 10**18
RAW_TO_WAD = 10**12
NO_SAMPLE = (0, 0)
NOWHERE = bytes(20)
ROUND = "latestRoundData()"

Call = Callable[[], Receipt]
Error = tuple[str, tuple[object, ...]]


def told(receipt: Receipt, *emitters: Contract) -> tuple[Error, ...]:
    """Return the events of a receipt, by name and values; of these contracts if any are given."""
    of = {emitter.address for emitter in emitters}
    return tuple((log.event, log.args) for log in receipt.logs if not of or log.emitter in of)


def refusal_of(call: Call) -> Error:
    """Make a call that must be refused and return the error with its values."""
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.name, caught.value.args_


def picture(rig: PerpRig) -> Any:
    """Return all that the engine, its modules and the token store, as far as views show it."""
    *_, accounts, _ = rig.engine.read("parameters")
    return (
        rig.everything(),
        rig.engine.read("parameters"),
        tuple(rig.engine.read("moduleOf", role) for role in range(7)),
        rig.vault.read("totalShares"),
        rig.vault.read("navTaken"),
        tuple(rig.vault.read("sharesOf", account) for account in range(accounts)),
        tuple(rig.vault.read("claimOf", account) for account in range(accounts)),
    )


def assert_only_fails_for(
    rig: PerpRig, arrange: Callable[[Any], Call], *, broken: object, fixed: object, error: Error
) -> None:
    """Succeed with `arrange(fixed)`; refuse `arrange(broken)` with the error, changing nothing.

    `arrange` sets the stage and returns the call that is judged. Nothing remains of either.
    """
    with rig.chain.isolated():
        arrange(fixed)()
    with rig.chain.isolated():
        call = arrange(broken)
        before = picture(rig)

        refusal = refusal_of(call)

        assert refusal == error
        assert picture(rig) == before


def deaf(rig: PerpRig, market: int) -> None:
    """Let the aggregator of a market refuse, and Pyth grow old: the feed is FROZEN."""
    rig.aggregators[market].says(ROUND, b"", Manner.REVERT)
    rig.wait(100)


def fresh(rig: PerpRig) -> None:
    """Let both markets say their first prices again, now."""
    for market, price in enumerate(PRICES_E8):
        rig.set_price(market, price)


def batch(*calls: tuple[Contract, str, tuple[object, ...]]) -> list[tuple[bytes, int, bytes]]:
    """Return calls as HostileAccount.execute takes them: one transaction, one lock."""
    return [
        (callee.address, 0, callee.call(function, len(arguments)).method.encode(*arguments))
        for callee, function, arguments in calls
    ]


def module(rig: PerpRig, role: int) -> Contract:
    """Make a contract the module of a role; whoever calls its `execute` acts as it."""
    made = rig.chain.deploy("HostileAccount", sender=rig.roles.deployer)
    rig.engine.send("setModule", role, made.address, sender=rig.roles.timelock)
    return made


def in_lock(
    rig: PerpRig, by: Contract, *calls: tuple[str, tuple[object, ...]], ends: bool = True
) -> Receipt:
    """Let a module take the engine's lock, make calls of the engine, and give it back."""
    inner = [(rig.engine, name, arguments) for name, arguments in calls]
    last = [(rig.engine, "exit", ())] if ends else []
    whole = batch((rig.engine, "enter", ()), *inner, *last)
    return by.send("execute", whole, sender=rig.roles.outsider)


def set_cash(rig: PerpRig, account: int, wad: int) -> None:
    """Give or take cash, from or to account 3, past every gate: as the resolution module can."""
    by = rig.engine.read("moduleOf", RESOLUTION_ROLE)
    maker = rig.chain.at(by, abi_of("HostileAccount")) if any(by) else module(rig, RESOLUTION_ROLE)
    more = wad - rig.cash(account)
    way = (FEES, account, more) if more > 0 else (account, FEES, -more)
    in_lock(rig, maker, ("moveCash", way))


def terms(
    risk: dict[str, int], trade: dict[str, int], limit: dict[str, int]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return a market's parameters as the contract takes them."""
    return tuple(risk.values()), tuple(trade.values()), tuple(limit.values())


def set_market(rig: PerpRig, market: int, **changed: int) -> Receipt:
    """Change some of a market's parameters; the others become the rig's."""
    return rig.admin.send("setMarket", market, *with_changed(**changed), sender=rig.roles.timelock)


def rates_with(**changed: int) -> tuple[int, ...]:
    """Return what setRates takes: the rig's rates with some changed."""
    names = ("im", "kappa", "takerFee", "makerFee", "vaultSpread", "maxRate", "interval")
    return tuple((RISK | TRADE | LIMIT | changed)[name] for name in names)


def with_changed(**changed: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the rig's parameters with some changed."""
    groups = [dict(RISK), dict(TRADE), dict(LIMIT)]
    for name, value in changed.items():
        (group,) = [group for group in groups if name in group]
        group[name] = value
    return terms(*groups)
