import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from clearing.channel.policy import ChainView
from clearing.clearport.core.channel import Line, Phase
from clearing.clearport.core.effects import Effect, Persist
from clearing.clearport.core.events import Connected, Event, Heard, Lost, Observed, Priced
from clearing.clearport.core.messages import Message, Reestablish, Request, SettleWish
from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.errors import ClearportError
from clearing.client import moves
from clearing.client.terms import Terms
from clearing.spec.types import ChannelDef
from clearing.spec.units import DAY_S, Address
from clearing.spec.world import NEW_CHANNEL
from tests.unit.clearport_daemon.fakes import (
    BTC,
    HOUSE,
    NOW,
    OURS,
    PEER,
    PEER_SIGNER,
    POLICY,
    USDC,
    USDT,
    MemoryLink,
    MemoryWatcher,
    Parts,
    line_of,
)

STRANGER = Address(b"\x03" * 20)


def keep(phase: Phase, event: Event) -> tuple[Phase, tuple[Effect, ...]]:
    """Remembers requests, durable."""
    if isinstance(event, Heard) and isinstance(event.message, Request):
        after = phase.with_line(floor=phase.line.floor + 1)
        return after, (Persist(after.line),)
    return phase, ()


async def signer_of(_broker: Address) -> Address:
    return PEER_SIGNER.address


def run(
    parts: Parts, act: Callable[[Lanes], Awaitable[None]], *, per_peer: int = 4
) -> tuple[Lanes, MemoryWatcher]:
    async def main() -> tuple[Lanes, MemoryWatcher]:
        watcher = MemoryWatcher()
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            lanes = Lanes(
                world=parts.world(),
                house=HOUSE,
                policy=POLICY,
                watcher=watcher,
                signer_of=signer_of,
                per_peer=per_peer,
            )
            await lanes.start(tasks)
            await act(lanes)
            await lanes.stop(1.0)
        return lanes, watcher

    return asyncio.run(main())


def definition_of(nonce: int = 1) -> ChannelDef:
    return line_of(nonce).definition


def opening(definition: ChannelDef | None = None, terms: Terms | None = None) -> Request:
    wanted = definition_of() if definition is None else definition
    wish = moves.Open(((1, 1),) * len(wanted.assets), NOW + 60)
    return Request(b"r" * 16, wish, wanted, terms or HOUSE.terms((USDT.address,)))


async def say(lanes: Lanes, *messages: tuple[bytes, Message], peer: Address = PEER) -> MemoryLink:
    """Let a peer connect, say something and hang up."""
    link = MemoryLink(peer)
    for channel_id, message in messages:
        link.hear(channel_id, message)
    link.hang_up()
    await lanes.serve(link)
    await asyncio.sleep(0.01)
    return link


def test_serve__an_opening_as_our_configuration_has_it__makes_a_channel() -> None:
    parts, line = Parts(keep), line_of()

    async def act(lanes: Lanes) -> None:
        await say(lanes, (line.channel_id, opening()))

    lanes, watcher = run(parts, act)

    lane = lanes.find(line.channel_id)
    assert lane.phase.line == replace(line, is_initiator=False, floor=1)
    assert [each.channel_id for each in watcher.watched] == [line.channel_id]
    assert line.channel_id in parts.store.kept


def wrong_offers() -> dict[str, Request]:
    good = definition_of()
    terms = HOUSE.terms((USDT.address,))
    return {
        "chain_id": opening(replace(good, chain_id=1)),
        "adjudicator": opening(replace(good, adjudicator=STRANGER)),
        "not ours": opening(replace(good, broker_low=STRANGER)),
        "not the peer's": opening(replace(good, broker_high=STRANGER)),
        "our signer": opening(replace(good, signer_low=STRANGER)),
        "the peer's signer": opening(replace(good, signer_high=STRANGER)),
        "challenge too short": opening(replace(good, challenge_duration=DAY_S - 1)),
        "assets twice": opening(replace(good, assets=(USDT.address, USDT.address))),
        "assets unknown": opening(replace(good, assets=(STRANGER,))),
        "collateral": opening(terms=replace(terms, collateral=(replace(USDT, decimals=18),))),
        "deliverable": opening(terms=replace(terms, deliverable={BTC.asset: BTC})),
        "no terms": replace(opening(), terms=None),
        "no definition": replace(opening(), definition=None),
        "no opening": replace(opening(), wish=SettleWish(NOW)),
    }


@pytest.mark.parametrize("name", wrong_offers())
def test_serve__an_opening_that_is_not_ours__is_refused_and_the_next_is_taken(name: str) -> None:
    parts, offer = Parts(keep), wrong_offers()[name]
    wanted = offer.definition or definition_of()
    identity = HOUSE.line(definition_of(), opening().terms, is_initiator=False).channel_id
    if offer.definition is not None and OURS in (wanted.broker_low, wanted.broker_high):
        identity = HOUSE.line(wanted, opening().terms, is_initiator=False).channel_id

    async def act(lanes: Lanes) -> None:
        await say(lanes, (identity, offer), (line_of().channel_id, opening()))

    lanes, _ = run(parts, act)

    assert parts.log.names("warning") == ["peer_refused"]
    assert [lane.channel_id for lane in lanes] == [line_of().channel_id]


