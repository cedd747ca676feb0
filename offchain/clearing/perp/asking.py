"""Ask whoever sits at the terminal."""

from __future__ import annotations

import os

import typer

from clearing.perp.errors import KeyFileError, NotConfirmedError

__all__ = ["ask_passphrase", "require_yes"]

PASSPHRASE = "CLEARING_PASSPHRASE"  # noqa: S105 - the variable's name


def ask_passphrase() -> str:
    """Return a keystore's passphrase: from the environment, else typed unseen.

    Raises KeyFileError.
    """
    known = os.environ.get(PASSPHRASE)
    if known is not None:
        return known
    try:
        return str(typer.prompt("Passphrase", hide_input=True, err=True))
    except typer.Abort:
        problem = "the keystore's passphrase is not given"
        raise KeyFileError("--key", problem, f"type it, or set {PASSPHRASE}") from None


def require_yes(*, yes: bool) -> None:
    """Go on if the option or the answer says so. Raises NotConfirmedError."""
    if yes:
        return
    try:
        is_wanted = typer.confirm("Send it?")
    except typer.Abort:
        is_wanted = False
    if not is_wanted:
        raise NotConfirmedError("--yes", "not confirmed, nothing was sent", "answer y, or add it")
