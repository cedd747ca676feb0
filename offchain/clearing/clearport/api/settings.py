"""Find which daemon to call and as whom: by options, the environment, then a small file.

~/.config/clearing/operator.toml::

    endpoint = "127.0.0.1:7402"
    key = "operator.json"             # relative to this file
    passphrase_file = "passphrase"    # without it, the passphrase is asked for
    ca = "daemon.pem"                 # what to trust off this machine
    daemon_id = "clearport 0x…"       # refuse any other daemon; 0x… is its broker's address
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clearing.clearport.errors import ConfigError

__all__ = ["Target", "config_path", "find_target"]

CONFIG: Final = "CLEARPORT_CONFIG"
FIELDS: Final = frozenset({"endpoint", "key", "passphrase_file", "ca", "daemon_id"})


@dataclass(frozen=True, slots=True)
class Target:
    """A daemon, and the files that the call needs."""

    endpoint: str
    key: Path
    passphrase_file: Path | None = None
    ca: Path | None = None
    daemon_id: str = ""


def config_path() -> Path:
    """Return where the file is: CLEARPORT_CONFIG, or below XDG_CONFIG_HOME or ~/.config."""
    named = os.environ.get(CONFIG)
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "clearing/operator.toml"


def find_target(
    endpoint: str | None,
    key: Path | None,
    passphrase_file: Path | None,
    ca: Path | None,
    named: Path | None = None,
) -> Target:
    """Return what the options say, and for what they leave out what the file says.

    `named` is the file; without it, the one of `config_path`, which may be missing. Raises
    ConfigError.
    """
    path = config_path() if named is None else named
    known = _read(path)
    if named is not None and not known:
        fix = "name the operator.toml that clearing clearport init wrote"
        raise ConfigError("says nothing", fix, field=f"--as {named}")

    def beside(name: str, given: Path | None) -> Path | None:
        if given is not None or name not in known:
            return given
        return path.parent / Path(known[name]).expanduser()

    where = endpoint or known.get("endpoint")
    if not where:
        fix = f"give it, set CLEARPORT_ENDPOINT, or write it into {path}"
        raise ConfigError("is not given", fix, field="--endpoint")
    file = beside("key", key)
    if file is None:
        fix = f"give it, set CLEARPORT_KEY, or write it into {path}"
        raise ConfigError("is not given", fix, field="--key")
    return Target(
        endpoint=where,
        key=file,
        passphrase_file=beside("passphrase_file", passphrase_file),
        ca=beside("ca", ca),
        daemon_id=known.get("daemon_id", ""),
    )


def _read(path: Path) -> Mapping[str, str]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(problem, "make it readable", field=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = f"is not TOML ({' '.join(str(error).split())})"
        raise ConfigError(problem, "correct it", field=str(path)) from None
    for name, value in document.items():
        if name not in FIELDS or not isinstance(value, str):
            fix = f"write texts under {', '.join(sorted(FIELDS))}"
            raise ConfigError("is no setting", fix, field=f"{path} {name}")
    return document
