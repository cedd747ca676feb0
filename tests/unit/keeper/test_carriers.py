"""The vault and the backstop below zero: who shares it, when, at what price, and who is told."""

from dataclasses import replace
from itertools import pairwise

import pytest

from clearing.chain.errors import ChainError
from clearing.keeper.costs import MOST_GAS, GasModel
from clearing.spec.perp_types import BACKSTOP, INSURANCE, MOST_LISTED, VAULT, Pause, Role
from clearing.spec.units import WAD
from tests.harness.perp import ETH, LOT
from tests.unit.keeper.faults import FaultyNode, timeout
from tests.unit.keeper.rig import KEEPER, RIVAL

CRASH = 2_750
CENT = WAD // 100
KIND_RESOLUTION = 3
PICO = 10**12
OFFERED = 10**9
"""Wei: too little for anything."""


@pytest.fixture(autouse=True)
def _fresh(rig):
    """Prices of now: what an older one leaves open is worth some dollars to the vault."""
    rig.prices(3_000)


def as_module(rig, *steps):
    """Let the crowd do what the resolution module may."""
    stage, engine = rig.stage, rig.stage["DerivativesEngine"]
    stage.send("DerivativesEngine", "setModule", Role.RESOLUTION, rig.crowd.address)
    rig.execute([(engine, *step) for step in (("enter", ()), *steps, ("exit", ()))])
    own = stage["ResolutionModule"].address
    stage.send("DerivativesEngine", "setModule", Role.RESOLUTION, own)
    rig.sync()


def drain(rig, lacks, account=VAULT):
    """Move a carrier's cash to insurance, or back, until so many wad are missing."""
    (view,) = rig.swaps.healths([account])
    moved = view.equity + lacks
    ends = (account, INSURANCE) if moved > 0 else (INSURANCE, account)
    as_module(rig, ("moveCash", (*ends, abs(moved))))


def burden(rig):
    """Let the backstop have half of the vault's position: who has none lacks nothing."""
    size, quote = 3 * LOT, 3 * 3_000 * PICO
    legs = [(VAULT, size, -quote, 0, 0, False), (BACKSTOP, -size, quote, 0, 0, False)]
    as_module(rig, ("book", (ETH, legs, (0, 0), KIND_RESOLUTION)))


def covered(rig):
    return [event["account"] for event in rig.events("ResolutionModule", "Covered")]


def settled(rig, keeper):
    """Let what was sent be mined and seen."""
    rig.mine()
    keeper.job.turn()


def rescuing(dollars):
    return lambda policy: replace(policy, rescue_day_wad=dollars * WAD)


# AT ONCE


@pytest.mark.parametrize(("lacks", "told"), [(-WAD, 0), (2 * WAD, 1)])
def test_turn__vault_below_zero__is_absorbed_at_once(rig, crowd, lacks, told):
    keeper = rig.keeper()
    drain(rig, lacks)

    keeper.job.turn()
    seen = keeper.meters.gauges["protocol_below_zero"]
    settled(rig, keeper)

    assert seen == told
    assert covered(rig) == [VAULT] * told
    assert rig.swaps.healths([VAULT])[0].equity >= 0
    assert keeper.meters.gauges["protocol_below_zero"] == 0


@pytest.mark.parametrize("whom", [[BACKSTOP], [BACKSTOP, VAULT]])
def test_turn__backstop_below_zero__is_absorbed_and_before_the_vault(rig, crowd, whom):
    keeper = rig.keeper()
    burden(rig)
    for who in whom:
        drain(rig, 2 * WAD, who)

    keeper.job.turn()
    settled(rig, keeper)

    assert covered(rig) == whom
    assert all(view.equity >= 0 for view in rig.swaps.healths(whom))


def test_turn__absorbing_is_off__vault_below_zero_is_only_told(rig, crowd):
    keeper = rig.keeper(policy=lambda policy: replace(policy, absorb=False))
    drain(rig, 2 * WAD)

    keeper.job.turn()

    assert keeper.meters.gauges["protocol_below_zero"] == 1
    assert keeper.meters.counts["sent"] == 0


