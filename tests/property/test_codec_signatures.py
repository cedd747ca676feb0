"""Signatures are what an independent library makes of them; every other form is refused."""

import pytest
from eth_keys import keys
from hypothesis import given
from hypothesis import strategies as st

from clearing.channel.errors import CodecError
from clearing.channel.signatures import ORDER, LocalSigner, Signature, is_signed_by, recover
from tests.harness.draw import words

SECRETS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


@given(secret=SECRETS, digest=words)
def test_sign__any_key_and_digest__is_what_an_independent_library_signs(
    secret: bytes, digest: bytes
) -> None:
    signer = LocalSigner(secret)
    key = keys.PrivateKey(secret)
    expected = key.sign_msg_hash(digest)

    signature = signer.sign(digest)

    assert signer.address == key.public_key.to_canonical_address()
    assert signature.r == expected.r.to_bytes(32, "big")
    assert signature.vs == (expected.s | expected.v << 255).to_bytes(32, "big")
    assert signature.expanded() == expected.to_bytes()[:64] + bytes([27 + expected.v])
    assert recover(digest, signature) == signer.address


@given(secret=SECRETS, digest=words, bit=st.integers(0, 511))
def test_is_signed_by__any_flipped_bit__refused(secret: bytes, digest: bytes, bit: int) -> None:
    signer = LocalSigner(secret)
    signature = signer.sign(digest)
    assert is_signed_by(digest, signature, signer.address)

    flipped = int.from_bytes(signature.to_bytes(), "big") ^ (1 << bit)
    assert not is_signed_by(
        digest, Signature.from_bytes(flipped.to_bytes(64, "big")), signer.address
    ), "ADJ-17"
    other = (int.from_bytes(digest, "big") ^ (1 << (bit % 256))).to_bytes(32, "big")
    assert not is_signed_by(other, signature, signer.address)


@given(secret=SECRETS, digest=words)
def test_recover__the_other_form_of_a_signature__is_nobody(secret: bytes, digest: bytes) -> None:
    """(r, s) and (r, n - s) with the other parity say the same; only the low s counts."""
    signer = LocalSigner(secret)
    rsv = signer.sign(digest).expanded()
    assert Signature.from_expanded(rsv) == signer.sign(digest)

    high_s = ORDER - int.from_bytes(rsv[32:64], "big")
    mirrored = rsv[:32] + high_s.to_bytes(32, "big") + bytes([27 + 28 - rsv[64]])
    key = keys.Signature(mirrored[:64] + bytes([mirrored[64] - 27]))
    assert key.recover_public_key_from_msg_hash(digest).to_canonical_address() == signer.address

    assert Signature.from_expanded(mirrored) is None
    if high_s < 2**255:
        vs = (high_s | (mirrored[64] - 27) << 255).to_bytes(32, "big")
        assert recover(digest, Signature(rsv[:32], vs)) is None, "ADJ-19"


@given(digest=words, r=words, vs=words)
def test_recover__any_words__answers(digest: bytes, r: bytes, vs: bytes) -> None:
    address = recover(digest, Signature(r, vs))

    assert address is None or len(address) == 20


@pytest.mark.parametrize("r", [0, ORDER, ORDER + 1, 2**256 - 1, 5])
def test_recover__r_on_no_point__is_nobody(r: int) -> None:
    signature = LocalSigner(b"\x01" * 32).sign(bytes(32))

    assert recover(bytes(32), Signature(r.to_bytes(32, "big"), signature.vs)) is None


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_from_expanded__another_v__is_nobody(v: int) -> None:
    rsv = LocalSigner(b"\x01" * 32).sign(bytes(32)).expanded()
    assert Signature.from_expanded(rsv) is not None

    assert Signature.from_expanded(rsv[:64] + bytes([v])) is None
    assert Signature.from_expanded(rsv[:64]) is None


def test_signature__words_of_another_size__name_the_field() -> None:
    Signature(bytes(32), bytes(32))

    with pytest.raises(CodecError, match="r: want bytes32"):
        Signature(bytes(31), bytes(32))
    with pytest.raises(CodecError, match="vs: want bytes32"):
        Signature.from_bytes(bytes(65))
    with pytest.raises(CodecError, match="digest: want bytes32"):
        recover(bytes(31), Signature(bytes(32), bytes(32)))


@pytest.mark.parametrize("secret", [bytes(32), ORDER.to_bytes(32, "big"), b"\x01" * 31])
def test_local_signer__no_key__is_refused(secret: bytes) -> None:
    LocalSigner(b"\x01" * 32)

    with pytest.raises(ValueError, match=r"."):
        LocalSigner(secret)


def test_local_signer__shown__keeps_its_key() -> None:
    secret = b"\x5a" * 32

    shown = repr(LocalSigner(secret)) + str(LocalSigner(secret))

    assert secret.hex() not in shown
    assert str(secret) not in shown
