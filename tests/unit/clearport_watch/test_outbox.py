"""An outbox: nothing is sent twice with effect, nothing that is wanted is lost."""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from clearing.chain.errors import NodeRefusedError, NodeUnreachableError
from clearing.chain.offer import transaction_of
from clearing.chain.sender import Sender, SendPolicy
from clearing.channel import requests
from clearing.clearport.ports import Record
from clearing.clearport.store.store import SqlStore
from clearing.clearport.watch.account import OfferPolicy
from clearing.clearport.watch.outbox import ChainOutbox
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from tests.unit.clearport_watch.sending import ETHER_WEI, Killed, Sending
from tests.unit.clearport_watch.world import WAIT_S, book, call_margin, until

AMOUNT = 1_000 * 10**6


def _want_deposit(sending: Sending) -> None:
    sending.store.want(sending.approve("approve", AMOUNT), sending.deposit("deposit", AMOUNT))


def test_turn__approve_then_deposit__are_mined_in_this_order(stage: Stage) -> None:
    sending = Sending(stage)
    before = sending.nonce()
    _want_deposit(sending)

    asyncio.run(sending.drain(sending.begin()))

    assert sending.store.states() == ["final", "final"]
    assert sending.ledger() == AMOUNT
    approved, deposited = (sending.store.status(key) for key in ("approve", "deposit"))
    assert (approved.nonce, deposited.nonce) == (before, before + 1)
    assert (approved.block_number or 0) < (deposited.block_number or 0)


def test_turn__sent__nonce_and_hash_are_durable_before_anybody_hears_of_it(stage: Stage) -> None:
    sending = Sending(stage)
    sending.store.want(sending.approve("approve", AMOUNT))
    fuse = sending.fuse(None)

    asyncio.run(sending.drain(sending.begin()))

    assert fuse.calls[:3] == ["fact", "status sent", "send"]
    sent = sending.store.history[0]
    assert sent.nonce is not None
    assert len(sent.hashes) == 1


def test_run__killed_at_any_boundary__deposits_once(stage: Stage) -> None:
    """CLP-10: after kill -9 at any point no transaction is sent twice with effect, none is lost."""
    kills = 0
    for is_after in (False, True):
        kill_at = 1
        while True:
            start = stage.anvil.snapshot()
            sending = Sending(stage)
            before = sending.nonce()
            _want_deposit(sending)
            sending.fuse(kill_at, is_after=is_after)
            is_killed = True
            with contextlib.suppress(Killed):
                asyncio.run(sending.drain(sending.begin()))
                is_killed = False
            stage.anvil.mine()
            sending.fuse(None)
            asyncio.run(sending.drain(sending.begin()))
            assert sending.store.states() == ["final", "final"], kill_at
            assert sending.ledger() == AMOUNT, kill_at
            assert sending.nonce() == before + 2, kill_at
            stage.anvil.revert(start)
            if not is_killed:
                break
            kills += 1
            kill_at += 1
    assert kills >= 2 * 8


def test_run__killed_with_the_transaction_waiting__offers_more_under_the_same_nonce(
    stage: Stage,
) -> None:
    """Killed at each boundary of a replacement: one nonce, one effect."""
    kills = 0
    for is_after in (False, True):
        kill_at = 1
        while True:
            start = stage.anvil.snapshot()
            sending = Sending(stage, replace_after_s=0)
            sending.store.want(sending.deposit("deposit", AMOUNT))
            stage.treasury(stage.low).allow_opening(stage.contracts.address_of("USDT"), AMOUNT)
            before = sending.nonce()
            stage.anvil.node.request("evm_setAutomine", [False])
            outbox = sending.begin()
            asyncio.run(_turns(sending, outbox, 1))
            sending.fuse(kill_at, is_after=is_after)
            is_killed = True
            with contextlib.suppress(Killed):
                asyncio.run(_turns(sending, outbox, 2))
                is_killed = False
            sending.fuse(None)
            asyncio.run(_turns(sending, sending.begin(), 2))
            stage.anvil.node.request("evm_setAutomine", [True])
            stage.anvil.mine()
            asyncio.run(sending.drain(sending.begin()))
            assert sending.ledger() == AMOUNT, kill_at
            assert sending.nonce() == before + 1, kill_at
            assert {transaction_of(raw)["nonce"] for raw in sending.node.sent} == {before}
            assert len(set(sending.node.sent)) > 1
            stage.anvil.revert(start)
            stage.low.sender._next_nonce = 0
            if not is_killed:
                break
            kills += 1
            kill_at += 1
    assert kills >= 2 * 3


async def _turns(sending: Sending, outbox, turns: int) -> None:
    await outbox.load()
    for _ in range(turns):
        await outbox.turn()


