"""A watcher says of each channel what the chain says, through forks, drops and lagging nodes."""

import asyncio
from dataclasses import replace

import pytest

from clearing.clearport.core.events import Observed
from clearing.clearport.watch import blocks, source, trail
from clearing.clearport.watch.finality import Finality
from clearing.client import moves
from clearing.demo.legs import provide_legs
from clearing.demo.market import market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import Side, Status
from tests.unit.clearport_watch.world import (
    CountingNode,
    MemoryFacts,
    book,
    call_margin,
    line_of,
    until,
    watcher_of,
    watching,
)


def _head(stage: Stage) -> int:
    return int(stage.anvil.node.request("eth_blockNumber", []), 16)


def _fresh(stage: Stage, pair: Pair, confirmations: int) -> Observed:
    """What a watcher that has just begun says."""

    async def read() -> Observed:
        watcher = watcher_of(stage, MemoryFacts(), confirmations=confirmations)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            return await eyes.until(pair.low.channel_id, lambda _: True)

    return asyncio.run(read())


def test_observed__new_channel__is_the_contracts_answer(stage: Stage, pair: Pair) -> None:
    observed = _fresh(stage, pair, 0)

    channel = stage.contracts.channel(pair.low.channel_id, 1)
    assert channel.status is Status.OPEN
    assert observed.latest == channel
    assert observed.now == stage.anvil.now
    assert observed.view == stage.contracts.final_view(pair.low.channel_id, 1)
    assert observed.ledgers_raw == ()


def test_observed__checkpoint__is_seen_at_once_and_final_after_its_confirmations(
    stage: Stage, pair: Pair
) -> None:
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)

    async def play() -> None:
        stage.anvil.mine(5)  # the opening is final
        watcher = watcher_of(stage, MemoryFacts(), confirmations=3)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            first = await eyes.until(channel_id, lambda _: True)
            assert first.view.channel == first.latest
            pair.low_hand.checkpoint(agreed)
            seen = await eyes.until(
                channel_id, lambda each: each.latest.enforced_version == agreed.state.version
            )
            assert seen.view.channel == first.latest
            stage.anvil.mine(2)
            await eyes.at_block(_head(stage))
            assert eyes.seen[channel_id][-1].view.channel == first.latest
            stage.anvil.mine(1)
            final = await eyes.until(channel_id, lambda each: each.view.channel == seen.latest)
            assert not final.view.is_challenged

    asyncio.run(play())


def test_observed__challenge_cleared_before_it_is_final__is_told_until_then(
    stage: Stage, pair: Pair
) -> None:
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    called = call_margin(stage, pair)

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), confirmations=4)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            pair.low_hand.challenge(agreed)
            await eyes.until(channel_id, lambda each: each.latest.status is Status.CHALLENGED)
            pair.high_hand.checkpoint(called)
            cleared = await eyes.until(channel_id, lambda each: each.latest.status is Status.OPEN)
            assert cleared.view.is_challenged
            stage.anvil.mine(4)  # the challenge and its answer are final both
            stage.anvil.mine(1)
            await eyes.until(channel_id, lambda each: not each.view.is_challenged)

    asyncio.run(play())


@pytest.mark.parametrize("depth", range(1, 13))
def test_observed__fork_of_any_depth__equals_a_fresh_reading(
    stage: Stage, pair: Pair, depth: int
) -> None:
    """CLP-11: rewinding k blocks and replaying another fork gives the state of a fresh sync."""
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    called = call_margin(stage, pair)
    stage.anvil.mine(3)

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), confirmations=2)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.at_block(_head(stage))
            start = stage.anvil.snapshot()
            nonces = (pair.low.broker.sender._next_nonce, pair.high.broker.sender._next_nonce)
            pair.low_hand.challenge(agreed)
            stage.anvil.mine(depth - 1)
            await eyes.at_block(_head(stage))
            before = await eyes.until(
                channel_id, lambda each: each.latest.status is Status.CHALLENGED
            )
            assert before.latest.enforced_version == agreed.state.version
            stage.anvil.revert(start)
            pair.low.broker.sender._next_nonce, pair.high.broker.sender._next_nonce = nonces
            pair.high_hand.checkpoint(called)
            stage.anvil.mine(depth)
            await eyes.at_block(_head(stage))
            after = await eyes.until(channel_id, lambda each: each.latest.status is Status.OPEN)
            assert after.latest.enforced_version == called.state.version
            stage.anvil.mine(3)
            await eyes.at_block(_head(stage))
            last = eyes.seen[channel_id][-1]
            fresh = await asyncio.to_thread(_fresh, stage, pair, 2)
            assert (last.latest, last.view.channel, last.view.is_challenged) == (
                fresh.latest,
                fresh.view.channel,
                fresh.view.is_challenged,
            )

    asyncio.run(play())


