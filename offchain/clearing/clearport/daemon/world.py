"""Name what every lane works with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from clearing.clearport.core.channel import Line, Phase
from clearing.clearport.core.effects import Effect
from clearing.clearport.core.events import Event
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.meters import Meters
from clearing.clearport.ports import Outbox, StateSigner, Store
from clearing.client.session import CoSigned

__all__ = ["Log", "Step", "World"]


class Step(Protocol):
    """The core's transition."""

    def __call__(self, phase: Phase, event: Event, *, now: int) -> tuple[Phase, tuple[Effect, ...]]:
        """Return the next phase and what is to be done; pure."""


class Log(Protocol):
    """Says what happened: a constant name and fields."""

    def info(self, event: str, **fields: object) -> object:
        """Say something that is as it should be."""

    def warning(self, event: str, **fields: object) -> object:
        """Say something that an operator should look at."""

    def error(self, event: str, **fields: object) -> object:
        """Say something that needs a person."""


@dataclass(frozen=True, slots=True)
class World:
    """`news` rings when an operator's event is stored.

    `agreed` is told each co-signed state, `watch` each line whose order has changed.
    """

    step: Step
    store: Store
    signer: StateSigner
    outbox: Outbox
    log: Log
    meters: Meters
    news: Bell
    agreed: Callable[[bytes, CoSigned], None]
    watch: Callable[[Line], None]
    clock: Callable[[], float] = time.time