def test_turn__not_mined_for_a_while__is_replaced_by_an_eighth_more_up_to_the_cap(
    stage: Stage,
) -> None:
    sending = Sending(stage)
    sending.store.want(sending.approve("approve", AMOUNT))
    stage.anvil.node.request("evm_setAutomine", [False])

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        await outbox.turn()
        await outbox.turn()
        assert len(sending.node.sent) == 1
        first = transaction_of(sending.node.sent[0])
        sending.clock.now_s = 31
        await outbox.turn()
        second = transaction_of(sending.node.sent[1])
        assert second["nonce"] == first["nonce"]
        assert second["maxFeePerGas"] * 1_000 >= first["maxFeePerGas"] * 1_125
        assert second["maxPriorityFeePerGas"] * 1_000 >= first["maxPriorityFeePerGas"] * 1_125
        assert len(sending.store.status("approve").hashes) == 2
        for _ in range(200):
            sending.clock.now_s += 31
            await outbox.turn()
        highest = max(transaction_of(raw)["maxFeePerGas"] for raw in sending.node.sent)
        cap = sending.policy.offer.max_fee_wei
        assert highest <= cap < highest * 1_125 // 1_000 + 1
        stage.anvil.mine()
        stage.anvil.node.request("evm_setAutomine", [True])
        await sending.drain(outbox)

    asyncio.run(play())
    assert sending.store.states() == ["final"]


@pytest.mark.parametrize("depth", range(1, 7))
def test_turn__reorganisation_drops_it__the_same_nonce_is_sent_again(
    stage: Stage, depth: int
) -> None:
    sending = Sending(stage, confirmations=8)
    _want_deposit(sending)

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        start = stage.anvil.snapshot()
        async with asyncio.timeout(WAIT_S):  # the node answers before it has mined
            while sending.store.states() != ["mined", "mined"]:
                await outbox.turn()
        stage.anvil.mine(depth)
        nonces = [sending.store.status(key).nonce for key in ("approve", "deposit")]
        sent = list(sending.node.sent)
        stage.anvil.revert(start)
        stage.anvil.mine(depth + 1)
        assert sending.ledger() == 0
        await outbox.turn()
        assert sending.node.sent[len(sent) :][0] == sent[0]
        await sending.drain(outbox)
        assert [sending.store.status(key).nonce for key in ("approve", "deposit")] == nonces
        assert set(sending.node.sent) == set(sent)

    asyncio.run(play())
    assert sending.store.states() == ["final", "final"]
    assert sending.ledger() == AMOUNT


def test_turn__nonce_used_by_another__takes_a_new_one_once_that_is_final(stage: Stage) -> None:
    sending = Sending(stage, confirmations=3)
    stage.treasury(stage.low).allow_opening(stage.contracts.address_of("USDT"), 2 * AMOUNT)
    sending.store.want(sending.deposit("deposit", AMOUNT), sending.approve("next", 0))
    sending.node.is_deaf = True  # our transaction never reaches anybody

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        await outbox.turn()
        nonce = sending.nonce()
        assert sending.store.status("deposit").nonce == nonce
        stage.low.sender._next_nonce = nonce
        stage.treasury(stage.low).name_signer()
        assert sending.nonce() == nonce + 1
        sending.node.is_deaf = False
        n_sent = len(sending.node.sent)
        for _ in range(3):
            await outbox.turn()
            sending.clock.now_s += 21
        assert sending.store.states() == ["sent", "queued"]  # the other may still go away
        assert sending.store.status("deposit").nonce == nonce
        assert len(sending.node.sent) == n_sent
        stage.anvil.mine(3)
        await outbox.turn()
        assert [status.state for status in sending.store.history[-2:]] == ["lost", "queued"]
        await sending.drain(outbox)
        assert sending.store.status("deposit").nonce == nonce + 1

    asyncio.run(play())
    assert sending.ledger() == AMOUNT


def test_turn__nonce_used_by_the_very_same_call__is_not_sent_again(stage: Stage) -> None:
    """An earlier life of the daemon has deposited already; its hash is not in our store."""
    sending = Sending(stage, confirmations=1)
    stage.treasury(stage.low).allow_opening(stage.contracts.address_of("USDT"), 2 * AMOUNT)
    sending.store.want(sending.deposit("deposit", AMOUNT))
    sending.node.is_deaf = True

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        await outbox.turn()
        usdt = stage.contracts.address_of("USDT")
        earlier = Sender(stage.anvil.node, sending.key, policy=SendPolicy(gas_margin=1_300))
        earlier.send(stage.contracts.adjudicator.transact("deposit", usdt, AMOUNT))
        sending.node.is_deaf = False
        stage.anvil.mine(2)
        await sending.drain(outbox)

    asyncio.run(play())
    assert sending.store.states() == ["final"]
    assert sending.ledger() == AMOUNT


