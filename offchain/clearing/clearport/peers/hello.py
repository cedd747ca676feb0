"""Judge a Hello: it binds brokers, certificates, nonces, chain and Adjudicator to one stream.

A nonce is 32 random bytes of its sender, made for one stream: a Hello that repeats another stream's
is refused, since `peer_nonce` is not the one that was sent here.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final

from clearing.channel.signatures import Signature
from clearing.clearport.errors import PeerLiedError
from clearing.clearport.peers.typed import DigestSigner, Domain, SignerOf, require_signature
from clearing.peer.v1 import peer_pb2
from clearing.spec.units import Address

__all__ = ["NONCE", "Greeting", "Side", "VersionError", "Versions"]

NONCE: Final = 32
SIGNATURE: Final = 64
FIELDS: Final = (
    ("uint32", "protocol"),
    ("address", "broker"),
    ("address", "peer"),
    ("bytes32", "certificateHash"),
    ("bytes32", "peerCertificateHash"),
    ("bytes32", "nonce"),
    ("bytes32", "peerNonce"),
)


class VersionError(PeerLiedError):
    """Say that there is no version of the protocol that both speak."""

    code = "PEER_VERSION"


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of the protocol that a daemon speaks, without gaps."""

    lowest: int = 1
    highest: int = 1

    def common(self, peer_highest: int) -> int:
        """Return the lower of both sides' highest. Raises VersionError if that is below ours."""
        spoken = min(self.highest, peer_highest)
        if spoken < self.lowest:
            raise VersionError(
                f"the peer speaks up to {peer_highest}, we speak {self.lowest} to {self.highest}",
                "update the older daemon",
                field="protocol",
            )
        return spoken


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a stream: the broker and the sha256 of its certificate."""

    broker: Address
    certificate_hash: bytes


@dataclass(slots=True)
class Greeting:
    """One stream's Hellos, from one end. `peer_nonce` is empty until the peer has sent it."""

    domain: Domain
    own: Side
    peer: Side
    versions: Versions
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(NONCE))
    peer_nonce: bytes = b""
    protocol: int = 0

    def unsigned(self) -> peer_pb2.Hello:
        """Return our Hello with what is known by now."""
        return peer_pb2.Hello(
            protocol=self.versions.highest,
            broker=self.own.broker,
            peer=self.peer.broker,
            certificate_hash=self.own.certificate_hash,
            peer_certificate_hash=self.peer.certificate_hash,
            nonce=self.nonce,
            peer_nonce=self.peer_nonce,
            chain_id=self.domain.chain_id,
            adjudicator=self.domain.adjudicator,
        )

    async def signed(self, signer: DigestSigner) -> peer_pb2.Hello:
        """Return our complete Hello. Raises SignerError."""
        hello = self.unsigned()
        hello.signature = (await signer.sign(digest_of(hello, self.domain))).to_bytes()
        return hello

    def meet(self, hello: peer_pb2.Hello, *, echo: bytes) -> None:
        """Take the peer's nonce and version from its first Hello. Raises PeerLiedError.

        `echo` is the nonce that it must repeat: ours, or nothing if it speaks first.
        """
        if len(hello.nonce) != NONCE:
            raise _lie("nonce", f"{len(hello.nonce)} bytes", f"send {NONCE}")
        self._require_bound(hello, echo)
        self.protocol = self.versions.common(hello.protocol)
        self.peer_nonce = hello.nonce

    async def require_proof(self, hello: peer_pb2.Hello, signer_of: SignerOf) -> None:
        """Require the peer's complete Hello, signed by its signer of now. Raises PeerLiedError."""
        if hello.nonce != self.peer_nonce:
            raise _lie("nonce", "another than in the first Hello", "send the same")
        self._require_bound(hello, self.nonce)
        if self.versions.common(hello.protocol) != self.protocol:
            raise _lie("protocol", "another than in the first Hello", "send the same")
        if len(hello.signature) != SIGNATURE:
            raise _lie("signature", f"{len(hello.signature)} bytes", f"send {SIGNATURE}")
        signature = Signature.from_bytes(hello.signature)
        await require_signature(
            digest_of(hello, self.domain), signature, self.peer.broker, signer_of
        )

    def _require_bound(self, hello: peer_pb2.Hello, echo: bytes) -> None:
        for name, have, want in (
            ("broker", hello.broker, self.peer.broker),
            ("peer", hello.peer, self.own.broker),
            ("certificate_hash", hello.certificate_hash, self.peer.certificate_hash),
            ("peer_certificate_hash", hello.peer_certificate_hash, self.own.certificate_hash),
            ("adjudicator", hello.adjudicator, self.domain.adjudicator),
            ("peer_nonce", hello.peer_nonce, echo),
        ):
            if have != want:
                raise _lie(name, f"0x{have[:NONCE].hex()}", f"we want 0x{want.hex()}")
        if hello.chain_id != self.domain.chain_id:
            raise _lie("chain_id", str(hello.chain_id), f"we want {self.domain.chain_id}")


def digest_of(hello: peer_pb2.Hello, domain: Domain) -> bytes:
    """Return the 32 bytes that a complete Hello's sender signs. Lengths are checked before."""
    return domain.digest(
        "Hello",
        FIELDS,
        {
            "protocol": hello.protocol,
            "broker": "0x" + hello.broker.hex(),
            "peer": "0x" + hello.peer.hex(),
            "certificateHash": hello.certificate_hash,
            "peerCertificateHash": hello.peer_certificate_hash,
            "nonce": hello.nonce,
            "peerNonce": hello.peer_nonce,
        },
    )


def _lie(name: str, problem: str, fix: str) -> PeerLiedError:
    return PeerLiedError(problem, fix, field=name)
