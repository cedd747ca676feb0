"""Secrets come from a descriptor, a private file or a prompt, and from nowhere else."""

import getpass
import os
import pickle
import sys
from pathlib import Path

import pytest

from clearing.clearport.errors import ConfigError
from clearing.clearport.signer.secret import Secret, SecretSource, ask_terminal
from tests.unit.clearport_signer.stage import PASSPHRASE, piped, private_file


def _never(name):
    raise AssertionError(f"asked for the {name}")


def _read(**where):
    return SecretSource("passphrase", **where).read(_never).reveal()


@pytest.mark.parametrize("text", ["p w", "p w\n", "p w\r\n", "p w\nnext line\n"])
def test_read__a_descriptor__takes_its_line(text):
    assert _read(fd=piped(text.encode())) == "p w"


def test_read__a_descriptor_twice__takes_the_next_line():
    fd = piped(b"first\nsecond\n")

    assert (_read(fd=fd), _read(fd=fd)) == ("first", "second")
    with pytest.raises(ConfigError, match="passphrase_fd: is empty"):
        _read(fd=fd)


def test_read__a_closed_descriptor__is_refused():
    fd = piped(b"p w")
    os.close(fd)

    with pytest.raises(ConfigError, match=f"passphrase_fd: {fd} cannot be read"):
        _read(fd=fd)


def test_read__a_terminal_as_descriptor__is_refused():
    controller, terminal = os.openpty()

    with pytest.raises(ConfigError, match="passphrase_fd: is a terminal"):
        _read(fd=terminal)
    os.close(controller)
    os.close(terminal)


@pytest.mark.parametrize("mode", [0o600, 0o400])
@pytest.mark.parametrize("text", ["p w", "p w\n"])
def test_read__a_private_file__is_read(tmp_path, mode, text):
    path = private_file(tmp_path / "secret", text)
    path.chmod(mode)

    assert _read(file=path) == "p w"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o620, 0o610, 0o601, 0o644, 0o666])
def test_read__a_file_that_others_may_use__is_refused(tmp_path, mode):
    path = private_file(tmp_path / "secret", PASSPHRASE)
    assert _read(file=path) == PASSPHRASE
    path.chmod(mode)

    with pytest.raises(ConfigError, match="passphrase_file: can be read by others"):
        _read(file=path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_read__a_strangers_file__is_refused(tmp_path):
    path = private_file(tmp_path / "secret", PASSPHRASE)
    assert _read(file=path) == PASSPHRASE
    os.chown(path, 4_711, -1)

    with pytest.raises(ConfigError, match="passphrase_file: belongs to somebody else"):
        _read(file=path)


def test_read__no_file__is_refused(tmp_path):
    with pytest.raises(ConfigError, match="passphrase_file: no such file or directory"):
        _read(file=tmp_path / "none")
    with pytest.raises(ConfigError, match="passphrase_file: is a directory"):
        _read(file=tmp_path)
    with pytest.raises(ConfigError, match="passphrase_file: is no file"):
        _read(file=Path(os.devnull))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"one\ntwo\n", "is more than one line"),
        (b"x" * 4_097, "is more than one line"),
    ],
)
def test_read__no_single_line__is_refused(tmp_path, text, problem):
    path = private_file(tmp_path / "secret", "")
    path.write_bytes(b"x" * 4_096)
    assert _read(file=path) == "x" * 4_096
    path.write_bytes(text)

    with pytest.raises(ConfigError, match=f"passphrase_file: {problem}"):
        _read(file=path)


def test_read__two_places__is_refused(tmp_path):
    path = private_file(tmp_path / "secret", PASSPHRASE)

    with pytest.raises(ConfigError, match="passphrase_fd: is given, and a file too"):
        _read(fd=piped(b"p w"), file=path)


def test_read__nowhere__asks():
    assert SecretSource("pin").read(lambda name: f"the {name}").reveal() == "the pin"
    with pytest.raises(ConfigError, match="pin: is empty"):
        SecretSource("pin").read(lambda _: "")


def test_ask_terminal__nobody_there__names_what_to_set(monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    with pytest.raises(ConfigError, match=r"pin: there is no terminal .*: set pin_fd or pin_file"):
        ask_terminal("pin")


def test_ask_terminal__somebody_there__asks_unseen(monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"answer to {prompt!r}")

    assert ask_terminal("pin") == "answer to 'Pin: '"
    assert ask_terminal("pin", owner="keys.state") == "answer to 'Pin of keys.state: '"


def test_secret__printed_or_pickled__shows_nothing():
    secret = Secret(PASSPHRASE)

    assert {repr(secret), str(secret), f"{secret}"} == {"Secret(hidden)"}
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(secret)
