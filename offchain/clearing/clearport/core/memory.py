"""Remember of what we have signed what policy must know, and no more.

OPEN, RESIZE and CLOSE states can run by themselves until they expire, the latest SETTLE names an
order, the latest two bound versions and splits; all others are superseded for good.
"""

from __future__ import annotations

from typing import Final

from clearing.channel.policy import ChainView, Memory
from clearing.clearport.core.channel import Line, Link
from clearing.spec.types import ClearingState, Intent, Net

__all__ = ["certain_nets", "known_version", "memory_of", "next_version", "remembered"]

LATEST: Final = 2
_RUNNING: Final = frozenset({Intent.OPEN, Intent.RESIZE, Intent.CLOSE})


def remembered(
    signed: tuple[ClearingState, ...], state: ClearingState, view: ChainView | None
) -> tuple[ClearingState, ...]:
    """Return what to remember after signing one more state. Versions ascend.

    A RESIZE that has expired with finality takes nothing out any more and is forgotten.
    """
    if signed and signed[-1].version >= state.version:
        return signed
    cut = len(signed) + 1 - LATEST
    settle = 0
    if state.intent != Intent.SETTLE:
        settle = max((each.version for each in signed if each.intent == Intent.SETTLE), default=0)
    now = 0 if view is None else view.now
    kept = tuple(
        each
        for place, each in enumerate(signed)
        if place >= cut
        or each.version == settle
        or (each.intent in _RUNNING and (each.intent != Intent.RESIZE or now < each.valid_until))
    )
    return (*kept, state)


def memory_of(line: Line) -> Memory:
    """Return what policy judges by."""
    return Memory(line.signed, is_complete=not line.is_recovering)


def known_version(line: Line) -> int:
    """Return the highest version of this epoch that either signature may be under; 0 for none."""
    highest = line.signed[-1].version if line.signed else 0
    if line.full is not None:
        highest = max(highest, line.full.state.version)
    return highest if line.half is None else max(highest, line.half.version)


def next_version(line: Line, link: Link) -> int:
    """Return a version that nobody has used, refused, or lost with a store."""
    enforced = 0 if link.latest is None else link.latest.enforced_version
    return 1 + max(known_version(line), line.burnt, line.floor, enforced)


def certain_nets(line: Line, view: ChainView) -> tuple[Net, ...]:
    """Return the final nets less what signed RESIZE states may still take out, by asset."""
    resizes = [
        each
        for each in line.signed
        if each.intent == Intent.RESIZE
        and each.version > view.channel.enforced_version
        and view.now < each.valid_until
    ]
    return tuple(
        (
            low - sum(each.splits[asset].out_low for each in resizes),
            high - sum(each.splits[asset].out_high for each in resizes),
        )
        for asset, (low, high) in enumerate(view.channel.nets[: len(line.definition.assets)])
    )
