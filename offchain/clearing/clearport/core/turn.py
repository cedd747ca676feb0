"""Gather what one transition changes and wants, and put it in the order that is safe."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, TypeVar

from clearing.channel import requests
from clearing.clearport.core.channel import Line, Link, Phase, Policy
from clearing.clearport.core.effects import (
    Booked,
    Effect,
    Notify,
    Persist,
    Send,
    Sign,
    Submit,
)
from clearing.clearport.core.messages import Message
from clearing.clearport.core.notices import Kind
from clearing.client.session import CoSigned

__all__ = ["Turn"]

AGAIN_S: Final = 600
"""When a transaction is wanted again that has not done what it is for."""
TOLD_LIMIT: Final = 1_024
"""How much is remembered of what was told; then all of it may be told once more."""


Part = TypeVar("Part", Line, Link)


class _Fields:
    """The fields of a part by position: `replace` takes twice the time on the hot path."""

    __slots__ = ("places", "values")

    def __init__(self, part: type[Line | Link]) -> None:
        names = [each.name for each in fields(part)]
        self.places = {name: place for place, name in enumerate(names)}
        self.values = attrgetter(*names)


_LINE: Final = _Fields(Line)
_LINK: Final = _Fields(Link)


def _changed(part: Part, known: _Fields, changes: dict[str, Any]) -> Part:
    """Return the part with other values. Raises KeyError for a field that it has not."""
    values = list(known.values(part))
    for name, value in changes.items():
        values[known.places[name]] = value
    return type(part)(*values)


class Turn:
    """One transition while it is computed: values come in, effects go out, nothing else happens."""

    __slots__ = (
        "_agreed",
        "_booked",
        "_is_changed",
        "_notices",
        "_policy",
        "_sends",
        "_sign",
        "_submits",
        "line",
        "link",
        "now",
    )

    def __init__(self, phase: Phase, now: int) -> None:
        self.line: Line = phase.line
        self.link: Link = phase.link
        self.now = now
        self._policy = phase.policy
        self._is_changed = False
        self._agreed: CoSigned | None = None
        self._booked: Booked | None = None
        self._sign: Sign | None = None
        self._submits: list[Submit] = []
        self._notices: list[Notify] = []
        self._sends: list[Send] = []

    @property
    def policy(self) -> Policy:
        """This broker's bounds."""
        return self._policy

    @property
    def is_agreed(self) -> bool:
        """Whether this transition has made a state the latest."""
        return self._agreed is not None

    @property
    def is_greeted(self) -> bool:
        """Whether the stream stands and the peer has said where it stands in our epoch."""
        heard = self.link.heard
        return (
            self.link.is_connected and heard is not None and heard.epoch == self.line.position.epoch
        )

    def change(self, **changes: Any) -> None:
        """Change the durable part."""
        self.line = _changed(self.line, _LINE, changes)
        self._is_changed = True

    def learn(self, **changes: Any) -> None:
        """Change the passing part."""
        self.link = _changed(self.link, _LINK, changes)

    def agree(self, full: CoSigned, booked: Booked | None) -> None:
        """Have a newly agreed state stored, with the trades that it has booked."""
        self._agreed, self._booked = full, booked
        self._is_changed = True

    def sign(self, version: int, digest: bytes) -> None:
        """Have the digest reserved with the line, then signed."""
        self._sign = Sign(self.line.position.epoch, version, digest)
        self._is_changed = True

    def send(self, message: Message) -> None:
        """Say something, if the stream stands."""
        if self.link.is_connected:
            self._sends.append(Send(message))

    @property
    def passed(self) -> int:
        """The later of our time and the chain's: what has passed by it has passed."""
        return max(self.now, self.link.chain_now)

    def want(self, what: str, version: int, request: requests.Request) -> None:
        """Have a transaction sent, once; again only if it is still wanted much later."""
        line = self.line
        key = f"{line.channel_id.hex()}:{line.position.epoch}:{what}:{version}"
        attempts = 0
        for wanted, at, count in self.link.submitted:
            if wanted == key:
                if self.passed < at + AGAIN_S:
                    return
                attempts = count + 1
        others = tuple(each for each in self.link.submitted if each[0] != key)
        self.learn(submitted=(*others, (key, self.passed, attempts)))
        self._submits.append(Submit(f"{key}:{attempts}" if attempts else key, request))

    def notify(self, kind: Kind, **fields: object) -> None:
        """Tell the operator."""
        texts = tuple((name, str(value)) for name, value in fields.items())
        self._notices.append(Notify(kind.value, texts))

    def notify_once(self, kind: Kind, subject: str, **fields: object) -> None:
        """Tell the operator unless it has been told of this subject."""
        name = f"{kind}:{subject}"
        told = self.link.told
        if name not in told:
            kept = told if len(told) < TOLD_LIMIT else frozenset[str]()
            self.learn(told=kept | {name})
            self.notify(kind, **fields)

    def forget(self, kind: Kind, subject: str) -> None:
        """Let the operator be told of this subject again."""
        name = f"{kind}:{subject}"
        if name in self.link.told:
            self.learn(told=self.link.told - {name})

    def lied(self, what: str) -> None:
        """Note that the peer has said what it may not say; told once in a connection."""
        self.notify_once(Kind.LIED, what, what=what)

    def done(self) -> tuple[Phase, tuple[Effect, ...]]:
        """Return the next phase and the effects.

        What is durable together comes first, then what does not depend on the signature is said,
        then the key is asked; the proposal or answer itself is said by the transition of `Signed`.
        """
        effects: list[Effect] = []
        if self._is_changed:
            effects.append(Persist(self.line, self._agreed, self._booked))
        effects += self._submits
        effects += self._notices
        effects += self._sends
        if self._sign is not None:
            effects.append(self._sign)
        return Phase(self.line, self._policy, self.link), tuple(effects)
