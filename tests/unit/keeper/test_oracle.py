"""The oracle job pokes, pays for Pyth where it is worth it, and resets what may be reset."""

from dataclasses import dataclass, replace

import pytest
from eth_abi.abi import encode

from clearing.chain.errors import NodeUnreachableError
from clearing.keeper.jobs.oracle import OracleJob
from clearing.keeper.oracle_plan import FeedNow, Latest, OraclePolicy, plan_oracle
from clearing.keeper.updates import Signed
from clearing.oracle.status import memo_from, reading_from_abi
from clearing.spec.oracle_types import PriceState, TripReason
from clearing.spec.units import WAD
from tests.harness.perp import ETH, FEEDS, PYTH_IDS
from tests.unit.perp_cli.stage import UPDATE

E8 = 8


@dataclass
class Service:
    """A price service with the mock's updates; prices in USD by market."""

    rig: object
    prices: tuple[int, int] = (3_000, 50_000)
    is_down: bool = False

    def latest(self, ids):
        if self.is_down:
            raise NodeUnreachableError("no answer", "wait")
        at = self.rig.anvil.now + 1
        rows = [
            (id_, price * 10**E8, price * 10**4, -E8, at, at - 1, price * 10**E8, 1)
            for id_, price in zip(PYTH_IDS, self.prices, strict=True)
            if id_ in ids
        ]
        known = {row[0]: Latest(row[1] * 10**10, at) for row in rows}
        return Signed((encode([UPDATE], [rows]),), known)


@pytest.fixture
def service(rig):
    return Service(rig)


def job_of(rig, service=None, **policy):
    desk = rig.desk("oracle", "oracle")
    return OracleJob(desk, rig.swaps, OraclePolicy(**policy), service), desk


def events(rig, *names):
    oracle = rig.swaps.oracle
    known = {it.topic.hex(): it.name for it in oracle.interface.events()}
    wanted = {"fromBlock": hex(rig.began_at + 1), "address": "0x" + oracle.address.hex()}
    logs = rig.anvil.node.request("eth_getLogs", [wanted])
    found = [known[log["topics"][0][2:]] for log in logs]
    return [name for name in found if not names or name in names]


def reading(rig):
    return reading_from_abi(rig.swaps.oracle.call("readingOf", FEEDS[ETH]))


def test_turn__the_ring_is_fresh__sends_nothing(rig):
    job, desk = job_of(rig)

    job.turn()

    assert desk.meters.counts["sent"] == 0


def test_turn__the_ring_grows_old__every_feed_is_poked_once(rig):
    job, desk = job_of(rig)
    rig.mine(1, 160)

    for _ in range(3):
        job.turn()
        rig.mine()

    assert events(rig, "Poked") == ["Poked"] * 2
    assert desk.meters.counts["mined"] == 2


def test_turn__pyth_would_say_another_price__is_paid_for_once(rig, service):
    job, desk = job_of(rig, service)
    rig.mine(1, 70)
    assert reading(rig).state is PriceState.PRIMARY_ONLY
    service.prices = (3_020, 50_000)

    for _ in range(3):
        job.turn()
        rig.mine()

    assert desk.meters.counts["updates"] == 1
    assert reading(rig).p == 3_020 * WAD


def test_turn__pyth_says_the_same__is_not_paid_for(rig, service):
    job, desk = job_of(rig, service)
    rig.mine(1, 70)

    job.turn()

    assert desk.meters.counts["updates"] == 0


def test_turn__age_asks_for_it__is_paid_for(rig, service):
    job, desk = job_of(rig, service, pyth_max_age_s=50)
    rig.mine(1, 70)

    job.turn()
    rig.mine()

    assert desk.meters.counts["updates"] == 1
    assert reading(rig).state is PriceState.NORMAL


def test_turn__the_days_fees_are_spent__pokes_without_paying(rig, service):
    job, desk = job_of(rig, service, pyth_max_age_s=50, day_fee_wei=0)
    rig.mine(1, 70)

    job.turn()
    rig.mine()
    job.turn()

    assert desk.meters.counts["updates"] == 0
    assert events(rig, "Poked") == ["Poked"] * 2


def test_turn__the_service_is_down__pokes_all_the_same(rig, service):
    job, desk = job_of(rig, service)
    service.is_down = True
    rig.mine(1, 160)

    job.turn()
    rig.mine()

    assert events(rig, "Poked") == ["Poked"] * 2
    assert "price_service_failed" in desk.log.names()


def test_turn__the_sources_part__the_trip_is_latched_and_reset_once_it_may_be(rig, service):
    job, _ = job_of(rig)
    now = rig.anvil.now + 2
    rig.stage.at(now)
    rig.stage.send("aggregator0", "transmitAt", 3_200 * 10**E8, now, now)
    rig.sync()

    job.turn()
    rig.mine()
    assert events(rig, "Tripped") == ["Tripped"]
    for _ in range(16):
        now = rig.anvil.now + 30
        rig.stage.at(now)
        rig.stage.say(ETH, 3_200 * 10**E8, now)
        rig.sync()
        job.turn()
        rig.mine()

    assert events(rig, "TripReset") == ["TripReset"]
    assert rig.swaps.oracle.call("memoOf", FEEDS[ETH])[3] == TripReason.NONE


def test_plan__nothing_newer_is_known__is_never_paid_for(rig):
    oracle = rig.swaps.oracle
    memo = memo_from(oracle.call("memoOf", FEEDS[ETH]))
    now = FeedNow(FEEDS[ETH], PYTH_IDS[ETH], reading(rig), memo, rig.anvil.now)
    old = Latest(9_000 * WAD, now.reading.py_at)

    same = plan_oracle([now], {PYTH_IDS[ETH]: old}, OraclePolicy(), rig.anvil.now)
    newer = {PYTH_IDS[ETH]: replace(old, publish_time=old.publish_time + 1)}
    paid = plan_oracle([now], newer, OraclePolicy(), rig.anvil.now)

    assert not same.update
    assert paid.update == (FEEDS[ETH],)