def test_turn__again_before_it_is_mined__sends_nothing_more(rig, crowd):
    keeper = rig.keeper()
    drain(rig, 2 * WAD)
    rig.anvil.node.request("evm_setAutomine", [False])

    for _ in range(3):
        keeper.job.turn()
        rig.clock_s += 1
    rig.mine()

    assert keeper.meters.counts["sent"] == 1


def test_turn__below_zero_and_back__is_told_once_each_with_what_it_is_worth(rig, crowd):
    keeper = rig.keeper()
    drain(rig, 2 * WAD)
    rig.anvil.node.request("evm_setAutomine", [False])

    keeper.job.turn()
    keeper.job.turn()
    worth = keeper.meters.gauges["vault_equity_usd"]
    assert keeper.log.names("error") == ["carrier_below_zero"]
    settled(rig, keeper)

    assert worth == pytest.approx(-2, abs=0.01)
    assert keeper.log.names("error") == ["carrier_below_zero"]
    assert keeper.log.names("info").count("carrier_is_back") == 1
    assert keeper.meters.gauges["vault_equity_usd"] == pytest.approx(0, abs=0.01)
    assert "backstop_equity_usd" in keeper.meters.gauges
    assert keeper.meters.counts["covered_by_positions"] == 1
    assert keeper.meters.counts["covered_by_insurance"] == 0


# OTHERS


def test_turn__a_standby__leaves_the_vault_to_the_primary_for_a_while(rig, crowd):
    keeper = rig.keeper(policy=lambda policy: replace(policy, delay_s=30.0))
    drain(rig, 2 * WAD)

    keeper.job.turn()
    rig.mine(2)
    keeper.job.turn()
    sent = keeper.meters.counts["sent"]
    rig.mine(seconds=30)
    keeper.job.turn()

    assert sent == 0
    assert keeper.meters.counts["sent"] == 1


def test_turn__a_primary__leaves_the_vault_to_others_for_some_seconds(rig, crowd):
    """Accounts are not left: a batch that a rival was faster with skips them."""
    keeper = rig.keeper(policy=lambda policy: replace(policy, carrier_jitter_s=4.0))
    drain(rig, 2 * WAD)

    keeper.job.turn()
    sent = keeper.meters.counts["sent"]
    rig.mine(2)
    keeper.job.turn()

    assert sent == 0
    assert keeper.meters.counts["sent"] == 1


def test_turn__a_rival_was_faster_in_the_same_block__costs_a_call_that_reverts(rig, crowd):
    one, two = rig.keeper(), rig.keeper("rival", key=RIVAL)
    drain(rig, 2 * WAD)
    rig.anvil.node.request("evm_setAutomine", [False])

    one.job.turn()
    two.job.turn()
    rig.mine()
    for each in (one, two):
        each.job.turn()

    assert covered(rig) == [VAULT]
    reverts = [each.meters.counts["reverted"] for each in (one, two)]
    assert sorted(reverts) == [0, 1]
    lost = max((one, two), key=lambda each: each.meters.counts["reverted"])
    (gas,) = [fields["gas"] for _, event, fields in lost.log.lines if event == "reverted"]
    assert gas < 150_000


# HOVERING AT ZERO


def test_turn__the_vault_lacks_little_and_the_purse_is_empty__waits(rig, crowd):
    keeper = rig.keeper()
    drain(rig, 50 * CENT)

    keeper.job.turn()

    assert keeper.meters.counts["sent"] == 0
    assert keeper.meters.gauges["carriers_unpaid"] == 1
    assert keeper.meters.gauges["protocol_below_zero"] == 1


def test_turn__the_transaction_costs_more_than_the_vault_lacks__waits(rig, crowd):
    def dear(policy):
        return replace(policy, ether_market=None, ether_usd=10**9)

    keeper = rig.keeper(policy=dear)
    drain(rig, 2 * WAD)

    keeper.job.turn()

    assert keeper.meters.counts["sent"] == 0


