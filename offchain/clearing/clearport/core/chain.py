"""Take up what the chain says: a life that has ended, states we have lost, a CLOSE that expired."""

from __future__ import annotations

from dataclasses import replace

from clearing.clearport.core.duties import do_duties
from clearing.clearport.core.events import Observed
from clearing.clearport.core.memory import known_version
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.reestablish import greet, take_standing
from clearing.clearport.core.restore import begin_recovery, raise_floor
from clearing.clearport.core.turn import Turn
from clearing.client.position import Position
from clearing.spec.types import Intent, Status

__all__ = ["force", "look", "observe"]


def look(turn: Turn, event: Observed) -> None:
    """Take a view of the chain, and conclude nothing from it."""
    turn.learn(
        latest=event.latest,
        chain_now=event.now,
        view=event.view,
        ledgers_raw=event.ledgers_raw,
    )


def observe(turn: Turn, event: Observed) -> None:
    """Take a view of the chain."""
    look(turn, event)
    latest, view = event.latest, event.view
    if view.channel.epoch > turn.line.position.epoch:
        _begin_epoch(turn, view.channel.epoch)
    if latest.is_live and latest.epoch == turn.line.position.epoch:
        if latest.enforced_version > known_version(turn.line):
            begin_recovery(turn, latest.enforced_version, "chain")
        raise_floor(turn, latest.enforced_version)
        if latest.status is Status.CHALLENGED:
            turn.notify_once(
                Kind.CHALLENGED,
                f"{latest.epoch}:{latest.enforced_version}:{latest.deadline}",
                version=latest.enforced_version,
                deadline=latest.deadline,
            )
    _go_back_behind_close(turn)
    do_duties(turn)


def force(turn: Turn) -> None:
    """Have the channel ended by a challenge. Whoever asks knows whether our store is old."""
    if not turn.line.is_forced:
        turn.change(is_forced=True)
    do_duties(turn)


def _begin_epoch(turn: Turn, epoch: int) -> None:
    """Start over for the channel's next life, once the last one's end is final.

    Not before: a block that is taken back would leave us without the state to defend ourselves by.
    Recorded trades stay; what was asked for in the last life is over. A restored side keeps its
    floor: the new life may have begun, and states of it been signed, after the backup.
    """
    line = turn.line
    was_open = line.position.state is not None
    floor = line.floor if line.is_recovering else 0
    turn.change(
        position=Position(line.channel_id, epoch),
        full=None,
        half=None,
        backing=None,
        refused=(),
        signed=(),
        burnt=0,
        waits=(),
        is_closing=False,
        is_forced=False,
        is_recovering=False,
        floor=floor,
        alarm="",
    )
    turn.learn(
        refused=0, retry_at=0, skipped=frozenset(), held=None, last_refusal=None, submitted=()
    )
    if was_open:
        turn.notify(Kind.CLOSED, epoch=epoch - 1)
    greet(turn)
    take_standing(turn)


def _go_back_behind_close(turn: Turn) -> None:
    """Go on from the state before a CLOSE that has expired unexecuted, with finality."""
    line, view = turn.line, turn.link.view
    full, backing = line.full, line.backing
    if full is None or backing is None or view is None or full.state.intent != Intent.CLOSE:
        return
    if view.now < full.state.valid_until or view.channel.epoch != line.position.epoch:
        return
    turn.change(
        position=replace(line.position, state=backing.state),
        full=backing,
        backing=None,
        half=None,
        is_closing=False,
    )
    turn.notify(Kind.EXPIRED, version=full.state.version)
