"""Say where a key is kept: one table of the configuration for each of the two keys.

::

    [keys.state]
    backend = "keystore"               # if left out; or "pkcs11", or "kms"
    file = "state.json"
    passphrase_file = "passphrase"     # or passphrase_fd = 3; neither: asked at the terminal
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from clearing.clearport.errors import ConfigError

__all__ = ["KeystoreSettings", "KmsSettings", "Pkcs11Settings", "SignerSettings", "settings_of"]

LONGEST_WAIT_S: Final = 60
DescriptorNumber = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST_WAIT_S)]
Name = Annotated[str, Field(min_length=1, max_length=2_048)]


class _Settings(BaseModel):
    """What every backend has. `address` is what the key is expected to be, if it is given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    address: str | None = None

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch("0x[0-9a-fA-F]{40}", value):
            raise ValueError("is no address: 0x and 40 hex digits")
        return value


class KeystoreSettings(_Settings):
    """An encrypted file."""

    backend: Literal["keystore"]
    file: Path
    passphrase_fd: DescriptorNumber | None = None
    passphrase_file: Path | None = None


class Pkcs11Settings(_Settings):
    """A key on a token: `module` is its maker's library, `label` the key's."""

    backend: Literal["pkcs11"]
    module: Path
    token: Name
    label: Name
    pin_fd: DescriptorNumber | None = None
    pin_file: Path | None = None
    timeout_s: Seconds = 10


class KmsSettings(_Settings):
    """A key of AWS KMS; credentials come from where AWS's own tools take them."""

    backend: Literal["kms"]
    key: Name
    region: Name
    endpoint_url: str | None = None
    connect_timeout_s: Seconds = 2
    read_timeout_s: Seconds = 3
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    timeout_s: Seconds = 10
    threads: Annotated[int, Field(ge=1, le=64)] = 8

    @field_validator("endpoint_url")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is not None and not _is_safe_url(value):
            raise ValueError("is no https:// address, nor http:// of this machine")
        return value


SignerSettings = Annotated[
    KeystoreSettings | Pkcs11Settings | KmsSettings, Field(discriminator="backend")
]
_ADAPTER: Final[TypeAdapter[SignerSettings]] = TypeAdapter(SignerSettings)


def settings_of(
    table: Mapping[str, Any], field: str = "signer", folder: Path = Path()
) -> SignerSettings:
    """Return the settings in a table of the configuration; paths start at the folder.

    Raises ConfigError, which names the field and never shows the value: it may be a secret that
    was written into the wrong place.
    """
    try:
        settings = _ADAPTER.validate_python({"backend": "keystore", **table})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        named = ".".join((field, *(str(part) for part in first["loc"][1:])))
        if first["type"].startswith("union_tag"):
            named = f"{field}.backend"
            raise ConfigError("is no backend", "keystore, pkcs11 or kms", field=named) from None
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigError(problem, "see the settings of a signer", field=named) from None
    paths = {name: folder / path for name, path in settings if isinstance(path, Path)}
    return settings.model_copy(update=paths)


def _is_safe_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
