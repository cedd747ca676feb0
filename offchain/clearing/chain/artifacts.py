"""Load compiled contracts from the manifest that `ape compile` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from clearing.chain.errors import ArtifactMissingError, ArtifactStaleError
from clearing.chain.project import project_root

__all__ = ["Artifact", "abi_of", "all_errors", "load", "require_current"]

MANIFEST = Path(".build") / "__local__.json"
SOURCES = "contracts"
DEPENDENCIES = Path(SOURCES) / ".cache"
"""Where Ape copies packages to while it compiles."""
KINDS = (".sol", ".vy", ".vyi")
FIX = "run `make compile`"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One deployable contract.

    `bytecode` creates it (constructor arguments are appended), `runtime` is what then stands on
    chain, immutables still zero.
    """

    name: str
    source: str
    abi: Sequence[Mapping[str, Any]]
    bytecode: bytes
    runtime: bytes

    @property
    def runtime_size(self) -> int:
        """Size of the deployed code in bytes."""
        return len(self.runtime)

    @property
    def is_mock(self) -> bool:
        """Whether the contract is a stand-in that belongs on test chains only."""
        return self.source.startswith("contracts/mocks/")


def load(name: str) -> Artifact:
    """Return the artifact of a contract by its name.

    Raises ArtifactMissingError if nothing is compiled, if there is no such contract, or if it is an
    interface (nothing to deploy).
    """
    contract = _entry_of(name)
    bytecode = _code(contract, "deploymentBytecode")
    if not bytecode:
        raise ArtifactMissingError(f"{name} has no bytecode", "name a contract, not an interface")
    return Artifact(
        name=name,
        source=str(contract["sourceId"]),
        abi=tuple(contract["abi"]),
        bytecode=bytecode,
        runtime=_code(contract, "runtimeBytecode"),
    )


def abi_of(name: str) -> Sequence[Mapping[str, Any]]:
    """Return the ABI of a contract or interface by its name. Raises ArtifactMissingError."""
    return tuple(_entry_of(name)["abi"])


def all_errors() -> Sequence[Mapping[str, Any]]:
    """Return the custom errors of every contract, each once. Raises ArtifactMissingError."""
    found = {
        json.dumps((entry["name"], entry["inputs"]), sort_keys=True): entry
        for contract in _manifest().values()
        for entry in contract["abi"]
        if entry["type"] == "error"
    }
    return tuple(found.values())


def require_current() -> None:
    """Hold the checkout's contracts against the sources that were compiled, text by text.

    Whoever puts code on a chain that others trust, or judges it for hours, asks first: the manifest
    of an older checkout loads just as well. Raises ArtifactMissingError if nothing is compiled, and
    ArtifactStaleError naming the first source that changed, came or went.
    """
    root = project_root()
    compiled = {name: entry["content"] for name, entry in _part("sources").items()}
    present = {name: (root / name).read_text("utf-8") for name in _sources(root)}
    for name in sorted(compiled.keys() | present.keys()):
        if compiled.get(name) != present.get(name):
            raise ArtifactStaleError(f"{name} is not what was compiled", FIX)


def _sources(root: Path) -> Sequence[str]:
    """Return the paths of the checkout's contracts, from its root."""
    paths = (path.relative_to(root) for path in (root / SOURCES).rglob("*"))
    return [
        path.as_posix()
        for path in paths
        if path.suffix in KINDS and not path.is_relative_to(DEPENDENCIES)
    ]


def _entry_of(name: str) -> Mapping[str, Any]:
    """Return what the manifest says of a contract or interface."""
    contract: Mapping[str, Any] | None = _manifest().get(name)
    if contract is None:
        raise ArtifactMissingError(f"no compiled contract is called {name}", FIX)
    return contract


def _manifest() -> Mapping[str, Any]:
    """Return the entries of all contracts by name."""
    return _part("contractTypes")


def _part(name: str) -> Mapping[str, Any]:
    """Return one part of the manifest."""
    path = project_root() / MANIFEST
    try:
        changed_ns = path.stat().st_mtime_ns
    except FileNotFoundError:
        raise ArtifactMissingError(f"the contracts are not compiled (no {MANIFEST})", FIX) from None
    return _parts(path, changed_ns)[name]


@lru_cache(maxsize=1)
def _parts(path: Path, _changed_ns: int) -> Mapping[str, Mapping[str, Any]]:
    """Read the manifest once for each version of it."""
    try:
        whole = json.loads(path.read_bytes())
        return {name: whole[name] for name in ("contractTypes", "sources")}
    except (json.JSONDecodeError, KeyError) as error:
        raise ArtifactMissingError(f"{path} is not a manifest of Ape ({error})", FIX) from error


def _code(contract: Mapping[str, Any], kind: str) -> bytes:
    """Return bytecode as bytes, empty if the compiler gave none."""
    return bytes.fromhex((contract.get(kind) or {}).get("bytecode", "").removeprefix("0x"))
