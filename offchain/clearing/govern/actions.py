"""Read the calls of a proposal from YAML, and tell calls as a person would read them.

::

    actions:
      - contract: MarketAdmin        # as the network's record names it; or target: 0x…
        call: setRates
        args:
          - 0
          - {im: 60000, kappa: 6000, takerFee: 500, makerFee: 200, vaultSpread: 100,
             maxRate: 5000, interval: 3600}

A struct is a mapping of its fields, an array a list. Addresses and bytes are written 0x…;
`@VaultModule` is the address of a contract of the record. With `target` the ABI is that of
`contract`, whose name is then an artifact's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import yaml
from eth_abi.exceptions import DecodingError

from clearing.chain.contract import as_address, as_text, interface_of
from clearing.chain.deployment import Deployment
from clearing.chain.errors import ArtifactMissingError
from clearing.channel.abi import Method
from clearing.channel.errors import CodecError
from clearing.channel.words import snake_case
from clearing.govern.errors import ActionsError
from clearing.spec.governance import Action
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["method_of", "read_actions", "tell_action", "tell_value"]

KEYS: Final = {"contract", "target", "call", "args", "value_wei"}
SELECTOR: Final = 4


def read_actions(path: Path, made: Deployment) -> tuple[Action, ...]:
    """Return the calls of a file, encoded. Raises ActionsError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise ActionsError("--actions", f"cannot be read ({first})", "give a YAML file") from error
    rows = document.get("actions") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ActionsError("--actions", "has no list `actions`", "write one action at least")
    return tuple(_action(place, row, made) for place, row in enumerate(rows))


def _action(place: int, row: Any, made: Deployment) -> Action:
    where = f"--actions: action {place}"
    if not isinstance(row, dict) or not {"contract", "call"} <= row.keys() <= KEYS:
        raise ActionsError(where, "has other fields", f"write {', '.join(sorted(KEYS))}")
    name, call, args = str(row["contract"]), str(row["call"]), row.get("args", [])
    try:
        target = _target(row, made)
        artifact = made.contracts[name].contract if name in made.contracts else name
        method = interface_of(artifact).method(call, len(args))
        data = method.encode(*[_value(arg, made) for arg in args])
    except (KeyError, ValueError, TypeError, ArtifactMissingError, CodecError) as error:
        raise ActionsError(
            where, f"{name}.{call} cannot be encoded ({error})", "see the contract's interface"
        ) from error
    return Action(target, int(row.get("value_wei", 0)), data)


def _target(row: Mapping[str, Any], made: Deployment) -> Address:
    if "target" in row:
        return Address(_value(row["target"], made))
    return made.address_of(str(row["contract"]))


def _value(value: Any, made: Deployment) -> Any:
    """Return an argument as the codec wants it."""
    match value:
        case list():
            return [_value(item, made) for item in value]
        case dict():
            fields = {snake_case(name): _value(item, made) for name, item in value.items()}
            return SimpleNamespace(**fields)
        case str() if value.startswith("0x"):
            return as_address(value) if len(value) == 2 + 2 * ADDRESS_BYTES else _hex(value)
        case str() if value.startswith("@"):
            return made.address_of(value.removeprefix("@"))
        case _:
            return value


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


# TELLING


def method_of(action: Action, made: Deployment) -> tuple[str, Method] | None:
    """Return which contract of the record is called, and its function; none if it is unknown."""
    for role, it in made.contracts.items():
        if made.address_of(role) != action.target:
            continue
        for method in interface_of(it.contract).methods():
            if method.selector == action.data[:SELECTOR]:
                return role, method
    return None


def tell_action(action: Action, made: Deployment) -> str:
    """Return a call as text: `MarketAdmin.setRates(market: 0, …)`, in hex if it is unknown."""
    sent = f" with {action.value} wei" if action.value else ""
    found = method_of(action, made)
    if found is not None:
        role, method = found
        try:
            values = method.inputs.decode(action.data[SELECTOR:])
        except DecodingError:
            return f"{role}.{method.name}(0x{action.data[SELECTOR:].hex()}){sent}"
        pairs = zip(method.inputs.names, values, strict=True)
        told = ", ".join(f"{name}: {tell_value(value, made)}" for name, value in pairs)
        return f"{role}.{method.name}({told}){sent}"
    return f"{tell_value(action.target, made)}: 0x{action.data.hex()}{sent}"


def tell_value(value: Any, made: Deployment) -> str:
    """Return a value as text; an address of the record by its name."""
    match value:
        case bytes() if len(value) == ADDRESS_BYTES:
            for role in made.contracts:
                if made.address_of(role) == value:
                    return f"@{role}"
            return as_text(Address(value))
        case bytes():
            return "0x" + value.hex()
        case tuple() | list():
            return "(" + ", ".join(tell_value(item, made) for item in value) + ")"
        case _:
            return str(value)
