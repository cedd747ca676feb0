"""A peer's card: where its daemon listens, which certificate it shows, signed by its signer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from clearing.channel.signatures import Signature
from clearing.clearport.errors import PeerLiedError
from clearing.clearport.peers.endpoint import Endpoint
from clearing.clearport.peers.tls import der_of, parse_certificate, pem_of
from clearing.clearport.peers.typed import DigestSigner, Domain, SignerOf, require_signature
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = [
    "PeerRecord",
    "SignedRecord",
    "read_record",
    "require_current",
    "require_record",
    "sign_record",
]

UINT64: Final = (1 << 64) - 1
MAX_JSON: Final = 16_384
MAX_NAME: Final = 64
COMPACT: Final = 64
EXPANDED: Final = 65
FIELDS: Final = (
    ("address", "broker"),
    ("string", "endpoint"),
    ("bytes32", "certificateHash"),
    ("uint64", "seq"),
    ("uint64", "validUntil"),
    ("string", "name"),
)
KEYS: Final = ("broker", "endpoint", "certificate", "seq", "validUntil", "name", "signature")


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """What a broker says of its daemon. `certificate` is DER; `valid_until` in Unix seconds.

    A record with a higher `seq` replaces one with a lower.
    """

    broker: Address
    endpoint: Endpoint
    certificate: bytes
    seq: int
    valid_until: int
    name: str

    @property
    def certificate_hash(self) -> bytes:
        """Sha256 of the certificate's DER."""
        return sha256(self.certificate).digest()

    def digest(self, domain: Domain) -> bytes:
        """Return the 32 bytes that the broker's signer signs."""
        return domain.digest(
            "PeerRecord",
            FIELDS,
            {
                "broker": "0x" + self.broker.hex(),
                "endpoint": str(self.endpoint),
                "certificateHash": self.certificate_hash,
                "seq": self.seq,
                "validUntil": self.valid_until,
                "name": self.name,
            },
        )


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record with the signature of its broker's signer."""

    record: PeerRecord
    signature: Signature

    def to_json(self) -> str:
        """Spell it as `read_record` reads it."""
        record = self.record
        return json.dumps(
            {
                "broker": "0x" + record.broker.hex(),
                "endpoint": str(record.endpoint),
                "certificate": pem_of(record.certificate).decode("ascii"),
                "seq": record.seq,
                "validUntil": record.valid_until,
                "name": record.name,
                "signature": "0x" + self.signature.to_bytes().hex(),
            },
            indent=2,
        )


async def sign_record(record: PeerRecord, domain: Domain, signer: DigestSigner) -> SignedRecord:
    """Return our own record, signed. Raises SignerError, PeerLiedError (nobody would take it)."""
    _require_sound(record)
    return SignedRecord(record, await signer.sign(record.digest(domain)))


def read_record(text: str) -> SignedRecord:
    """Return the record that a JSON text spells. Raises PeerLiedError with the field's name."""
    fields = _object(text)
    record = PeerRecord(
        Address(_hex(fields, "broker", (ADDRESS_BYTES,))),
        _endpoint(fields),
        _certificate(fields),
        _uint64(fields, "seq"),
        _uint64(fields, "validUntil"),
        _text(fields, "name"),
    )
    _require_sound(record)
    return SignedRecord(record, _signature(_hex(fields, "signature", (COMPACT, EXPANDED))))


async def require_record(
    signed: SignedRecord, domain: Domain, signer_of: SignerOf, *, now: int
) -> None:
    """Require that the record is sound, of now and its broker's own. Raises PeerLiedError."""
    record = signed.record
    _require_sound(record)
    require_current(record, now)
    await require_signature(record.digest(domain), signed.signature, record.broker, signer_of)


def require_current(record: PeerRecord, now: int) -> None:
    """Require that the record's time has not run out. Raises PeerLiedError."""
    if now > record.valid_until:
        raise PeerLiedError(
            f"the record ended at {record.valid_until}, it is {now}",
            "ask the peer for a newer one",
            field="validUntil",
        )


def _require_sound(record: PeerRecord) -> None:
    if not record.name.isprintable() or len(record.name) > MAX_NAME:
        raise _lie("name", f"want up to {MAX_NAME} printable characters")
    if record.seq < 1:
        raise _lie("seq", "the first is 1")
    try:
        parse_certificate(record.certificate)
    except ValueError as error:
        raise _lie("certificate", str(error)) from error


def _object(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_JSON:
        raise _lie("record", f"a record has at most {MAX_JSON} characters")
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _lie("record", f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _lie("record", "want a JSON object")
    for key in (*KEYS, *found):
        if key not in found:
            raise _lie(key, "missing")
        if key not in KEYS:
            raise _lie(key, "no such field")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _lie(key, "said twice")
        found[key] = value
    return found


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise _lie(key, "want a text")
    return value


def _hex(fields: Mapping[str, Any], key: str, sizes: tuple[int, ...]) -> bytes:
    text = _text(fields, key)
    try:
        value = bytes.fromhex(text[2:])
    except ValueError:
        value = b""
    if len(value) not in sizes or text != "0x" + value.hex():
        wanted = " or ".join(map(str, sizes))
        raise _lie(key, f"want 0x and {wanted} bytes in lower-case hex")
    return value


def _uint64(fields: Mapping[str, Any], key: str) -> int:
    value = fields[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= UINT64:
        raise _lie(key, "want an integer from 0 to 2^64 - 1")
    return value


def _endpoint(fields: Mapping[str, Any]) -> Endpoint:
    text = _text(fields, "endpoint")
    try:
        return Endpoint.parse(text)
    except ValueError as error:
        raise _lie("endpoint", str(error)) from error


def _certificate(fields: Mapping[str, Any]) -> bytes:
    text = _text(fields, "certificate")
    try:
        return der_of(text.encode("ascii"))
    except ValueError as error:
        raise _lie("certificate", str(error)) from error


def _signature(raw: bytes) -> Signature:
    if len(raw) == COMPACT:
        return Signature.from_bytes(raw)
    signature = Signature.from_expanded(raw)
    if signature is None:
        raise _lie("signature", "want low s and v of 27 or 28")
    return signature


def _lie(field: str, problem: str) -> PeerLiedError:
    return PeerLiedError(problem, "ask the peer for its record again", field=field)
