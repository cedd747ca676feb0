"""Make and pin certificates: TLS proves that the peer has the key of the one in its record.

No authority is trusted. Towards a peer its certificate is the only root; at our own door the
certificates of all peers are, and the one shown is then looked up by its hash. A pinned certificate
may not be an authority, so nothing that its key signs is accepted in its place. TLS looks a root up
by its subject, so a subject is its public key's hash: nobody can make one that hides another's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clearing.clearport.errors import ConfigError

__all__ = [
    "SERVER_NAME",
    "KeyPair",
    "channel_credentials",
    "der_of",
    "load_pair",
    "make_pair",
    "parse_certificate",
    "pem_of",
    "save_pair",
    "server_configuration",
]

SERVER_NAME: Final = "clearport"
"""The name that every peer's certificate carries; which one it is, only the pin tells."""
DAYS: Final = 10 * 365
CLOCK_SKEW: Final = timedelta(days=1)
OWNER_ONLY: Final = 0o600
ALL_READ: Final = 0o644
OTHERS: Final = 0o077
MAX_PEM: Final = 8192


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Our certificate and its private key, PEM; the key is in no repr."""

    certificate_pem: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        """Name the certificate alone."""
        return f"KeyPair(certificate_hash={self.certificate_hash.hex()})"

    @property
    def certificate(self) -> bytes:
        """The certificate's DER."""
        return der_of(self.certificate_pem)

    @property
    def certificate_hash(self) -> bytes:
        """Sha256 of the certificate's DER."""
        return sha256(self.certificate).digest()


def make_pair(host: str, *, days: int = DAYS) -> KeyPair:
    """Return a new self-signed certificate (EC P-256) for a host, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject_of(key.public_key())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME), _alternative(host)]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .sign(key, SHA256())
    )
    return KeyPair(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def save_pair(pair: KeyPair, certificate: Path, key: Path) -> None:
    """Write both files, the key for its owner's eyes alone. Raises ConfigError if one is there."""
    files = ((key, pair.key_pem, OWNER_ONLY), (certificate, pair.certificate_pem, ALL_READ))
    for path, pem, mode in files:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise ConfigError(
                f"cannot write {path}: {error.strerror}", "choose another", field="tls"
            ) from error
        with os.fdopen(handle, "wb") as file:
            file.write(pem)


def load_pair(certificate: Path, key: Path) -> KeyPair:
    """Read both files. Raises ConfigError, also for a key that others may read."""
    try:
        if key.stat().st_mode & OTHERS:
            raise ConfigError(f"others may read {key}", f"chmod 600 {key}", field="tls.key")
        pair = KeyPair(certificate.read_bytes(), key.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"cannot read {error.filename}: {error.strerror}", "check the path", field="tls"
        ) from error
    try:
        certificate_key = parse_certificate(pair.certificate).public_key()
    except ValueError as error:
        raise ConfigError(str(error), "make one anew", field="tls.certificate") from error
    try:
        own_key = load_pem_private_key(pair.key_pem, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("no private key", "make one anew", field="tls.key") from error
    if own_key != certificate_key:
        raise ConfigError("not the certificate's key", "make both anew", field="tls.key")
    return pair


def parse_certificate(der: bytes) -> x509.Certificate:
    """Return the certificate if it may be pinned. Raises ValueError, saying why not."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        raise ValueError(f"the certificate's extensions are no good: {error}") from error
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise ValueError("the certificate is not signed by its own key") from error
    if certificate.subject != _subject_of(certificate.public_key()):
        raise ValueError("the certificate's subject is not CN = sha256(public key)")
    if limits.ca:
        raise ValueError("the certificate is an authority's")
    if SERVER_NAME not in names.get_values_for_type(x509.DNSName):
        raise ValueError(f"the certificate is not for {SERVER_NAME!r}")
    return certificate


def der_of(pem: bytes) -> bytes:
    """Return the DER of the one certificate of a PEM text. Raises ValueError."""
    if len(pem) > MAX_PEM:
        raise ValueError(f"a certificate has at most {MAX_PEM} bytes")
    certificates = x509.load_pem_x509_certificates(pem)
    if len(certificates) != 1:
        raise ValueError(f"want one certificate, have {len(certificates)}")
    return certificates[0].public_bytes(Encoding.DER)


def pem_of(der: bytes) -> bytes:
    """Return a certificate's PEM, in the one spelling that records have. Raises ValueError."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def channel_credentials(own: KeyPair, peer_certificate: bytes) -> grpc.ChannelCredentials:
    """Return what dials a peer: its certificate (DER) is the only root, ours is shown."""
    return grpc.ssl_channel_credentials(
        root_certificates=pem_of(peer_certificate),
        private_key=own.key_pem,
        certificate_chain=own.certificate_pem,
    )


def server_configuration(
    own: KeyPair, peer_certificates: Iterable[bytes]
) -> grpc.ServerCertificateConfiguration:
    """Return whom the door opens to: the holders of these certificates (DER).

    Ours is among the roots, since gRPC wants at least one; it belongs to no peer and is refused.
    """
    roots = [own.certificate_pem, *(pem_of(der) for der in peer_certificates)]
    return grpc.ssl_server_certificate_configuration(
        [(own.key_pem, own.certificate_pem)], root_certificates=b"".join(roots)
    )


def _subject_of(key: CertificatePublicKeyTypes) -> x509.Name:
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, sha256(spki).hexdigest())])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
