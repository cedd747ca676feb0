"""AWS KMS: what comes back is checked, what goes wrong is told in time."""

import asyncio
import base64
import time

import pytest
from coincurve import PrivateKey

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import HIGHEST_LOW_S, PARITY, LocalSigner, recover
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.kms import open_kms
from tests.harness.kms_double import KEY_ARN, SPKI, KmsDouble, Trouble, der_of
from tests.unit.clearport_signer.stage import ADDRESS, DIGEST, KEY, OTHER_KEY, signed

THROTTLED = Trouble(status=400, error="ThrottlingException")


def test_sign_digest__either_s_from_aws__is_what_the_key_in_memory_signs(kms, kms_signer):
    digests = [keccak256(bytes([number])) for number in range(20)]

    signatures = [signed(kms_signer, digest) for digest in digests]

    assert (kms_signer.address, kms_signer.key_id) == (ADDRESS, f"0x{ADDRESS.hex()}")
    assert signatures == [LocalSigner(KEY).sign(digest) for digest in digests]
    assert all(int.from_bytes(one.vs, "big") % PARITY <= HIGHEST_LOW_S for one in signatures)
    assert (kms.asked, kms.unsigned) == (["GetPublicKey"] + ["Sign"] * 20, 0)


def test_sign_digest__many_at_once__all_are_signed(kms_signer):
    digests = [keccak256(bytes([number])) for number in range(30)]

    async def all_signed():
        return await asyncio.gather(*map(kms_signer.sign_digest, digests))

    assert asyncio.run(all_signed()) == [LocalSigner(KEY).sign(digest) for digest in digests]


def test_sign_digest__not_32_bytes__is_not_sent(kms, kms_signer):
    with pytest.raises(SignerError, match="a digest of 0 bytes"):
        signed(kms_signer, b"")
    assert kms.asked == ["GetPublicKey"]


def test_sign_digest__throttled__is_tried_as_often_as_set_and_no_more(kms, kms_signer):
    kms.troubles.append(THROTTLED)
    assert recover(DIGEST, signed(kms_signer)) == ADDRESS
    assert kms.asked.count("Sign") == 2

    kms.troubles.extend([THROTTLED] * 2)
    with pytest.raises(SignerError, match="KMS says ThrottlingException"):
        signed(kms_signer)
    assert kms.asked.count("Sign") == 4


@pytest.mark.parametrize(
    "error", ["AccessDeniedException", "DisabledException", "KMSInvalidStateException"]
)
def test_sign_digest__aws_declines__is_told_by_name_alone(kms, kms_signer, error):
    kms.troubles.append(Trouble(status=400, error=error))

    with pytest.raises(SignerError, match=f"^KMS says {error}: check") as refusal:
        signed(kms_signer)
    assert "as told" not in str(refusal.value)
    assert recover(DIGEST, signed(kms_signer)) == ADDRESS


def test_sign_digest__no_answer__ends_in_time(kms, kms_settings):
    signer = open_kms(kms_settings(read_timeout_s=2, timeout_s=20))
    assert recover(DIGEST, signed(signer)) == ADDRESS
    kms.troubles.extend([Trouble(late_s=5)] * 2)
    start = time.monotonic()

    with pytest.raises(SignerError, match="KMS cannot be used: ReadTimeoutError"):
        signed(signer)

    assert time.monotonic() - start < 15
    assert kms.asked.count("Sign") == 3
    signer.close()


def test_sign_digest__slower_than_the_whole_wait__ends_in_time(kms, kms_settings):
    signer = open_kms(kms_settings(timeout_s=2, read_timeout_s=10))
    kms.troubles.append(Trouble(late_s=4))

    with pytest.raises(SignerError, match=r"the KMS did not answer within 2 s"):
        signed(signer)

    assert recover(DIGEST, signed(signer)) == ADDRESS
    signer.close()


