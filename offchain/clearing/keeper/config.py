"""Read keeper.toml; paths are relative to its folder, and no field holds a secret.

A field may be set by the environment instead, which goes before the file: KEEPER__CHAIN__URLS is
[chain] urls, as JSON.

deployments/examples/keeper.toml shows and explains every field.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict, SettingsError

from clearing.clearport.errors import ConfigError
from clearing.clearport.settings import (
    LogConfig,
    MetricsTable,
    OverridableSettings,
    Strict,
    first_fault,
    read_toml,
)
from clearing.clearport.signer.settings import SignerSettings, settings_of
from clearing.keeper.costs import MOST_GAS

__all__ = ["JOBS", "Config", "GasTable", "JobName", "read_config"]

JobName = Literal["liquidation", "funding", "settlement", "oracle"]
JOBS: Final[tuple[JobName, ...]] = ("liquidation", "funding", "settlement", "oracle")
Usd = Annotated[Decimal, Field(ge=0, le=10**12)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class ChainTable(Strict):
    """The nodes, and the swaps behind a lens."""

    urls: list[Annotated[str, Field(pattern=r"^https?://")]] = Field(min_length=1, max_length=4)
    chain_id: int = Field(ge=1)
    lens: str | None = None
    network: str | None = None
    deployment: Path | None = None
    first_block: int = Field(default=0, ge=0)
    range_blocks: int = Field(default=2_000, ge=1, le=100_000)
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    poll_s: float = Field(default=0.5, gt=0, le=60)
    max_lag_blocks: int = Field(default=3, ge=0, le=100)
    max_age_s: float = Field(default=10.0, gt=0, le=3_600)

    @field_validator("lens")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch("0x[0-9a-fA-F]{40}", value):
            raise ValueError("is no address: 0x and 40 hex digits")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> ChainTable:
        if sum(each is not None for each in (self.lens, self.network, self.deployment)) != 1:
            raise ValueError("give one of lens, network and deployment")
        return self


class GasTable(Strict):
    """What is offered per gas, and when more; the model that decisions count with."""

    max_fee_gwei: Decimal = Field(default=Decimal(5), gt=0, le=100_000)
    tip_gwei: Decimal = Field(default=Decimal("0.001"), ge=0, le=1_000)
    replace_after_blocks: int = Field(default=3, ge=1, le=1_000)
    final_depth: int = Field(default=30, ge=1, le=100_000)
    batch: int = Field(default=130_000, ge=21_000)
    account: int = Field(default=30_000, ge=0)
    absorb: int = Field(default=450_000, ge=21_000)
    absorb_limit: int = Field(default=1_000_000, ge=21_000, le=MOST_GAS)
    absorb_market_limit: int = Field(default=650_000, ge=0, le=MOST_GAS)
    operator_ppm: int = Field(default=0, ge=0)
    operator_wei: int = Field(default=0, ge=0)
    ether_market: int | None = Field(default=None, ge=0, le=127)
    ether_usd: int = Field(default=3_000, ge=1)


class StandbyTable(Strict):
    """How long a standby leaves to the primary what is due; the jitter is drawn anew each time."""

    delay_s: Seconds = 8.0
    jitter_s: Seconds = 4.0


class LiquidationTable(Strict):
    """The liquidator and what it takes."""

    account: dict[str, Any]
    liquidator: int = Field(ge=5)
    min_profit_usd: Usd = Decimal("0.05")
    inventory_ppm: int = Field(default=1_000, ge=0, le=1_000_000)
    batch: int = Field(default=50, ge=1, le=100)
    most_notional_usd: Usd = Decimal(0)
    rescue_usd_per_day: Usd = Decimal(20)
    absorb: bool = True
    carrier_jitter_s: Seconds = 4.0
    audit_every_s: float = Field(default=60.0, gt=0)


class FundingTable(Strict):
    """Who ticks."""

    account: dict[str, Any]
    delay_s: Seconds = 0.0


class OracleTable(Strict):
    """Who pokes, and when Pyth is paid for. `service` is a price service's URL, if there is one."""

    account: dict[str, Any]
    service: Annotated[str, Field(pattern=r"^https?://")] | None = None
    api_key_file: Path | None = None
    poke_every_s: int = Field(default=150, ge=30, le=3_600)
    poke_move_bps: int = Field(default=50, ge=1, le=10_000)
    pyth_move_bps: int = Field(default=50, ge=1, le=10_000)
    pyth_max_age_s: int = Field(default=0, ge=0)
    fee_ether_per_day: Decimal = Field(default=Decimal("0.01"), ge=0)


class SettlementTable(Strict):
    """The settler, and where matched groups are put."""

    account: dict[str, Any]
    folder: Path
    most_fills: int = Field(default=100, ge=1, le=100)


class Config(OverridableSettings):
    """A keeper. A job runs if its table is there and it is asked for."""

    model_config = SettingsConfigDict(
        env_prefix="KEEPER__", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    state: Path = Path("keeper-state")
    chain: ChainTable
    gas: GasTable = GasTable()
    standby: StandbyTable | None = None
    liquidation: LiquidationTable | None = None
    funding: FundingTable | None = None
    oracle: OracleTable | None = None
    settlement: SettlementTable | None = None
    metrics: MetricsTable | None = None
    log: LogConfig = LogConfig()

    def signer_of(self, job: JobName) -> SignerSettings:
        """Return where a job's key is kept. Raises ConfigError."""
        table = getattr(self, job)
        if table is None:
            raise ConfigError("is not there", f"add [{job}], or do not ask for it", field=job)
        return settings_of(table.account, f"{job}.account", self.folder)


def read_config(path: Path) -> Config:
    """Return what the file says. Raises ConfigError, which names the first bad field."""
    fields = read_toml(path, "name a keeper's configuration", parse_float=Decimal)
    try:
        config = Config(**{**fields, "folder": path.parent.resolve()})
    except SettingsError:
        problem = "a variable KEEPER__… of the environment is no JSON"
        raise ConfigError(problem, "write lists and tables as JSON", field="keeper") from None
    except ValidationError as error:
        fault = first_fault(error)
        place, fix = fault.place or "keeper", "see deployments/examples/keeper.toml"
        raise ConfigError(fault.message, fix, field=place) from None
    for job in JOBS:
        if getattr(config, job) is not None:
            config.signer_of(job)
    return config
