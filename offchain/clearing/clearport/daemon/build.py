"""Make a daemon of its configuration: open everything, hand each part what it needs."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from clearing.chain.contract import as_text
from clearing.chain.errors import ChainError
from clearing.clearport.core.step import step
from clearing.clearport.daemon import opening
from clearing.clearport.daemon.app import Daemon, Parts
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.completing import Completing, answers_on
from clearing.clearport.daemon.config import Config
from clearing.clearport.daemon.exports import Exporter
from clearing.clearport.daemon.funding import Funding
from clearing.clearport.daemon.gauges import Outboxes, gauges_of
from clearing.clearport.daemon.introducing import endpoint_of, pair_of
from clearing.clearport.daemon.lanes import Lanes
from clearing.clearport.daemon.logs import make_log
from clearing.clearport.daemon.meters import Meters
from clearing.clearport.daemon.metrics import MetricsServer, registry_of
from clearing.clearport.daemon.office import Office
from clearing.clearport.daemon.peering import Peering, PeerKey
from clearing.clearport.daemon.world import Log, World
from clearing.clearport.errors import ConfigError, UnavailableError
from clearing.clearport.peers.config import HubConfig, Identity
from clearing.clearport.peers.typed import Domain
from clearing.clearport.signer.account import AccountKey
from clearing.clearport.signer.build import signer_of
from clearing.clearport.signer.guarded import GuardedSigner
from clearing.clearport.signer.port import DigestSigner
from clearing.clearport.store import SqlStore
from clearing.clearport.watch.bench import OutboxPolicy
from clearing.clearport.watch.finality import finality_of
from clearing.clearport.watch.outbox import ChainOutbox
from clearing.clearport.watch.watcher import ChainWatcher, WatchPolicy
from clearing.clearport.watchtower.kept import Kept
from clearing.clearport.watchtower.sealed import read_public_key, seal
from clearing.client.contracts import Contracts
from clearing.client.session import CoSigned
from clearing.spec.types import ChannelDef
from clearing.spec.units import Address

__all__ = ["build", "run_daemon"]

SWITCH_S: Final = 0.000_1
"""How soon the store's thread hands the interpreter back: 5 ms (Python's) is what a commit takes,
and the loop waits so long after each signature, which lets go of the interpreter."""
GARBAGE: Final = 10_000
"""New objects between two looks for garbage that refers to itself; an update makes hundreds that
do not. Python's 700 has it look several times an update."""
REGISTRY_S: Final = 20.0


async def run_daemon(config: Config, ready: Callable[[Mapping[str, str]], None]) -> None:
    """Build a daemon and run it until it is told to stop."""
    sys.setswitchinterval(SWITCH_S)
    daemon = await build(config)
    # Modules, tables and the store's channels stay: no collection need look at them again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    await daemon.run(ready)


async def build(config: Config) -> Daemon:
    """Return a daemon; what it holds open is let go of when it has run.

    Raises ConfigError, SignerError, StoreError.
    """
    async with AsyncExitStack() as stack:
        parts = await _parts(config, stack)
        parts.closing = stack.pop_all()
    return Daemon(parts)


@dataclass(frozen=True, slots=True)
class _Base:
    """What is opened first."""

    log: Log
    state: DigestSigner
    contracts: Contracts
    store: SqlStore
    watcher: ChainWatcher
    outbox: ChainOutbox


async def _parts(config: Config, stack: AsyncExitStack) -> Parts:
    base = await _base(config, stack)
    house = opening.house_of(config, base.contracts, base.state.address)
    policy = await asyncio.to_thread(opening.policy_of, config, base.contracts)
    signer_of_broker = _registry(base.contracts)
    meters, news = Meters(), Bell()
    exporter = _exporter(config, base, lambda channel_id: lanes.find(channel_id).definition)
    world = World(
        step=step,
        store=base.store,
        signer=GuardedSigner(base.state),
        outbox=base.outbox,
        log=base.log,
        meters=meters,
        news=news,
        agreed=_nothing if exporter is None else exporter.note,
        watch=base.watcher.watch,
    )
    lanes = Lanes(
        world, house, policy, base.watcher, signer_of_broker, config.policy.channels_per_peer
    )
    peers = _peering(config, base, signer_of_broker)
    office = Office(
        daemon_id=opening.daemon_id_of(config),
        house=house,
        lanes=lanes,
        store=base.store,
        outbox=base.outbox,
        funding=Funding(base.contracts, house.broker, house.signer),
        book=peers,
        chain=base.watcher,
        signer_of=signer_of_broker,
        news=news,
        offer_s=config.policy.offer_s,
        trades_waiting=config.policy.trades_waiting,
        exporter=exporter,
    )
    outboxes = Outboxes(base.store)
    return Parts(
        office=office,
        gate=opening.gate_of(config, house.chain_id),
        listen=opening.listen_of(config),
        peers=peers,
        watcher=base.watcher,
        prices=opening.prices_of(config, base.contracts),
        price_poll_s=config.prices.poll_s,
        loops={
            "watch": base.watcher.run,
            "outbox": base.outbox.run,
            "count": outboxes.run,
            "complete": Completing(lanes, answers_on(base.contracts)).run,
        },
        metrics=_metrics(config, stack, office, outboxes),
        closing=stack,
    )


