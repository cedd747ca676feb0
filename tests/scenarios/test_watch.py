"""Events alone rebuild all state: whoever watches needs no view and no archive."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from clearing.chain.artifacts import abi_of, load
from clearing.chain.contract import Call, Contract, interface_of
from clearing.channel.codec import hash_auth, signing_digest
from clearing.channel.signatures import LocalSigner
from clearing.client import moves
from clearing.client.contracts import Contracts
from clearing.client.session import CoSigned
from clearing.demo.attacks import play_attacks
from clearing.demo.bad_day import play_bad_day
from clearing.demo.market import COLLATERAL_RAW, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.demo.teller import Teller
from clearing.spec.rules import is_lock_outstanding
from clearing.spec.types import Side, Status, WithdrawAuth
from clearing.spec.units import DAY_S, Address
from tests.scenarios.conftest import (
    agree_settlement,
    book,
    call_margin,
    open_pair,
)
from tests.scenarios.indexer import Indexed, Indexer

SECRET = bytes(range(32))


def _assert_equal_to_views(stage: Stage, seen: Indexed) -> None:
    """Hold every number that the indexer has against the contracts' own answers."""
    contracts = stage.contracts
    _assert_channels(contracts, seen)
    for (broker, token), amount in seen.ledgers.items():
        assert contracts.ledger(Address(broker), Address(token)) == amount
    for token, cap in seen.caps.items():
        assert contracts.adjudicator.call("capOf", token) == cap
    for account, nonce in seen.spent:
        assert contracts.adjudicator.call("isAuthSpent", account, nonce)
    assert contracts.adjudicator.call("openingsPausedUntil") == seen.paused_until
    for broker in (stage.low.address, stage.high.address):
        _assert_seat(contracts.registry, seen, broker)
    for lock, is_locked in seen.locks.items():
        assert contracts.htlc.call("is_locked", lock) == is_locked
    for (account, token), amount in seen.credits.items():
        assert contracts.htlc.call("credit_of", account, token) == amount


def _assert_channels(contracts: Contracts, seen: Indexed) -> None:
    assert seen.channels
    for channel_id, channel in seen.channels.items():
        stored = contracts.channel(channel_id, len(channel.nets))
        assert stored.status == channel.status
        assert stored.epoch == channel.epoch
        assert stored.enforced_version == channel.enforced
        assert stored.deadline == channel.deadline
        assert stored.order_version == channel.order_version
        assert stored.order_flags == channel.flags
        if channel.status is Status.CHALLENGED:
            assert stored.digest == channel.digest
        if is_lock_outstanding(channel.flags):
            assert stored.order == channel.order
        if stored.is_live:
            nets = stored.nets[: len(channel.nets)]
            assert [list(net) for net in nets] == channel.nets


def _assert_seat(registry: Contract, seen: Indexed, broker: Address) -> None:
    assert registry.call("stake_of", broker) == seen.stakes[broker]
    assert registry.call("slots_of", broker) == seen.granted[broker]
    assert registry.call("slots_used", broker) == seen.used[broker]
    assert registry.call("signer_of", broker) == seen.signers[broker]
    assert registry.call("unstake_of", broker) == seen.pending.get(broker, (0, 0))


def _silent() -> Teller:
    return Teller(Console(file=io.StringIO()))


def _play_both_days(stage: Stage) -> None:
    teller = _silent()
    life = _live_a_good_day(stage)
    play_bad_day(stage, teller)
    play_attacks(stage, teller, life)


def _live_a_good_day(stage: Stage) -> tuple[CoSigned, ...]:
    """Register, then the first channel from its opening to its close, by hand; return its states.

    On the chain it is what the demo's daemons do.
    """
    for broker in (stage.low, stage.high):
        stage.register(broker)
        stage.give("USDT", broker.address, 2 * COLLATERAL_RAW)
    pair = open_pair(stage, nonce=1)
    book(stage, pair)
    call_margin(stage, pair)
    pair.high_hand.settle(agree_settlement(stage, pair))
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    pair.agree(moves.Conclude(is_delivered=True, market=market))
    pair.low_hand.close_cooperative(pair.agree(moves.Close(pair.soon())))
    return tuple(pair.low.agreed)


def _leave_a_lock_and_a_challenge(stage: Stage) -> None:
    """Stop in the middle: one order funded by one side, one channel challenged."""
    pair = open_pair(stage, 11)
    book(stage, pair)
    call_margin(stage, pair)
    settling = agree_settlement(stage, pair)
    pair.low_hand.fund_order(settling, Side.LOW)
    pair.low_hand.challenge(settling)


