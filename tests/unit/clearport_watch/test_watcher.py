"""A watcher says of each channel what the chain says, through forks, drops and lagging nodes."""

import asyncio

import pytest

from clearing.clearport.core.events import Observed
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import Status
from tests.unit.clearport_watch.world import (
    MemoryFacts,
    book,
    call_margin,
    line_of,
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
    """CLP: rewinding k blocks and replaying another fork gives the state of a fresh sync."""
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
