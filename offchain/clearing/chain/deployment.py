"""Record what stands where: the result of a deployment, as JSON by chain.

A chain is told by its id and the hash of its first block, so that two embedded chains, or a fork
and its origin, are never mistaken for each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clearing.chain.errors import RegistryInvalidError
from clearing.chain.node import Node, as_bytes, as_int
from clearing.chain.project import project_root
from clearing.spec.units import Address

__all__ = [
    "ChainKey",
    "Deployed",
    "Deployment",
    "chain_key_of",
    "read_deployment",
    "recorded_address",
    "registry_path",
]


@dataclass(frozen=True, slots=True)
class ChainKey:
    """Which chain: its id and the hash of block 0."""

    chain_id: int
    genesis: bytes

    def __str__(self) -> str:
        return f"{self.chain_id}:0x{self.genesis.hex()}"


@dataclass(frozen=True, slots=True)
class Deployed:
    """One contract: where it stands, of which code, made with which arguments, in which block.

    `contract` names its artifact, `args` are the constructor's ABI-encoded arguments in hex,
    `code_hash` is keccak256 of the code on chain, in hex; `address` is checksummed text.
    """

    contract: str
    address: str
    args: str
    code_hash: str
    block: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts of one chain by role (Yellow, Adjudicator, …), and its tokens by symbol."""

    network: str
    chain: ChainKey
    contracts: Mapping[str, Deployed]
    tokens: Mapping[str, str]

    def address_of(self, role: str) -> Address:
        """Return where a contract or a token's symbol stands. Raises KeyError."""
        if role in self.tokens:
            return Address(as_bytes(self.tokens[role]))
        return Address(as_bytes(self.contracts[role].address))

    def write(self, path: Path) -> None:
        """Record the deployment in the network's file, beside those on other chains."""
        known = _read(path) if path.exists() else {}
        known[str(self.chain)] = {
            "network": self.network,
            "contracts": {role: asdict(made) for role, made in self.contracts.items()},
            "tokens": dict(self.tokens),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, known)

    def forget(self, path: Path) -> None:
        """Take it out of the network's file again: its chain is gone."""
        known = _read(path)
        known.pop(str(self.chain), None)
        if known:
            _write(path, known)
        else:
            path.unlink()


def chain_key_of(node: Node) -> ChainKey:
    """Return which chain a node serves."""
    genesis = node.request("eth_getBlockByNumber", ["0x0", False])
    return ChainKey(as_int(node.request("eth_chainId", [])), as_bytes(genesis["hash"]))


def registry_path(network: str) -> Path:
    """Return where the deployments of a network are recorded."""
    return project_root() / "deployments" / "registry" / f"{network}.json"


def recorded_address(node: Node, network: str, role: str) -> Address:
    """Return where a network's record says that one contract stands on the node's chain.

    Raises RegistryInvalidError, and what asking the node raises.
    """
    path = registry_path(network)
    deployment = read_deployment(path, chain_key_of(node))
    if role not in deployment.contracts:
        raise RegistryInvalidError(
            f"{path} records no {role} on this chain", "deploy it, or give --address"
        )
    return deployment.address_of(role)


def read_deployment(path: Path, chain: ChainKey) -> Deployment:
    """Return the deployment recorded for a chain. Raises RegistryInvalidError."""
    recorded = _read(path).get(str(chain))
    if recorded is None:
        raise RegistryInvalidError(
            f"{path} records nothing on chain {chain}", "deploy, or use the node of that chain"
        )
    try:
        return Deployment(
            network=recorded["network"],
            chain=chain,
            contracts={role: Deployed(**made) for role, made in recorded["contracts"].items()},
            tokens=recorded["tokens"],
        )
    except (KeyError, TypeError) as error:
        raise RegistryInvalidError(
            f"{path}: the entry of {chain} lacks or adds a field ({error})", "deploy again"
        ) from error


def _write(path: Path, known: dict[str, Any]) -> None:
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise RegistryInvalidError(f"cannot read {path} ({error})", "deploy first") from error
    return known
