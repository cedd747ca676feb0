"""docs/protocol/settlement.md says what contracts and specification do, to the last digit."""

import re
from pathlib import Path

import pytest

from clearing.risk.decimal_text import scaled_text
from clearing.spec.perp_orders import Slot
from tests.harness.perp import ETH, FEES, LOT, RAW, usd
from tests.harness.results import ACCEPTED
from tests.unit.match_settler.scene import MID, ONE, Scene
from tests.unit.perp_engine.scene import AT_MID, in_lock
from tests.unit.perp_resolution.settle_scene import settling

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/protocol/settlement.md").read_text("utf-8")
ROW = re.compile(r"^\| (.+?) \| (−?[\d,.]+) \|$", re.MULTILINE)
ROWS = dict(ROW.findall(PAGE))
PICO, WAD = 12, 18


def told(text):
    """Return the number of the only row whose text starts so."""
    (found,) = [number for row, number in ROWS.items() if row.startswith(text)]
    return found.replace(",", "").replace("−", "-")


def shown(value, decimals=WAD):
    """Return an integer of so many decimals as the page writes it."""
    return scaled_text(value, decimals)


@pytest.fixture
def twin():
    """Contracts and their model. Undone after the test."""
    with settling() as it:
        yield it


def test_page__a_loss_that_is_shared__is_what_positions_owe(twin):
    """60 USD among 10 ETH long and 10 short."""
    bull, bear, lost = (twin.trader(name, 10_000) for name in ("bull", "bear", "lost"))
    twin.meet(bull, bear, 10)
    loss, divisor = usd(60), 2 * 10 * LOT
    delta = loss * 100 // divisor
    engine = twin.rig.engine

    engine.send("setModule", 4, twin.stand_in.address, sender=twin.rig.roles.timelock)
    in_lock(twin.rig, twin.stand_in, ("shareLoss", (ETH, delta, lost, loss, 0)))

    assert told("60 USD among") == shown(delta, PICO)
    owed = usd(10_000) - engine.read("healthOf", bull, AT_MID)[0]
    assert told("each position of 10 ETH owes") == shown(owed)
    assert engine.read("healthOf", bear, AT_MID)[0] == usd(10_000) - owed
    assert engine.read("accountOf", lost)[1] == usd(10_060)


def test_page__a_market_that_ends__pays_what_the_page_says(twin):
    first, poor, second, rich = (
        twin.trader(name, dollars)
        for name, dollars in (("a", 10_000), ("b", 2_000), ("c", 10_000), ("d", 10_000))
    )
    twin.meet(first, poor, 10)
    twin.meet(second, rich, 5)
    twin.end(3_300)

    twin.close_at([first, second])
    assert told("A gains") == shown(twin.claim(first))
    assert told("C gains") == shown(twin.claim(second))
    twin.close_at([poor])
    assert told("B pays all that he has") == shown(usd(2_000) - twin.cash(poor))
    assert told("the market owes what B lacks") == shown(twin.debt())
    twin.close_at([rich])
    assert told("D pays") == shown(usd(10_000) - twin.cash(rich))
    ending = twin.endings.of(ETH)
    assert told("claims") == shown(ending.claims)
    assert told("pot") == shown(ending.pot)

    twin.pay([first, second])
    assert told("A is paid") == shown(twin.cash(first) - usd(10_000))
    assert told("C is paid") == shown(twin.cash(second) - usd(10_000))
    assert told("what stays in the pot") == shown(twin.cash(twin.endings.pot))
    assert twin.debt() == 0


def test_page__a_debt_without_gains__is_repaid_from_fees(twin):
    lost = twin.trader("lost", 0)
    twin.owe(lost, usd(700))
    twin.deposit(twin.rig.roles.outsider, FEES, 500 * RAW)

    assert twin.repay() == ACCEPTED

    assert told("a market owes 700") == shown(twin.debt())


def test_page__a_group_of_signed_orders__books_what_the_page_says():
    scene = Scene.new()
    near = scene.order(scene.maker, -2 * ONE, MID, nonce=7)
    far = scene.order(scene.third, -ONE, MID + 10**18, nonce=7)
    taker = scene.order(scene.taker, 3 * ONE, MID + 2 * 10**18, nonce=7)

    receipt = scene.rig.settle(scene.of(taker, (near, 2 * ONE), (far, ONE)))

    booked = {log.args[1]: log.args[3:5] for log in receipt.logs if log.event == "Booked"}
    quote, fee = booked[scene.taker.account]
    assert told("the taker's 3 ETH cost") == shown(-quote, PICO)
    assert told("the taker's fee") == shown(fee, PICO)
    assert told("the first maker's fee") == shown(booked[scene.maker.account][1], PICO)
    assert told("the second maker's fee") == shown(booked[scene.third.account][1], PICO)
    (sample,) = [log.args[1] for log in receipt.logs if log.event == "PremiumSampled"]
    assert told("the group's premium sample") == shown(sample, PICO)


def test_page__nonces__share_a_slot_as_the_page_says():
    scene = Scene.new()
    first = scene.order(scene.maker, -ONE, nonce=7)
    with scene.chain.isolated():
        scene.rig.settle(scene.of(scene.order(scene.taker, ONE), (first, ONE)))
        assert scene.rig.slot(scene.maker.account, 7) == Slot(7, ONE)
    later = scene.order(scene.maker, -ONE, nonce=71)
    scene.rig.settle(scene.of(scene.order(scene.taker, ONE), (later, ONE)))

    # nonce 7 was never filled, and is dead since 71 took its slot
    assert told("slot of nonce 71") == str(71 % 64) == "7"
    refused = scene.skip_of(scene.of(scene.order(scene.taker, ONE, nonce=1), (first, ONE)))
    assert refused == ("NonceReplaced", scene.maker.account, 7, 71)