def test_turn__the_vault_hovers__the_purse_pays_with_pauses_that_double(rig, crowd):
    keeper = rig.keeper(policy=rescuing(20))
    sent_s, began_s = [], rig.clock_s
    for _ in range(50):
        if rig.swaps.healths([VAULT])[0].equity >= 0:
            drain(rig, 50 * CENT)
        before = keeper.meters.counts["sent"]
        keeper.job.turn()
        if keeper.meters.counts["sent"] > before:
            sent_s.append(rig.clock_s - began_s)
        rig.mine()

    pauses = [after - before for before, after in pairwise(sent_s)]
    assert len(sent_s) == 5
    assert all(pause >= 5 * 2**i for i, pause in enumerate(pauses))
    assert keeper.store.fact("liquidation.rescued")[1] != "0"


def test_turn__the_purse_is_spent__a_small_lack_waits_and_a_large_one_does_not(rig, crowd):
    keeper = rig.keeper(policy=rescuing(1))
    today = int(rig.clock_s) // 86_400
    keeper.store.put_fact("liquidation.rescued", [today, str(WAD)])
    drain(rig, 50 * CENT)
    keeper.job.turn()
    small = keeper.meters.counts["sent"]

    drain(rig, 2 * WAD)
    keeper.job.turn()

    assert small == 0
    assert keeper.meters.counts["sent"] == 1
    assert keeper.store.fact("liquidation.rescued") == [today, str(WAD)]


def wait_until(rig, time):
    rig.stage.at(int(time))
    rig.mine()


def hovers(rig, keeper, began_s, *, at):
    """Let the vault lack 50 cents, and the keeper look, some seconds after it began."""
    for seconds in at:
        drain(rig, 50 * CENT)
        wait_until(rig, began_s + seconds)
        keeper.job.turn()
        settled(rig, keeper)


def test_turn__the_vault_was_well_for_a_moment__the_pause_doubles(rig, crowd):
    """What was paid for after 19 s is paid for again from 29 s on, after 10 s."""
    keeper, began_s = rig.keeper(policy=rescuing(20)), rig.clock_s

    hovers(rig, keeper, began_s, at=(10, 19))
    drain(rig, 50 * CENT)
    wait_until(rig, began_s + 26)
    keeper.job.turn()  # and no later one, which a slow machine may see after 29 s

    assert keeper.meters.counts["sent"] == 2


def test_turn__the_vault_was_well_for_twice_the_pause__the_next_is_the_first(rig, crowd):
    """A doubled pause after 28 s would last until 38 s."""
    keeper, began_s = rig.keeper(policy=rescuing(20)), rig.clock_s

    hovers(rig, keeper, began_s, at=(10,))
    wait_until(rig, began_s + 20)
    keeper.job.turn()
    hovers(rig, keeper, began_s, at=(28, 35))

    assert keeper.meters.counts["sent"] == 3


# REFUSED


def test_turn__liquidation_is_paused__is_said_once_and_absorbed_when_it_is_not(rig, crowd):
    keeper = rig.keeper()
    drain(rig, 200 * WAD)
    rig.stage.send("MarketAdmin", "setPause", ETH, Pause.LIQUIDATE)
    rig.sync()

    for _ in range(60):
        keeper.job.turn()
        rig.clock_s += 0.5
        keeper.job.turn()
        rig.mine(seconds=1)
    tries = keeper.meters.counts["refused"]
    rig.stage.send("MarketAdmin", "setPause", ETH, 0)
    rig.mine(11)
    keeper.job.turn()

    assert 5 <= tries <= 9
    assert keeper.log.names("warning") == ["call_refused"]
    assert keeper.meters.counts["sent"] == 1


