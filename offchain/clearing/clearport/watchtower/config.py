"""Read watchtower.toml; paths are relative to its folder, and no field holds a secret.

::

    states = "states.sealed"           # what the daemon exports
    key = "watchtower.key"             # opens it: clearing watchtower key

    [chain]
    url = "http://127.0.0.1:8545"
    network = "local"                  # or deployment = "PATH" of such a record
    finality = "finalized"             # or "safe", or a number of blocks

    [account]                          # pays for gas; as [keys.account] of a daemon
    file = "gas.json"
    passphrase_file = "passphrase"

    [metrics]                          # may be left out
    port = 7405
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from clearing.clearport.errors import ConfigError
from clearing.clearport.settings import (
    ChainConfig,
    MetricsTable,
    PlacedSettings,
    Strict,
    first_fault,
    read_toml,
)
from clearing.clearport.signer.settings import SignerSettings, settings_of

__all__ = ["Config", "GasTable", "read_config"]


class GasTable(Strict):
    """What an answer may cost per gas, and when more is offered."""

    max_fee_gwei: int = Field(default=500, ge=1, le=1_000_000)
    replace_after_s: float = Field(default=30.0, gt=0, le=3_600)


class Config(PlacedSettings, Strict):
    """A tower."""

    states: Path
    key: Path
    states_every_s: float = Field(default=1.0, gt=0, le=60)
    chain: ChainConfig
    account: dict[str, Any]
    gas: GasTable = GasTable()
    metrics: MetricsTable | None = None

    def account_settings(self) -> SignerSettings:
        """Return where the gas key is kept. Raises ConfigError."""
        return settings_of(self.account, "account", self.folder)


def read_config(path: Path) -> Config:
    """Return what the file says. Raises ConfigError, which names the first bad field."""
    fields = read_toml(path, "name a watchtower's configuration")
    try:
        config = Config(**{**fields, "folder": path.parent.resolve()})
    except ValidationError as error:
        fault = first_fault(error)
        place, fix = fault.place or "chain", "see deployments/examples/watchtower.toml"
        raise ConfigError(fault.message, fix, field=place) from None
    config.account_settings()
    return config
