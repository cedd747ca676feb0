"""setPause, pauseAll, liftGuardianPause: each bit stops what the table says, and nothing else."""

from functools import partial

import pytest

from tests.harness.perp import BTC, ETH, LOT, usd
from tests.unit.perp_engine.scene import (
    FUNDING,
    LIQUIDATE,
    MATCH_KIND,
    NO_SAMPLE,
    OPEN,
    REDUCE,
    SETTLE,
    SETTLER_ROLE,
    WITHDRAW,
    assert_only_fails_for,
    in_lock,
    module,
    refusal_of,
    set_cash,
    told,
)

DAY = 86_400
TEN = 10 * LOT
STOPS = {
    OPEN: {"open", "match open"},
    REDUCE | LIQUIDATE: {"reduce", "match reduce", "liquidate"},
    LIQUIDATE: {"liquidate"},
    WITHDRAW: {"withdraw", "transferCash"},
    SETTLE: {"match open", "match reduce"},
    FUNDING: set(),
}
ACTS = (
    "open",
    "reduce",
    "match open",
    "match reduce",
    "liquidate",
    "withdraw",
    "transferCash",
    "deposit",
    "tick",
    "collect",
)


@pytest.fixture
def acts(rig):
    """Every kind of act on ETH that works while nothing is paused."""
    maker, taker, weak, keeper = (
        rig.trader(name, 200_000) for name in ("maker", "taker", "weak", "keeper")
    )
    for account, owner in (maker, weak):
        rig.trade(account, owner, ETH, TEN)
    rig.trade(*taker, ETH, -TEN)
    equity = rig.engine.read("healthOf", weak[0], 1)[0]
    set_cash(rig, weak[0], rig.cash(weak[0]) - equity + usd(100))
    settler = module(rig, SETTLER_ROLE)

    def match(size):
        quote = size * 3_000 * 10**4
        legs = [(maker[0], size, -quote, 0, 0, True), (taker[0], -size, quote, 0, 0, True)]
        return lambda: in_lock(rig, settler, ("book", (ETH, legs, NO_SAMPLE, MATCH_KIND)))

    id_, owner = maker
    send = partial(rig.engine.send, sender=owner.address)
    take = (weak[0], ETH, keeper[0])
    return {
        "open": lambda: rig.trade(id_, owner, ETH, LOT),
        "reduce": lambda: rig.trade(id_, owner, ETH, -LOT),
        "match open": match(LOT),
        "match reduce": match(-LOT),
        "liquidate": lambda: rig.risk.send("liquidate", *take, sender=keeper[1].address),
        "withdraw": lambda: send("withdraw", id_, 1, owner.address),
        "transferCash": lambda: send("transferCash", id_, 0, 1),
        "deposit": lambda: rig.fund(id_, 1),
        "tick": lambda: send("tickFunding", ETH),
        "collect": lambda: send("collectFees", ETH),
    }


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("mask", STOPS)
def test_set_pause__each_bit__stops_what_the_table_says(rig, acts, mask, act):
    """[PERP-30]."""
    with rig.chain.isolated():
        acts[act]()
    rig.admin.send("setPause", ETH, mask, sender=rig.roles.timelock)
    before = rig.everything()

    if act in STOPS[mask]:
        assert refusal_of(acts[act]) == ("Paused", (ETH, mask)), "PERP-30"
        assert rig.everything() == before
    else:
        acts[act]()


@pytest.mark.parametrize("act", ACTS)
def test_set_pause__everything__leaves_what_has_no_bit(rig, acts, act):
    rig.admin.send("setPause", ETH, 63, sender=rig.roles.timelock)

    if act in {"deposit", "tick", "collect"}:
        acts[act]()
    else:
        assert refusal_of(acts[act]) == ("Paused", (ETH, 63))


@pytest.mark.parametrize("act", ACTS)
def test_set_pause__another_market__stops_nothing_here(rig, acts, act):
    rig.admin.send("setPause", BTC, 63, sender=rig.roles.timelock)

    acts[act]()


def test_set_pause__a_mask__emits_old_and_new(rig):
    rig.admin.send("setPause", ETH, OPEN, sender=rig.roles.timelock)

    receipt = rig.admin.send("setPause", ETH, SETTLE, sender=rig.roles.timelock)

    assert told(receipt, rig.admin) == (("PauseChanged", (ETH, OPEN, SETTLE)),)


def test_set_pause__reductions_without_liquidations__is_refused(rig):
    """Who may not reduce must not be liquidated."""
    assert_only_fails_for(
        rig,
        lambda mask: partial(rig.admin.send, "setPause", ETH, mask, sender=rig.roles.timelock),
        broken=REDUCE,
        fixed=REDUCE | LIQUIDATE,
        error=("BadParameter", ("mask",)),
    )


# GUARDIAN


def pausing(rig, mask=OPEN | SETTLE, until=None):
    end = rig.chain.now + DAY if until is None else until
    return partial(rig.engine.send, "pauseAll", mask, end, sender=rig.roles.guardian)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("mask", [OPEN, SETTLE, OPEN | SETTLE])
