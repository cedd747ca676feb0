"""Who may call what: every mutator of the engine by every kind of caller."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from clearing.chain.artifacts import abi_of
from tests.harness.actors import key_of
from tests.harness.contract import Contract, Receipt
from tests.harness.errors import Refused
from tests.harness.perp import ETH, FEEDS, LOT, RAW, deploy_perp
from tests.unit.perp_engine.scene import NO_SAMPLE, batch, module, picture, rates_with, with_changed

ACCOUNT = 4
NEW = b"\x77" * 20
TO = b"\x70" * 20
FOREVER = 2**40 - 1
TRADE = (
    [(ACCOUNT, LOT, -3_000 * 10**12, 0, 0, True), (0, -LOT, 3_000 * 10**12, 0, 0, False)],
    NO_SAMPLE,
)

MODULES = ("VAULT", "SETTLER", "RISK", "RESOLUTION", "INSURANCE", "ADMIN")
PEOPLE = ("owner", "session key", "stranger", "timelock", "heir", "guardian")
EVERYBODY = (*PEOPLE, *MODULES)


@dataclass(frozen=True)
class Rule:
    """Who may call a function, with arguments that pass; and how the others are refused."""

    arguments: tuple[Any, ...]
    allowed: tuple[str, ...]
    error: Callable[[bytes], tuple[str, tuple[object, ...]]]
    within: bool = False
    """Whether it is called with the lock held, by who can take it."""
    ends: bool = True
    """Whether the lock is still held afterwards."""


def anyone(*arguments: Any) -> Rule:
    return Rule(arguments, EVERYBODY, lambda _: ("", ()))


def of_owner(*arguments: Any) -> Rule:
    return Rule(arguments, ("owner",), lambda by: ("NotOwner", (ACCOUNT, by)))


def of_timelock(*arguments: Any) -> Rule:
    return Rule(arguments, ("timelock",), lambda by: ("NotTimelock", (by,)))


def of_modules(*arguments: Any) -> Rule:
    return Rule(arguments, MODULES, lambda by: ("NotModule", (by, 0)))


def of_role(role: str, *arguments: Any) -> Rule:
    return Rule(arguments, (role,), lambda by: ("NotModule", (by, 0)))


def in_lock(*arguments: Any, allowed: tuple[str, ...] = MODULES, ends: bool = True) -> Rule:
    return Rule(arguments, allowed, lambda _: ("NotLocked", ()), within=True, ends=ends)


OWNER_KEY = key_of("trader")
OWNER = OWNER_KEY.address
OF_ROLE = ("deal", "setTerms")
"""Outside the lock, and of one role alone."""
RULES = {
    "createAccount": anyone(),
    "deposit": anyone(ACCOUNT, 1),
    "tickFunding": anyone(ETH),
    "collectFees": anyone(ETH),
    "withdraw": of_owner(ACCOUNT, 1, TO),
    "transferCash": of_owner(ACCOUNT, 0, 1),
    "setSession": of_owner(ACCOUNT, NEW, FOREVER),
    "revokeSession": of_owner(ACCOUNT, NEW),
    "enter": of_modules(),
    "inspect": of_modules(ETH, [ACCOUNT]),
    "deal": of_role("VAULT", ACCOUNT, OWNER, ETH, LOT, 10**30),
    "exit": in_lock(ends=False),
    "context": in_lock(ETH),
    "book": in_lock(ETH, *TRADE, 0, allowed=("VAULT",)),
    "finish": in_lock(ETH, *TRADE, 0, allowed=("VAULT",), ends=False),
    "moveCash": in_lock(0, 2, 1, allowed=("VAULT", "RISK", "RESOLUTION", "INSURANCE")),
    "shareLoss": in_lock(ETH, 0, ACCOUNT, 0, 0, allowed=("RESOLUTION",)),
    "moveDebt": in_lock(ETH, ACCOUNT, 5, allowed=("RESOLUTION",)),
    "setStatus": in_lock(ETH, 2, 0, allowed=("RESOLUTION",)),
    "setTerms": of_role("ADMIN", 2, 1, 0, 0, 0, 0),
    "liftGuardianPause": of_timelock(),
    "setModule": of_timelock(1, NEW),
    "setOracle": of_timelock(b""),  # the oracle's address is filled in
    "proposeTimelock": of_timelock(NEW),
    "acceptTimelock": Rule((), ("heir",), lambda by: ("NotTimelock", (by,))),
    "pauseAll": Rule((1, FOREVER), ("guardian",), lambda by: ("NotGuardian", (by,))),
}


@pytest.fixture(scope="module")
def peopled():
    """Every role is somebody who does as he is told."""
    rig = deploy_perp()
    rig.trader("trader", 100_000)
    modules = {name: module(rig, role) for role, name in enumerate(MODULES, start=1)}
    roles = rig.roles
    people = {
        "owner": OWNER,
        "session key": key_of("session").address,
        "stranger": key_of("stranger").address,
        "timelock": roles.timelock,
        "heir": key_of("heir").address,
        "guardian": roles.guardian,
    }
    rig.engine.send("setSession", ACCOUNT, people["session key"], FOREVER, sender=OWNER)
    rig.engine.send("proposeTimelock", people["heir"], sender=roles.timelock)
    for giver in people.values():
        rig.token.send("mint", giver, RAW, sender=giver)
        rig.token.send("approve", rig.engine.address, RAW, sender=giver)
    for maker in modules.values():
        rig.token.send("mint", maker.address, RAW, sender=OWNER)
        give = batch((rig.token, "approve", (rig.engine.address, RAW)))
        maker.send("execute", give, sender=OWNER)
    return rig, people, modules


@pytest.fixture
def scene(peopled):
    rig, people, modules = peopled
    with rig.chain.isolated():
        yield rig, people, modules


def call(rig, by: bytes | Contract, function: str, rule: Rule, *, locks: bool) -> Receipt:
    arguments = (rig.oracle.address,) if function == "setOracle" else rule.arguments
    if not isinstance(by, Contract):
        return rig.engine.send(function, *arguments, sender=by)
    calls = [(rig.engine, function, arguments)]
    if locks:
        calls.insert(0, (rig.engine, "enter", ()))
        if rule.ends:
            calls.append((rig.engine, "exit", ()))
    return by.send("execute", batch(*calls), sender=OWNER)


def test_access__the_table__has_every_mutator_of_the_abi():
    """[PERP-21]."""
    mutators = {
        entry["name"]
        for entry in abi_of("DerivativesEngine")
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }

    assert mutators == set(RULES), "PERP-21: the matrix covers the whole ABI"


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("function", RULES)
def test_access__each_caller__only_what_is_his(scene, function, who):
    """[PERP-21]."""
    rig, people, modules = scene
    rule = RULES[function]
    by = modules[who] if who in modules else people[who]
    address = by.address if isinstance(by, Contract) else by
    before = picture(rig)

    if function == "deal" and who == "VAULT":
        # who deals is asked for terms: the real vault
        rig.engine.send("setModule", 1, rig.vault.address, sender=rig.roles.timelock)
        rig.trade(ACCOUNT, OWNER_KEY, ETH, LOT)
        return
    if who in rule.allowed:
        call(rig, by, function, rule, locks=rule.within)
        return
    with pytest.raises(Refused) as caught:
        call(rig, by, function, rule, locks=rule.within)

    error = (caught.value.name, caught.value.args_)
    if who in MODULES and (rule.within or function in OF_ROLE):
        assert error == ("NotModule", (address, 1 + MODULES.index(who))), "PERP-21"
    else:
        assert error == rule.error(address), "PERP-21: nobody else may"
    assert picture(rig) == before, "PERP-21: a refused call changes nothing"


@pytest.mark.parametrize("function", [name for name, rule in RULES.items() if rule.within])
@pytest.mark.parametrize("who", MODULES)
def test_access__a_module_without_the_lock__is_refused(scene, function, who):
    """[PERP-21] Not even while another module holds it."""
    rig, _, modules = scene
    rule = RULES[function]
    other = modules["RISK" if who != "RISK" else "VAULT"]
    inner = batch((rig.engine, function, rule.arguments))
    through = batch(
        (rig.engine, "enter", ()),
        (modules[who], "execute", (inner,)),
        (rig.engine, "exit", ()),
    )
    before = picture(rig)

    for attempt in (
        lambda: call(rig, modules[who], function, rule, locks=False),
        lambda: other.send("execute", through, sender=OWNER),
    ):
        with pytest.raises(Refused) as caught:
            attempt()
        assert (caught.value.name, caught.value.args_) == ("NotLocked", ()), "PERP-21"
        assert picture(rig) == before


@pytest.mark.parametrize(
    ("who", "moves"),
    [
        ("VAULT", {(0, ACCOUNT), (ACCOUNT, 0), (0, 2), (2, 0)}),
        ("SETTLER", {(ACCOUNT, 3), (0, 3), (2, 3)}),
        ("INSURANCE", {(2, ACCOUNT), (ACCOUNT, 2), (0, 2), (2, 0), (2, 3)}),
    ],
)
def test_move_cash__each_role__only_what_it_is_for(scene, who, moves):
    rig, _, modules = scene
    every = [(a, b) for a in (0, 2, 3, ACCOUNT) for b in (0, 2, 3, ACCOUNT) if a != b]
    allowed = set(moves) | ({(3, 0), (0, 3)} if who == "VAULT" else set())
    allowed |= {(3, 2)} if who == "INSURANCE" else set()
    for pair in every:
        rule = in_lock(*pair, 1)
        with rig.chain.isolated():
            before = (rig.cash(pair[0]), rig.cash(pair[1]))
            if pair in allowed:
                call(rig, modules[who], "moveCash", rule, locks=True)
                assert (rig.cash(pair[0]) + 1, rig.cash(pair[1]) - 1) == before
                continue
            with pytest.raises(Refused) as caught:
                call(rig, modules[who], "moveCash", rule, locks=True)
            assert caught.value.name == "NotModule"
            assert (rig.cash(pair[0]), rig.cash(pair[1])) == before


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("function", ["book", "finish"])
@pytest.mark.parametrize("who", MODULES)
def test_book__each_role__only_its_own_kind(scene, who, function, kind):
    """[PERP-21] What one kind may do another may not: resolution asks no pause, matches no cap."""
    rig, _, modules = scene
    role = 1 + MODULES.index(who)
    rule = in_lock(ETH, *TRADE, kind, ends=function == "book")
    before = picture(rig)

    if role == kind + 1:
        call(rig, modules[who], function, rule, locks=True)
        assert rig.size(ACCOUNT, ETH) == LOT
        return
    with pytest.raises(Refused) as caught:
        call(rig, modules[who], function, rule, locks=True)

    error = (caught.value.name, caught.value.args_)
    assert error == ("NotModule", (modules[who].address, role)), "PERP-21"
    assert picture(rig) == before, "PERP-21"


@pytest.mark.parametrize("kind", range(4))
def test_book__cash_between_accounts__moves_for_liquidation_and_resolution_alone(scene, kind):
    """[PERP-21] A trade cannot carry off the cash of an account that does not trade."""
    rig, _, modules = scene
    legs = [(ACCOUNT, 0, 0, 0, -7, False), (3, 0, 0, 0, 7, False)]
    rule = in_lock(ETH, legs, NO_SAMPLE, kind)
    none = in_lock(ETH, [(*leg[:4], 0, False) for leg in legs], NO_SAMPLE, kind)
    by = modules[MODULES[kind]]
    before = picture(rig)
    call(rig, by, "book", none, locks=True)
    assert picture(rig) == before

    if kind >= 2:
        call(rig, by, "book", rule, locks=True)
        assert rig.cash(3) == 7
        return
    with pytest.raises(Refused) as caught:
        call(rig, by, "book", rule, locks=True)

    assert (caught.value.name, caught.value.args_) == ("LegsUnbalanced", (0, 0, -7)), "PERP-21"
    assert picture(rig) == before, "PERP-21"


ADMIN_RULES = {
    "addMarket": (2, FEEDS[ETH], *with_changed()),
    "setMarket": (ETH, *with_changed()),
    "setRates": (ETH, rates_with()),
    "setPause": (ETH, 1),
}


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("function", ADMIN_RULES)
def test_admin__each_caller__the_timelock_alone(scene, function, who):
    """[PERP-21]."""
    rig, people, modules = scene
    mutators = {
        entry["name"]
        for entry in abi_of("MarketAdmin")
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }
    assert mutators == set(ADMIN_RULES), "PERP-21: the matrix covers the whole ABI"
    rig.engine.send("setModule", 6, rig.admin.address, sender=rig.roles.timelock)
    arguments = ADMIN_RULES[function]
    before = picture(rig)

    if who == "timelock":
        rig.admin.send(function, *arguments, sender=people[who])
        return
    if who in modules:
        by = modules[who].address
        attempt = partial(modules[who].send, "execute", batch((rig.admin, function, arguments)))
    else:
        by = people[who]
        attempt = partial(rig.admin.send, function, *arguments)
    with pytest.raises(Refused) as caught:
        attempt(sender=OWNER if who in modules else by)

    assert (caught.value.name, caught.value.args_) == ("NotTimelock", (by,)), "PERP-21"
    assert picture(rig) == before, "PERP-21: a refused call changes nothing"
