"""How much memory one daemon takes that serves a thousand open channels.

One channel is opened as brokers do; the others are its twins: the same opening under other nonces,
signed by the same two keys, run on the embedded chain and put into the store. Then the daemon is
started, and measured once it has seen each channel open, and has told the margin of each.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from bench.pair import COLLATERAL, open_channels, run_brokers, running
from bench.results import put
from clearing.channel import requests
from clearing.channel.codec import channel_id, hash_state, signing_digest
from clearing.clearport.core.channel import Line
from clearing.clearport.daemon.config import read_config
from clearing.clearport.ports import Record
from clearing.clearport.signer.keystore import KeystoreSigner, open_keystore
from clearing.clearport.signer.secret import SecretSource
from clearing.clearport.store import SqlStore
from clearing.client.session import CoSigned
from clearing.demo.stage import Stage
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.clearport import Broker
from tests.harness.clearport_desk import Desk

__all__ = ["main", "measure"]

CHANNELS = 1_000
HOUR_S = 3_600
PATIENCE_S = 120.0
LOOK_S = 0.5
KIB_OF_MB = 1_000_000 / 1_024


def main() -> None:
    """Measure, print, and write the key `rss_mb_1000_channels` of bench/results/clearport.json."""
    rss_mb = asyncio.run(measure())
    print(f"{CHANNELS:,} open channels in one daemon: {rss_mb} MB")
    put("clearport", rss_mb_1000_channels=rss_mb)


async def measure() -> int:
    """Return the resident memory, MB, rounded up."""
    with run_brokers(CHANNELS) as (stage, low, high):
        await open_channels(low, high, 1, CHANNELS)
        async with running(low, high) as desks:
            await asyncio.gather(
                *(each.deposit("USDT", str((CHANNELS - 1) * COLLATERAL)) for each in desks)
            )
        await _multiply(stage, low, high)
        async with running(low) as (desk,):
            await _served(desk)
            return _rss_mb(low)


async def _multiply(stage: Stage, low: Broker, high: Broker) -> None:
    """Open the one channel's twins on the chain and in low's store. No daemon runs."""
    keys = [_state_key(each) for each in (low, high)]
    store = await SqlStore.open(read_config(low.config).store_url)
    try:
        (first,) = await store.lines()
        adjudicator = stage.contracts.adjudicator
        for nonce in range(2, CHANNELS + 1):
            line = await _twin(first, nonce, keys)
            if line.full is None:
                raise AssertionError("the first channel is not open")
            signed = line.full
            request = requests.Open(line.definition, signed.state, signed.signatures)
            call = adjudicator.transact(request.function, *request.arguments)
            await asyncio.to_thread(stage.faucet.send, call)
            await store.commit(Record(line=line, agreed=signed))
    finally:
        await store.close()


async def _twin(first: Line, nonce: int, keys: list[KeystoreSigner]) -> Line:
    """Return a line as it is once its opening is co-signed."""
    definition = replace(first.definition, nonce=nonce)
    identity = channel_id(definition)
    state = replace(first.position.live, channel_id=identity, valid_until=int(time.time()) + HOUR_S)
    digest = signing_digest(first.separator, hash_state(state))
    low, high = [await key.sign_digest(digest) for key in keys]
    return replace(
        first,
        definition=definition,
        channel_id=identity,
        position=replace(first.position, channel_id=identity, state=state),
        full=CoSigned(state, (low, high)),
        signed=(state,),
    )


def _state_key(broker: Broker) -> KeystoreSigner:
    passphrase = SecretSource("passphrase", file=broker.folder.parent / f"{broker.name}.passphrase")
    return open_keystore(broker.folder / "state.json", passphrase)


async def _served(desk: Desk) -> None:
    """Wait until every channel is seen open, then ask for the margin of each."""
    give_up_s = time.monotonic() + PATIENCE_S
    while True:
        reply = await desk.client.ask("ListChannels", pb.ListChannelsRequest())
        phases = [each.phase for each in reply.channels]
        if phases.count("open") == CHANNELS:
            break
        if time.monotonic() > give_up_s:
            raise AssertionError(f"{phases.count('open')} of {len(phases)} channels are open")
        await asyncio.sleep(LOOK_S)
    for channel in reply.channels:
        await desk.client.ask("GetMarginBalance", pb.ChannelRef(channel_id=channel.channel_id))


def _rss_mb(broker: Broker) -> int:
    if broker.process is None:
        raise AssertionError("the daemon does not run")
    status = Path(f"/proc/{broker.process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return -int(-int(line.split()[1]) // KIB_OF_MB)


if __name__ == "__main__":
    main()
