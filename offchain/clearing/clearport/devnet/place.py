"""Say where the brokers' configurations look for their chain: there it is made."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from clearing.chain.deployment import registry_path
from clearing.clearport.daemon.config import Config
from clearing.clearport.errors import ConfigError

__all__ = ["NETWORK", "Place", "place_of"]

NETWORK: Final = "local"
PORT: Final = 8545


@dataclass(frozen=True, slots=True)
class Place:
    """The chain's port on this machine, and the file that records its contracts."""

    port: int
    record: Path


def place_of(configs: Sequence[Config]) -> Place:
    """Return the one place that all of them name, or the usual one for none.

    Raises ConfigError if they differ, or name a chain that is not on this machine.
    """
    places = {_named(config) for config in configs}
    if len(places) > 1:
        raise ConfigError(
            "the brokers name different chains", "let their [chain] tables agree", field="DIR"
        )
    return next(iter(places), Place(PORT, registry_path(NETWORK)))


def _named(config: Config) -> Place:
    chain = config.chain
    parts = urlsplit(chain.url)
    if not _is_here(parts.hostname or ""):
        fix = "a devnet is on this machine: http://127.0.0.1:8545"
        raise ConfigError(f"{chain.url} is elsewhere", fix, field="chain.url")
    if chain.deployment is not None:
        record = config.at(chain.deployment).resolve()
    elif chain.network == NETWORK:
        record = registry_path(NETWORK)
    else:
        fix = f'set network = "{NETWORK}", or name a file as deployment'
        raise ConfigError(f"{chain.network} is no network to try on", fix, field="chain.network")
    return Place(parts.port or PORT, record)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