def test_turn__contract_refuses__says_why_and_burns_no_nonce(stage: Stage, pair: Pair) -> None:
    sending = Sending(stage)
    agreed, called = book(stage, pair), call_margin(stage, pair)
    outbox = sending.begin()
    high = requests.Checkpoint(pair.definition, called.state, called.signatures)
    low = requests.Checkpoint(pair.definition, agreed.state, agreed.signatures)
    sending.store.want(outbox.encode("newer", high), outbox.encode("older", low))
    before = sending.nonce()

    asyncio.run(sending.drain(outbox))

    assert sending.store.states() == ["final", "refused"]
    refused = sending.store.status("older")
    assert refused.reason.startswith("StaleVersion(")
    assert refused.nonce is None
    assert sending.nonce() == before + 1
    assert sending.store.items["newer"][0].channel_id == pair.low.channel_id


def test_turn__refused_when_mined__is_refused_once_that_is_final(stage: Stage) -> None:
    sending = Sending(stage, confirmations=2)
    usdt = stage.contracts.address_of("USDT")
    stage.treasury(stage.low).allow_opening(usdt, AMOUNT)
    sending.store.want(sending.deposit("deposit", AMOUNT))

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        stage.anvil.node.request("evm_setAutomine", [False])
        await outbox.turn()
        # The tokens are gone before the block is made.
        token = "0x" + usdt.hex()
        stage.anvil.node.request("anvil_dealERC20", [sending.key.address, token, hex(0)])
        stage.anvil.mine()
        stage.anvil.node.request("evm_setAutomine", [True])
        await outbox.turn()
        assert sending.store.states() == ["mined"]
        assert sending.store.status("deposit").reason
        await sending.drain(outbox)

    asyncio.run(play())
    assert sending.store.states() == ["refused"]
    assert sending.ledger() == 0


def test_turn__empty_wallet__waits_for_ether_and_burns_no_nonce(stage: Stage) -> None:
    sending = Sending(stage)
    sending.store.want(sending.approve("approve", AMOUNT))
    before = sending.nonce()

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        sending.set_ether(1)
        assert not await outbox.turn()
        status = sending.store.status("approve")
        assert (status.state, status.nonce) == ("queued", None)
        assert "lacks" in status.reason
        sending.set_ether(ETHER_WEI)
        await sending.drain(outbox)

    asyncio.run(play())
    assert sending.store.states() == ["final"]
    assert sending.nonce() == before + 1


def test_run__node_out_of_reach__goes_on_once_it_is_back(stage: Stage) -> None:
    sending = Sending(stage, confirmations=0)
    _want_deposit(sending)
    cut = NodeUnreachableError("the wire is cut")
    tries = 0

    async def play() -> None:
        nonlocal tries
        outbox = sending.begin()
        request = sending.node.request

        def fail(method, params):
            nonlocal tries
            tries += 1
            raise cut

        sending.node.request = fail
        running = asyncio.create_task(outbox.run())
        await until(lambda: tries >= 3 and outbox.last_error == str(cut))
        sending.node.request = request
        await until(lambda: sending.store.states() == ["final", "final"])
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(play())
    assert sending.ledger() == AMOUNT


def test_turn__ran_out_of_gas__is_sent_once_more_when_that_is_final(stage: Stage) -> None:
    sending = Sending(stage, confirmations=2)
    stage.treasury(stage.low).allow_opening(stage.contracts.address_of("USDT"), AMOUNT)
    sending.store.want(sending.deposit("deposit", AMOUNT))
    before = sending.nonce()

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        account = outbox._bench.account
        account._policy = OfferPolicy(gas_margin=900)
        await outbox.turn()
        account._policy = OfferPolicy()
        async with asyncio.timeout(WAIT_S):  # the node answers before it has mined
            while sending.store.states() == ["sent"]:
                await outbox.turn()
        mined = sending.store.status("deposit")
        assert (mined.state, mined.nonce) == ("mined", before)
        assert "succeeds when asked again" in mined.reason
        await sending.drain(outbox)

    asyncio.run(play())
    assert sending.store.states() == ["final"]
    assert sending.store.status("deposit").nonce == before + 1
    assert sending.ledger() == AMOUNT


def test_turn__always_runs_out_of_gas__is_refused_and_not_tried_for_ever(stage: Stage) -> None:
    sending = Sending(stage, confirmations=1)
    stage.treasury(stage.low).allow_opening(stage.contracts.address_of("USDT"), AMOUNT)
    sending.store.want(sending.deposit("deposit", AMOUNT))
    sending.policy = replace(sending.policy, offer=OfferPolicy(gas_margin=900))
    before = sending.nonce()

    asyncio.run(sending.drain(sending.begin()))

    assert sending.store.states() == ["refused"]
    assert sending.nonce() == before + 2


