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

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clearing.clearport.errors import ConfigError
from clearing.clearport.signer.settings import SignerSettings, settings_of

__all__ = ["ChainTable", "Config", "GasTable", "MetricsTable", "read_config"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChainTable(_Strict):
    """The node, and what stands where on its chain."""

    url: str = Field(pattern=r"^https?://")
    network: str | None = None
    deployment: Path | None = None
    finality: Annotated[str, Field(pattern=r"^(finalized|safe|[0-9]{1,6})$")] = "finalized"
    poll_s: float = Field(default=2.0, gt=0, le=60)
    timeout_s: float = Field(default=20.0, gt=0, le=300)

    @model_validator(mode="after")
    def _one_place(self) -> ChainTable:
        if (self.network is None) == (self.deployment is None):
            raise ValueError("give either network or deployment")
        return self


class GasTable(_Strict):
    """What an answer may cost per gas, and when more is offered."""

    max_fee_gwei: int = Field(default=500, ge=1, le=1_000_000)
    replace_after_s: float = Field(default=30.0, gt=0, le=3_600)


class MetricsTable(_Strict):
    """Where Prometheus asks; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65_535)


class Config(_Strict):
    """A tower."""

    folder: Path = Path()
    states: Path
    key: Path
    states_every_s: float = Field(default=1.0, gt=0, le=60)
    chain: ChainTable
    account: dict[str, Any]
    gas: GasTable = GasTable()
    metrics: MetricsTable | None = None

    def at(self, path: Path) -> Path:
        """Return a path of the file, taken from its folder."""
        return self.folder / path

    def account_settings(self) -> SignerSettings:
        """Return where the gas key is kept. Raises ConfigError."""
        return settings_of(self.account, "account", self.folder)


def read_config(path: Path) -> Config:
    """Return what the file says. Raises ConfigError, which names the first bad field."""
    try:
        with path.open("rb") as file:
            fields = tomllib.load(file)
    except OSError as error:
        problem = f"cannot read {path} ({error.strerror})"
        raise ConfigError(problem, "name a watchtower's configuration", field="--config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", "mend it", field="--config") from error
    try:
        config = Config(**{**fields, "folder": path.parent.resolve()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "chain"
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            problem, "see deployments/examples/watchtower.toml", field=place
        ) from None
    config.account_settings()
    return config
