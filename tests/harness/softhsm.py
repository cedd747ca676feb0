"""Keep keys on a real SoftHSM token in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, KeyType
from pkcs11.util.ec import encode_named_curve_parameters

from clearing.clearport.signer.settings import Pkcs11Settings

__all__ = ["MISSING", "PIN", "SoftHsm", "is_installed"]

PIN: Final = "4711-hidden"
MISSING: Final = "softhsm2 is not installed"
MODULES: Final = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
)


def is_installed() -> bool:
    """Say whether SoftHSM's tool and library are here."""
    return shutil.which("softhsm2-util") is not None and _module() is not None


class SoftHsm:
    """Tokens in a folder. SoftHSM reads its environment when it starts, so one folder at a time."""

    def __init__(self, folder: Path) -> None:
        module = _module()
        if module is None:
            raise RuntimeError(MISSING)
        self.module = module
        self.tokens = folder / "tokens"
        self.tokens.mkdir()
        settings = folder / "softhsm2.conf"
        settings.write_text(f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(settings)
        self.pin_file = folder / "pin"
        self.pin_file.touch(0o600)
        self.pin_file.write_text(PIN + "\n")
        self.restart()

    def restart(self) -> None:
        """Start the library anew: every session of the process is lost."""
        pkcs11.lib(str(self.module)).reinitialize()

    def add_token(self, label: str) -> None:
        """Make a token."""
        tool = shutil.which("softhsm2-util") or "softhsm2-util"
        command = [tool, "--init-token", "--free", "--label", label, "--pin", PIN]
        subprocess.run([*command, "--so-pin", PIN], check=True, capture_output=True)
        self.restart()

    def add_key(self, token: str, label: str, curve: str = "secp256k1") -> None:
        """Make a key on a token."""
        with self.session(token) as session:
            parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
            domain = session.create_domain_parameters(KeyType.EC, parameters, local=True)
            domain.generate_keypair(store=True, label=label)

    def session(self, token: str) -> Any:
        """Return a session that may write; all others are lost, as a second login is an error."""
        self.restart()
        found = pkcs11.lib(str(self.module)).get_token(token_label=token)
        return found.open(rw=True, user_pin=PIN)

    def settings(self, token: str, label: str, **changed: Any) -> Pkcs11Settings:
        """Return the settings of a signer."""
        fields = {"backend": "pkcs11", "module": self.module, "token": token, "label": label}
        return Pkcs11Settings.model_validate({**fields, "pin_file": self.pin_file, **changed})


def _module() -> Path | None:
    return next((path for path in MODULES if path.exists()), None)
