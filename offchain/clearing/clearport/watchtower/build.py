"""Wire a tower as its configuration says, and run it."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from clearing.chain.node import HttpNode
from clearing.clearport.metrics_port import serve_registry
from clearing.clearport.recorded import recorded_at
from clearing.clearport.signer.account import AccountKey
from clearing.clearport.signer.build import signer_of
from clearing.clearport.watch.account import OfferPolicy
from clearing.clearport.watch.bench import OutboxPolicy
from clearing.clearport.watch.finality import finality_of
from clearing.clearport.watch.watcher import WatchPolicy
from clearing.clearport.watchtower.config import Config
from clearing.clearport.watchtower.metrics import registry_of
from clearing.clearport.watchtower.sealed import read_secret_key
from clearing.clearport.watchtower.tower import Log, StatesFile, Tower
from clearing.client.contracts import Contracts

__all__ = ["run_tower"]

WEI_PER_GWEI = 10**9


async def run_tower(config: Config, log: Log) -> None:
    """Run a tower until SIGTERM or SIGINT. Raises ConfigError, SignerError."""
    file = StatesFile(
        config.at(config.states), read_secret_key(config.at(config.key)), config.states_every_s
    )
    node = HttpNode(config.chain.url, config.chain.timeout_s)
    made = await asyncio.to_thread(recorded_at, config.chain, config.folder, node)
    contracts = Contracts(node, made)
    signer = await asyncio.to_thread(signer_of, config.account_settings(), "account")
    try:
        tower = Tower(
            node,
            contracts,
            AccountKey(signer, contracts.chain_id),
            file,
            log,
            watch=WatchPolicy(
                final_at=finality_of(config.chain.finality), poll_s=config.chain.poll_s
            ),
            outbox=_outbox_policy(config),
        )
        ready: dict[str, object] = {"account": signer.key_id, "chain": contracts.chain_id}
        if config.metrics is not None:
            port = serve_registry(registry_of(tower), config.metrics.host, config.metrics.port)
            ready["metrics_port"] = port
        log("watchtower_ready", **ready)
        await _until_told(tower)
    finally:
        signer.close()


def _outbox_policy(config: Config) -> OutboxPolicy:
    return OutboxPolicy(
        final_at=finality_of(config.chain.finality),
        offer=OfferPolicy(max_fee_wei=config.gas.max_fee_gwei * WEI_PER_GWEI),
        poll_s=config.chain.poll_s,
        replace_after_s=config.gas.replace_after_s,
    )


async def _until_told(tower: Tower) -> None:
    """Guard until a signal comes."""
    running = asyncio.create_task(tower.run())
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, running.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)
