"""Kill a broker's daemon in the middle of an exchange, start it again, and compare what they hold.

High stands still while low signs, as a machine that hangs, and is killed before it goes on: low's
signature is out, and high's store knows nothing of it.
"""

from __future__ import annotations

from clearing.channel.codec import hash_state
from clearing.client.session import CoSigned
from clearing.demo.daemon import BrokerDaemon
from clearing.demo.desk import Desk, eventually
from clearing.demo.facts import Crash
from clearing.demo.floor import Floor
from clearing.demo.kept import agreed_states, signed_version
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.liabilities import Trade

__all__ = ["book_through_a_crash", "same_states"]


async def book_through_a_crash(floor: Floor, number: int, trade: Trade) -> Crash:
    """Have a trade booked while high is killed; return what each held before and after."""
    daemon = floor.high.broker
    version = (await floor.reach("open"))[0].version
    await floor.record(number, trade, floor.high)
    await _hears_of_trade(floor.low, floor.channel_id)
    with daemon.paused():
        await floor.record(number, trade, floor.low)
        signed = await _signs_above(floor, version)
        daemon.kill()
    before = _held(floor)
    if signed_version(daemon.store, floor.channel) >= signed:
        raise AssertionError(f"{daemon.name} had answered before it was killed")

    daemon.launch()
    await _is_up(daemon)
    session = await floor.sessions.enter_async_context(daemon.client())
    floor.high = Desk(daemon, session)
    await floor.reach("open", signed)
    return Crash(signed, before, _held(floor), _hash_of(floor, signed))


def same_states(low: BrokerDaemon, high: BrokerDaemon, channel_id: bytes) -> tuple[CoSigned, ...]:
    """Return the states that both stores hold. Raises AssertionError if they are not the same."""
    held = agreed_states(low.store, channel_id)
    if held != agreed_states(high.store, channel_id):
        raise AssertionError("the brokers' stores differ")
    return held


async def _is_up(daemon: BrokerDaemon) -> None:
    """Wait until a daemon is ready, so that Ctrl-C is heard meanwhile."""

    async def look() -> bool:
        return daemon.has_spoken()

    await eventually(f"{daemon.name} is up", look)
    daemon.wait_ready()


async def _hears_of_trade(desk: Desk, channel_id: str) -> None:
    """Wait until the peer's trade is here, which our operator has not recorded."""

    async def look() -> bool:
        reply = await desk.client.ask("ListTrades", pb.ListTradesRequest(channel_id=channel_id))
        return any(each.state == "reported" for each in reply.trades)

    await eventually(f"{desk.broker.name} hears of a trade", look)


async def _signs_above(floor: Floor, version: int) -> int:
    """Return the version that low has signed above this one, once its store has it."""

    async def look() -> int | None:
        signed = signed_version(floor.low.broker.store, floor.channel)
        return signed if signed > version else None

    return await eventually(f"{floor.low.broker.name} signs above version {version}", look)


def _held(floor: Floor) -> dict[str, int]:
    """Return the latest version that both have signed, as each broker's store has it."""
    daemons = [desk.broker for desk in floor.desks]
    return {it.name: agreed_states(it.store, floor.channel)[-1].state.version for it in daemons}


def _hash_of(floor: Floor, version: int) -> bytes:
    """Return the hash of a version. Raises AssertionError if the two stores differ."""
    hashes = {
        hash_state(each.state)
        for desk in floor.desks
        for each in agreed_states(desk.broker.store, floor.channel)
        if each.state.version == version
    }
    if len(hashes) != 1:
        raise AssertionError(f"there are {len(hashes)} states of version {version}")
    return hashes.pop()
