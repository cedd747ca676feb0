"""Open the key that the settings name."""

from __future__ import annotations

from functools import partial

from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.keystore import open_keystore
from clearing.clearport.signer.port import DigestSigner, key_id_of
from clearing.clearport.signer.secret import Ask, SecretSource, ask_terminal
from clearing.clearport.signer.settings import KeystoreSettings, Pkcs11Settings, SignerSettings

__all__ = ["signer_of"]


def signer_of(
    settings: SignerSettings, field: str = "signer", ask: Ask | None = None
) -> DigestSigner:
    """Return the signer, ready: the passphrase is checked, the token is open, AWS has answered.

    Takes a second or more: call it in a thread where others wait. Raises ConfigError, which names
    the field below `field`; SignerError.
    """
    try:
        signer = _opened(settings, ask or partial(ask_terminal, owner=field))
    except (ConfigError, SignerError) as error:
        named = f"{field}.{error.field}" if error.field else field
        raise type(error)(error.problem, error.fix, field=named) from None
    expected = settings.address
    if expected is not None and signer.key_id != expected.lower():
        signer.close()
        problem = f"the key is {key_id_of(signer.address)}, not {expected}"
        raise ConfigError(problem, "name the key that is meant", field=f"{field}.address")
    return signer


def _opened(settings: SignerSettings, ask: Ask) -> DigestSigner:
    """Open a backend; what only one of them needs is imported for that one."""
    if isinstance(settings, KeystoreSettings):
        passphrase = SecretSource("passphrase", settings.passphrase_fd, settings.passphrase_file)
        return open_keystore(settings.file, passphrase, ask)
    if isinstance(settings, Pkcs11Settings):
        from clearing.clearport.signer.pkcs11 import open_token  # noqa: PLC0415 - see above

        return open_token(settings, ask)
    from clearing.clearport.signer.kms import open_kms  # noqa: PLC0415 - see above

    return open_kms(settings)
