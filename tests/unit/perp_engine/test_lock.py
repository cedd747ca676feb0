"""One lock for the whole system: a token that calls back while it moves reaches nothing.

The token is the timelock, the guardian, a module and the owner of an account of an engine of its
own, so that it is the lock and nothing else that stops it.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from clearing.chain.artifacts import abi_of
from tests.harness.contract import Contract
from tests.harness.perp import ETH, FEEDS, LOT, PerpRig, deploy_admin, deploy_perp
from tests.unit.perp_engine.scene import NO_SAMPLE, rates_with, with_changed

ACCOUNT, OTHER = 4, 5
DAY = 86_400
NEW = b"\x77" * 20
TO = b"\x70" * 20
FOREVER = 2**40 - 1
HELD = (
    "exit",
    "context",
    "book",
    "finish",
    "moveCash",
    "shareLoss",
    "moveDebt",
    "setStatus",
)
"""What a module may call only with the lock held: NotLocked, whoever else holds it."""

ENGINE: dict[str, tuple[Any, ...]] = {
    "createAccount": (),
    "deposit": (ACCOUNT, 1),
    "withdraw": (ACCOUNT, 1, TO),
    "transferCash": (ACCOUNT, 0, 1),
    "setSession": (ACCOUNT, NEW, FOREVER),
    "revokeSession": (ACCOUNT, NEW),
    "tickFunding": (ETH,),
    "collectFees": (ETH,),
    "enter": (),
    "deal": (ACCOUNT, None, ETH, LOT, 0),
    "inspect": (ETH, []),
    "exit": (),
    "context": (ETH,),
    "book": (ETH, [], NO_SAMPLE, 0),
    "finish": (ETH, [], NO_SAMPLE, 0),
    "moveCash": (0, 2, 0),
    "shareLoss": (ETH, 0, ACCOUNT, 0, 0),
    "moveDebt": (ETH, ACCOUNT, 1),
    "setStatus": (ETH, 2, 0),
    "setTerms": (1, 1, 0, 0, 0, 0),
    "liftGuardianPause": (),
    "setModule": (5, NEW),
    "setOracle": (None,),
    "proposeTimelock": (NEW,),
    "acceptTimelock": (),
    "pauseAll": (1, FOREVER),
}
VAULT: dict[str, tuple[Any, ...]] = {
    "trade": (ACCOUNT, ETH, LOT, 10**30, 2**64),
    "close": (ACCOUNT, ETH, 0, 2**64),
    "forceReduce": (ACCOUNT, ETH, -1, 0, 2**64),
    "tradeWithUpdate": ([], ACCOUNT, ETH, LOT, 10**30, 2**64),
    "addLiquidity": (OTHER, 10**18, 0),
    "requestClaim": (OTHER, 1),
    "claim": (OTHER,),
    "takeNav": (),
    "terms": (ACCOUNT, ETH, (LOT, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0),
}
ADMIN: dict[str, tuple[Any, ...]] = {
    "addMarket": (1, FEEDS[1], *with_changed()),
    "setMarket": (ETH, *with_changed()),
    "setRates": (ETH, rates_with()),
    "setPause": (ETH, 1),
}
RISK: dict[str, tuple[Any, ...]] = {
    "liquidate": (ACCOUNT, ETH, OTHER),
    "liquidateBatch": ([], ETH, OTHER),
}
ALONE = {"requestClaim": "it moves nothing and asks nobody: a request is the caller's own note"}
UNREACHED = {
    "liquidate": "NotLiquidatable",
    "deal": "NotModule",
    "setTerms": "NotModule",
    "terms": "NotEngine",
}
"""What even without the lock is refused: the account is healthy, the token has another role."""


@dataclass
class Trap:
    """A token and what it holds sway over."""

    rig: PerpRig
    token: Contract
    engine: Contract
    vault: Contract
    risk: Contract
    admin: Contract

    def contract_of(self, where: str) -> Contract:
        parts = {"engine": self.engine, "vault": self.vault, "risk": self.risk}
        return (parts | {"admin": self.admin})[where]

    def arm(self, callee: Contract, function: str, arguments: tuple[Any, ...]) -> None:
        data = callee.call(function, len(arguments)).method.encode(*arguments)
        self.token.send("arm", callee.address, data, sender=self.rig.roles.outsider)

    def disarm(self) -> None:
        self.token.send("arm", bytes(20), b"", sender=self.rig.roles.outsider)

    def spring(self) -> tuple[bool, bytes]:
        """Let the token call what it is armed with, nobody holding the lock."""
        self.token.send("transfer", TO, 0, sender=self.rig.roles.outsider)
        return self.token.read("succeeded"), self.token.read("answer")

    def does(self, callee: Contract, function: str, *arguments: Any) -> None:
        self.arm(callee, function, arguments)
        succeeded, answer = self.spring()
        assert succeeded, (function, answer.hex())

    def filled(self, function: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        own = {"deal": self.token.address, "setOracle": self.rig.oracle.address}
        return tuple(own[function] if value is None else value for value in arguments)


def build() -> Trap:
    rig = deploy_perp()
    made, giver = rig.roles.deployer, rig.roles.outsider
    token = rig.chain.deploy("ReentrantToken", "Trap", "TRAP", 6, sender=made)
    parties = (rig.oracle.address, token.address, token.address)
    engine = rig.chain.deploy("DerivativesEngine", token.address, *parties, sender=made)
    vault = rig.chain.deploy("VaultModule", engine.address, sender=made)
    risk = rig.chain.deploy("RiskManager", engine.address, sender=made)
    admin = deploy_admin(rig.chain, engine, made)
    trap = Trap(rig, token, engine, vault, risk, admin)

    for role, part in ((1, vault), (3, risk), (5, token), (6, admin)):
        trap.does(engine, "setModule", role, part.address)
    trap.does(admin, "addMarket", ETH, FEEDS[ETH], *with_changed())
    for _ in (ACCOUNT, OTHER):
        trap.does(engine, "createAccount")
    trap.does(engine, "proposeTimelock", token.address)
    # the token itself calls deposit, so it holds and approves its own units
    trap.does(token, "approve", engine.address, 2**256 - 1)
    trap.disarm()
    token.send("approve", engine.address, 2**256 - 1, sender=giver)
    for holder in (giver, token.address):
        token.send("mint", holder, 10**12, sender=giver)
    for account in (0, ACCOUNT, OTHER):
        engine.send("deposit", account, 10**11, sender=giver)
    trap.does(vault, "takeNav")
    trap.does(vault, "trade", ACCOUNT, ETH, LOT, 10**30, 2**64)
    trap.does(vault, "addLiquidity", OTHER, 10**18, 0)
    trap.does(vault, "requestClaim", OTHER, 5)
    trap.disarm()
    rig.wait(DAY)
    rig.set_price(ETH, 3_000 * 10**8)
    return trap


@pytest.fixture(scope="module")
def built():
    return build()


@pytest.fixture
def trap(built):
    with built.rig.chain.isolated():
        yield built


def error_of(answer: bytes, *contracts: Contract) -> str:
    """Return the name of an error of one of these contracts."""
    (name, _), *_ = [
        contract.interface.decode_error(answer)
        for contract in contracts
        if contract.interface.knows_error(answer)
    ]
    return name


EVERY = [
    (where, function, arguments)
    for where, table in (("engine", ENGINE), ("vault", VAULT), ("risk", RISK), ("admin", ADMIN))
    for function, arguments in table.items()
]


@pytest.mark.parametrize(
    ("contract", "table"),
    [
        ("DerivativesEngine", ENGINE),
        ("VaultModule", VAULT),
        ("RiskManager", RISK),
        ("MarketAdmin", ADMIN),
    ],
)
def test_lock__the_tables__have_every_mutator_of_the_abi(contract, table):
    """[PERP-22]."""
    mutators = {
        entry["name"]
        for entry in abi_of(contract)
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }

    assert mutators == set(table), "PERP-22: no way in is left out"


@pytest.mark.parametrize("door", ["deposit", "withdraw"])
@pytest.mark.parametrize(
    ("where", "function", "arguments"), EVERY, ids=[f"{w}.{f}" for w, f, _ in EVERY]
)
def test_lock__a_token_that_calls_back__reaches_nothing(trap, where, function, arguments, door):
    """[PERP-22]."""
    giver = trap.rig.roles.outsider
    callee = trap.contract_of(where)
    arguments = trap.filled(function, arguments)
    own = trap.engine.send("createAccount", sender=giver).output
    trap.engine.send("deposit", own, 10**6, sender=giver)
    trap.arm(callee, function, arguments)
    with trap.rig.chain.isolated():
        succeeded, answer = trap.spring()
        outside = "" if succeeded else error_of(answer, trap.engine, callee)
    if function in HELD:
        assert outside == "NotLocked"
    else:
        assert outside == UNREACHED.get(function, ""), "the same call works while the lock is free"

    what = (own, 5) if door == "deposit" else (own, 5, TO)
    trap.engine.send(door, *what, sender=giver)

    assert trap.token.read("calls") == 1
    if function in ALONE:
        assert trap.token.read("succeeded")
        return
    name = error_of(trap.token.read("answer"), trap.engine, callee)
    expected = "NotLocked" if function in HELD else "Locked"
    if function == "terms":
        expected = "NotEngine"  # nobody else asks the vault for its terms, with or without the lock
    assert name == expected, "PERP-22: one lock over all modules"
    assert not trap.token.read("succeeded")


def test_lock__after_a_call__is_free_again(trap):
    giver = trap.rig.roles.outsider
    for _ in range(2):
        trap.engine.send("deposit", 0, 1, sender=giver)
