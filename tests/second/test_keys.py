"""Signatures and hashes, by libraries that share no code with ours.

Ours are coincurve (C) and pysha3 (C). Here: eth_keys' pure Python, the cryptography package
(OpenSSL), and pycryptodome. Also what the contracts' ecrecover makes of the same bytes.
"""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth_keys import KeyAPI
from eth_keys.backends import NativeECCBackend
from eth_keys.exceptions import BadSignature, ValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import ORDER, LocalSigner, Signature, recover
from tests.harness.draw import words
from tests.harness.revm import Revm, address_of, text_of
from tests.second.effort import SOME
from tests.second.plain_eip712 import keccak_plain
from tests.second.pyevm import Block, PyEvm

PURE = KeyAPI(NativeECCBackend())
HALF = ORDER // 2
EDGES = (0, 1, 2, HALF - 1, HALF, HALF + 1, ORDER - 1, ORDER, ORDER + 1, 2**255 - 1, 2**256 - 1)
NUMBERS = st.sampled_from(EDGES) | st.integers(0, 2**256 - 1)
ON_CURVE = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
"""The x of the curve's generator."""
SECRETS = st.sampled_from((1, 2, HALF, ORDER - 2, ORDER - 1)) | st.integers(1, ORDER - 1)


def word(number):
    return number.to_bytes(32, "big")


def pure_recovery(digest, r, s, parity):
    """Return whom pure Python says has signed; None for nobody. A high s counts for nobody."""
    if not (0 < r < ORDER and 0 < s <= HALF):
        return None
    try:
        signature = PURE.Signature(vrs=(parity, r, s))
        return signature.recover_public_key_from_msg_hash(digest).to_canonical_address()
    except (BadSignature, ValidationError, ValueError):
        return None


@SOME
@given(data=st.binary(max_size=400))
@example(data=b"")
@example(data=bytes(135))
@example(data=bytes(136))
@example(data=bytes(137))
@example(data=b"\xff" * 272)
def test_keccak__any_bytes__is_what_pycryptodome_says(data):
    assert keccak256(data) == keccak_plain(data)


@SOME
@given(secret=SECRETS, digest=words)
@example(secret=1, digest=bytes(32))
@example(secret=ORDER - 1, digest=b"\xff" * 32)
def test_sign__any_key__verifies_by_openssl_and_is_pure_pythons(secret, digest):
    signature = LocalSigner(word(secret)).sign(digest)
    r, vs = (int.from_bytes(each, "big") for each in (signature.r, signature.vs))
    s, parity = vs & 2**255 - 1, vs >> 255

    key = ec.derive_private_key(secret, ec.SECP256K1())
    # raises InvalidSignature; SHA-256 only says that 32 bytes are hashed already
    key.public_key().verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
    assert 0 < s <= HALF, "a low s"
    assert PURE.PrivateKey(word(secret)).sign_msg_hash(digest).vrs == (parity, r, s)
    numbers = key.public_key().public_numbers()
    assert LocalSigner(word(secret)).address == keccak_plain(word(numbers.x) + word(numbers.y))[12:]


@SOME
@given(digest=words, r=NUMBERS, s=NUMBERS, parity=st.integers(0, 1))
@example(digest=bytes(32), r=ON_CURVE, s=HALF, parity=0)
@example(digest=bytes(32), r=ON_CURVE, s=HALF + 1, parity=0)
@example(digest=bytes(32), r=ON_CURVE, s=2**255 - 1, parity=1)
def test_recover__any_numbers__is_whom_pure_python_says(digest, r, s, parity):
    vs = (s & 2**255 - 1) | parity << 255

    found = recover(digest, Signature(word(r), word(vs)))

    assert found == pure_recovery(digest, r, s & 2**255 - 1, parity), "ADJ-19"


@SOME
@given(secret=SECRETS, digest=words, parity=st.integers(0, 1))
def test_recover__a_real_signature_by_either_parity__is_whom_pure_python_says(
    secret, digest, parity
):
    """Of its mirror n - s a word has no room left for, but for the few that are examples above."""
    _, r, s = PURE.PrivateKey(word(secret)).sign_msg_hash(digest).vrs

    found = recover(digest, Signature(word(r), word(s | parity << 255)))

    assert found == pure_recovery(digest, r, s, parity)
    assert found is not None


ECRECOVER = b"\1".rjust(20, b"\0")
ASKER = b"\x0a" * 20


@SOME
@given(digest=words, r=NUMBERS, s=NUMBERS, v=st.sampled_from((0, 26, 27, 28, 29, 2**256 - 1)))
@example(digest=bytes(32), r=5, s=1, v=27)
def test_ecrecover__any_words__two_evms_and_pure_python_agree(digest, r, s, v):
    """The precompile takes a high s, too: contracts refuse it themselves."""
    asked = digest + word(v) + word(r) + word(s)
    here = ONE.evm.message_call(text_of(ASKER), text_of(ECRECOVER), asked, 0, 1_000_000, 0, True)
    there = OTHER.call(ASKER, ECRECOVER, asked, value=0, gas=900_000, is_kept=False)

    assert bytes(here) == there.output
    expected = b""
    if v in (27, 28) and 0 < r < ORDER and 0 < s < ORDER:
        try:
            signature = PURE.Signature(vrs=(v - 27, r, s))
            signer = signature.recover_public_key_from_msg_hash(digest).to_canonical_address()
            expected = signer.rjust(32, b"\0")
        except (BadSignature, ValidationError, ValueError):
            expected = b""
    assert there.output == expected


ONE = Revm()
OTHER = PyEvm(Block(number=1, timestamp=1, gas_limit=30_000_000, chain_id=1))


@pytest.mark.parametrize("secret", [1, 2, ORDER - 1])
def test_address__of_edge_keys__is_openssls(secret):
    numbers = ec.derive_private_key(secret, ec.SECP256K1()).public_key().public_numbers()
    expected = keccak_plain(word(numbers.x) + word(numbers.y))[12:]

    assert LocalSigner(word(secret)).address == expected
    assert address_of("0x" + expected.hex()) == expected
