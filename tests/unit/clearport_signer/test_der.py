"""DER has one spelling of a signature; whatever else comes is refused, and never crashes."""

import pytest
from coincurve import PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.channel.signatures import HIGHEST_LOW_S, ORDER, LocalSigner, recover
from clearing.clearport.errors import SignerError
from clearing.clearport.signer.der import compact, from_der, from_raw, parse_der
from tests.harness.kms_double import der_of
from tests.unit.clearport_signer.stage import ADDRESS, DIGEST, KEY, OTHER_KEY

DER = PrivateKey(KEY).sign(DIGEST, hasher=None)
R, S = parse_der(DER)
numbers = st.one_of(st.integers(0, 300), st.integers(0, ORDER + 300), st.integers(0, 2**256 - 1))
keys = st.integers(1, ORDER - 1).map(lambda key: key.to_bytes(32, "big"))
digests = st.binary(min_size=32, max_size=32)


@given(numbers, numbers)
@example(0, 0x7F)
@example(0x80, 2**255)
@example(2**256 - 1, 1)
def test_parse_der__its_spelling__gives_the_numbers_back(r, s):
    assert parse_der(der_of(r, s)) == (r, s)


@given(st.binary(max_size=80))
@example(b"\x30\x00")
@example(b"\x30\x06\x02\x01\x01\x02\x01\x01")
def test_parse_der__any_bytes__are_refused_or_the_one_spelling(der):
    try:
        r, s = parse_der(der)
    except SignerError:
        return
    assert der_of(r, s) == der


@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_from_der__one_byte_changed__is_refused_or_still_the_keys(place, change):
    damaged = bytearray(DER)
    damaged[place] ^= change

    with pytest.raises(SignerError):
        from_der(bytes(damaged), DIGEST, ADDRESS)
    assert recover(DIGEST, from_der(DER, DIGEST, ADDRESS)) == ADDRESS


def _padded(at):
    """Return the signature with a zero too many before the number at this place."""
    size = DER[at + 1]
    body = DER[2:at] + bytes([2, size + 1, 0]) + DER[at + 2 :]
    return bytes([0x30, len(body)]) + body


@pytest.mark.parametrize(
    ("der", "problem"),
    [
        (b"", "no DER sequence"),
        (DER + b"\x00", "no DER sequence"),
        (DER[:-1], "no DER sequence"),
        (b"\x31" + DER[1:], "no DER sequence"),
        (bytes([0x30, 0x81, len(DER) - 2]) + DER[2:], "no DER sequence"),
        (bytes([0x30, len(DER)]) + DER[2:] + b"\x05\x00", "bytes after it"),
        (b"\x30\x03\x02\x01\x01", "without its two numbers"),
        (b"\x30\x06\x03\x01\x01\x02\x01\x01", "without its two numbers"),
        (b"\x30\x06\x02\x01\x81\x02\x01\x01", "negative"),
        (b"\x30\x06\x02\x01\x01\x02\x01\xff", "negative"),
        (b"\x30\x07\x02\x02\x00\x01\x02\x01\x01", "zero too many"),
        (_padded(2), "zero too many"),
        (b"\x30\x05\x02\x00\x02\x01\x01", "too long, or cut off"),
        (b"\x30\x06\x02\x05\x01\x02\x01\x01", "too long, or cut off"),
        (b"\x30\x27\x02\x22\x01" + bytes(33) + b"\x02\x01\x01", "too long, or cut off"),
    ],
)
def test_from_der__another_spelling__is_refused(der, problem):
    assert recover(DIGEST, from_der(DER, DIGEST, ADDRESS)) == ADDRESS

    with pytest.raises(SignerError, match=problem):
        from_der(der, DIGEST, ADDRESS)


@given(keys, digests, st.booleans())
def test_from_der__either_s__is_what_the_key_in_memory_signs(key, digest, is_high):
    local = LocalSigner(key)
    r, s = parse_der(PrivateKey(key).sign(digest, hasher=None))

    signature = from_der(der_of(r, ORDER - s if is_high else s), digest, local.address)

    assert signature == local.sign(digest)
    assert recover(digest, signature) == local.address


@given(keys, digests, st.booleans())
def test_from_raw__either_s__is_what_the_key_in_memory_signs(key, digest, is_high):
    local = LocalSigner(key)
    r, s = parse_der(PrivateKey(key).sign(digest, hasher=None))
    raw = r.to_bytes(32, "big") + (ORDER - s if is_high else s).to_bytes(32, "big")

    assert from_raw(raw, digest, local.address) == local.sign(digest)


@pytest.mark.parametrize("raw", [b"", bytes(63), bytes(65)])
def test_from_raw__not_64_bytes__is_refused(raw):
    with pytest.raises(SignerError, match=f"{len(raw)} bytes instead of 64"):
        from_raw(raw, DIGEST, ADDRESS)


@pytest.mark.parametrize(
    ("r", "s"), [(0, S), (R, 0), (ORDER, S), (R, ORDER), (R + ORDER, S), (2**256, S), (-1, S)]
)
def test_compact__numbers_beyond_the_order__are_refused(r, s):
    assert recover(DIGEST, compact(R, S, DIGEST, ADDRESS)) == ADDRESS

    with pytest.raises(SignerError, match="beyond the curve's order"):
        compact(r, s, DIGEST, ADDRESS)


def test_compact__s_at_the_middle__is_taken_as_it_is_or_turned():
    """The order is odd: no s is its own twin, and the two around the middle are each other's."""
    assert ORDER - HIGHEST_LOW_S == HIGHEST_LOW_S + 1


def test_compact__another_keys_signature__is_refused():
    address = LocalSigner(OTHER_KEY).address

    with pytest.raises(SignerError, match="not the key's"):
        compact(R, S, DIGEST, address)
