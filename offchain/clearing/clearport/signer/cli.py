"""The commands `clearing key …`: what makes keystores, and tries a daemon's keys.

What handles keys is imported by the command that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearing.risk.printing import print_json

if TYPE_CHECKING:
    from clearing.spec.units import Address

__all__ = ["key"]

key = typer.Typer(help="Make and look at the keys of a clearing daemon.")

File = Annotated[Path, typer.Argument(help="The keystore's file.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="File of the passphrase, readable by its owner alone.")
]
PassphraseFd = Annotated[
    int | None, typer.Option(min=0, help="Descriptor whose next line is the passphrase.")
]
KeyFd = Annotated[
    int | None, typer.Option(min=0, help="Descriptor whose next line is the key, instead of stdin.")
]
ConfigFile = Annotated[Path, typer.Option(help="The daemon's configuration.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@key.command("new")
def new(
    file: File,
    *,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Make a random key and write it into a new keystore; asks for a passphrase twice."""
    from clearing.clearport.signer.making import made  # noqa: PLC0415 - see above
    from clearing.clearport.signer.secret import SecretSource  # noqa: PLC0415 - the same

    source = SecretSource("passphrase", passphrase_fd, passphrase_file)
    _print(made(file, source), file, as_json=as_json)


@key.command("import")
def import_(
    file: File,
    *,
    key_fd: KeyFd = None,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    as_json: AsJson = False,
) -> None:
    """Write a key, 64 hex digits from standard input, into a new keystore."""
    from clearing.clearport.signer.making import imported  # noqa: PLC0415 - see above
    from clearing.clearport.signer.secret import SecretSource  # noqa: PLC0415 - the same

    source = SecretSource("passphrase", passphrase_fd, passphrase_file)
    _print(imported(file, source, key_fd), file, as_json=as_json)


@key.command("show")
def show(file: File, *, as_json: AsJson = False) -> None:
    """Show the address that a keystore says it is of; needs no passphrase."""
    from clearing.clearport.signer.keystore import named_address  # noqa: PLC0415 - see above

    _print(named_address(file), file, as_json=as_json)


@key.command("check")
def check(*, config: ConfigFile, as_json: AsJson = False) -> None:
    """Open both keys of a daemon's configuration, wherever they are, and have each sign once."""
    from clearing.chain.contract import as_text  # noqa: PLC0415 - see above
    from clearing.clearport.signer.checking import check_keys  # noqa: PLC0415 - the same

    found = check_keys(config)
    if as_json:
        keys = {
            one.name: {"backend": one.backend, "address": as_text(one.address)} for one in found
        }
        print_json({"keys": keys})
        return
    for one in found:
        typer.echo(f"{one.name:<8}{one.backend:<10}{as_text(one.address)}")


def _print(address: Address, file: Path, *, as_json: bool) -> None:
    from clearing.chain.contract import as_text  # noqa: PLC0415 - see above

    if as_json:
        print_json({"address": as_text(address), "file": str(file)})
    else:
        typer.echo(as_text(address))