@pytest.mark.parametrize("depth", [1, 6])
def test_observed__fork_without_the_challenge__takes_it_back(
    stage: Stage, pair: Pair, depth: int
) -> None:
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    start = stage.anvil.snapshot()

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), confirmations=8)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            first = await eyes.until(channel_id, lambda _: True)
            pair.low_hand.challenge(agreed)
            stage.anvil.mine(depth - 1)
            seen = await eyes.until(channel_id, lambda each: each.view.is_challenged)
            assert seen.latest.status is Status.CHALLENGED
            stage.anvil.revert(start)
            stage.anvil.mine(depth + 1)
            seen = await eyes.until(channel_id, lambda each: not each.view.is_challenged)
            assert seen.latest == first.latest

    asyncio.run(play())


def test_observed__node_out_of_reach__says_nothing_and_reads_everything_anew_afterwards(
    stage: Stage, pair: Pair
) -> None:
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    node = CountingNode(stage.anvil.node)

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), node=node)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.until(channel_id, lambda _: True)
            node.is_down = True
            await until(lambda: watcher.last_error != "")
            n_seen, block = len(eyes.seen[channel_id]), watcher.block_number
            pair.low_hand.checkpoint(agreed)
            lag_s = watcher.lag_s
            await until(lambda: watcher.lag_s > lag_s)
            assert len(eyes.seen[channel_id]) == n_seen
            assert watcher.block_number == block
            node.calls.clear()
            node.is_down = False
            await eyes.until(
                channel_id, lambda each: each.latest.enforced_version == agreed.state.version
            )
            assert watcher.last_error == ""
            assert watcher.lag_s < lag_s + 60

    asyncio.run(play())


def test_observed__drop_without_any_block__is_followed_by_a_fresh_reading(
    stage: Stage, pair: Pair
) -> None:
    channel_id = pair.low.channel_id
    node = CountingNode(stage.anvil.node)

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), node=node)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.until(channel_id, lambda _: True)
            node.is_down = True
            await until(lambda: watcher.last_error != "")
            n_seen = len(eyes.seen[channel_id])
            node.is_down = False
            await until(lambda: len(eyes.seen[channel_id]) == n_seen + 1)
            assert eyes.seen[channel_id][-1].latest == eyes.seen[channel_id][0].latest

    asyncio.run(play())


@pytest.mark.parametrize("headstart", [64, 0], ids=["remembered", "older than remembered"])
def test_observed__node_lags_behind_what_it_showed__nothing_older_is_said(
    stage: Stage, pair: Pair, monkeypatch: pytest.MonkeyPatch, headstart: int
) -> None:
    """CLP-04: a dropped or reordered event never lowers a version."""
    monkeypatch.setattr(blocks, "HEADSTART", headstart)
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    node = CountingNode(stage.anvil.node)
    first = _head(stage)

    def answer_as_of(number: int):
        """Answer as a node would that has read no further."""

        def twist(method, params, answer):
            if method != "eth_getBlockByNumber":
                return answer
            if params[0] == "latest":
                return stage.anvil.node.request(method, [hex(number), False])
            return answer if int(params[0], 16) <= number else None

        return twist

    async def play() -> None:
        pair.low_hand.checkpoint(agreed)
        watcher = watcher_of(stage, MemoryFacts(), node=node)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.until(
                channel_id, lambda each: each.latest.enforced_version == agreed.state.version
            )
            n_seen = len(eyes.seen[channel_id])
            node.twist = answer_as_of(first)
            asked = node.requests
            await until(lambda: node.requests > asked + 5)
            assert len(eyes.seen[channel_id]) == n_seen
            assert watcher.block_number == first + 1
            node.twist = None
            stage.anvil.mine(1)
            await eyes.at_block(first + 2)
            assert all(
                each.latest.enforced_version == agreed.state.version
                for each in eyes.seen[channel_id][n_seen:]
            )

    asyncio.run(play())


