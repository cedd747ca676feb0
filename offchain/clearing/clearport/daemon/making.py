"""Make what a new daemon needs: keys, a certificate, factors, its configuration."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from clearing.chain.contract import as_text
from clearing.clearport.errors import ConfigError
from clearing.clearport.peers.tls import make_pair, save_pair
from clearing.clearport.signer.making import made
from clearing.clearport.signer.secret import SecretSource
from clearing.risk import views
from clearing.risk.daily_closes import bundled_closes
from clearing.risk.factors import factors_of
from clearing.spec.units import Address

__all__ = ["Answers", "Made", "make_folder", "render"]

CONFIG: Final = "clearport.toml"
OPERATOR: Final = "operator.toml"
PASSPHRASE_BYTES: Final = 24
OWNER_ONLY: Final = 0o600
MakeKey = Callable[[Path, SecretSource], Address]
"""Writes a new keystore, locked by a passphrase, and returns the key's address."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the operator has to say. `deployment` goes before `network` if it is given."""

    name: str
    url: str
    network: str
    deployment: Path | None
    finality: str
    peer_listen: str
    peer_endpoint: str
    operator_listen: str
    metrics_listen: str


@dataclass(frozen=True, slots=True)
class Made:
    """The addresses of the keys that were made, and what was written for daemon and operator."""

    account: Address
    signer: Address
    operator: Address
    config: Path
    operator_file: Path


def make_folder(
    folder: Path, answers: Answers, passphrase: SecretSource, make_key: MakeKey = made
) -> Made:
    """Write keystores, certificate, factors and configuration into a folder.

    The keys are random unless `make_key` knows better. With a passphrase file that is not there
    yet, a random passphrase is written into it. Raises ConfigError if a file is there already; what
    was made before stays.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / CONFIG
    if config.exists():
        raise ConfigError(f"{config} is there already", "name another folder", field="DIR")
    if passphrase.file is not None and not passphrase.file.exists():
        _write(passphrase.file, secrets.token_urlsafe(PASSPHRASE_BYTES) + "\n")
    account, signer, operator = (
        make_key(folder / f"{name}.json", passphrase) for name in ("account", "state", "operator")
    )
    host = answers.peer_endpoint.rpartition(":")[0].strip("[]")
    save_pair(make_pair(host), folder / "peer.crt", folder / "peer.key")
    report = views.factors_json(factors_of(bundled_closes()))
    _write(folder / "factors.json", json.dumps(report, indent=2) + "\n")
    is_beside = passphrase.file is not None
    named = os.path.relpath(passphrase.file or "", folder) if is_beside else ""
    text = render(answers, account, operator, f'passphrase_file = "{named}"' if is_beside else "")
    _write(config, text)
    calling = f'endpoint = "{answers.operator_listen}"\nkey = "operator.json"\n'
    calling += f'passphrase_file = "{named}"\n' if is_beside else ""
    _write(folder / OPERATOR, calling)
    return Made(account, signer, operator, config, folder / OPERATOR)


def render(answers: Answers, account: Address, operator: Address, passphrase: str) -> str:
    """Return the text of a configuration."""
    template = Template(files(__package__).joinpath("data", CONFIG).read_text(encoding="utf-8"))
    contracts = f'network = "{answers.network}"'
    if answers.deployment is not None:
        contracts = f'deployment = "{answers.deployment.resolve()}"'
    return template.substitute(
        address=as_text(account),
        name=answers.name,
        url=answers.url,
        contracts=contracts,
        finality=answers.finality,
        passphrase=passphrase or "# passphrase_file or passphrase_fd; neither: asked at the start",
        peer_listen=answers.peer_listen,
        peer_endpoint=answers.peer_endpoint,
        operator_listen=answers.operator_listen,
        operator=as_text(operator),
        metrics_listen=answers.metrics_listen,
    )


def _write(path: Path, text: str) -> None:
    """Write a new file that its owner alone can read. Raises ConfigError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except OSError as error:
        problem = f"cannot write {path} ({error.strerror})"
        raise ConfigError(problem, "name another folder", field="DIR") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