def _move_collateral(stage: Stage) -> None:
    """Resize, top up, checkpoint, and answer a challenge by an order."""
    pair = open_pair(stage, 12)
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    usdt = stage.contracts.address_of("USDT")
    stage.treasury(stage.low).deposit(usdt, 1_000_000)
    pair.low_hand.deposit_collateral(usdt, 600_000)
    pair.agree(moves.TopUp(((COLLATERAL_RAW + 600_000, COLLATERAL_RAW),)))
    pair.low_hand.resize(pair.agree(moves.Resize(((2_000_000, 1_000_000),), pair.soon(), market)))
    booked = book(stage, pair)
    pair.high_hand.checkpoint(booked)
    call_margin(stage, pair)
    settling = agree_settlement(stage, pair)
    pair.low_hand.challenge(booked)
    pair.high_hand.fund_order(settling, Side.HIGH)
    pair.low_hand.fund_order(settling, Side.LOW)


def _reveal(stage: Stage) -> None:
    """Lock on a hash and reveal it while a challenge stands."""
    pair = open_pair(stage, 13)
    ref = hashlib.sha256(SECRET).digest()
    locked = pair.agree(moves.LockHash(ref, stage.contracts.now() + DAY_S, (1,)))
    pair.low_hand.challenge(locked)
    pair.high_hand.reveal(locked, SECRET)


def _authorise(stage: Stage) -> None:
    """Withdraw by authorisation, cancel another, and take the rest out."""
    contracts, usdt = stage.contracts, stage.contracts.address_of("USDT")
    stage.treasury(stage.low).deposit(usdt, 5_000_000)
    owner = LocalSigner(bytes(stage.low.sender._key.key))
    auth = WithdrawAuth(
        stage.low.address, usdt, Address(b"\x66" * 20), 2_000_000, 7, contracts.now() + DAY_S
    )
    signature = owner.sign(signing_digest(contracts.separator, hash_auth(auth))).expanded()
    stage.outsider.sender.send(contracts.adjudicator.transact("withdrawWithAuth", auth, signature))
    stage.low.sender.send(contracts.adjudicator.transact("cancelAuth", 300))
    stage.treasury(stage.low).withdraw(usdt, 1_000_000)


def _pause(stage: Stage) -> None:
    """Pause openings and lift the pause."""
    adjudicator = stage.contracts.adjudicator
    until = stage.contracts.now() + DAY_S
    stage.guardian.send(adjudicator.transact("pauseOpenings", until))
    stage.timelock.send(adjudicator.transact("liftPause"))


def _deploy_blocklist(stage: Stage) -> Contract:
    artifact = load("BlocklistToken")
    arguments = interface_of("BlocklistToken").constructor.encode(("Block", "BLOCK", 6))
    created = stage.faucet.send(Call(None, artifact.bytecode + arguments, "deploy BLOCK")).created
    assert created is not None
    return Contract(stage.anvil.node, "BlocklistToken", created)


def _fail_a_push(stage: Stage) -> None:
    """Close to a broker that the token has blocked meanwhile."""
    token = _deploy_blocklist(stage)
    contracts = stage.contracts
    stage.timelock.send(contracts.adjudicator.transact("raiseCap", token.address, 10**12))
    definition = replace(stage.definition("USDT", nonce=14), assets=(token.address,))
    for broker in (stage.low, stage.high):
        stage.faucet.send(token.transact("mint", broker.address, 100))
        stage.treasury(broker).allow_opening(token.address, 100)
    pair = Pair.of(stage, definition)
    pair.low_hand.open(pair.agree_opening(100))
    stage.faucet.send(token.transact("setBlocked", stage.high.address, True))
    closing = pair.agree(moves.Close(pair.soon()))
    receipt = pair.low_hand.close_cooperative(closing)
    names = [event.name for event in contracts.adjudicator.happened(receipt.logs)]
    assert "PushFailed" in names


def _unstake(stage: Stage) -> None:
    """Ask for stake back, change one's mind, ask again, take it; and name another key."""
    registry, sender = stage.contracts.registry, stage.high.sender
    stage.give("YELLOW", stage.high.address, 10**24)
    stage.treasury(stage.high).stake(10**24)
    sender.send(registry.transact("request_unstake", 10**23))
    sender.send(registry.transact("cancel_unstake"))
    sender.send(registry.transact("request_unstake", 10**22))
    stage.anvil.travel(30 * DAY_S)
    sender.send(registry.transact("complete_unstake"))
    sender.send(registry.transact("request_unstake", 10**21))
    sender.send(registry.transact("set_signer", Address(b"\x77" * 20)))


