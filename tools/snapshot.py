"""Keep code sizes and storage layouts of the deployed contracts committed under snapshots/.

With `--write` it writes them, without it fails when they differ from what the sources give, so that
a change of either is seen in review. A size above its bound fails both.
"""

import argparse
import difflib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.solidity import ask

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOTS = ROOT / "snapshots"
NOT_DEPLOYED = ("contracts/mocks/", "contracts/libraries/", "contracts/interfaces/")
MAX_RUNTIME_BYTES = {
    "Adjudicator": 22_000,
    "PriceOracle": 22_500,
    "DerivativesEngine": 24_400,
    "ProtocolGovernor": 22_000,
}
EIP_170_RUNTIME_BYTES = 24_576
EIP_3860_INIT_BYTES = 2 * EIP_170_RUNTIME_BYTES

Layout = dict[str, list[dict[str, Any]]]


def _deployed() -> Iterator[tuple[str, dict[str, Any]]]:
    manifest = json.loads((ROOT / ".build/__local__.json").read_text("utf-8"))
    for name, contract in sorted(manifest["contractTypes"].items()):
        source = contract["sourceId"]
        code = contract.get("runtimeBytecode", {}).get("bytecode", "0x")
        is_ours = source.startswith("contracts/") and ".cache" not in source
        is_callable = any(entry["type"] == "function" for entry in contract["abi"])
        if is_ours and is_callable and code != "0x" and not source.startswith(NOT_DEPLOYED):
            yield name, contract


def _bytes(code: str) -> int:
    return len(code.removeprefix("0x")) // 2


def _sizes(contracts: dict[str, dict[str, Any]], code: str) -> dict[str, int]:
    return {name: _bytes(contract[code]["bytecode"]) for name, contract in contracts.items()}


def _check_bounds(contracts: dict[str, dict[str, Any]]) -> None:
    init = _sizes(contracts, "deploymentBytecode")
    too_big = [
        f"{name} has {size} bytes (init {init[name]}), bound {bound}"
        for name, size in _sizes(contracts, "runtimeBytecode").items()
        for bound in [MAX_RUNTIME_BYTES.get(name, EIP_170_RUNTIME_BYTES)]
        if size > bound or init[name] > EIP_3860_INIT_BYTES
    ]
    if too_big:
        sys.exit("snapshot: " + "\nsnapshot: ".join(too_big))


def _solidity_layouts(names: dict[str, str]) -> dict[str, Layout]:
    """Return each contract's layout by solc, without the compiler's internal type numbers."""
    wanted = ["storageLayout", "transientStorageLayout"]
    answer = ask({source: {name: wanted} for name, source in names.items()})
    return {
        name: {
            "storage": _slots(answer["contracts"][source][name]["storageLayout"]),
            "transient": _slots(answer["contracts"][source][name]["transientStorageLayout"]),
        }
        for name, source in names.items()
    }


def _slots(layout: dict[str, Any]) -> list[dict[str, Any]]:
    types = layout["types"] or {}
    return [
        {
            "label": entry["label"],
            "slot": int(entry["slot"]),
            "offset": entry["offset"],
            "bytes": int(types[entry["type"]]["numberOfBytes"]),
            "type": _type(entry["type"], types),
        }
        for entry in layout["storage"]
    ]


def _type(key: str, types: dict[str, Any]) -> str:
    """Spell a type; of a struct with its members, so that a field that moves inside it shows."""
    entry = types[key]
    if "key" in entry:
        return f"mapping({_type(entry['key'], types)} => {_type(entry['value'], types)})"
    if "members" in entry:
        fields = ", ".join(
            f"{field['slot']}+{field['offset']} {field['label']}: {_type(field['type'], types)}"
            for field in entry["members"]
        )
        return f"{entry['label']} {{{fields}}}"
    return str(entry["label"])


def _vyper_layout(source: str) -> Layout:
    done = subprocess.run(
        ["vyper", "-f", "layout", source], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"snapshot: {done.stderr}")
    answer = json.loads(done.stdout)
    return {
        "storage": _words(answer.get("storage_layout", {})),
        "transient": _words(answer.get("transient_storage_layout", {})),
    }


def _words(layout: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"label": label, "slot": entry["slot"], "slots": entry["n_slots"], "type": entry["type"]}
        for label, entry in layout.items()
    ]


def _snapshots(contracts: dict[str, dict[str, Any]]) -> dict[Path, str]:
    if not contracts:
        sys.exit("snapshot: no deployed contract in .build; run `make compile`")
    sources = {name: contract["sourceId"] for name, contract in contracts.items()}
    layouts = _solidity_layouts({n: s for n, s in sources.items() if s.endswith(".sol")})
    layouts |= {n: _vyper_layout(s) for n, s in sources.items() if s.endswith(".vy")}
    files: dict[Path, Any] = {SNAPSHOTS / "size.json": _sizes(contracts, "runtimeBytecode")}
    files |= {SNAPSHOTS / f"layout/{name}.json": layout for name, layout in layouts.items()}
    return {path: json.dumps(value, indent=2) + "\n" for path, value in sorted(files.items())}


def _committed() -> dict[Path, str]:
    found = [SNAPSHOTS / "size.json", *(SNAPSHOTS / "layout").glob("*.json")]
    return {path: path.read_text("utf-8") for path in found if path.exists()}


def _write(fresh: dict[Path, str]) -> None:
    for path in _committed().keys() - fresh.keys():
        path.unlink()
    for path, text in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _compare(fresh: dict[Path, str]) -> None:
    committed = _committed()
    changed = [
        line
        for path in sorted(fresh.keys() | committed.keys())
        for line in difflib.unified_diff(
            committed.get(path, "").splitlines(),
            fresh.get(path, "").splitlines(),
            f"{path.relative_to(ROOT)} committed",
            "now",
            lineterm="",
            n=1,
        )
    ]
    if changed:
        sys.exit("\n".join(["snapshot: changed; if meant, `make snapshot` and commit", *changed]))


def main() -> None:
    """Write the snapshots, or exit 1 with a diff when they do not match."""
    parser = argparse.ArgumentParser(description="sizes and storage layouts under snapshots/")
    parser.add_argument("--write", action="store_true", help="write instead of compare")
    contracts = dict(_deployed())
    fresh = _snapshots(contracts)
    if parser.parse_args().write:
        _write(fresh)
    else:
        _compare(fresh)
    _check_bounds(contracts)
    print(f"snapshot: size and storage layout of {len(fresh) - 1} contracts")


if __name__ == "__main__":
    main()
