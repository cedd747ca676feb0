"""A tower answers stale challenges while nobody else is awake, and only moves channels forward."""

import asyncio
from pathlib import Path

import pytest

from clearing.clearport.watchtower.metrics import registry_of
from clearing.client import moves
from clearing.demo.market import market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import Status
from tests.unit.clearport_watch.towers import Post, guarding, stored
from tests.unit.clearport_watch.world import book, call_margin, until


def test_run__stale_challenge__is_answered_in_the_first_half_of_its_window(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    stale, latest = book(stage, pair), call_margin(stage, pair)
    post.export(pair, latest)

    async def play() -> None:
        async with guarding(post.tower()):
            await until(lambda: bool(post.named("states_read")))
            pair.low_hand.challenge(stale)
            deadline = stored(stage, pair).deadline
            await until(lambda: stored(stage, pair).status is Status.OPEN)
            half = pair.definition.challenge_duration >> 1
            assert stage.anvil.now < deadline - half

    asyncio.run(play())
    assert stored(stage, pair).enforced_version == latest.state.version


def test_run__challenge_with_the_latest_state__is_left_alone(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    stale, latest = book(stage, pair), call_margin(stage, pair)
    post.export(pair, latest)
    pair.low_hand.challenge(latest)
    tower = post.tower()

    async def play() -> None:
        async with guarding(tower):
            await until(lambda: pair.low.channel_id in tower.lags())
            stage.anvil.mine(3)
            await until(lambda: tower.watcher.block_number == _head(stage))

    asyncio.run(play())
    assert tower.n_answers == 0
    assert stored(stage, pair).status is Status.CHALLENGED
    assert stale.state.version < latest.state.version


def test_run__newer_state_is_exported_while_it_runs__answers_with_that(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    first = book(stage, pair)
    post.export(pair, first)

    async def play() -> None:
        tower = post.tower()
        async with guarding(tower):
            await until(lambda: bool(tower.lags()))
            latest = call_margin(stage, pair)
            post.export(pair, latest)
            await until(lambda: len(post.named("states_read")) == 2)
            pair.low_hand.challenge(first)
            await until(lambda: stored(stage, pair).status is Status.OPEN)
            assert stored(stage, pair).enforced_version == latest.state.version

    asyncio.run(play())


def test_run__older_file_comes_back__never_checkpoints_an_older_version(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    """CLP-14: the watchtower only moves channels forward."""
    post = Post(stage, tmp_path)
    first, second = book(stage, pair), call_margin(stage, pair)
    market = pair.observe(market_at(52_000, 3_200, stage.contracts.now()))
    third = pair.agree(moves.CallMargin(market))
    post.export(pair, third)

    async def play() -> None:
        tower = post.tower()
        async with guarding(tower):
            await until(lambda: len(post.named("states_read")) == 1)
            post.export(pair, second)
            await until(lambda: len(post.named("states_read")) == 2)
            pair.low_hand.challenge(first)
            await until(lambda: stored(stage, pair).status is Status.OPEN)

    asyncio.run(play())
    assert stored(stage, pair).enforced_version == third.state.version
    calls = post.named("challenge_answered")
    assert [call["call"] for call in calls] == ["checkpoint"]


def test_run__state_older_than_the_chain__does_nothing(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    first, second = book(stage, pair), call_margin(stage, pair)
    post.export(pair, first)
    pair.high_hand.challenge(second)
    tower = post.tower()

    async def play() -> None:
        async with guarding(tower):
            await until(lambda: bool(tower.lags()))
            stage.anvil.mine(2)
            await until(lambda: tower.watcher.block_number == _head(stage))

    asyncio.run(play())
    assert tower.lags() == {pair.low.channel_id: -1}
    assert tower.n_answers == 0
    assert stored(stage, pair).enforced_version == second.state.version


def test_run__two_towers_at_once__do_no_harm(stage: Stage, pair: Pair, tmp_path: Path) -> None:
    posts = [
        Post(stage, tmp_path / "one", "tower one"),
        Post(stage, tmp_path / "two", "tower two"),
    ]
    stale, latest = book(stage, pair), call_margin(stage, pair)
    towers = [post.tower() for post in posts]
    for post in posts:
        post.export(pair, latest)

    async def play() -> None:
        async with guarding(*towers):
            await until(lambda: all(tower.lags() for tower in towers))
            stage.anvil.node.request("evm_setAutomine", [False])
            await asyncio.to_thread(_challenge_unmined, stage, pair, stale)
            stage.anvil.mine()
            await until(lambda: all(tower.n_answers for tower in towers))
            # Whoever asks the node once the other's answer waits there is told that it is stale.
            await until(lambda: _pending(stage) + _refused(towers) == 2)
            stage.anvil.mine()
            stage.anvil.node.request("evm_setAutomine", [True])
            await until(lambda: stored(stage, pair).status is Status.OPEN)
            stage.anvil.mine(3)
            await until(lambda: sorted(map(_first_state, towers)) == ["final", "refused"])

    asyncio.run(play())
    assert stored(stage, pair).enforced_version == latest.state.version
    [refused] = [status for status in map(_first_status, towers) if status.state == "refused"]
    assert refused.reason.startswith("StaleVersion(")


def test_run__started_late_in_the_window__still_answers(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    stale, latest = book(stage, pair), call_margin(stage, pair)
    post.export(pair, latest)
    pair.low_hand.challenge(stale)
    stage.anvil.travel_to(stored(stage, pair).deadline - 120)

    async def play() -> None:
        async with guarding(post.tower()):
            await until(lambda: stored(stage, pair).status is Status.OPEN)

    asyncio.run(play())
    assert stored(stage, pair).enforced_version == latest.state.version


def test_run__started_after_the_window__sends_nothing(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    stale, latest = book(stage, pair), call_margin(stage, pair)
    post.export(pair, latest)
    pair.low_hand.challenge(stale)
    stage.anvil.travel_to(stored(stage, pair).deadline)
    tower = post.tower()

    async def play() -> None:
        async with guarding(tower):
            await until(lambda: bool(tower.lags()))
            stage.anvil.mine(2)
            await until(lambda: tower.watcher.block_number == _head(stage))

    asyncio.run(play())
    assert tower.n_answers == 0


def test_run__signed_close_in_time__is_executed_against_a_stale_challenge(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    opening = pair.low.latest
    closing = pair.agree(moves.Close(pair.soon()))
    post.export(pair, closing)

    async def play() -> None:
        async with guarding(post.tower()):
            await until(lambda: bool(post.named("states_read")))
            pair.low_hand.challenge(opening)
            await until(lambda: stored(stage, pair).status is Status.IDLE)

    asyncio.run(play())


def test_run__reorganisation_drops_the_answer__it_is_sent_again(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    stale, latest = book(stage, pair), call_margin(stage, pair)
    post.export(pair, latest)
    pair.low_hand.challenge(stale)
    challenged = stage.anvil.snapshot()

    async def play() -> None:
        async with guarding(post.tower()):
            await until(lambda: stored(stage, pair).status is Status.OPEN)
            stage.anvil.revert(challenged)
            assert stored(stage, pair).status is Status.CHALLENGED
            stage.anvil.mine(2)
            await until(lambda: stored(stage, pair).status is Status.OPEN)

    asyncio.run(play())
    assert stored(stage, pair).enforced_version == latest.state.version


def test_lags__version_by_version__are_told_to_prometheus(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    post = Post(stage, tmp_path)
    first, second = book(stage, pair), call_margin(stage, pair)
    post.export(pair, first, second)
    tower = post.tower()
    name, labels = "watchtower_lag_versions", {"channel": pair.low.channel_id.hex()}
    registry = registry_of(tower)
    behind = second.state.version - stored(stage, pair).enforced_version
    assert behind == 2

    async def play() -> None:
        async with guarding(tower):
            await until(lambda: registry.get_sample_value(name, labels) == behind)
            pair.low_hand.checkpoint(second)
            await until(lambda: registry.get_sample_value(name, labels) == 0)

    asyncio.run(play())


@pytest.mark.parametrize("damage", [b"", b"clearing-tower-1", b"anything at all" * 20])
def test_read_once__file_is_damaged__keeps_what_it_knows(
    stage: Stage, pair: Pair, tmp_path: Path, damage: bytes
) -> None:
    post = Post(stage, tmp_path)
    post.export(pair, book(stage, pair))
    tower = post.tower()

    async def play() -> None:
        await tower.read_once()
        known = dict(tower.states)
        assert known
        post.states.write_bytes(damage)
        await tower.read_once()
        assert tower.states == known
        post.states.unlink()
        await tower.read_once()
        assert tower.states == known

    asyncio.run(play())
    assert len(post.named("states_refused")) == 1
    assert len(post.named("states_unreadable")) == 1


def _head(stage: Stage) -> int:
    return int(stage.anvil.node.request("eth_blockNumber", []), 16)


def _pending(stage: Stage) -> int:
    block = stage.anvil.node.request("eth_getBlockByNumber", ["pending", False])
    return len(block["transactions"])


def _refused(towers) -> int:
    return [_first_state(tower) for tower in towers].count("refused")


def _challenge_unmined(stage: Stage, pair: Pair, stale) -> None:
    """Send the challenge without waiting until it is mined."""
    call = stage.contracts.adjudicator.transact(
        "challenge", pair.definition, stale.state, stale.signatures
    )
    sender = pair.low.broker.sender
    sender._broadcast(sender._prepare(call))


def _first_status(tower):
    return next(iter(tower._store._items.values()))[1]


def _first_state(tower) -> str:
    return _first_status(tower).state
