"""Keep a key on a PKCS#11 token: a hardware module, a card, or SoftHSM."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, PKCS11Error

from clearing.channel.signatures import WORD, Signature
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.der import from_raw
from clearing.clearport.signer.port import key_id_of
from clearing.clearport.signer.public_key import SECP256K1, address_of_point, unwrapped_point
from clearing.clearport.signer.secret import Ask, Secret, SecretSource, ask_terminal
from clearing.clearport.signer.settings import Pkcs11Settings
from clearing.clearport.signer.worker import Worker
from clearing.spec.units import Address

__all__ = ["Pkcs11Signer", "open_token"]

_MODULE_IN_USE: Final = threading.Lock()
"""The library opens modules with a promise that one thread at a time is inside: kept here, for the
two keys may be on one token."""
WRONG_PIN: Final = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.PinExpired,
)
ADVICE: Final = "see whether it is plugged in and answers"


class Pkcs11Signer:
    """A key on a token; the PIN is kept, so that a lost session can be opened again."""

    __slots__ = ("_session", "_worker", "address", "key_id")

    def __init__(self, session: _Session, worker: Worker, address: Address) -> None:
        self._session = session
        self._worker = worker
        self.address = address
        self.key_id = key_id_of(address)

    async def sign_digest(self, digest: bytes) -> Signature:
        """Return the token's signature of a 32-byte digest, low s. Raises SignerError.

        A lost session is opened again once. Nothing is signed any more once the token has refused
        the PIN: trying on would lock it.
        """
        if len(digest) != WORD:
            raise SignerError(f"a digest of {len(digest)} bytes", f"hash it to {WORD}")
        raw = await self._worker.run(lambda: self._session.sign(digest))
        return from_raw(raw, digest, self.address)

    def close(self) -> None:
        """Let go of the token."""
        with suppress(SignerError):  # it does not answer, or is closed already
            self._worker.run_now(self._session.close)
        self._worker.close()

    def __repr__(self) -> str:
        return f"Pkcs11Signer({self.key_id})"


def open_token(settings: Pkcs11Settings, ask: Ask = ask_terminal) -> Pkcs11Signer:
    """Return the signer of a key on a token. Raises ConfigError, SignerError."""
    pin = SecretSource("pin", settings.pin_fd, settings.pin_file).read(ask)
    session = _Session(settings.module, settings.token, settings.label, pin)
    worker = Worker("token", timeout_s=settings.timeout_s)
    try:
        address = worker.run_now(session.open)
    except BaseException:
        worker.close()
        raise
    return Pkcs11Signer(session, worker, address)


class _Session:
    """The token as its thread sees it. Every call waits, and raises ConfigError or SignerError."""

    def __init__(self, module: Path, token: str, label: str, pin: Secret) -> None:
        self._module = module
        self._token = token
        self._label = label
        self._pin = pin
        self._open: Any = None
        self._key: Any = None
        self._is_pin_refused = False

    def open(self) -> Address:
        """Log in, find the key, and return its address."""
        with _MODULE_IN_USE:
            try:
                self._log_in()
                return self._address()
            except BaseException:
                self._drop()  # left open, it would keep the process logged in
                raise

    def sign(self, digest: bytes) -> bytes:
        """Return r and s of the digest; open the session again once if it is lost."""
        with _MODULE_IN_USE:
            try:
                return self._signed(digest)
            except PKCS11Error:
                self._drop()
            try:
                self._log_in()
                return self._signed(digest)
            except PKCS11Error as error:
                problem = f"the token did not sign: {_name(error)}"
                raise SignerError(problem, ADVICE) from None
            except ConfigError as error:  # it was good when the signer was opened
                raise SignerError(error.problem, error.fix, field=error.field) from None

    def close(self) -> None:
        """Log out."""
        with _MODULE_IN_USE:
            self._drop()

    def _signed(self, digest: bytes) -> bytes:
        if self._key is None:
            raise pkcs11.SessionClosed
        return bytes(self._key.sign(digest, mechanism=Mechanism.ECDSA))

    def _log_in(self) -> None:
        """Open a session and find the private key in it.

        A login counts for every session of the process: where the other key's signer is logged in
        already, a second login would be an error, and a session without one sees the key.
        """
        if self._is_pin_refused:
            raise SignerError("the token refused the PIN", "give the right one and start again")
        token = self._found_token()
        try:
            self._open = token.open()
            self._key = self._find(ObjectClass.PRIVATE_KEY)
            if self._key is None:
                self._drop()
                self._open = token.open(user_pin=self._pin.reveal())
                self._key = self._find(ObjectClass.PRIVATE_KEY)
        except WRONG_PIN as error:
            self._is_pin_refused = True
            problem = f"the token refuses it: {_name(error)}"
            raise ConfigError(problem, "too many wrong ones lock the token", field="pin") from None
        except PKCS11Error as error:
            problem = f"the token cannot be opened: {_name(error)}"
            raise SignerError(problem, ADVICE) from None
        if self._key is None:
            self._drop()
            raise ConfigError("no private EC key is called so", "check the label", field="label")

    def _found_token(self) -> Any:
        try:
            library = pkcs11.lib(str(self._module))
        except PKCS11Error:
            raise ConfigError(
                "cannot be loaded", "give a PKCS#11 library", field="module"
            ) from None
        try:
            return library.get_token(token_label=self._token)
        except pkcs11.NoSuchToken:
            raise ConfigError("no token is called so", "check the label", field="token") from None
        except pkcs11.MultipleTokensReturned:
            raise ConfigError("several tokens are", "rename one", field="token") from None
        except PKCS11Error as error:
            raise SignerError(f"no token answers: {_name(error)}", ADVICE) from None

    def _find(self, kind: ObjectClass) -> Any:
        """Return the one EC key of this kind and label; None if there is none.

        The search is read to its end: one left open would close in whichever thread comes by.
        """
        wanted = {
            Attribute.CLASS: kind,
            Attribute.KEY_TYPE: KeyType.EC,
            Attribute.LABEL: self._label,
        }
        found = list(self._open.get_objects(wanted))
        if len(found) > 1:
            raise ConfigError("several keys are called so", "rename one", field="label")
        return found[0] if found else None

    def _address(self) -> Address:
        try:
            public = self._find(ObjectClass.PUBLIC_KEY)
            if public is None:
                problem = "its public key is not on the token"
                raise ConfigError(problem, "store it under the same label", field="label")
            if public[Attribute.EC_PARAMS] != SECP256K1:
                raise ConfigError("is of another curve", "make one of secp256k1", field="label")
            return address_of_point(unwrapped_point(bytes(public[Attribute.EC_POINT])))
        except PKCS11Error as error:
            problem = f"the public key cannot be read: {_name(error)}"
            raise SignerError(problem, ADVICE) from None

    def _drop(self) -> None:
        """Close the session as well as it can be."""
        session, self._open, self._key = self._open, None, None
        if session is not None:
            with suppress(PKCS11Error):  # it was gone
                session.close()


def _name(error: PKCS11Error) -> str:
    """Return the standard's name of the error; the library's text may quote what it was given."""
    return type(error).__name__