def test_turn__nonce_used_long_ago_by_another__is_found_in_the_past(stage: Stage) -> None:
    sending = Sending(stage, confirmations=1)
    stage.treasury(stage.low).allow_opening(stage.contracts.address_of("USDT"), AMOUNT)
    sending.store.want(sending.deposit("deposit", AMOUNT))
    sending.node.is_deaf = True

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        await outbox.turn()
        stage.low.sender._next_nonce = sending.nonce()
        stage.treasury(stage.low).name_signer()
        stage.anvil.mine(150)
        sending.node.is_deaf = False
        await sending.drain(sending.begin())

    asyncio.run(play())
    assert "lost" in [status.state for status in sending.store.history]
    assert sending.store.states() == ["final"]
    assert sending.ledger() == AMOUNT


def test_turn__node_cannot_tell_who_used_the_nonce__nothing_is_sent_again(stage: Stage) -> None:
    """A deposit has no other protection: a person decides."""
    sending = Sending(stage, confirmations=1)
    stage.treasury(stage.low).allow_opening(stage.contracts.address_of("USDT"), AMOUNT)
    sending.store.want(sending.deposit("deposit", AMOUNT))
    sending.node.is_deaf = True
    request = sending.node.request

    def forgetful(method, params):
        if method == "eth_getTransactionCount":
            raise NodeRefusedError(method, -32_000, "missing trie node")
        return request(method, params)

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        await outbox.turn()
        stage.low.sender._next_nonce = sending.nonce()
        stage.treasury(stage.low).name_signer()
        stage.anvil.mine(3)
        sending.node.request = forgetful
        await outbox.turn()
        assert sending.store.states() == ["sent"]
        sending.clock.now_s += 21
        await outbox.turn()
        assert sending.store.states() == ["lost"]
        assert "cannot tell" in sending.store.status("deposit").reason
        n_sent = len(sending.node.sent)
        sending.node.request = request
        sending.store.want(sending.approve("next", 0))
        sending.node.is_deaf = False
        for _ in range(3):
            await outbox.turn()
            stage.anvil.mine(2)
        assert len(sending.node.sent) == n_sent + 1

    asyncio.run(play())
    assert sending.store.states() == ["lost", "final"]
    assert sending.ledger() == 0


def test_turn__node_will_not_estimate__waits_then_gives_the_next_its_turn(stage: Stage) -> None:
    sending = Sending(stage, confirmations=0)
    sending.policy = replace(sending.policy, give_up_s=100)
    sending.store.want(sending.deposit("odd", AMOUNT), sending.approve("next", AMOUNT))
    odd = sending.store.items["odd"][0].data.hex()
    request = sending.node.request

    def unwilling(method, params):
        if method == "eth_estimateGas" and params[0]["data"] == "0x" + odd:
            raise NodeRefusedError(method, -32_000, "exceeds block gas limit")
        return request(method, params)

    async def play() -> None:
        outbox = sending.begin()
        await outbox.load()
        sending.node.request = unwilling
        with pytest.raises(NodeRefusedError):
            await outbox.turn()
        assert sending.store.states() == ["queued", "queued"]
        assert sending.store.status("odd").reason == "exceeds block gas limit"
        sending.clock.now_s += 100
        await sending.drain(outbox)

    asyncio.run(play())
    assert sending.store.states() == ["refused", "final"]


def test_load__over_the_daemons_own_store__survives_a_kill(stage: Stage, tmp_path: Path) -> None:
    """The same with the store that the daemon has, in a file."""
    usdt = stage.contracts.address_of("USDT")
    sending = Sending(stage, confirmations=1)
    stage.treasury(stage.low).allow_opening(usdt, AMOUNT)
    url = f"sqlite:///{tmp_path / 'clearport.db'}"
    deposit = sending.deposit("deposit", AMOUNT)

    async def play() -> None:
        store = await SqlStore.open(url)
        await store.commit(Record(intents=(deposit,)))
        sending.fuse(1, is_after=True)  # right after the node has taken it
        outbox = ChainOutbox(
            sending.node, sending.key, stage.contracts.adjudicator, store, sending.policy
        )
        await outbox.load()
        with pytest.raises(Killed):
            await outbox.turn()
        await store.close()
        sending.fuse(None)
        store = await SqlStore.open(url)
        outbox = ChainOutbox(
            sending.node, sending.key, stage.contracts.adjudicator, store, sending.policy
        )
        await outbox.load()
        for _ in range(3):
            await outbox.turn()
            stage.anvil.mine()
        [(_, status)] = await store.intents(("final",))
        assert status.key == "deposit"
        await store.close()

    asyncio.run(play())
    assert sending.ledger() == AMOUNT
