"""Refusals of the codec.

CodecError
    a value does not fit its Solidity type, or a JSON document is not of its struct
"""

from __future__ import annotations

__all__ = ["CodecError"]


class CodecError(ValueError):
    """A value that has no encoding; names the field by its path, such as `splits[0].low`."""

    def __init__(self, field: str, want: str, have: object) -> None:
        super().__init__(field, want, have)
        self.field = field
        self.want = want
        self.have = have

    def within(self, parent: str) -> CodecError:
        """Return the same refusal, seen from the struct or array that holds the field."""
        joint = "" if not self.field or self.field.startswith("[") else "."
        return CodecError(parent + joint + self.field, self.want, self.have)

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.field or 'value'}: want {self.want}, have {self.have!r}"
