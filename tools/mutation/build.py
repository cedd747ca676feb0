"""Compile the few contracts that a mutated source reaches, into a copy of the build.

The settings are those of ape-config.yaml. `root` is a copy of the project, and nothing is written
elsewhere.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tools.solidity import CompileError, answer

__all__ = ["MANIFEST", "closure", "compiled", "replaced"]

MANIFEST: Final = Path(".build") / "__local__.json"
_IMPORT: Final = re.compile(rb'^import\s[^;"]*"([^"]+)"|^} from "([^"]+)"', re.MULTILINE)
Code = tuple[str, str]
"""Creation and runtime code, hexadecimal."""


@cache
def closure(root: Path, file: str) -> frozenset[str]:
    """Return a source and all that it imports, as paths from the root (or of a package)."""
    found: set[str] = set()
    waiting = [file]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += _imports(root, name)
    return frozenset(found)


def _imports(root: Path, file: str) -> Sequence[str]:
    if not file.endswith(".sol"):
        return ()
    named = (one or other for one, other in _IMPORT.findall(_where(root, file).read_bytes()))
    return [_joined(file, name.decode()) for name in named]


def _joined(file: str, name: str) -> str:
    if not name.startswith("."):
        return name
    parts = list(Path(file).parent.parts)
    for part in Path(name).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _where(root: Path, file: str) -> Path:
    own = root / file
    return own if own.exists() else root / "node_modules" / file


def compiled(root: Path, target: str, file: str, text: bytes) -> Mapping[str, Code]:
    """Compile one contract file with `text` in the place of `file`. Raises CompileError."""
    if target.endswith(".vy"):
        return {Path(target).stem: _vyper(root, target, text)}
    told = yaml.safe_load((root / "ape-config.yaml").read_text())["solidity"]
    sources = {
        name: (text if name == file else _where(root, name).read_bytes()).decode()
        for name in closure(root, target)
    }
    settings = {
        "viaIR": told["via_ir"],
        "optimizer": {"enabled": told["optimize"], "runs": told["optimization_runs"]},
        "evmVersion": told["evm_version"],
        "metadata": {"bytecodeHash": "none"},
        "outputSelection": {
            target: {Path(target).stem: ["evm.bytecode.object", "evm.deployedBytecode.object"]}
        },
    }
    evm = answer(sources, settings)["contracts"][target][Path(target).stem]["evm"]
    return {
        Path(target).stem: (evm["bytecode"]["object"], evm["deployedBytecode"]["object"]),
    }


def _vyper(root: Path, target: str, text: bytes) -> Code:
    path = root / target
    path.write_bytes(text)
    done = subprocess.run(
        ["vyper", "-f", "bytecode,bytecode_runtime", "--evm-version", "cancun", target],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )
    if done.returncode:
        raise CompileError(done.stderr[-500:])
    creation, runtime = done.stdout.split()
    return creation.removeprefix("0x"), runtime.removeprefix("0x")


def replaced(manifest: Mapping[str, Any], codes: Mapping[str, Code]) -> Mapping[str, Any]:
    """Return a manifest in which contracts have other code."""
    types = dict(manifest["contractTypes"])
    for name, (creation, runtime) in codes.items():
        types[name] = {
            **types[name],
            "deploymentBytecode": {"bytecode": "0x" + creation},
            "runtimeBytecode": {"bytecode": "0x" + runtime},
        }
    return {**manifest, "contractTypes": types}
