"""The liquidation job against real contracts: what it does, and that it does nothing twice."""

import contextlib
import os
from dataclasses import replace
from random import Random

import pytest

from clearing.chain.errors import ChainError
from clearing.keeper.errors import DamagedError, KeeperError, StandStillError
from clearing.keeper.jobs.liquidation import LiquidationPolicy
from clearing.keeper.lane import LanePolicy
from clearing.keeper.plan import PlanPolicy
from clearing.spec.units import WAD
from tests.harness.perp import LOT
from tests.unit.keeper.faults import (
    SEND,
    FaultyNode,
    Killed,
    killer,
    killer_at,
    rate_limited,
    storm,
    timeout,
)
from tests.unit.keeper.rig import KEEPER, RIVAL

CRASH = 2_750
"""USD: below it the crowd is taken over whole."""
STAYS = 2_900
IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
KILLED_AT = range(1, 32) if IS_NIGHTLY else (17, 24)
"""At which request of two turns the process ends; 32 is beyond the last."""


def test_turn__prices_hold__sends_nothing(rig, crowd):
    keeper = rig.keeper()
    rig.prices(STAYS)

    keeper.job.turn()

    assert keeper.meters.counts["sent"] == 0
    assert keeper.meters.gauges["under_water"] == 0


def test_turn__a_crash__takes_everybody_over_in_the_next_block(rig, crowd):
    keeper = rig.keeper()
    keeper.job.turn()
    rig.prices(CRASH)
    assert rig.due(crowd) == list(crowd)

    keeper.job.turn()
    rig.mine()
    keeper.job.turn()

    assert rig.due(crowd) == []
    assert rig.named_by(KEEPER) == crowd
    assert keeper.meters.counts["won"] == len(crowd)
    assert keeper.meters.profit_usd == pytest.approx(2.5e-2 / 2 * 275 * len(crowd), rel=1e-3)


def test_turn__a_crash_and_many_turns_before_a_block__names_nobody_twice(rig, crowd):
    keeper = rig.keeper()
    rig.prices(CRASH)
    rig.anvil.node.request("evm_setAutomine", [False])

    for _ in range(4):
        keeper.job.turn()
    rig.mine()
    keeper.job.turn()

    assert rig.named_by(KEEPER) == crowd


def test_turn__before_its_grace_has_passed__a_mined_account_is_not_named_again(rig, crowd):
    """A partial liquidation leaves an account that may soon be due again: 5 s later, not before."""
    keeper = rig.keeper()
    rig.prices(2_770)
    keeper.job.turn()
    rig.mine()
    rig.prices(2_700, after=1)
    assert rig.due(crowd)

    keeper.job.turn()
    sent = keeper.meters.counts["sent"]
    rig.mine(3)
    keeper.job.turn()

    assert sent == 2
    assert keeper.meters.counts["sent"] > sent


def test_turn__a_thousand_are_due_at_once__all_are_sent_in_the_same_turn(rig, crowd):
    """How long that takes is in bench/results/keepers.json: detect_to_submit_s."""
    many = [*crowd, *rig.people(1_000 - len(crowd))]
    keeper = rig.keeper()
    keeper.job.turn()
    rig.prices(CRASH)
    rig.anvil.node.request("evm_setAutomine", [False])

    keeper.job.turn()
    sent = keeper.meters.counts["sent"]
    while keeper.lane.open_offers:
        rig.mine()
        keeper.job.turn()

    assert sent == 20
    assert rig.named_by(KEEPER) == many
    assert keeper.meters.gauges["under_water"] == 0


# FAULTS


@pytest.mark.parametrize("is_heard", [True, False])
def test_send__no_answer__the_same_transactions_are_told_again(rig, crowd, is_heard):
    def lose(method):
        if method == SEND:
            raise timeout()

    node = FaultyNode(rig.anvil.node)
    keeper = rig.keeper(nodes=[node])
    rig.prices(CRASH)
    if is_heard:
        node.after = lose
    else:
        node.before = lose

    keeper.job.turn()
    node.before = node.after = None
    for _ in range(4):
        rig.mine(2)
        keeper.job.turn()

    assert rig.named_by(KEEPER) == crowd
    assert rig.due(crowd) == []
    assert keeper.meters.counts["sent"] == 2


