"""Find what stands on the chain that settings name: by a network, or by the path of a record."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from clearing.chain.deployment import Deployment, chain_key_of, read_deployment, registry_path
from clearing.chain.errors import ChainError
from clearing.chain.node import Node
from clearing.clearport.errors import ConfigError

__all__ = ["Whereabouts", "field_of", "recorded_at"]


class Whereabouts(Protocol):
    """A table of settings that names one of the two."""

    @property
    def network(self) -> str | None:
        """A record in deployments/registry."""
        ...

    @property
    def deployment(self) -> Path | None:
        """The path of a record."""
        ...


def field_of(chain: Whereabouts) -> str:
    """Return the name of the field that says where."""
    return "chain.network" if chain.deployment is None else "chain.deployment"


def recorded_at(chain: Whereabouts, folder: Path, node: Node) -> Deployment:
    """Return what the record holds of the node's chain. Raises ConfigError.

    `folder` is where the path of a record begins.
    """
    try:
        if chain.deployment is not None:
            return read_deployment(folder / chain.deployment, chain_key_of(node))
        return read_deployment(registry_path(str(chain.network)), chain_key_of(node))
    except ChainError as error:
        raise ConfigError(str(error), field=field_of(chain)) from error
