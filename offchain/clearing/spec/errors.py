"""Say why a call is refused: the one exception of the specification.

A contract refuses with a custom error that carries values, or with a text. Either way the model
raises `SpecError` with the same name and values, so that a test can compare them as they are.
"""

from __future__ import annotations

__all__ = ["SpecError"]


class SpecError(Exception):
    """A refusal. State is unchanged, since the functions of the model return new state or raise.

    `name` is the name of the contract's custom error, or the revert text where the contract uses
    texts ("registry: slots in use"). `args_` are the error's values in the order of declaration.
    """

    def __init__(self, name: str, *args: object) -> None:
        """Keep the error's name and its values."""
        super().__init__(name, *args)
        self.name = name
        self.args_: tuple[object, ...] = args

    def __str__(self) -> str:
        """Write the error as Solidity would: name and values, or the bare text."""
        if not self.args_:
            return self.name
        return f"{self.name}({', '.join(map(_shown, self.args_))})"


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
