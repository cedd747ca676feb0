"""Decide what a tower does about a channel: pure, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clearing.channel import requests
from clearing.clearport.watchtower.kept import Kept, worth_keeping
from clearing.client.response import response_by_anybody
from clearing.spec.types import Status
from clearing.spec.world import Channel

__all__ = ["answers", "lag_versions", "learn"]

Known = dict[bytes, tuple[Kept, ...]]
"""By channel, what is worth keeping of its states, the newest first."""


def learn(known: Known, read: Iterable[Kept]) -> Known:
    """Return what is known after a file was read: an older file takes nothing away."""
    gathered: dict[bytes, list[Kept]] = {
        channel_id: list(states) for channel_id, states in known.items()
    }
    for kept in read:
        gathered.setdefault(kept.channel_id, []).append(kept)
    return {channel_id: worth_keeping(states) for channel_id, states in gathered.items()}


def answers(states: Sequence[Kept], latest: Channel, now: int) -> tuple[requests.Request, ...]:
    """Return the calls that answer a challenge with a newer state, the best first.

    None while no challenge stands, once its time is over, and for one with a state that is as new
    as ours. `latest` and `now` are of the chain's latest block.
    """
    if latest.status is not Status.CHALLENGED or now >= latest.deadline:
        return ()
    newer = (kept for kept in states if kept.place > (latest.epoch, latest.enforced_version))
    possible = (
        response_by_anybody(kept.definition, kept.full, now)
        for kept in newer
        if kept.place[0] == latest.epoch
    )
    return tuple(request for request in possible if request is not None)


def lag_versions(states: Sequence[Kept], latest: Channel) -> int:
    """Return how many versions the chain is behind the newest exported state.

    Negative if the chain knows a newer one: what is exported to us is stale then.
    """
    if not states or states[0].place[0] < latest.epoch:
        return 0
    epoch, version = states[0].place
    return version - (latest.enforced_version if epoch == latest.epoch else 0)