def test_sign_digest__nobody_there__is_refused(aws, kms_settings):
    with KmsDouble(KEY) as gone:
        signer = open_kms(kms_settings(endpoint_url=gone.url))
        assert recover(DIGEST, signed(signer)) == ADDRESS
    signer._client._endpoint.http_session.close()  # kept alive, it would still be answered

    with pytest.raises(SignerError, match="KMS cannot be used: EndpointConnectionError"):
        signed(signer)
    signer.close()


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(body=b"\x00\xffgarbage"),
        Trouble(body=b"{"),
        Trouble(body=b"[]"),
        Trouble(body=b"{}"),
        Trouble(body=b'{"Signature": 5}'),
        Trouble(body=b'{"Signature": "not base64 !"}'),
        Trouble(fields={"Signature": ""}),
        Trouble(fields={"Signature": "AAAA"}),
        Trouble(status=500, body=b"<html>"),
    ],
    ids=lambda trouble: repr(trouble.body or trouble.fields),
)
def test_sign_digest__garbage__is_refused(kms, kms_signer, trouble):
    assert recover(DIGEST, signed(kms_signer)) == ADDRESS
    kms.troubles.extend([trouble] * 2)

    with pytest.raises(SignerError):
        signed(kms_signer)


def test_sign_digest__another_keys_signature__is_refused(kms, kms_signer):
    with KmsDouble(OTHER_KEY) as other:
        kms._key = other._key

    with pytest.raises(SignerError, match="a signature that is not the key's"):
        signed(kms_signer)


def test_sign_digest__a_message_hashed_once_more__would_be_noticed(kms, kms_signer, monkeypatch):
    """MessageType RAW hashes what is already a digest: such a signature is nobody's."""
    method = kms_signer._client.sign
    monkeypatch.setattr(
        kms_signer._client, "sign", lambda **what: method(**{**what, "MessageType": "RAW"})
    )

    with pytest.raises(SignerError, match="a signature that is not the key's"):
        signed(kms_signer)


def test_open_kms__an_alias__is_followed_once(kms, kms_settings):
    signer = open_kms(kms_settings(key="alias/state-signer"))

    assert signer._name == KEY_ARN
    assert recover(DIGEST, signed(signer)) == ADDRESS
    signer.close()


def test_open_kms__credentials_missing__is_refused(kms, kms_settings, monkeypatch):
    open_kms(kms_settings()).close()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    with pytest.raises(SignerError, match=r"KMS cannot be used: .*Credentials"):
        open_kms(kms_settings())
    assert kms.asked == ["GetPublicKey"]


def test_open_kms__no_such_key__is_refused(kms_settings):
    with pytest.raises(SignerError, match="KMS says NotFoundException"):
        open_kms(kms_settings(key="alias/nobody"))


def test_open_kms__a_key_for_something_else__is_refused(kms, kms_settings):
    kms.usage = "KEY_AGREEMENT"

    with pytest.raises(ConfigError, match="key: is no key that signs"):
        open_kms(kms_settings())


@pytest.mark.parametrize(
    ("der", "problem"),
    [
        (b"", "not of secp256k1"),
        (SPKI.replace(b"\x2b\x81\x04\x00\x0a", b"\x2b\x81\x04\x00\x23") + b"\x04" * 65, "not of"),
        (SPKI, "no uncompressed point"),
        (SPKI + b"\x04" * 65, "not on secp256k1"),
        (SPKI + b"\x02" + b"\x04" * 64, "no uncompressed point"),
        (SPKI + b"\x04" * 66, "no uncompressed point"),
    ],
)
def test_open_kms__a_public_key_of_another_kind__is_refused(kms, kms_settings, der, problem):
    kms.troubles.append(Trouble(fields={"PublicKey": base64.b64encode(der).decode()}))

    with pytest.raises(SignerError, match=problem):
        open_kms(kms_settings())
    open_kms(kms_settings()).close()


def test_double__the_numbers_of_a_der__are_as_openssl_spells_them():
    """The double's DER is the library's, so the tests above rest on real spellings."""
    der = PrivateKey(KEY).sign(DIGEST, hasher=None)
    signature = LocalSigner(KEY).sign(DIGEST).expanded()
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    assert der_of(r, s) == der


def test_double__a_request_that_is_not_signed__is_refused(kms):
    assert kms.answer("Sign", "", b"{}")[0] == 400
    assert kms.unsigned == 1