def test_observed__catching_up_over_many_blocks__reads_the_head_only(
    stage: Stage, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node without old states has to do."""
    channel_id = pair.low.channel_id
    facts = MemoryFacts()
    agreed = book(stage, pair)
    monkeypatch.setattr(source, "STRIDE", 8)

    async def play() -> None:
        async with watching(watcher_of(stage, facts), line_of(stage, pair)) as eyes:
            await eyes.until(channel_id, lambda _: True)
        pair.low_hand.checkpoint(agreed)
        stage.anvil.mine(50)
        async with watching(watcher_of(stage, facts), line_of(stage, pair)) as eyes:
            seen = await eyes.until(channel_id, lambda _: True)
            assert seen.now == stage.anvil.now
            assert seen.latest.enforced_version == agreed.state.version
            assert len(eyes.seen[channel_id]) == 1

    asyncio.run(play())


def test_observed__node_falls_behind_within_one_look__nothing_older_is_said(
    stage: Stage, pair: Pair
) -> None:
    """Two nodes behind one address: the first request meets the newer, the next the older."""
    channel_id = pair.low.channel_id
    node = CountingNode(stage.anvil.node)
    stage.anvil.mine(3)
    head = _head(stage)

    def twist(method, params, answer):
        is_old = method == "eth_getBlockByNumber" and params[0] == hex(head)
        return None if is_old else answer

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), node=node)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.at_block(head)
            node.twist = twist
            asked = node.requests
            await until(lambda: node.requests > asked + 10)
            assert watcher.block_number == head
            assert {each.now for each in eyes.seen[channel_id]} == {stage.anvil.now}

    asyncio.run(play())


def test_observed__logs_kept_back__are_made_up_for_once_their_block_is_final(
    stage: Stage, pair: Pair
) -> None:
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    node = CountingNode(stage.anvil.node)

    def without_logs_by_hash(method, params, answer):
        return [] if method == "eth_getLogs" and "blockHash" in params[0] else answer

    async def play() -> None:
        node.twist = without_logs_by_hash
        watcher = watcher_of(stage, MemoryFacts(), node=node, confirmations=2)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            first = await eyes.until(channel_id, lambda _: True)
            pair.low_hand.checkpoint(agreed)
            await eyes.at_block(_head(stage))
            assert eyes.seen[channel_id][-1].latest == first.latest
            stage.anvil.mine(2)
            await eyes.until(
                channel_id, lambda each: each.view.channel.enforced_version == agreed.state.version
            )

    asyncio.run(play())


def test_observed__all_logs_lost__are_made_up_for_by_reading_again(
    stage: Stage, pair: Pair
) -> None:
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    node = CountingNode(stage.anvil.node)
    node.twist = lambda method, _, answer: [] if method == "eth_getLogs" else answer

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), node=node, reread_s=0.2)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.until(channel_id, lambda _: True)
            pair.low_hand.checkpoint(agreed)
            await eyes.until(
                channel_id, lambda each: each.latest.enforced_version == agreed.state.version
            )

    asyncio.run(play())


def test_run__nonsense_from_the_node__is_survived(stage: Stage, pair: Pair) -> None:
    node = CountingNode(stage.anvil.node)
    node.twist = lambda method, _, answer: {"number": "x"} if "Block" in method else answer

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), node=node)
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await until(lambda: "makes no sense" in watcher.last_error)
            assert not eyes.seen
            node.twist = None
            await eyes.until(pair.low.channel_id, lambda _: True)

    asyncio.run(play())


def test_run__restarted__goes_on_where_it_stood_and_remembers_the_challenge(
    stage: Stage, pair: Pair
) -> None:
    channel_id = pair.low.channel_id
    agreed, called = book(stage, pair), call_margin(stage, pair)
    facts = MemoryFacts()

    async def play() -> None:
        pair.low_hand.challenge(agreed)
        pair.high_hand.checkpoint(called)
        async with watching(
            watcher_of(stage, facts, confirmations=5), line_of(stage, pair)
        ) as eyes:
            seen = await eyes.until(channel_id, lambda _: True)
            assert seen.view.is_challenged
        node = CountingNode(stage.anvil.node)
        again = watcher_of(stage, facts, node=node, confirmations=5)
        async with watching(again, line_of(stage, pair)) as eyes:
            seen = await eyes.until(channel_id, lambda _: True)
            assert seen.view.is_challenged
            assert "eth_getLogs" not in node.calls  # nothing was read a second time

    asyncio.run(play())


@pytest.mark.parametrize("depth", [1, 5, 12])
def test_run__chain_forked_while_it_was_down__equals_a_fresh_reading(
    stage: Stage, pair: Pair, depth: int
) -> None:
    channel_id = pair.low.channel_id
    agreed, called = book(stage, pair), call_margin(stage, pair)
    facts = MemoryFacts()
    start = stage.anvil.snapshot()
    nonces = (pair.low.broker.sender._next_nonce, pair.high.broker.sender._next_nonce)
    pair.low_hand.challenge(agreed)
    stage.anvil.mine(depth - 1)

    async def play() -> None:
        async with watching(
            watcher_of(stage, facts, confirmations=3), line_of(stage, pair)
        ) as eyes:
            await eyes.until(channel_id, lambda each: each.latest.status is Status.CHALLENGED)
        stage.anvil.revert(start)
        pair.low.broker.sender._next_nonce, pair.high.broker.sender._next_nonce = nonces
        pair.high_hand.checkpoint(called)
        stage.anvil.mine(depth)
        async with watching(
            watcher_of(stage, facts, confirmations=3), line_of(stage, pair)
        ) as eyes:
            last = await eyes.until(channel_id, lambda each: each.latest.status is Status.OPEN)
            fresh = await asyncio.to_thread(_fresh, stage, pair, 3)
            assert last == fresh

    asyncio.run(play())


@pytest.mark.parametrize("n_read", [0, 8], ids=["below its first block", "below its memory"])
def test_run__fork_deeper_than_it_remembers__begins_afresh(
    stage: Stage, pair: Pair, monkeypatch: pytest.MonkeyPatch, n_read: int
) -> None:
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)
    monkeypatch.setattr(trail, "MEMORY", 4)
    monkeypatch.setattr(blocks, "HEADSTART", 1)
    start = stage.anvil.snapshot()
    stage.anvil.mine(2)

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts())
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.at_block(_head(stage))
            if n_read:
                stage.anvil.mine(n_read)
                await eyes.at_block(_head(stage))
            stage.anvil.revert(start)
            pair.low_hand.checkpoint(agreed)
            stage.anvil.mine(10)
            await eyes.until(
                channel_id, lambda each: each.latest.enforced_version == agreed.state.version
            )

    asyncio.run(play())


def test_run__stored_trail_is_damaged__begins_afresh(stage: Stage, pair: Pair) -> None:
    facts = MemoryFacts()
    facts.values["watch.trail"] = b"\x00 not a trail"

    async def play() -> None:
        async with watching(watcher_of(stage, facts), line_of(stage, pair)) as eyes:
            await eyes.until(pair.low.channel_id, lambda _: True)

    asyncio.run(play())
    assert facts.values["watch.trail"].startswith(b"{")


def test_observed__finalized_by_the_nodes_word__is_what_the_view_shows(
    stage: Stage, pair: Pair
) -> None:
    """Anvil calls final what is two epochs of 32 blocks old."""
    channel_id = pair.low.channel_id
    agreed = book(stage, pair)

    async def play() -> None:
        stage.anvil.mine(80)
        watcher = watcher_of(stage, MemoryFacts(), finality=Finality("finalized"))
        async with watching(watcher, line_of(stage, pair)) as eyes:
            await eyes.until(channel_id, lambda each: each.view.channel.status is Status.OPEN)
            pair.low_hand.checkpoint(agreed)
            seen = await eyes.until(
                channel_id, lambda each: each.latest.enforced_version == agreed.state.version
            )
            assert seen.view.channel.enforced_version < agreed.state.version
            stage.anvil.mine(80)
            await eyes.until(
                channel_id, lambda each: each.view.channel.enforced_version == agreed.state.version
            )

    asyncio.run(play())


def test_observed__order_pending__brings_both_ledgers_of_each_leg(stage: Stage, pair: Pair) -> None:
    channel_id = pair.low.channel_id
    book(stage, pair)
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    agreed = pair.agree(moves.Settle(pair.soon(), market))
    legs = agreed.require_order().legs

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts())
        async with watching(watcher, line_of(stage, pair)) as eyes:
            first = await eyes.until(channel_id, lambda _: True)
            assert first.ledgers_raw == ((0, 0),) * len(legs)
            provide_legs(stage, stage.low, agreed, Side.LOW)
            low = tuple((leg.amount if leg.from_low else 0, 0) for leg in legs)
            await eyes.until(channel_id, lambda each: each.ledgers_raw == low)
            provide_legs(stage, stage.high, agreed, Side.HIGH)
            both = tuple((leg.amount, 0) if leg.from_low else (0, leg.amount) for leg in legs)
            await eyes.until(channel_id, lambda each: each.ledgers_raw == both)

    asyncio.run(play())


def test_observed__thousand_channels__cost_a_block_without_news_few_requests(
    stage: Stage, pair: Pair
) -> None:
    node = CountingNode(stage.anvil.node)
    line = line_of(stage, pair)
    stage.anvil.mine(2)  # the opening is final
    others = [
        replace(line, channel_id=index.to_bytes(32, "big"), full=None) for index in range(999)
    ]
    agreed = book(stage, pair)

    async def play() -> None:
        watcher = watcher_of(stage, MemoryFacts(), node=node, confirmations=1)
        async with watching(watcher, line, *others) as eyes:
            await until(lambda: len(eyes.seen) == 1_000)
            assert node.requests < 30
            await _settled(node)
            node.calls.clear()
            stage.anvil.mine()
            await eyes.at_block(_head(stage))
            await _settled(node)
            assert "eth_call" not in node.calls
            node.calls.clear()
            pair.low_hand.checkpoint(agreed)
            await eyes.until(
                line.channel_id,
                lambda each: each.latest.enforced_version == agreed.state.version,
            )
            assert node.calls.count("eth_call") == 4  # channelOf and netOf, at the head and final

    asyncio.run(play())


async def _settled(node: CountingNode) -> None:
    """Wait until a whole look has passed."""
    asked = node.requests
    await until(lambda: node.requests > asked + 3)
