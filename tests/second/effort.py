"""How much is drawn here: a part of the profile's examples, so that an ordinary run stays short."""

from typing import Final

from hypothesis import settings

__all__ = ["FEW", "SOME"]

SOME: Final = settings(max_examples=max(5, settings.default.max_examples // 5))
"""For what takes a millisecond."""
FEW: Final = settings(max_examples=max(5, settings.default.max_examples // 20))
"""For lives on contracts."""
