"""Read settings from a TOML file: what the daemon's, a watchtower's and a keeper's share.

Paths in such a file are relative to its folder, and no field holds a secret, only where one is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from clearing.clearport.errors import ConfigError

__all__ = [
    "ChainConfig",
    "Fault",
    "LogConfig",
    "MetricsTable",
    "OverridableSettings",
    "PlacedSettings",
    "Strict",
    "first_fault",
    "read_toml",
]


class Strict(BaseModel):
    """A table: only the fields that are named, none of them changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlacedSettings(BaseModel):
    """The whole of a file that stands in `folder`."""

    folder: Path = Path()

    def at(self, path: Path) -> Path:
        """Return a path of the file, taken from its folder."""
        return self.folder / path


class OverridableSettings(PlacedSettings, BaseSettings):
    """The same, each of whose fields the environment may set instead."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment go before the file; nothing else is read."""
        return env_settings, init_settings


class ChainConfig(Strict):
    """The node, and what stands where on its chain.

    `network` names a record in deployments/registry; `deployment` is the path of such a record.
    """

    url: str = Field(pattern=r"^https?://")
    network: str | None = None
    deployment: Path | None = None
    finality: Annotated[str, Field(pattern=r"^(finalized|safe|[0-9]{1,6})$")] = "finalized"
    poll_s: float = Field(default=2.0, gt=0, le=60)
    timeout_s: float = Field(default=20.0, gt=0, le=300)

    @model_validator(mode="after")
    def _one_place(self) -> ChainConfig:
        if (self.network is None) == (self.deployment is None):
            raise ValueError("give either network or deployment")
        return self


class MetricsTable(Strict):
    """Where Prometheus asks; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65_535)


class LogConfig(Strict):
    """What is logged, to stderr unless `file` is given."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """The first field that does not fit: its place (empty for the whole), pydantic's words."""

    kind: str
    place: str
    message: str


def first_fault(error: ValidationError) -> Fault:
    """Return what a validation complains of first, without the values that it saw."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return Fault(
        kind=first["type"], place=place, message=first["msg"].removeprefix("Value error, ")
    )


def read_toml(path: Path, fix: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Return the fields of a file, `fix` being what to do without it. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file, parse_float=parse_float)
    except OSError as error:
        problem = f"cannot read {path} ({(error.strerror or 'no reason given').lower()})"
        raise ConfigError(problem, fix, field="--config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = f"{path} is not TOML: {error}"
        raise ConfigError(problem, "mend the line", field="--config") from error