def test_turn__a_reorganisation_of_three_blocks__the_same_nonces_go_out_again(rig, crowd):
    keeper = rig.keeper()
    rig.prices(CRASH)
    rig.mine(3)
    keeper.job.turn()
    rig.mine()
    keeper.job.turn()
    assert rig.named_by(KEEPER) == crowd

    rig.anvil.node.request("anvil_reorg", [3, []])
    rig.sync()
    assert rig.due(crowd) == list(crowd)
    for _ in range(4):
        keeper.job.turn()
        rig.mine(2)
    keeper.job.turn()

    assert keeper.lane.counts["taken_back"] == 2
    assert keeper.replica.undone >= 1
    assert rig.named_by(KEEPER) == crowd
    assert keeper.meters.counts["sent"] == 2


def test_turn__somebody_else_used_the_nonce__goes_on_behind_it(rig, crowd):
    """The key is used elsewhere, against all advice: the work is done, from the next nonces."""
    keeper = rig.keeper(lane=LanePolicy(final_depth=4))
    keeper.job.turn()
    rig.prices(CRASH)
    node = FaultyNode(rig.anvil.node)
    deaf = rig.keeper("deaf", nodes=[node], lane=LanePolicy(final_depth=4))

    def lose(method):
        if method == SEND:
            raise timeout()

    node.before = lose
    deaf.job.turn()
    rig.spend_nonces(KEEPER, 2)
    node.before = None
    for _ in range(8):
        deaf.job.turn()
        rig.mine()

    assert deaf.lane.counts["lost"] == 2
    assert rig.named_by(KEEPER) == crowd


def test_turn__nonces_before_ours_are_missing__are_filled(rig, crowd):
    """An earlier process sent with another store, and its transaction was dropped."""
    node = FaultyNode(rig.anvil.node)

    def ahead(method, params, answer):
        is_pending = method == "eth_getTransactionCount" and params[1] == "pending"
        return hex(int(answer, 16) + 2) if is_pending else answer

    node.twist = ahead
    keeper = rig.keeper(nodes=[node])
    rig.prices(CRASH)

    for _ in range(6):
        keeper.job.turn()
        rig.mine(2)
    keeper.job.turn()

    assert keeper.lane.counts["filled"] == 2
    assert rig.named_by(KEEPER) == crowd


def test_send__an_empty_wallet__waits_for_ether_and_sends_then(rig, crowd):
    keeper = rig.keeper()
    rig.anvil.give_ether(KEEPER.address, 10**9)
    rig.prices(CRASH)

    keeper.job.turn()
    assert keeper.meters.counts["sent"] == 0
    assert "wallet_empty" in keeper.log.names()
    rig.anvil.give_ether(KEEPER.address, 10**18)
    keeper.job.turn()
    rig.mine()
    keeper.job.turn()

    assert rig.named_by(KEEPER) == crowd


@pytest.mark.parametrize("seed", range(12 if IS_NIGHTLY else 1))
def test_turn__a_storm_of_exceptions__everybody_is_named_once(rig, crowd, seed):
    chance = Random(seed)
    node = FaultyNode(rig.anvil.node)
    keeper = rig.keeper(nodes=[node])
    rig.prices(CRASH)
    node.before = node.after = storm(chance, 0.06)

    failed = 0
    for _ in range(15):
        try:
            keeper.job.turn()
        except (ChainError, KeeperError, ValueError):
            failed += 1
        rig.mine()
    node.before = node.after = None
    for _ in range(3):
        keeper.job.turn()
        rig.mine(2)

    assert failed > 3
    assert rig.named_by(KEEPER) == crowd
    assert rig.due(crowd) == []


@pytest.mark.parametrize("at", KILLED_AT)
@pytest.mark.parametrize("is_heard", [True, False])
def test_run__killed_at_any_request__the_next_process_names_nobody_twice(rig, crowd, at, is_heard):
    node = FaultyNode(rig.anvil.node)
    keeper = rig.keeper(nodes=[node])
    rig.prices(CRASH)
    strike = killer(at)
    if is_heard:
        node.after = strike
    else:
        node.before = strike
    with contextlib.suppress(Killed):
        for _ in range(2):
            keeper.job.turn()
            rig.mine()
    keeper.store.close()

    next_ = rig.keeper()
    for _ in range(3):
        next_.job.turn()
        rig.mine(2)
    next_.job.turn()

    assert rig.named_by(KEEPER) == crowd
    assert rig.due(crowd) == []


