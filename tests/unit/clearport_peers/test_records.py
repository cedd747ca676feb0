"""A peer's record: its one spelling, its signature, what may not stand in it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from eth_account import Account
from eth_account.messages import encode_typed_data

from clearing.channel.signatures import Signature
from clearing.clearport.errors import PeerLiedError
from clearing.clearport.peers.records import read_record, require_record
from clearing.clearport.peers.tls import pem_of
from clearing.clearport.peers.typed import Domain
from tests.unit.clearport_peers.rig import DOMAIN, NOW, Key, pair_of, pair_of_brokers

HONEST = x509.load_der_x509_certificate(pair_of("low").certificate)


def signed(**changes):
    low, _ = pair_of_brokers()
    return low, asyncio.run(low.record(**changes))


def judge(record, low, *, domain=DOMAIN, now=NOW) -> None:
    asyncio.run(require_record(record, domain, low.registry.signer_of, now=now))


def certificate(subject: str = "", *, is_authority=False, name="clearport", of=None):
    """Return a certificate (DER) with something in it that may be wrong.

    With `of`, it has that certificate's subject and public key, and is signed by another key.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key() if of is None else of.public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    named = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, subject or sha256(spki).hexdigest())]
    )
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(key, SHA256())
        .public_bytes(Encoding.DER)
    )


def test_read_record__what_to_json_wrote__the_same_record():
    low, record = signed()

    assert read_record(record.to_json()) == record
    judge(record, low)


def test_read_record__signature_of_65_bytes__the_same_record():
    _, record = signed()
    fields = json.loads(record.to_json())
    fields["signature"] = "0x" + record.signature.expanded().hex()

    assert read_record(json.dumps(fields)) == record


def test_digest__another_implementation__signs_the_same():
    low, record = signed()
    body = record.record
    wallet = Account.sign_message(
        encode_typed_data(
            {
                "name": "Clearport Peer",
                "version": "1",
                "chainId": 31_337,
                "verifyingContract": "0x" + "ad" * 20,
            },
            {
                "PeerRecord": [
                    {"name": "broker", "type": "address"},
                    {"name": "endpoint", "type": "string"},
                    {"name": "certificateHash", "type": "bytes32"},
                    {"name": "seq", "type": "uint64"},
                    {"name": "validUntil", "type": "uint64"},
                    {"name": "name", "type": "string"},
                ]
            },
            {
                "broker": "0x" + "01" * 20,
                "endpoint": f"127.0.0.1:{low.port}",
                "certificateHash": body.certificate_hash,
                "seq": 1,
                "validUntil": NOW + 1000,
                "name": "low",
            },
        ),
        (1).to_bytes(32, "big"),
    )

    assert Signature.from_expanded(bytes(wallet.signature)) == record.signature


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("broker", "0x01"),
        ("broker", "0x" + "AB" * 20),
        ("broker", "01" * 20),
        ("broker", 1),
        ("endpoint", "127.0.0.1"),
        ("endpoint", "127.0.0.1:0"),
        ("endpoint", "127.0.0.1:65536"),
        ("endpoint", "127.0.0.1:0443"),
        ("endpoint", "a b:443"),
        ("endpoint", "::1:443"),
        ("endpoint", "-x:443"),
        ("endpoint", ""),
        ("certificate", "no PEM"),
        ("certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("certificate", "é"),
        pytest.param(
            "certificate", pair_of("low").certificate_pem.decode() * 2, id="certificate-two"
        ),
        ("certificate", None),
        ("seq", 0),
        ("seq", -1),
        ("seq", "1"),
        ("seq", True),
        ("seq", 1.0),
        ("seq", 1 << 64),
        ("validUntil", None),
        ("validUntil", 1 << 64),
        ("name", "x" * 65),
        ("name", "two\nlines"),
        ("name", 5),
        ("signature", "0x"),
        ("signature", "0x" + "00" * 63),
        ("signature", "0x" + "00" * 66),
        ("signature", "0x" + "00" * 64 + "02"),
    ],
)
def test_read_record__field_that_is_wrong__refused_by_its_name(field, value):
    _, record = signed()
    fields = json.loads(record.to_json())

    with pytest.raises(PeerLiedError) as caught:
        read_record(json.dumps({**fields, field: value}))

    assert caught.value.field == field
    assert read_record(json.dumps(fields)) == record


@pytest.mark.parametrize("field", ["broker", "endpoint", "certificate", "seq", "name", "signature"])
def test_read_record__field_missing_or_twice__refused_by_its_name(field):
    _, record = signed()
    text = record.to_json()
    fields = json.loads(text)
    value = json.dumps(fields.pop(field))

    for wrong in (json.dumps(fields), text.replace("{", f'{{"{field}": {value},', 1)):
        with pytest.raises(PeerLiedError) as caught:
            read_record(wrong)
        assert caught.value.field == field
    assert read_record(text) == record


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 10_000, '{"seq": ' + "9" * 9999 + "}"]
)
def test_read_record__no_object__refused(text):
    with pytest.raises(PeerLiedError) as caught:
        read_record(text)

    assert caught.value.field == "record"


def test_read_record__field_nobody_knows__refused_by_its_name():
    _, record = signed()
    fields = json.loads(record.to_json())

    with pytest.raises(PeerLiedError) as caught:
        read_record(json.dumps({**fields, "comment": ""}))

    assert caught.value.field == "comment"


@pytest.mark.parametrize(
    ("der", "why"),
    [
        (certificate("clearport"), "subject"),
        (certificate(of=HONEST), "not signed by its own key"),
        (certificate(is_authority=True), "authority"),
        (certificate(name="broker.example"), "not for 'clearport'"),
    ],
    ids=["any subject", "another's key and subject", "authority", "another name"],
)
def test_read_record__certificate_that_may_hide_another__refused(der, why):
    _, record = signed()
    fields = json.loads(record.to_json())

    with pytest.raises(PeerLiedError, match=why) as caught:
        read_record(json.dumps({**fields, "certificate": pem_of(der).decode()}))

    assert caught.value.field == "certificate"
    good = certificate()
    read = read_record(json.dumps({**fields, "certificate": pem_of(good).decode()}))
    assert read.record.certificate == good


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 2},
        {"valid_until": NOW + 1001},
        {"name": "another"},
        {"certificate": pair_of("another").certificate},
    ],
)
def test_require_record__changed_after_signing__refused_for_signature(changes):
    low, record = signed()

    with pytest.raises(PeerLiedError) as caught:
        judge(replace(record, record=replace(record.record, **changes)), low)

    assert caught.value.field == "signature"
    judge(record, low)


def test_require_record__another_domain_or_signer__refused_for_signature():
    low, record = signed()

    for domain in (Domain(1, DOMAIN.adjudicator), Domain(DOMAIN.chain_id, low.address)):
        with pytest.raises(PeerLiedError, match="signature"):
            judge(record, low, domain=domain)
    judge(record, low)
    low.registry.signers[low.address] = Key(77).address
    with pytest.raises(PeerLiedError, match="signature"):
        judge(record, low)


def test_require_record__run_out__refused_a_second_after():
    low, record = signed()

    judge(record, low, now=NOW + 1000)
    with pytest.raises(PeerLiedError) as caught:
        judge(record, low, now=NOW + 1001)

    assert caught.value.field == "validUntil"
