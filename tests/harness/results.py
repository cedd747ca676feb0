"""What comes of a call, and that two worlds do not agree about it."""

from typing import Final

__all__ = ["ACCEPTED", "Divergence"]

ACCEPTED: Final = "accepted"
"""The result of a call that was not refused; a refused one's is the name of its error."""


class Divergence(AssertionError):
    """The contracts differ from the specification, or an invariant is broken."""
