"""Read the chain's blocks on from a trail: one look at the node, in few requests.

A look is all or nothing: it returns the next trail with what it touched, or None if the node is
behind the trail, which then stays as it is. Nothing here keeps anything between two looks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from clearing.chain.contract import Contract
from clearing.chain.cursor import Apply, Undo, follow
from clearing.chain.errors import NodeUnreachableError, ReorgTooDeepError
from clearing.chain.node import BatchNode
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.source import BatchSource, read_headers
from clearing.clearport.watch.trail import MAX_MEMORY, Header, Trail

__all__ = ["Look", "look"]

HEADSTART = 64
"""How far below the head a trail begins at least: it knows the head of a node that is behind."""


@dataclass(frozen=True, slots=True)
class Look:
    """The trail after a look, up to the node's head; the channels to read again, None for all."""

    trail: Trail
    touched: frozenset[bytes] | None


def look(
    node: BatchNode, adjudicator: Contract, finality: Finality, trail: Trail | None
) -> Look | None:
    """Read on from a trail, or begin one at the final block. None: the node is behind.

    Raises NodeUnreachableError, NodeRefusedError, ReorgTooDeepError (it goes on while it is read
    afresh); the trail then stays as it is.
    """
    tip = None if trail is None else trail.tip
    asked: list[int | str] = ["latest", *([tip.number] if tip is not None else [])]
    if not finality.is_depth:
        asked.append(finality.tag)
    headers = read_headers(node, asked)
    latest, final = headers[0], None if finality.is_depth else headers[-1]
    if latest is None or (final is None and not finality.is_depth):
        raise NodeUnreachableError("the node has no latest or final block", "wait until it synced")
    source = BatchSource(node, adjudicator, latest)
    if trail is None or tip is None or _is_far_behind(trail, latest):
        return _begin(source, finality, final)
    if _is_old_head(trail, tip, latest):
        return None
    if headers[1] is not None:
        source.know(headers[1])
    try:
        return _walk(source, finality, trail, final)
    except ReorgTooDeepError:
        return _begin(BatchSource(node, adjudicator, latest), finality, final)


def _begin(source: BatchSource, finality: Finality, final: Header | None) -> Look | None:
    """Begin a trail at the final block, or further down."""
    head = source.latest.number
    if final is None:
        final = source.header(finality.number_below(head))
    if final is None:
        return None
    first = max(0, min(final.number, head - HEADSTART))
    begun = _walk(source, finality, Trail(first, final), final)
    return None if begun is None else replace(begun, touched=None)


def _walk(
    source: BatchSource, finality: Finality, before: Trail, final: Header | None
) -> Look | None:
    """Follow the chain from the trail's tip to the head; gather what is touched on the way."""
    trail, touched, is_there = before, frozenset[bytes](), False
    while not is_there:
        source.prefetch(trail.cursor.next_number)
        trail, more = _stride(source, trail)
        touched |= more
        is_there = trail.cursor.next_number > source.latest.number
    after = _with_final(source, finality, trail, final)
    if after is None:
        return None
    return Look(after.pruned(), touched | _became_final(source, before, after))


def _stride(source: BatchSource, trail: Trail) -> tuple[Trail, frozenset[bytes]]:
    """Return the trail at what was prefetched, and the channels that changed on the way there.

    Raises ReorgTooDeepError if nothing of the trail stands: the fork may reach below it.
    """
    touched: set[bytes] = set()
    for _, step in follow(trail.cursor, source):
        match step:
            case Undo(block):
                touched |= trail.seen[-1].touched
                trail = replace(trail, seen=trail.seen[:-1])
                if not trail.seen:
                    raise ReorgTooDeepError(f"block {block.number} left the chain, the first read")
            case Apply(block, logs):
                seen = source.seen(block, logs)
                touched |= seen.touched
                trail = replace(trail, seen=(*trail.seen, seen)[-MAX_MEMORY:])
    return trail, frozenset(touched)


def _with_final(
    source: BatchSource, finality: Finality, trail: Trail, final: Header | None
) -> Trail | None:
    """Return the trail with its final block moved on; None if the node contradicts itself."""
    tip = trail.tip
    if tip is None:
        return None
    if final is None:
        number = finality.number_below(tip.number)
        remembered = trail.at(number)
        final = source.header(number) if remembered is None else remembered.header
    if final is None or final.number > tip.number:
        return None
    known = trail.at(final.number)
    if known is not None and known.header != final:
        return None
    # A node that is behind names an older final block, which is no news.
    still_stands = trail.at(trail.final.number)
    is_older = final.number < trail.final.number
    if is_older and still_stands is not None and still_stands.header == trail.final:
        return trail
    return replace(trail, final=final)


def _became_final(source: BatchSource, before: Trail, after: Trail) -> frozenset[bytes]:
    """Return the channels whose final state may be another one now.

    The node is asked again for the logs of blocks that became final, should it have kept some
    back when they were new.
    """
    old, new = before.final, after.final
    if old == new:
        return frozenset()
    low, high = sorted((old.number, new.number))
    touched = before.touched(low, high) | after.touched(low, high)
    if new.number <= old.number:
        return touched  # a fork went below it: what that undid is touched already
    return touched | source.touched_between(old.number + 1, new.number)


def _is_on(trail: Trail, header: Header) -> bool:
    """Say whether a block is one that the trail remembers."""
    known = trail.at(header.number)
    return known is not None and known.header == header


def _is_old_head(trail: Trail, tip: Header, latest: Header) -> bool:
    """Say whether the node's head is a block that was read before the tip.

    One that is older than all that is remembered counts as such: a chain that has really become
    that short will grow.
    """
    is_forgotten = latest.number < trail.seen[0].header.number
    return latest.number < tip.number and (is_forgotten or _is_on(trail, latest))


def _is_far_behind(trail: Trail, latest: Header) -> bool:
    """Say whether reading on would take longer than beginning again at the final block."""
    return latest.number - trail.cursor.next_number > MAX_MEMORY // 2