def test_turn__absorbing_an_account_is_refused__is_said_once_and_uses_no_purse(rig, crowd):
    """A purse that had to pay for what nobody sent would be empty when it is needed."""
    much = 10**6 * WAD

    def poor(policy):
        plan = replace(policy.plan, min_profit_wad=10 * WAD)
        return replace(policy, plan=plan, ether_market=None, ether_usd=10**6, rescue_day_wad=much)

    keeper = rig.keeper(policy=poor)
    rig.prices(2_640)
    rig.stage.send("MarketAdmin", "setPause", ETH, Pause.LIQUIDATE)
    rig.sync()

    keeper.job.turn()
    first = keeper.meters.counts["refused"]
    keeper.job.turn()
    same = keeper.meters.counts["refused"]
    rig.clock_s += 1
    keeper.job.turn()

    assert first > 0
    assert same == first
    assert keeper.meters.counts["refused"] > first
    assert len(keeper.log.names("warning")) == first
    assert keeper.store.fact("liquidation.rescued") is None


def test_turn__an_empty_wallet__waits_for_ether_and_uses_no_purse(rig, crowd):
    keeper = rig.keeper(policy=rescuing(20))
    rig.anvil.give_ether(KEEPER.address, OFFERED)
    drain(rig, 50 * CENT)

    keeper.job.turn()
    sent = keeper.meters.counts["sent"]
    rescued = keeper.store.fact("liquidation.rescued")
    rig.anvil.give_ether(KEEPER.address, 10**18)
    keeper.job.turn()

    assert (sent, rescued) == (0, None)
    assert "wallet_empty" in keeper.log.names()
    assert keeper.meters.counts["sent"] == 1


# A NODE THAT FAILS


def failing_at(rig, contract, method):
    """A node that does not answer when a method is tried."""
    selector = "0x" + rig.stage[contract].interface.method(method).selector.hex()

    def strike(name, params, answer):
        if name == "eth_call" and params[0]["data"].startswith(selector):
            raise timeout()
        return answer

    return FaultyNode(rig.anvil.node, twist=strike)


def test_turn__the_node_fails_at_the_vault__accounts_are_liquidated_all_the_same(rig, crowd):
    keeper = rig.keeper(nodes=[failing_at(rig, "ResolutionModule", "absorbProtocol")])
    rig.prices(CRASH)
    drain(rig, 2 * WAD)

    keeper.job.turn()
    keeper.job.turn()
    rig.mine()

    assert rig.named_by(KEEPER) == crowd
    assert keeper.meters.counts["carriers_failed"] == 2
    assert keeper.log.names("warning") == ["carriers_failed"]


def test_turn__the_node_fails_at_accounts__the_vault_is_absorbed_all_the_same(rig, crowd):
    keeper = rig.keeper(nodes=[failing_at(rig, "RiskManager", "liquidateBatch")])
    rig.prices(CRASH)
    drain(rig, 2 * WAD)

    with pytest.raises(ChainError):
        keeper.job.turn()
    rig.mine()

    assert covered(rig) == [VAULT]


# GAS


@pytest.mark.parametrize(
    ("markets", "names", "gas"),
    [
        (1, 0, 1_650_000),
        (MOST_LISTED, 0, 16_600_000),
        (MOST_LISTED, 1, 16_700_000),
        (MOST_LISTED, 64, MOST_GAS),
    ],
)
def test_absorption__more_markets_or_names__may_use_more_up_to_the_most(markets, names, gas):
    assert GasModel().absorption(markets, names) == gas


def test_turn__two_markets_are_listed__the_transaction_may_use_gas_for_two(rig, crowd):
    model = GasModel(absorb_limit=700_000, absorb_market_limit=11_111)
    keeper = rig.keeper(policy=lambda policy: replace(policy, gas=model))
    drain(rig, 2 * WAD)

    keeper.job.turn()
    rig.mine()

    latest = rig.anvil.node.request("eth_getTransactionCount", [KEEPER.address, "latest"])
    assert latest == "0x2"
    assert sent_gas(rig) == [722_222]


def sent_gas(rig):
    """Return the limits of what the keeper's key sent since the test began."""
    node, found = rig.anvil.node, []
    for number in range(rig.began_at, int(node.request("eth_blockNumber", []), 16) + 1):
        block = node.request("eth_getBlockByNumber", [hex(number), True])
        mine = [it for it in block["transactions"] if it["from"] == KEEPER.address.lower()]
        found += [int(each["gas"], 16) for each in mine]
    return found