def test_pause_all__openings_and_settlements__stop_in_every_market(rig, acts, mask, act):
    """[PERP-30] The guardian stops nothing else."""
    stopped = {name for bit in (OPEN, SETTLE) if mask & bit for name in STOPS[bit]}
    pausing(rig, mask)()

    if act in stopped:
        assert refusal_of(acts[act]) == ("Paused", (ETH, mask)), "PERP-30"
    else:
        acts[act]()


def test_pause_all__until__lapses_by_itself(rig, trader):
    account, owner = trader
    until = rig.chain.now + DAY
    receipt = pausing(rig)()
    assert told(receipt) == (("GuardianPaused", (OPEN | SETTLE, until)),)

    def arrange(now):
        rig.chain.warp(now)
        rig.set_price(ETH, 3_000 * 10**8)
        return lambda: rig.trade(account, owner, ETH, LOT)

    assert_only_fails_for(
        rig,
        arrange,
        broken=until - 1,
        fixed=until,
        error=("Paused", (ETH, OPEN | SETTLE)),
    )


def test_pause_all__longer_than_72_hours__is_72_hours(rig):
    latest = rig.chain.now + 3 * DAY

    receipt = pausing(rig, until=2**40 - 1)()

    assert told(receipt) == (("GuardianPaused", (OPEN | SETTLE, latest)),)


def test_pause_all__within_seven_days_of_the_last__is_refused(rig):
    pausing(rig)()
    not_before = rig.chain.now + 8 * DAY

    def arrange(now):
        rig.chain.warp(now)
        return pausing(rig)

    assert_only_fails_for(
        rig,
        arrange,
        broken=not_before - 1,
        fixed=not_before,
        error=("PauseTooSoon", (not_before,)),
    )


def test_pause_all__while_paused__can_but_end_later_and_stop_more(rig):
    """So the guardian cannot end a pause, nor a part of it."""
    pausing(rig, OPEN)()
    end = rig.chain.now + DAY
    rig.wait(60)

    for until in (rig.chain.now + 1, end):
        assert_only_fails_for(
            rig,
            lambda until: pausing(rig, SETTLE, until),
            broken=until,
            fixed=end + 1,
            error=("PauseTooSoon", (end + 7 * DAY,)),
        )
    receipt = pausing(rig, SETTLE, end + 1)()
    assert told(receipt) == (("GuardianPaused", (OPEN | SETTLE, end + 1)),)


def test_pause_all__again_and_again__ends_19_days_after_its_start(rig):
    last = rig.chain.now + 19 * DAY
    while rig.chain.now < last - 3 * DAY:
        until = rig.chain.now + 3 * DAY
        assert told(pausing(rig, until=2**40 - 1)()) == (
            ("GuardianPaused", (OPEN | SETTLE, until)),
        )
        rig.wait(3 * DAY - 1)
    assert told(pausing(rig, until=2**40 - 1)()) == (("GuardianPaused", (OPEN | SETTLE, last)),)
    not_before = last + 7 * DAY

    def arrange(now):
        rig.chain.warp(now)
        return pausing(rig, OPEN, until=2**40 - 1)

    for now in (last - 1, not_before - 1):
        assert_only_fails_for(
            rig,
            arrange,
            broken=now,
            fixed=not_before,
            error=("PauseTooSoon", (not_before,)),
        )
    receipt = arrange(not_before)()
    assert told(receipt) == (("GuardianPaused", (OPEN, not_before + 3 * DAY)),)


@pytest.mark.parametrize("mask", [0, REDUCE, LIQUIDATE, WITHDRAW, FUNDING, 63, 64, OPEN | REDUCE])
def test_pause_all__what_is_not_the_guardians__is_refused(rig, mask):
    assert_only_fails_for(
        rig,
        lambda mask: pausing(rig, mask),
        broken=mask,
        fixed=OPEN,
        error=("BadParameter", ("mask",)),
    )


def test_pause_all__until_now__is_refused(rig):
    now = rig.chain.now
    assert_only_fails_for(
        rig,
        lambda until: pausing(rig, until=until),
        broken=now,
        fixed=now + 1,
        error=("PauseInPast", (now,)),
    )


def test_lift_guardian_pause__a_pause__is_over_and_the_gap_counts_from_now(rig, trader):
    account, owner = trader
    pausing(rig)()
    rig.wait(60)
    rig.set_price(ETH, 3_000 * 10**8)
    now = rig.chain.now

    receipt = rig.engine.send("liftGuardianPause", sender=rig.roles.timelock)

    assert told(receipt) == (("GuardianPaused", (0, now)),)
    rig.trade(account, owner, ETH, LOT)
    assert refusal_of(pausing(rig)) == ("PauseTooSoon", (now + 7 * DAY,))


def test_lift_guardian_pause__none__does_nothing(rig):
    assert told(rig.engine.send("liftGuardianPause", sender=rig.roles.timelock)) == ()