async def _base(config: Config, stack: AsyncExitStack) -> _Base:
    log = make_log(
        config.log.level,
        None if config.log.file is None else config.at(config.log.file),
        daemon=config.broker.name,
    )
    state = await asyncio.to_thread(signer_of, config.key_settings("state"), "keys.state")
    stack.callback(state.close)
    account = await asyncio.to_thread(signer_of, config.key_settings("account"), "keys.account")
    stack.callback(account.close)
    if account.address != config.broker.account:
        problem = f"keys.account is of {as_text(account.address)}"
        raise ConfigError(problem, "set it to that address", field="broker.address")
    contracts = await asyncio.to_thread(
        lambda: opening.open_contracts(config, opening.open_node(config))
    )
    store = await SqlStore.open(config.store_url)
    stack.push_async_callback(store.close)
    final = finality_of(config.chain.finality)
    poll_s, timeout_s = config.chain.poll_s, 3 * config.chain.timeout_s
    # Each has a connection of its own to the node: they ask from different threads.
    watcher = ChainWatcher(
        opening.open_node(config),
        contracts.adjudicator,
        store,
        WatchPolicy(final_at=final, poll_s=poll_s, timeout_s=2 * timeout_s),
    )
    outbox = ChainOutbox(
        opening.open_node(config),
        AccountKey(account, contracts.chain_id),
        contracts.adjudicator,
        store,
        OutboxPolicy(final_at=final, poll_s=poll_s, timeout_s=timeout_s),
    )
    return _Base(log, state, contracts, store, watcher, outbox)


def _registry(contracts: Contracts) -> Callable[[Address], Awaitable[Address | None]]:
    """Return what asks the registry for a broker's signer. Raises UnavailableError."""

    async def ask(broker: Address) -> Address | None:
        try:
            async with asyncio.timeout(REGISTRY_S):
                named = await asyncio.to_thread(contracts.registry.call, "signer_of", broker)
        except (ChainError, TimeoutError) as error:
            problem = str(error) or "the node does not answer in time"
            raise UnavailableError(problem, "check the node", field="chain") from error
        return Address(named) if any(named) else None

    return ask


def _peering(
    config: Config, base: _Base, signer_of_broker: Callable[[Address], Awaitable[Address | None]]
) -> Peering:
    listen = endpoint_of(config.peers.listen, "peers.listen")
    contracts = base.contracts
    identity = Identity(
        broker=config.broker.account,
        pair=pair_of(config),
        signer=PeerKey(base.state),
        domain=Domain(contracts.chain_id, contracts.adjudicator.address),
        signer_of=signer_of_broker,
        clock=lambda: int(time.time()),
    )
    hub = HubConfig(listen, insecure_loopback=config.peers.insecure_loopback)
    return Peering(hub, identity, base.store, base.log)


def _exporter(
    config: Config, base: _Base, definition_of: Callable[[bytes], ChannelDef]
) -> Exporter | None:
    tower = config.watchtower
    if tower is None:
        return None
    key = read_public_key(config.at(tower.key))
    return Exporter(
        path=config.at(tower.file),
        seal=lambda states: seal(
            key, (Kept(definition_of(channel_id), agreed) for channel_id, agreed in states)
        ),
        every_s=tower.every_s,
        log=base.log,
    )


def _metrics(
    config: Config, stack: AsyncExitStack, office: Office, outboxes: Outboxes
) -> MetricsServer | None:
    if config.metrics is None:
        return None
    registry = registry_of(office.lanes.world.meters, gauges_of(office, outboxes))
    server = MetricsServer(config.metrics.listen, registry)
    stack.callback(server.close)
    return server


def _nothing(_channel_id: bytes, _agreed: CoSigned) -> None:
    """Export nothing."""
