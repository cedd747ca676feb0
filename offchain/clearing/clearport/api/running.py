"""Make a command of a coroutine: add the options of every call, connect, log in, print."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, get_type_hints

import typer
from rich.console import RenderableType

from clearing.clearport.errors import RefusedError
from clearing.risk.printing import print_json, print_view

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from clearing.clearport.api.client import OperatorClient

__all__ = ["Call", "Shown", "command"]

Endpoint = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of the daemon's operator API.", envvar="CLEARPORT_ENDPOINT"),
]
Key = Annotated[
    Path | None,
    typer.Option(help="Keystore, or file of a private key.", envvar="CLEARPORT_KEY"),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="File whose first line opens the keystore.", show_default="asked for"),
]
Ca = Annotated[Path | None, typer.Option(help="PEM certificate to trust.", envvar="CLEARPORT_CA")]
As = Annotated[
    Path | None,
    typer.Option("--as", help="File that says which daemon, and as whom: init's operator.toml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Once = Annotated[
    str,
    typer.Option("--once", help="Idempotency key: repeated, it shows the first result again."),
]

CALLING: Final = {
    "named": (As, None),
    "endpoint": (Endpoint, None),
    "key": (Key, None),
    "passphrase_file": (PassphraseFile, None),
    "ca": (Ca, None),
    "as_json": (AsJson, False),
}
ACTING: Final = {"yes": (Yes, False), "once": (Once, "")}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command found: for programs, and for people."""

    document: dict[str, object]
    view: RenderableType


@dataclass(frozen=True, slots=True)
class Call:
    """What a command works with."""

    client: OperatorClient
    as_json: bool
    yes: bool
    once: str

    async def ask(self, method: str, request: Message) -> Any:
        """Return the reply of a method that changes nothing."""
        return await self.client.ask(method, request)

    async def act(self, method: str, request: Message) -> Any:
        """Return the reply of a method that changes something."""
        return await self.client.act(method, request, self.once)

    def confirm(self, what: str) -> None:
        """Go on if --yes or the answer says so. Raises RefusedError."""
        if self.yes:
            return
        try:
            is_wanted = typer.confirm(f"{what}?", err=True)
        except typer.Abort:
            is_wanted = False
        if not is_wanted:
            raise RefusedError("not confirmed, nothing was sent", "answer y, or add --yes")

    def show_line(self, document: dict[str, object], line: str) -> None:
        """Print one of many: a line for people, a line of JSON for programs."""
        typer.echo(json.dumps(document) if self.as_json else line)

    def show(self, shown: Shown) -> None:
        """Print."""
        if self.as_json:
            print_json(shown.document)
        else:
            print_view(shown.view)


Body = Callable[..., Coroutine[Any, Any, Shown | None]]
B = TypeVar("B", bound=Body)


def command(group: typer.Typer, name: str, *, acts: bool = False) -> Callable[[B], B]:
    """Register `body(call, *, options)` as a command; `acts` adds --yes and --once."""
    added = {**CALLING, **ACTING} if acts else CALLING

    def register(body: B) -> B:
        hints = get_type_hints(body, include_extras=True)
        own = [p for p in inspect.signature(body).parameters.values() if p.name != "call"]
        more = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default)
            for option, (_, default) in added.items()
        ]

        def run(**given: Any) -> None:
            called = {option: given.pop(option) for option in added}
            asyncio.run(_play(body, given, **called))

        kinds = {p.name: hints[p.name] for p in own}
        run.__annotations__ = {**kinds, **{o: kind for o, (kind, _) in added.items()}}
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [p.replace(annotation=run.__annotations__[p.name]) for p in (*own, *more)]
        )
        run.__doc__ = body.__doc__
        group.command(name)(run)
        return body

    return register


async def _play(  # noqa: PLR0913 - the options of every call
    body: Body,
    given: dict[str, Any],
    *,
    named: Path | None,
    endpoint: str | None,
    key: Path | None,
    passphrase_file: Path | None,
    ca: Path | None,
    as_json: bool,
    yes: bool = False,
    once: str = "",
) -> None:
    from clearing.clearport.api.client import connect, parse_endpoint  # noqa: PLC0415 - loads gRPC
    from clearing.clearport.api.key_file import (  # noqa: PLC0415 - loads eth_account
        read_file,
        read_key,
        read_passphrase,
    )
    from clearing.clearport.api.settings import find_target  # noqa: PLC0415 - as its users

    target = find_target(endpoint, key, passphrase_file, ca, named)
    trusted = None if target.ca is None else read_file(target.ca, "--ca")
    where = parse_endpoint(target.endpoint, trusted)
    file = target.passphrase_file
    signer = read_key(
        target.key, _ask_passphrase if file is None else lambda: read_passphrase(file)
    )
    async with connect(where, signer, target.daemon_id) as client:
        call = Call(client, as_json, yes, once)
        shown = await body(call, **given)
        if shown is not None:
            call.show(shown)


def _ask_passphrase() -> str:
    try:
        return str(typer.prompt("Passphrase", hide_input=True, err=True))
    except typer.Abort:
        fix = "type it, or give --passphrase-file"
        raise RefusedError("the keystore's passphrase is not given", fix) from None