@pytest.mark.parametrize("is_heard", [True, False])
def test_run__killed_while_it_sends__the_next_process_tells_the_same_again(rig, crowd, is_heard):
    """Nothing is mined yet, so only what was written down tells what may still be."""
    node = FaultyNode(rig.anvil.node)
    keeper = rig.keeper(nodes=[node])
    rig.prices(CRASH)
    rig.anvil.node.request("evm_setAutomine", [False])
    if is_heard:
        node.after = killer_at(SEND)
    else:
        node.before = killer_at(SEND)
    with pytest.raises(Killed):
        keeper.job.turn()
    keeper.store.close()

    next_ = rig.keeper()
    for _ in range(2):
        next_.job.turn()
    rig.mine()
    next_.job.turn()

    assert rig.named_by(KEEPER) == crowd
    assert next_.meters.counts["sent"] == 0


# OTHERS


def test_turn__a_standby__acts_only_once_the_primary_does_not(rig, crowd):
    def late(policy: LiquidationPolicy) -> LiquidationPolicy:
        return replace(policy, delay_s=6, jitter_s=4)

    primary, standby = rig.keeper(), rig.keeper("standby", key=RIVAL, policy=late)
    rig.prices(CRASH)
    rig.anvil.node.request("evm_setAutomine", [False])
    primary.job.turn()
    standby.job.turn()
    rig.mine()
    standby.job.turn()
    assert standby.meters.counts["sent"] == 0
    assert rig.named_by(KEEPER) == crowd

    rig.anvil.node.request("evm_setAutomine", [True])
    more = rig.people(3)
    rig.prices(2_500)
    assert rig.due(more) == list(more)
    for _ in range(8):
        standby.job.turn()
        rig.mine()

    assert rig.named_by(RIVAL) == list(more)


def test_turn__two_compete__each_account_is_taken_once_and_nothing_reverts(rig, crowd):
    one, two = rig.keeper(), rig.keeper("rival", key=RIVAL)
    rig.prices(CRASH)
    rig.anvil.node.request("evm_setAutomine", [False])

    one.job.turn()
    two.job.turn()
    rig.mine()
    rig.anvil.node.request("evm_setAutomine", [True])
    for each in (one, two):
        each.job.turn()

    counts = [each.meters.counts for each in (one, two)]
    assert sum(each["won"] for each in counts) == len(crowd)
    assert sum(each["skipped"] for each in counts) == len(crowd)
    assert sum(each["reverted"] for each in counts) == 0
    assert rig.due(crowd) == []


def test_turn__it_does_not_pay__leaves_them_but_rescues_from_a_budget(rig, crowd):
    def dear(policy: LiquidationPolicy) -> LiquidationPolicy:
        return replace(policy, plan=PlanPolicy(min_profit_wad=10_000 * WAD), absorb=False)

    def rescuing(policy: LiquidationPolicy) -> LiquidationPolicy:
        more = replace(dear(policy), ether_market=None, ether_usd=10**9)
        return replace(more, rescue_day_wad=10**9 * WAD)

    keeper = rig.keeper(policy=dear)
    rescuer = rig.keeper("rescuer", key=RIVAL, policy=rescuing)
    rig.prices(2_690)

    keeper.job.turn()
    rescuer.job.turn()
    rig.mine()

    assert keeper.meters.counts["sent"] == 0
    assert keeper.meters.counts["left_for_value"] == len(crowd)
    assert rig.named_by(RIVAL) == crowd
    assert rescuer.store.fact("liquidation.rescued")[1] != "0"


