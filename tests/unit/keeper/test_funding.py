"""The funding job ticks each market once an interval, and what was missed before."""

from clearing.keeper.jobs.funding import FundingJob, FundingPolicy
from tests.harness.perp import BTC, ETH
from tests.unit.keeper.rig import KEEPER, RIVAL

HOUR = 3_600


def job_of(rig, name="funding", key=KEEPER, **policy):
    desk = rig.desk(name, "funding", key=key)
    return FundingJob(desk, rig.swaps, FundingPolicy(**policy)), desk


def ticks(rig):
    """Return the markets that were ticked, oldest first, with the intervals of each tick."""
    engine = rig.swaps.engine
    topic = next(it.topic for it in engine.interface.events() if it.name == "FundingTicked")
    wanted = {"fromBlock": hex(rig.began_at + 1), "topics": ["0x" + topic.hex()]}
    logs = rig.anvil.node.request("eth_getLogs", [wanted])
    return [(int(log["topics"][1], 16), int(log["data"][-64:], 16)) for log in logs]


def later(rig, seconds):
    rig.prices(3_000, after=seconds)


def run(rig, job, turns=3):
    for _ in range(turns):
        job.turn()
        rig.mine()


def test_turn__an_hour_passes__each_market_is_ticked_once(rig):
    job, desk = job_of(rig)
    run(rig, job)
    before = ticks(rig)

    later(rig, HOUR)
    run(rig, job, 5)

    after = ticks(rig)[len(before) :]
    assert sorted(after) == [(ETH, 1), (BTC, 1)]
    assert desk.meters.counts["ticked"] == len(before) + 2


def test_turn__hours_were_missed__one_tick_makes_up_for_them(rig):
    job, desk = job_of(rig)
    run(rig, job)
    before = len(ticks(rig))

    later(rig, 5 * HOUR)
    run(rig, job)

    assert sorted(ticks(rig)[before:]) == [(ETH, 5), (BTC, 5)]
    assert desk.meters.counts["backfilled"] >= 8


def test_turn__somebody_else_ticked__sends_nothing(rig):
    job, desk = job_of(rig)
    run(rig, job)
    later(rig, HOUR)
    for market in (ETH, BTC):
        rig.stage.send("DerivativesEngine", "tickFunding", market)
    rig.sync()
    sent = desk.meters.counts["sent"]

    run(rig, job)

    assert desk.meters.counts["sent"] == sent


def test_turn__a_new_process__does_not_tick_again(rig):
    job, desk = job_of(rig)
    run(rig, job)
    later(rig, HOUR)
    run(rig, job)
    before = ticks(rig)
    desk.store.close()

    next_, _ = job_of(rig)
    run(rig, next_)

    assert ticks(rig) == before


def test_turn__a_standby__ticks_what_the_primary_leaves(rig):
    standby, desk = job_of(rig, "standby", RIVAL, delay_s=60)
    primary, own = job_of(rig)
    run(rig, primary)
    later(rig, HOUR)
    run(rig, primary)
    run(rig, standby)
    assert desk.meters.counts["sent"] == 0

    later(rig, HOUR)
    rig.mine(31, 2)
    run(rig, standby)

    assert desk.meters.counts["ticked"] == 2
    assert own.meters.counts["ticked"] >= 2