def _swap(stage: Stage) -> Address:
    """Lock three times: one is claimed, one refunded, one credited to a blocked receiver."""
    contracts = stage.contracts
    htlc, ref, until = contracts.htlc, hashlib.sha256(SECRET).digest(), contracts.now() + 3_600
    block = _deploy_blocklist(stage)
    usdc = contracts.address_of("USDC")
    locked = []
    for token, mint in ((usdc, 10), (usdc, 20), (block.address, 30)):
        mock = Contract(stage.anvil.node, "MockERC20", token)
        stage.faucet.send(mock.transact("mint", stage.low.address, mint))
        stage.treasury(stage.low).allow(token, htlc.address, mint)
        call = htlc.transact("lock", stage.high.address, token, mint, ref, until)
        (event,) = htlc.happened(stage.low.sender.send(call).logs)
        locked.append(tuple(event.fields.values())[1:])
    stage.faucet.send(block.transact("setBlocked", stage.high.address, True))
    for terms in (locked[0], locked[2]):
        stage.outsider.sender.send(htlc.transact("claim", terms, SECRET))
    stage.anvil.travel_to(until)
    stage.outsider.sender.send(htlc.transact("refund", locked[1]))
    return block.address


def _collect(stage: Stage) -> None:
    """Collect what a blocked receiver was credited."""
    token = _swap(stage)
    call = stage.contracts.htlc.transact("collect", token, stage.outsider.address)
    stage.high.sender.send(call)


def _indexed(stage: Stage) -> Indexed:
    indexer = Indexer(stage.contracts)
    indexer.catch_up()
    return indexer.now


ACTS: tuple[Callable[[Stage], object], ...] = (
    _leave_a_lock_and_a_challenge,
    _move_collateral,
    _reveal,
    _authorise,
    _pause,
    _fail_a_push,
    _swap,
    _collect,
    _unstake,
)


def test_indexer__after_both_days__knows_what_the_views_say(bare_stage: Stage) -> None:
    _play_both_days(bare_stage)

    _assert_equal_to_views(bare_stage, _indexed(bare_stage))


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__.strip("_"))
def test_indexer__after_each_kind_of_act__knows_what_the_views_say(
    stage: Stage, pair: Pair, act: Callable[[Stage], object]
) -> None:
    act(stage)

    _assert_equal_to_views(stage, _indexed(stage))


def test_indexer__every_event_that_is_declared__happens_in_those_acts(
    bare_stage: Stage,
) -> None:
    """Nothing that the contracts can say is left out above."""
    _play_both_days(bare_stage)
    for broker in (bare_stage.low, bare_stage.high):
        bare_stage.give("USDT", broker.address, 10 * COLLATERAL_RAW)
    for act in ACTS:
        act(bare_stage)

    indexer = Indexer(bare_stage.contracts)
    indexer.catch_up()

    contracts = bare_stage.contracts
    for contract in (contracts.adjudicator, contracts.registry, contracts.htlc):
        declared = {entry["name"] for entry in abi_of(contract.name) if entry["type"] == "event"}
        # OpenZeppelin's EIP712 declares an event that nothing here emits.
        assert declared - {"EIP712DomainChanged"} == indexer.names[contract.name]
    _assert_equal_to_views(bare_stage, indexer.now)


def test_indexer__blocks_taken_back__forgets_them_and_follows_the_other_branch(
    stage: Stage, pair: Pair
) -> None:
    indexer = Indexer(stage.contracts)
    old = book(stage, pair)
    indexer.catch_up()
    snapshot = stage.anvil.snapshot()
    pair.low_hand.challenge(old)
    stage.anvil.travel(pair.definition.challenge_duration)
    pair.low_hand.finalize(old)
    indexer.catch_up()
    assert indexer.now.channels[pair.low.channel_id].status is Status.IDLE

    stage.anvil.revert(snapshot)
    stage.anvil.mine(7)
    undone = indexer.catch_up()

    assert undone == 3
    assert indexer.now.channels[pair.low.channel_id].status is Status.OPEN
    _assert_equal_to_views(stage, indexer.now)