def test_turn__dust__is_left_where_gas_is_dear_and_taken_where_it_is_cheap(rig, crowd):
    def dear(policy: LiquidationPolicy) -> LiquidationPolicy:
        return replace(policy, ether_market=None, ether_usd=600_000, absorb=False)

    dust = rig.people(2, lots=LOT // 200, dollars=2)
    keeper, cheap = rig.keeper(policy=dear), rig.keeper("cheap", key=RIVAL)
    rig.anvil.node.request("anvil_setNextBlockBaseFeePerGas", [hex(10**8)])
    rig.prices(CRASH)
    assert rig.due(dust) == list(dust)

    keeper.job.turn()
    rig.mine()
    left = rig.named_by(KEEPER)
    cheap.job.turn()
    rig.mine()

    assert left == crowd
    assert rig.named_by(RIVAL) == list(dust)


def test_turn__nothing_of_its_own_is_left__absorbs_for_the_fee(rig, crowd):
    """At E below all penalties the resolution module takes an account, and pays its fee."""
    keeper = rig.keeper()
    rig.prices(2_640)

    keeper.job.turn()
    rig.mine()
    keeper.job.turn()

    assert keeper.meters.counts["absorbed"] + keeper.meters.counts["won"] == len(crowd)
    assert keeper.meters.counts["absorbed"] > 0


def test_turn__a_gap_leaves_debt__those_who_gained_most_on_leverage_pay_it(rig, crowd):
    """More is short than long, so the vault is no counterparty: traders are, as listed."""
    shorts = [
        account
        for dollars in (1_900, 1_600, 1_400)
        for account in rig.people(1, lots=-4 * LOT, dollars=dollars)
    ]
    rig.prices(3_000, after=400)
    keeper = rig.keeper()
    rig.prices(2_500)

    for _ in range(3):
        keeper.job.turn()
        rig.mine(3)

    paid = rig.events("ResolutionModule", "Deleveraged")
    assert keeper.meters.counts["absorbed"] == len(crowd)
    assert keeper.meters.counts["refused"] == 0
    assert paid[0]["counterparty"] == shorts[-1]
    assert {event["counterparty"] for event in paid} <= set(shorts)


# HOSTILE NODES


def stands_still(keeper, why):
    with pytest.raises(StandStillError, match=why):
        keeper.job.turn()
    assert keeper.meters.counts["sent"] == 0


def test_turn__the_node_serves_another_chain__stands_still(rig, crowd):
    def elsewhere(method, _params, answer):
        return "0x1" if method == "eth_chainId" else answer

    keeper = rig.keeper(nodes=[rig.anvil.node, FaultyNode(rig.anvil.node, twist=elsewhere)])
    rig.prices(CRASH)

    stands_still(keeper, "endpoint 1 serves chain 1, not 31337")


def behind(rig, blocks):
    def old(method, params, answer):
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            number = hex(int(answer["number"], 16) - blocks)
            return rig.anvil.node.request("eth_getBlockByNumber", [number, False])
        return answer

    return FaultyNode(rig.anvil.node, twist=old)


def test_turn__an_endpoint_lags__stands_still_beyond_three_blocks(rig, crowd):
    rig.prices(CRASH)
    rig.mine(5, 1)
    near = rig.keeper("near", nodes=[rig.anvil.node, behind(rig, 3)])
    far = rig.keeper("far", nodes=[rig.anvil.node, behind(rig, 4)], key=RIVAL)

    stands_still(far, "4 blocks apart")
    near.job.turn()
    rig.mine()

    assert rig.named_by(KEEPER) == crowd


def test_turn__the_head_is_old__stands_still(rig, crowd):
    keeper = rig.keeper()
    rig.prices(CRASH)
    rig.clock_s += 11

    stands_still(keeper, "head is 11 s old")


def test_turn__endpoints_are_on_different_forks__stands_still(rig, crowd):
    def forked(method, _params, answer):
        if method == "eth_getBlockByNumber":
            return {**answer, "hash": "0x" + "77" * 32}
        return answer

    keeper = rig.keeper(nodes=[rig.anvil.node, FaultyNode(rig.anvil.node, twist=forked)])
    rig.prices(CRASH)

    stands_still(keeper, "differ about block")


def hiding(rig):
    def without(method, _params, answer):
        return [] if method == "eth_getLogs" else answer

    return FaultyNode(rig.anvil.node, twist=without)


def test_turn__one_endpoint_leaves_logs_out__is_noticed(rig, crowd):
    keeper = rig.keeper(nodes=[rig.anvil.node, hiding(rig)])
    rig.prices(CRASH)
    rig.people(1)

    with pytest.raises(ChainError, match="different logs"):
        keeper.job.turn()


def test_turn__the_only_endpoint_leaves_logs_out__the_audit_reads_anew(rig, crowd):
    node = FaultyNode(rig.anvil.node)
    keeper = rig.keeper(nodes=[node])
    keeper.job.turn()
    node.twist = hiding(rig).twist
    rig.people(1)
    keeper.job.turn()
    rig.mine(40)
    with pytest.raises(DamagedError):
        keeper.job.turn()
    node.twist = None
    rig.prices(CRASH)

    keeper.job.turn()
    rig.mine()

    assert rig.named_by(KEEPER)[: len(crowd)] == crowd


def test_turn__rate_limits__nothing_is_lost(rig, crowd):
    node, calls = FaultyNode(rig.anvil.node), 0

    def limited(_method):
        nonlocal calls
        calls += 1
        if calls % 7:
            raise rate_limited()

    keeper = rig.keeper(nodes=[node])
    rig.prices(CRASH)
    node.before = limited
    for _ in range(10):
        with pytest.raises(ChainError):
            keeper.job.turn()
    node.before = None
    keeper.job.turn()
    rig.mine()

    assert rig.named_by(KEEPER) == crowd
