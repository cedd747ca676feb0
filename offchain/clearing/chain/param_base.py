"""What every part of a network's parameters is made of."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["At", "Holder", "Sourced", "Strict"]

T = TypeVar("T")

Holder = Annotated[str, Field(pattern=r"^(0x[0-9a-fA-F]{40}|@[a-z_]+)$")]
"""An address, or `@role`: an account that whoever deploys on a test chain names."""
At = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""An address."""


class Strict(BaseModel):
    """A part of the parameters: no field too many, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Sourced(Strict, Generic[T]):
    """A value, and where it comes from."""

    value: T
    source: str = Field(min_length=1)
