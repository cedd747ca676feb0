"""What both ends hold each other's Hellos to, without a stream."""

import asyncio
from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from clearing.channel.signatures import Signature
from clearing.clearport.errors import PeerLiedError
from clearing.clearport.peers.hello import VersionError, Versions, digest_of
from clearing.clearport.peers.limits import Bucket
from tests.unit.clearport_peers.caller import greeting
from tests.unit.clearport_peers.rig import DOMAIN, Key, pair_of_brokers


class Ends:
    """Low dials high; both have heard each other's nonce."""

    def __init__(self):
        self.low, self.high = pair_of_brokers()
        self.dialling = greeting(self.low, self.high)
        self.accepting = greeting(self.high, self.low)
        self.accepting.meet(self.dialling.unsigned(), echo=b"")
        self.dialling.meet(self.accepting.unsigned(), echo=self.dialling.nonce)

    def answer(self):
        """Return the accepting side's complete Hello."""
        return asyncio.run(self.accepting.signed(self.high.key))

    def judge(self, hello) -> None:
        """Let the dialling side judge a complete Hello."""
        asyncio.run(self.dialling.require_proof(hello, self.low.registry.signer_of))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("protocol", 2),
        ("broker", b"\x03" * 20),
        ("broker", b""),
        ("peer", b"\x02" * 20),
        ("certificate_hash", b"\x00" * 32),
        ("peer_certificate_hash", b"\x00" * 31),
        ("nonce", b"\x00" * 32),
        ("peer_nonce", b"\x00" * 32),
        ("peer_nonce", b""),
        ("chain_id", 1),
        ("adjudicator", b"\x00" * 20),
        ("signature", b""),
        ("signature", b"\x11" * 64),
        ("signature", b"\x00" * 65),
    ],
)
def test_require_proof__one_field_changed__refused_by_its_name(field, value):
    ends = Ends()
    ends.dialling.versions = Versions(1, 2)
    hello = ends.answer()
    honest = getattr(hello, field)

    setattr(hello, field, value)
    with pytest.raises(PeerLiedError) as caught:
        ends.judge(hello)

    assert caught.value.field == field
    setattr(hello, field, honest)
    ends.judge(hello)


def test_require_proof__our_own_hello_sent_back__refused():
    ends = Ends()

    with pytest.raises(PeerLiedError):
        ends.judge(asyncio.run(ends.dialling.signed(ends.low.key)))

    ends.judge(ends.answer())


def test_require_proof__answer_of_another_stream__refused():
    """Who dials is safe from replays as well: the peer must sign the nonce of this stream."""
    ends, before = Ends(), Ends()
    old = before.answer()
    old.nonce = ends.accepting.nonce

    with pytest.raises(PeerLiedError) as caught:
        ends.judge(old)

    assert caught.value.field == "peer_nonce"
    ends.judge(ends.answer())


def test_require_proof__signed_by_another_key__refused():
    ends = Ends()
    hello = asyncio.run(ends.accepting.signed(Key(9)))

    with pytest.raises(PeerLiedError) as caught:
        ends.judge(hello)

    assert caught.value.field == "signature"
    ends.judge(ends.answer())


def test_meet__nonce_of_another_length__refused():
    low, high = pair_of_brokers()
    dialling, accepting = greeting(low, high), greeting(high, low)

    for length in (0, 31, 33):
        hello = dialling.unsigned()
        hello.nonce = bytes(length)
        with pytest.raises(PeerLiedError) as caught:
            accepting.meet(hello, echo=b"")
        assert caught.value.field == "nonce"

    accepting.meet(dialling.unsigned(), echo=b"")
    assert accepting.peer_nonce == dialling.nonce


def test_digest_of__another_implementation__signs_the_same():
    ends = Ends()
    hello = ends.answer()
    wallet = Account.sign_message(
        encode_typed_data(
            {
                "name": "Clearport Peer",
                "version": "1",
                "chainId": 31_337,
                "verifyingContract": "0x" + "ad" * 20,
            },
            {
                "Hello": [
                    {"name": "protocol", "type": "uint32"},
                    {"name": "broker", "type": "address"},
                    {"name": "peer", "type": "address"},
                    {"name": "certificateHash", "type": "bytes32"},
                    {"name": "peerCertificateHash", "type": "bytes32"},
                    {"name": "nonce", "type": "bytes32"},
                    {"name": "peerNonce", "type": "bytes32"},
                ]
            },
            {
                "protocol": 1,
                "broker": "0x" + "02" * 20,
                "peer": "0x" + "01" * 20,
                "certificateHash": ends.high.pair.certificate_hash,
                "peerCertificateHash": ends.low.pair.certificate_hash,
                "nonce": ends.accepting.nonce,
                "peerNonce": ends.dialling.nonce,
            },
        ),
        (2).to_bytes(32, "big"),
    )

    assert Signature.from_expanded(bytes(wallet.signature)).to_bytes() == hello.signature
    assert digest_of(hello, DOMAIN) != digest_of(hello, replace(DOMAIN, chain_id=1))


def test_common__versions__the_lower_highest_or_none():
    assert Versions(1, 3).common(2) == 2
    assert Versions(1, 3).common(3) == 3
    assert Versions(1, 3).common(9) == 3
    for spoken in (0, 1):
        with pytest.raises(VersionError, match="2 to 3"):
            Versions(2, 3).common(spoken)


def test_take__bucket__the_burst_then_the_rate(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("clearing.clearport.peers.limits.time.monotonic", lambda: clock[0])
    bucket = Bucket(10, 5)

    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]
    clock[0] += 0.2
    assert not bucket.take(3)
    assert bucket.take(2)
    assert not bucket.take()
    clock[0] += 60.0
    assert not bucket.take(6)
    assert bucket.take(5)
