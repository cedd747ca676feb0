"""Read passphrases and PINs: from a file descriptor, a file of the owner's alone, or a prompt.

Never from the command line or the environment, which other processes can read.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from clearing.clearport.errors import ConfigError

__all__ = ["Ask", "Secret", "SecretSource", "ask_terminal"]

OTHERS: Final = 0o077
LONGEST: Final = 4_096
"""Bytes: whoever gives more has named the wrong file."""

Ask = Callable[[str], str]
"""Asks a person for the named secret, unseen."""


class Secret:
    """A text that shows in no print, log or traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text: to be handed on at once, and kept nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from: a descriptor, a file, or if neither is given a prompt.

    `name` is passphrase or pin; the settings' fields are called `<name>_fd` and `<name>_file`.
    """

    name: str
    fd: int | None = None
    file: Path | None = None

    def read(self, ask: Ask) -> Secret:
        """Return the secret. Raises ConfigError, which names the field."""
        if self.fd is not None and self.file is not None:
            field = f"{self.name}_fd"
            raise ConfigError("is given, and a file too", "give one of them", field=field)
        if self.fd is not None:
            return _decoded(_read_line(self.fd, f"{self.name}_fd"), f"{self.name}_fd")
        if self.file is not None:
            return _decoded(_read_file(self.file, f"{self.name}_file"), f"{self.name}_file")
        return _checked(Secret(ask(self.name)), self.name)


def ask_terminal(name: str, owner: str = "") -> str:
    """Ask whoever sits at the terminal, for `owner` if given. Raises ConfigError if nobody does."""
    if not sys.stdin.isatty():
        problem = "there is no terminal to ask at"
        raise ConfigError(problem, f"set {name}_fd or {name}_file", field=name)
    return getpass.getpass(f"{name.capitalize()}{owner and f' of {owner}'}: ")


def _read_line(fd: int, field: str) -> bytes:
    """Return what is left of the descriptor's line; the next reader gets the next line."""
    line = bytearray()
    try:
        if os.isatty(fd):
            raise ConfigError("is a terminal", "leave it out to be asked unseen", field=field)
        while len(line) <= LONGEST and (byte := os.read(fd, 1)) not in {b"", b"\n"}:
            line += byte
    except OSError:
        raise ConfigError(f"{fd} cannot be read", "open it for reading", field=field) from None
    return bytes(line)


def _read_file(path: Path, field: str) -> bytes:
    try:
        with path.open("rb") as file:
            _require_private(os.fstat(file.fileno()), field)
            text = file.read(LONGEST + 1)
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(problem, "give a file that can be read", field=field) from None
    return text.removesuffix(b"\n")


def _require_private(status: os.stat_result, field: str) -> None:
    """Refuse a file that somebody else can read, or could have written."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError("is no file", "give a file, or use the descriptor", field=field)
    if status.st_mode & OTHERS:
        raise ConfigError("can be read by others", "take their rights away: chmod 600", field=field)
    if status.st_uid not in {0, os.geteuid()}:
        raise ConfigError("belongs to somebody else", "make it yours: chown", field=field)


def _decoded(raw: bytes, field: str) -> Secret:
    secret = _secret_of(raw)
    del raw  # a log that shows a traceback's values would show it
    if secret is None:
        raise ConfigError("is not UTF-8 text", "write it as text", field=field)
    return _checked(secret, field)


def _secret_of(raw: bytes) -> Secret | None:
    """Return None instead of an error, which would carry the bytes along."""
    try:
        return Secret(raw.removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        return None


def _checked(secret: Secret, field: str) -> Secret:
    if not secret.reveal():
        raise ConfigError("is empty", "give the secret on one line", field=field)
    if len(secret.reveal()) > LONGEST or "\n" in secret.reveal():
        raise ConfigError("is more than one line", "give the secret on one line", field=field)
    return secret