def test_serve__the_id_is_not_the_definitions__is_refused() -> None:
    parts = Parts(keep)

    async def act(lanes: Lanes) -> None:
        await say(lanes, (b"x" * 32, opening()))

    assert len(run(parts, act)[0]) == 0
    assert parts.meters.refused == {"PEER_LIED": 1}


def test_serve__more_channels_than_a_peer_may_have__are_refused() -> None:
    parts = Parts(keep)
    offers = [(line_of(nonce).channel_id, opening(definition_of(nonce))) for nonce in range(1, 7)]

    async def act(lanes: Lanes) -> None:
        await say(lanes, *offers)

    assert len(run(parts, act)[0]) == 4
    assert parts.meters.refused == {"PEER_LIED": 2}


def test_serve__another_peer_speaks_for_a_channel__is_not_heard() -> None:
    parts = Parts(keep)

    async def act(lanes: Lanes) -> None:
        await say(lanes, (line_of().channel_id, opening()))
        await say(lanes, (line_of().channel_id, Request(b"s" * 16, SettleWish(NOW))), peer=STRANGER)

    lanes, _ = run(parts, act)

    assert lanes.find(line_of().channel_id).phase.line.floor == 1
    assert parts.log.names("warning") == ["peer_refused"]


def test_serve__a_stream_comes_and_goes__its_channels_are_told() -> None:
    parts = Parts(keep)

    async def act(lanes: Lanes) -> None:
        lanes.begin(line_of())
        link = MemoryLink()
        serving = asyncio.create_task(lanes.serve(link))
        await asyncio.sleep(0.01)
        assert lanes.peers_connected == {PEER}
        link.hang_up()
        await serving
        assert lanes.peers_connected == frozenset()

    run(parts, act)

    assert [type(event) for event in parts.script.events] == [Connected, Lost]


def test_begin__the_peer_is_connected__the_channel_takes_the_stream_up() -> None:
    parts = Parts(keep)

    async def act(lanes: Lanes) -> None:
        link = MemoryLink()
        serving = asyncio.create_task(lanes.serve(link))
        await asyncio.sleep(0)
        lanes.begin(line_of())
        await asyncio.sleep(0.01)
        link.hang_up()
        await serving

    run(parts, act)

    assert type(parts.script.events[0]) is Connected


def test_serve__a_peer_has_what_we_lost__is_told_to_the_operator() -> None:
    parts = Parts(keep)

    async def act(lanes: Lanes) -> None:
        await say(lanes, (line_of().channel_id, Reestablish(0, 7, b"d" * 32, 7, b"d" * 32)))

    run(parts, act)

    ((_, _, fields),) = [line for line in parts.log.lines if line[1] == "peer_refused"]
    assert "restore it from its backup" in str(fields["problem"])


def test_start__the_store_has_channels__each_has_a_lane() -> None:
    parts = Parts(keep)
    kept: list[Line] = [line_of(nonce) for nonce in range(1, 4)]
    parts.store.kept = {line.channel_id: line for line in kept}

    async def act(lanes: Lanes) -> None:
        assert [lane.phase.line for lane in lanes] == kept

    _, watcher = run(parts, act)

    assert watcher.watched == kept


def test_price__unchanged__tells_nobody_twice() -> None:
    parts = Parts(keep)

    async def act(lanes: Lanes) -> None:
        lanes.begin(line_of())
        lanes.price(None)
        await asyncio.sleep(0.01)

    run(parts, act)

    assert Priced(None) not in parts.script.events


def test_observe__of_one_channel__reaches_it_alone() -> None:
    parts = Parts(keep)
    seen = Observed(NEW_CHANNEL, NOW, ChainView(NEW_CHANNEL, NOW, is_challenged=False))

    async def act(lanes: Lanes) -> None:
        lanes.begin(line_of(1))
        lanes.begin(line_of(2))
        lanes.observe(line_of(1).channel_id, seen)
        lanes.observe(b"unknown" * 4, seen)
        await asyncio.sleep(0.01)

    run(parts, act)

    assert parts.script.events == [seen]


def test_define__each_wrong_field__is_named() -> None:
    good = (PEER, PEER_SIGNER.address, (USDT.asset, USDC.asset), DAY_S, 1)
    definition = HOUSE.define(*good)
    assert definition.assets == (USDT.address, USDC.address)
    assert (definition.broker_low, definition.signer_high) == (OURS, PEER_SIGNER.address)

    for place, value, field in (
        (0, OURS, "peer"),
        (2, (BTC.asset,), "asset"),
        (2, (), "own"),
        (3, DAY_S - 1, "challenge_duration"),
        (4, 1 << 64, "nonce"),
    ):
        wrong = list(good)
        wrong[place] = value  # type: ignore[call-overload]
        with pytest.raises(ClearportError) as caught:
            HOUSE.define(*wrong)  # type: ignore[arg-type]
        assert caught.value.field == field
