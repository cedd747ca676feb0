"""Keep a key in AWS KMS (ECC_SECG_P256K1)."""

from __future__ import annotations

from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from clearing.channel.signatures import WORD, Signature
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.der import from_der
from clearing.clearport.signer.port import key_id_of
from clearing.clearport.signer.public_key import address_of_spki
from clearing.clearport.signer.settings import KmsSettings
from clearing.clearport.signer.worker import Worker
from clearing.spec.units import Address

__all__ = ["KmsSigner", "open_kms"]

ALGORITHM: Final = "ECDSA_SHA_256"
USAGE: Final = "SIGN_VERIFY"
ADVICE: Final = "check the key, its policy, the credentials and the network"
LONGEST_NAME: Final = 64


class KmsSigner:
    """A key that never leaves AWS."""

    __slots__ = ("_client", "_name", "_worker", "address", "key_id")

    def __init__(self, client: Any, name: str, address: Address, worker: Worker) -> None:
        self._client = client
        self._name = name
        self._worker = worker
        self.address = address
        self.key_id = key_id_of(address)

    async def sign_digest(self, digest: bytes) -> Signature:
        """Return AWS's signature of a 32-byte digest, low s. Raises SignerError."""
        if len(digest) != WORD:
            raise SignerError(f"a digest of {len(digest)} bytes", f"hash it to {WORD}")
        der = await self._worker.run(lambda: self._ask(digest))
        return from_der(der, digest, self.address)

    def close(self) -> None:
        """Close the connections."""
        self._worker.close()
        self._client.close()

    def _ask(self, digest: bytes) -> bytes:
        answer = _called(
            self._client.sign,
            KeyId=self._name,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm=ALGORITHM,
        )
        return _bytes_in(answer, "Signature")

    def __repr__(self) -> str:
        return f"KmsSigner({self.key_id})"


def open_kms(settings: KmsSettings) -> KmsSigner:
    """Return the signer of a key in KMS. Raises ConfigError, SignerError.

    An alias is followed once, here: pointing it to another key later changes nothing.
    """
    client = _client(settings)
    worker = Worker("KMS", timeout_s=settings.timeout_s, threads=settings.threads)
    try:
        answer = worker.run_now(lambda: _called(client.get_public_key, KeyId=settings.key))
        address = _address_in(answer)
        name = answer.get("KeyId")
        return KmsSigner(client, name if isinstance(name, str) else settings.key, address, worker)
    except BaseException:
        worker.close()
        client.close()
        raise


def _client(settings: KmsSettings) -> Any:
    try:
        return boto3.session.Session().client(
            "kms",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            config=Config(
                connect_timeout=settings.connect_timeout_s,
                read_timeout=settings.read_timeout_s,
                retries={"total_max_attempts": settings.attempts, "mode": "standard"},
                max_pool_connections=settings.threads,
                tcp_keepalive=True,
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"no client: {_name(error)}", "check it", field="region") from None


def _called(method: Any, **parameters: Any) -> dict[str, Any]:
    """Return KMS's answer. What AWS says beyond the error's name is left out."""
    try:
        answer = method(**parameters)
    except ClientError as error:
        raise SignerError(f"KMS says {_name(error)}", ADVICE) from None
    except BotoCoreError as error:
        raise SignerError(f"KMS cannot be used: {_name(error)}", ADVICE) from None
    except Exception as error:  # noqa: BLE001 - an answer that is no JSON, or not of its shape
        raise SignerError(f"KMS's answer cannot be read: {_name(error)}", ADVICE) from None
    return dict(answer)


def _address_in(answer: dict[str, Any]) -> Address:
    if answer.get("KeyUsage") != USAGE:
        raise ConfigError("is no key that signs", f"make one of {USAGE}", field="key")
    return address_of_spki(_bytes_in(answer, "PublicKey"))


def _bytes_in(answer: dict[str, Any], name: str) -> bytes:
    value = answer.get(name)
    if not isinstance(value, bytes):
        raise SignerError(f"KMS's answer has no {name}", ADVICE)
    return value


def _name(error: Exception) -> str:
    """Return the error's name as AWS spells it."""
    if isinstance(error, ClientError):
        name = str(error.response.get("Error", {}).get("Code", "an error"))
        return name if name.isalnum() and len(name) <= LONGEST_NAME else "an error"
    return type(error).__name__
