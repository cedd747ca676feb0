"""Run a devnet: chain, contracts, money and prices, until it is interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from clearing.chain.anvil import run_anvil
from clearing.chain.contract import as_text
from clearing.clearport.daemon.config import Config, read_config
from clearing.clearport.daemon.feed import FeedDomain
from clearing.clearport.devnet.bank import GIFT, found_bank
from clearing.clearport.devnet.market import Market, screen_of
from clearing.clearport.devnet.place import place_of

__all__ = ["run_devnet"]

LOOK_S: Final = 0.5
BLOCK_S: Final = 2.0
Say = Callable[[str], None]


def run_devnet(folders: Sequence[Path], market_file: Path, say: Say) -> None:
    """Make the chain that the folders' configurations name; keep it until KeyboardInterrupt.

    Raises ConfigError, ChainError, SignerError. The record of the contracts goes with the chain.
    """
    configs = [read_config(folder / "clearport.toml") for folder in folders]
    place = place_of(configs)
    with ExitStack() as closing:
        screens = tuple(filter(None, (screen_of(config) for config in configs)))
        anvil = closing.enter_context(run_anvil(port=place.port))
        bank = found_bank(anvil)
        deployment = bank.deployment
        deployment.write(place.record)
        closing.callback(deployment.forget, place.record)
        say(f"Chain {deployment.chain.chain_id} at {anvil.node.url}, contracts in {place.record}.")
        for config in configs:
            bank.give(config.broker.account)
            say(_given(config, tuple(deployment.tokens)))
        domain = FeedDomain(deployment.chain.chain_id, deployment.address_of("Adjudicator"))
        market = Market(market_file, domain, screens)
        closing.callback(market.close)
        market.open()
        if screens:
            say(f"Prices come from {market_file}: edit it, and both brokers see it.")
        for config in configs:
            if config.prices.source == "feed" and len(screens) < len(configs):
                say(f"{config.broker.name}: sign prices yourself: clearing clearport sign-prices")
        say("Ready. Ctrl-C ends the chain and forgets everything on it.")
        _keep(anvil.mine, market, say)


def _keep(mine: Callable[[], None], market: Market, say: Say) -> None:
    """Let blocks and prices go on; what is wrong with the prices is said once."""
    said, next_block_s = "", time.monotonic()
    while True:
        if time.monotonic() >= next_block_s:
            mine()
            next_block_s = time.monotonic() + BLOCK_S
        problem = market.look()
        if problem and problem != said:
            say(problem)
        said = problem
        time.sleep(LOOK_S)


def _given(config: Config, symbols: Sequence[str]) -> str:
    account = as_text(config.broker.account)
    tokens = f"{GIFT:,} each of {', '.join(symbols)}"
    return f"{config.broker.name}: {account} has 1,000 ether and {tokens}."
