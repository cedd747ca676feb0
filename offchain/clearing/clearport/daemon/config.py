"""Read clearport.toml: every field checked before anything is opened.

Paths are relative to the file's folder. A field may be set by the environment instead, which goes
first: `CLEARPORT__STORE__URL` is [store] url. No field holds a secret, only where one is kept.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from clearing.clearport.errors import ConfigError
from clearing.clearport.settings import (
    ChainConfig,
    Fault,
    LogConfig,
    OverridableSettings,
    Strict,
    first_fault,
    read_toml,
)
from clearing.clearport.signer.settings import SignerSettings, settings_of
from clearing.spec.units import Address

__all__ = [
    "AssetConfig",
    "BrokerConfig",
    "Config",
    "KeysConfig",
    "MetricsConfig",
    "OperatorConfig",
    "OperatorKeyConfig",
    "PeersConfig",
    "PolicyConfig",
    "PricesConfig",
    "RiskConfig",
    "StoreConfig",
    "TlsConfig",
    "WatchtowerConfig",
    "read_config",
]

AddressText = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
Listen = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$")]
"""host:port; port 0 takes a free one, where nobody else has to know it."""
Symbol = Annotated[str, Field(pattern=r"^[!-~]{1,32}$")]


class BrokerConfig(Strict):
    """Who we are: the account that owns stake, ledger and channels."""

    address: AddressText
    name: str = Field(min_length=1, max_length=64)

    @property
    def account(self) -> Address:
        """The address as bytes."""
        return Address(bytes.fromhex(self.address[2:]))


class StoreConfig(Strict):
    """`sqlite:///file.db` (relative to the folder), or `postgresql://…`."""

    url: str = Field(min_length=1)


class KeysConfig(Strict):
    """Two keys: `state` signs channel states and nothing else, `account` transactions.

    Each is a table of `clearing.clearport.signer.settings`.
    """

    state: dict[str, Any]
    account: dict[str, Any]


class PeersConfig(Strict):
    """Where peers reach us. `endpoint` is what our record tells them, `listen` if left out.

    `insecure_loopback` drops TLS and is refused off this machine.
    """

    listen: Listen
    endpoint: Listen | None = None
    certificate: Path
    key: Path
    insecure_loopback: bool = False
    record_seq: int = Field(default=1, ge=1)
    record_days: int = Field(default=365, ge=1, le=3_650)


class TlsConfig(Strict):
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path


class OperatorKeyConfig(Strict):
    """A key that may log in; scopes do not contain each other."""

    address: AddressText
    name: str = Field(min_length=1, max_length=64)
    scopes: tuple[Literal["read", "trade", "treasury"], ...] = Field(min_length=1)
    channels: tuple[str, ...] | None = None


class OperatorConfig(Strict):
    """Where our own systems call. Plain TCP (no `tls`) is refused off loopback."""

    listen: Listen = "127.0.0.1:7402"
    tls: TlsConfig | None = None
    secret_file: Path | None = None
    keys: tuple[OperatorKeyConfig, ...] = ()


class AssetConfig(Strict):
    """An asset and the token that delivers it: a symbol of the deployment, or an address."""

    asset: Symbol
    token: str = Field(pattern=r"^([!-~]{1,32}|0x[0-9a-fA-F]{40})$")
    decimals: int = Field(ge=0, le=36)


class AssetsConfig(Strict):
    """What channels hold, and what may be traded in them."""

    collateral: tuple[AssetConfig, ...] = Field(min_length=1, max_length=8)
    deliverable: tuple[AssetConfig, ...] = Field(min_length=1, max_length=64)


class PricesConfig(Strict):
    """Our view of the market.

    oracle: the PriceOracle of the deployment (or `oracle`), `feeds` by asset; what has no feed
    stands in `pegged`, USD. feed: `file`, signed by `quorum` of `signers`.
    """

    source: Literal["oracle", "feed"]
    max_age_s: int = Field(default=60, ge=1, le=86_400)
    poll_s: float = Field(default=1.0, gt=0, le=60)
    oracle: AddressText | None = None
    feeds: dict[Symbol, str] = Field(default_factory=dict)
    pegged: dict[Symbol, str] = Field(default_factory=dict)
    file: Path | None = None
    signers: tuple[AddressText, ...] = ()
    quorum: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> PricesConfig:
        if self.source == "oracle" and not self.feeds:
            raise ValueError("source oracle needs feeds, such as { BTC = 'BTC/USD' }")
        if self.source == "feed" and (self.file is None or not self.signers):
            raise ValueError("source feed needs file and signers")
        if self.source == "feed" and self.quorum > len(set(self.signers)):
            raise ValueError("quorum is above the number of signers")
        return self


class RiskConfig(Strict):
    """`factors`: what `clearing risk-factors --json` wrote."""

    factors: Path


class PolicyConfig(Strict):
    """Bounds of what is signed; see docs/clearport. Shares in thousandths, the rest in its unit."""

    condition_s: int = Field(default=7 * 86_400, ge=60, le=30 * 86_400)
    skew_s: int = Field(default=300, ge=1, le=3_600)
    price_tolerance_bps: int = Field(default=50, ge=0, le=10_000)
    price_age_s: int = Field(default=60, ge=1, le=3_600)
    call_share_permille: int = Field(default=800, ge=1, le=1_000)
    offer_s: int = Field(default=3_600, ge=60, le=86_400)
    batch: int = Field(default=256, ge=1, le=4_096)
    auto_close: bool = True
    auto_resize: bool = True
    auto_settle: bool = True
    auto_force: bool = False
    channels_per_peer: int = Field(default=64, ge=1, le=10_000)
    trades_waiting: int = Field(default=65_536, ge=1)


class MetricsConfig(Strict):
    """Where Prometheus asks."""

    listen: Listen


class WatchtowerConfig(Strict):
    """Where states go that a watchtower answers challenges with, sealed to its public key."""

    file: Path
    key: Path
    every_s: float = Field(default=1.0, ge=1.0)


class Config(OverridableSettings):
    """A broker's daemon."""

    model_config = SettingsConfigDict(
        env_prefix="CLEARPORT__", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    broker: BrokerConfig
    chain: ChainConfig
    store: StoreConfig = StoreConfig(url="sqlite:///clearport.db")
    keys: KeysConfig
    peers: PeersConfig
    operator: OperatorConfig = OperatorConfig()
    assets: AssetsConfig
    prices: PricesConfig
    risk: RiskConfig
    policy: PolicyConfig = PolicyConfig()
    metrics: MetricsConfig | None = None
    watchtower: WatchtowerConfig | None = None
    log: LogConfig = LogConfig()

    def key_settings(self, name: Literal["state", "account"]) -> SignerSettings:
        """Return where a key is kept, its files taken from the folder. Raises ConfigError."""
        return settings_of(getattr(self.keys, name), f"keys.{name}", self.folder)

    @property
    def store_url(self) -> str:
        """The store's URL; an SQLite file's path is taken from the folder."""
        match = re.fullmatch(r"(sqlite(?:\+[a-z]+)?):///(.*)", self.store.url)
        if match is None or match[2] in {"", ":memory:"}:
            return self.store.url
        return f"{match[1]}:///{self.at(Path(match[2]))}"


def read_config(path: Path) -> Config:
    """Return what the file says. Raises ConfigError, which names the first bad field."""
    fields = read_toml(path, "name the file that clearing clearport init wrote")
    return parse_config(fields, path.parent.resolve())


def parse_config(fields: dict[str, Any], folder: Path) -> Config:
    """Return the configuration of a document whose paths are relative to `folder`."""
    try:
        config = Config(**{**fields, "folder": folder})
    except ValidationError as error:
        fault = first_fault(error)
        place = fault.place or "clearport.toml"
        raise ConfigError(_problem(fault), _fix(place), field=place) from None
    config.key_settings("state")
    config.key_settings("account")
    return config


def _problem(fault: Fault) -> str:
    match fault.kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a field"
        case "value_error":
            return fault.message
        case _:
            return fault.message[:1].lower() + fault.message[1:]


def _fix(place: str) -> str:
    return f"see {place.partition('.')[0]} in deployments/examples/clearport.toml"
