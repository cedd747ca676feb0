"""The guardian and the timelock, at their worst."""

import pytest

from clearing.spec.types import Intent, Side, Status
from clearing.spec.units import DAY_S
from tests.attacks.duel import HOUR_S, PREIMAGE, STAKE, Duel, refused
from tests.harness.deployment import CAP

PAUSE_MAX_S = 3 * DAY_S
PAUSE_GAP_S = 7 * DAY_S


def pause(duel: Duel, until: int, by: object = None) -> int:
    """Pause openings, by the guardian unless told; return until when they are refused."""
    duel.vault.send("pauseOpenings", until, sender=by or duel.deployment.roles.guardian)
    return int(duel.vault.read("openingsPausedUntil"))


def test_guardian__pauses_for_ever__gets_72_hours(duel: Duel) -> None:
    assert pause(duel, 2**40 - 1) == duel.now + PAUSE_MAX_S
    end = duel.now + PAUSE_MAX_S
    with refused("OpeningsArePaused", end):
        duel.open()

    duel.chain.warp(end)
    duel.open()


def test_guardian__arms_pause_after_pause__is_refused(duel: Duel) -> None:
    """Openings go on for at least 7 days between two pauses, lifted or not."""
    end = pause(duel, duel.now + DAY_S)
    for at in (duel.now, end, end + PAUSE_GAP_S - 1):
        duel.chain.warp(at)
        with refused("PauseTooSoon", end + PAUSE_GAP_S):
            pause(duel, at + DAY_S)

    duel.chain.warp(end + PAUSE_GAP_S)
    with duel.chain.isolated():
        duel.open()
    pause(duel, duel.now + DAY_S)


def test_pause__stops_no_money(duel: Duel) -> None:
    """Everything that brokers have in the system moves and leaves as ever."""
    duel.open()
    duel.deposit(500)
    pause(duel, 2**40 - 1)
    token = duel.token.address
    state, order = duel.order(3)

    duel.deposit(1)
    duel.vault.send("withdraw", token, 1, duel.low, sender=duel.low)
    duel.vault.send("depositCollateral", duel.definition, token, 1, sender=duel.low)
    duel.send("checkpoint", duel.operate(2))
    duel.fund(state, order, Side.LOW)
    duel.fund(state, order, Side.HIGH)
    duel.send("reveal", duel.hash_locked(4, duel.now + HOUR_S, revealed=1), PREIMAGE)
    out = duel.state(Intent.RESIZE, 5, nets=(STAKE - 1, STAKE), out=(1, 0))
    duel.send("resize", out)
    last = duel.state(Intent.OPERATE, 6, nets=(STAKE - 1, STAKE))
    with duel.chain.isolated():
        duel.send("closeCooperative", duel.state(Intent.CLOSE, 7, nets=(STAKE - 1, STAKE)))
    duel.chain.warp(duel.challenge(last))
    duel.finalize(last)

    assert duel.status == Status.IDLE


@pytest.mark.parametrize(
    ("function", "arguments", "error"),
    [
        ("pauseOpenings", (2**40 - 1,), "NotGuardian"),
        ("liftPause", (), "NotTimelock"),
    ],
)
def test_powers__used_by_anybody_else__are_refused(
    duel: Duel, function: str, arguments: tuple[object, ...], error: str
) -> None:
    roles = duel.deployment.roles
    holder = roles.guardian if error == "NotGuardian" else roles.timelock
    with duel.chain.isolated():
        duel.vault.send(function, *arguments, sender=holder)
    for caller in {
        roles.deployer,
        roles.outsider,
        roles.low.address,
        roles.timelock,
        roles.guardian,
    }:
        if caller == holder:
            continue
        with refused(error, caller):
            duel.vault.send(function, *arguments, sender=caller)


def test_timelock__lowers_a_cap_or_delists__cannot(duel: Duel) -> None:
    """A listed token stays listed: nobody is stopped from withdrawing or settling it."""
    timelock, token = duel.deployment.roles.timelock, duel.token.address
    fresh = duel.chain.deploy("MockERC20", "N", "N", 18, sender=duel.outsider)
    duel.vault.send("raiseCap", fresh.address, 10, sender=timelock)
    duel.vault.send("raiseCap", fresh.address, 11, sender=timelock)

    for cap in (0, 10, 11):
        with refused("CapNotRaised", fresh.address, 11, cap):
            duel.vault.send("raiseCap", fresh.address, cap, sender=timelock)
    with refused("CapNotRaised", token, CAP, 0):
        duel.vault.send("raiseCap", token, 0, sender=timelock)
    with refused("CapTooHigh", fresh.address, 2**127):
        duel.vault.send("raiseCap", fresh.address, 2**127, sender=timelock)
    with refused("NoCode", duel.outsider):
        duel.vault.send("raiseCap", duel.outsider, 1, sender=timelock)


def test_powers__are_all_there_is(duel: Duel) -> None:
    """No other function of the Adjudicator treats guardian, timelock or deployer specially.

    Every state-changing function is either called here or takes signatures or the caller's money.
    """
    by_anyone = {
        "cancelAuth",
        "challenge",
        "checkpoint",
        "closeCooperative",
        "deposit",
        "depositCollateral",
        "finalize",
        "fundOrder",
        "open",
        "refundOrder",
        "resize",
        "reveal",
        "settle",
        "withdraw",
        "withdrawWithAuth",
    }
    by_one = {"liftPause", "pauseOpenings", "pushTransfer", "raiseCap"}
    abi = duel.chain.interfaces()
    vault = next(i for i in abi if any(m.name == "closeCooperative" for m in i.methods()))
    changing = {m.name for m in vault.methods() if m.name not in VIEWS}

    assert changing == by_anyone | by_one


VIEWS = {
    "balanceOf",
    "capOf",
    "channelOf",
    "domainSeparator",
    "eip712Domain",
    "hashDef",
    "hashOrder",
    "hashState",
    "isAuthSpent",
    "netOf",
    "openingsPausedUntil",
    "parameters",
}


def test_guardian_and_timelock__hold_no_key_to_a_channel(duel: Duel) -> None:
    """[ADJ-16] With the brokers' ledgers and an open channel in front of them they move nothing."""
    duel.open()
    duel.deposit(500)
    state, order = duel.order(2)
    token, roles = duel.token.address, duel.deployment.roles
    before = duel.ledgers(), duel.view()
    for power in (roles.guardian, roles.timelock, roles.deployer):
        with refused("NotParty", power):
            duel.send("challenge", duel.operate(2), by=power)
        with refused("NotThatSide", power, Side.LOW):
            duel.send("fundOrder", state, order, Side.LOW, by=power)
        with refused("NotBroker", power):
            duel.vault.send("depositCollateral", duel.definition, token, 1, sender=power)
        with refused("InsufficientBalance", power, token, 0, 1):
            duel.vault.send("withdraw", token, 1, power, sender=power)

    assert (duel.ledgers(), duel.view()) == before
