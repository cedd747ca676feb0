"""How a call on the embedded EVM fails.

Refused
    the contract said no: the custom error's name and values, or the text of its revert
Halted
    the EVM stopped: out of gas, an invalid opcode, code too large
"""

from __future__ import annotations

from collections.abc import Iterable

from clearing.channel.abi import Interface

__all__ = ["Halted", "Refused", "failure_of"]

OUTPUT = "output: 0x"


class Refused(Exception):
    """A revert, shaped like the specification's SpecError: compare `name` and `args_`.

    A revert without data, or with an error that no known ABI has, is named by its data in hex.
    """

    def __init__(self, name: str, args: tuple[object, ...]) -> None:
        super().__init__(name, *args)
        self.name = name
        self.args_ = args


class Halted(Exception):
    """The EVM's own reason, as revm words it."""


def failure_of(report: str, interfaces: Iterable[Interface]) -> Refused | Halted:
    """Return the exception of what revm reports; the first interface that knows it names it."""
    before, found, output = report.partition(OUTPUT)
    if not found or not before.startswith("Revert"):
        return Halted(report)
    data = bytes.fromhex(output.rstrip(" }"))
    for interface in interfaces:
        if interface.knows_error(data):
            return Refused(*interface.decode_error(data))
    return Refused("0x" + data.hex(), ())
