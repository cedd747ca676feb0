"""Open the envelope of a call that changes something: signed by the token's key, fresh, for once.

The nonce and the idempotency key are consumed by the desk, in the commit of the call's effect.
"""

from __future__ import annotations

from typing import Final

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature, is_signed_by
from clearing.clearport.api.auth import Gate, Session
from clearing.clearport.errors import RefusedError, UnauthenticatedError
from clearing.clearport.ports import Used
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["CALL_ID_BYTES", "MOST_AHEAD_S", "open_envelope"]

NONCE_BYTES: Final = 32
MOST_AHEAD_S: Final = 60
CALL_ID_BYTES: Final = 32
LONGEST_IDEMPOTENCY_KEY: Final = 128


def open_envelope(envelope: pb.Envelope, method: str, session: Session, gate: Gate) -> Used:
    """Return what the desk consumes: its `result` says which call it was, keccak(method, body).

    The nonce must be remembered until `expires_at`: no envelope with it is taken after that.
    Raises UnauthenticatedError (the signature is not the session's key's over this method, body,
    nonce and expiry) or RefusedError naming the field.
    """
    now = gate.now()
    if len(envelope.nonce) != NONCE_BYTES:
        raise RefusedError(f"is not {NONCE_BYTES} bytes", "draw it at random", field="nonce")
    if envelope.expiry + gate.skew_s <= now:
        raise RefusedError("is past", "sign the call again", field="expiry")
    if envelope.expiry > now + MOST_AHEAD_S + gate.skew_s:
        problem = f"is more than {MOST_AHEAD_S} s ahead"
        raise RefusedError(problem, "sign for less; check the clock", field="expiry")
    signature = Signature.from_expanded(envelope.signature)
    digest = gate.domain.call_digest(method, envelope.body, envelope.nonce, envelope.expiry)
    if signature is None or not is_signed_by(digest, signature, session.subject):
        problem = f"is not the token's key's over this {method}"
        raise UnauthenticatedError(problem, "sign with the key that logged in", field="signature")
    key = envelope.idempotency_key
    if len(key) > LONGEST_IDEMPOTENCY_KEY or not (key.isascii() and (key.isprintable())):
        fix = f"give at most {LONGEST_IDEMPOTENCY_KEY} printable ASCII characters"
        raise RefusedError("cannot be stored", fix, field="idempotency_key")
    return Used(
        subject=session.subject,
        nonce=envelope.nonce,
        expires_at=envelope.expiry + gate.skew_s,
        idempotency_key=key,
        result=keccak256(method.encode() + keccak256(envelope.body)),
    )
