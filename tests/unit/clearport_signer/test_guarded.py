"""The state signer signs what a permit allows, checks what comes back, and forgets nothing."""

import asyncio

import pytest

from clearing.channel.codec import type_hash
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner, Signature
from clearing.channel.typed_data import struct_of
from clearing.clearport.errors import SecondDigestError, SignerError
from clearing.clearport.signer.guarded import STATE_TYPES, GuardedSigner
from clearing.clearport.signer.keystore import KeystoreSigner
from clearing.spec.types import ChallengeIntent, ClearingState, SettlementOrder, WithdrawAuth
from tests.unit.clearport_signer.stage import ADDRESS, DIGEST, KEY, OTHER_KEY, permit

OTHER = keccak256(b"another digest")
SIGNED = LocalSigner(KEY).sign(DIGEST)


class Keeper(KeystoreSigner):
    """A key whose uses are counted, and which can be made to return something else."""

    def __init__(self):
        super().__init__(LocalSigner(KEY))
        self.asked = []
        self.lie = None

    async def sign_digest(self, digest):
        self.asked.append(digest)
        return self.lie or await super().sign_digest(digest)


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def guarded(keeper):
    return GuardedSigner(keeper)


def _sign(guarded, permit):
    return asyncio.run(guarded.sign(permit))


def test_sign__a_permit__is_signed(guarded, keeper):
    assert _sign(guarded, permit()) == SIGNED
    assert keeper.asked == [DIGEST]
    assert (guarded.address, guarded.key_id) == (ADDRESS, f"0x{ADDRESS.hex()}")


def test_sign__signed_before__returns_what_is_stored(guarded, keeper):
    assert _sign(guarded, permit(signature=SIGNED)) == SIGNED
    assert keeper.asked == []


@pytest.mark.parametrize(
    "stored",
    [
        LocalSigner(OTHER_KEY).sign(DIGEST),
        LocalSigner(KEY).sign(OTHER),
        Signature(bytes(32), bytes(32)),
        Signature(b"\xff" * 32, b"\xff" * 32),
    ],
)
def test_sign__stored_or_returned_is_not_the_keys__is_refused(guarded, keeper, stored):
    with pytest.raises(SignerError, match="the stored signature is not of 0x"):
        _sign(guarded, permit(signature=stored))
    assert keeper.asked == []

    keeper.lie = stored
    with pytest.raises(SignerError, match="the signature returned is not of 0x"):
        _sign(guarded, permit())

    keeper.lie = None
    assert _sign(guarded, permit()) == SIGNED


def test_sign__another_keys_permit__is_refused(guarded, keeper):
    with pytest.raises(SignerError, match="the permit is for 0xab, this key is 0x"):
        _sign(guarded, permit(key_id="0xab"))
    assert keeper.asked == []


def test_sign__both_types_of_a_channel__are_signed(guarded):
    assert {type_hash(struct_of(one)) for one in (ClearingState, ChallengeIntent)} == STATE_TYPES
    for kind in STATE_TYPES:
        assert _sign(guarded, permit(type_hash=kind)) == SIGNED


@pytest.mark.parametrize(
    "kind",
    [bytes(32), b"", type_hash(struct_of(SettlementOrder)), type_hash(struct_of(WithdrawAuth))],
)
def test_sign__another_type__is_refused(guarded, keeper, kind):
    with pytest.raises(SignerError, match="the state signer signs no type"):
        _sign(guarded, permit(type_hash=kind))
    assert keeper.asked == []


@pytest.mark.parametrize(
    "what",
    [
        DIGEST,
        {"type": 2, "chainId": 1, "nonce": 0, "to": "0x" + "11" * 20},
        permit().reservation,
        None,
    ],
    ids=["digest", "transaction", "reservation", "nothing"],
)
def test_sign__no_permit__is_refused(guarded, keeper, what):
    with pytest.raises(SignerError, match="the state signer signs permits only"):
        _sign(guarded, what)
    assert keeper.asked == []


def test_sign__a_second_digest__is_refused_even_if_a_store_allows_it(guarded, keeper):
    assert _sign(guarded, permit()) == SIGNED

    with pytest.raises(SecondDigestError, match="version 7 has another digest signed already"):
        _sign(guarded, permit(OTHER))

    assert keeper.asked == [DIGEST]
    assert _sign(guarded, permit()) == SIGNED


@pytest.mark.parametrize(
    "changed",
    [{"version": 8}, {"epoch": 2}, {"channel_id": b"\x02" * 32}, {"type_hash": max(STATE_TYPES)}],
    ids=lambda changed: next(iter(changed)),
)
def test_sign__another_digest_for_something_else__is_signed(guarded, changed):
    assert _sign(guarded, permit(type_hash=min(STATE_TYPES))) == SIGNED

    other = permit(OTHER, **{"type_hash": min(STATE_TYPES), **changed})
    assert _sign(guarded, other) == LocalSigner(KEY).sign(OTHER)


def test_sign__the_first_try_failed__a_second_digest_is_refused_all_the_same(guarded, keeper):
    """A signature may have left the token although nothing came back."""
    keeper.close()
    with pytest.raises(SignerError, match="is closed"):
        _sign(guarded, permit())

    with pytest.raises(SecondDigestError):
        _sign(guarded, permit(OTHER))
