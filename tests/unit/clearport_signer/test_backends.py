"""Wherever a key is kept, the contract takes its signatures."""

import asyncio

import pytest
from eth_account import Account
from eth_keys.datatypes import Signature as TheirSignature

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import HIGHEST_LOW_S, PARITY, Signature, recover
from clearing.clearport.signer.account import AccountKey
from clearing.clearport.signer.guarded import GuardedSigner
from clearing.clearport.signer.keystore import open_keystore
from clearing.clearport.signer.port import key_id_of
from clearing.clearport.signer.secret import SecretSource
from tests.unit.clearport_signer.stage import permit, signed
from tests.unit.clearport_signer.test_account import CALL, CHAIN


@pytest.fixture(params=["keystore", "pkcs11", "kms"])
def signer(request):
    if request.param == "keystore":
        source = SecretSource("passphrase", file=request.getfixturevalue("passphrase_file"))
        return open_keystore(request.getfixturevalue("keystore"), source)
    return request.getfixturevalue({"pkcs11": "token_signer", "kms": "kms_signer"}[request.param])


def test_sign_digest__any_backend__is_what_the_contract_takes(signer):
    for number in range(16):
        digest = keccak256(bytes([number]))

        signature = signed(signer, digest)

        assert isinstance(signature, Signature)
        assert recover(digest, signature) == signer.address
        assert int.from_bytes(signature.vs, "big") % PARITY <= HIGHEST_LOW_S
        expanded = signature.expanded()
        theirs = TheirSignature(expanded[:-1] + bytes([expanded[-1] - 27]))
        public = theirs.recover_public_key_from_msg_hash(digest)
        assert public.to_canonical_address() == signer.address


def test_guarded__any_backend__signs_the_permit(signer):
    allowed = permit(key_id=key_id_of(signer.address))

    signature = asyncio.run(GuardedSigner(signer).sign(allowed))

    assert recover(allowed.reservation.digest, signature) == signer.address


def test_account__any_backend__sends_from_its_address(signer):
    raw = AccountKey(signer, CHAIN).sign_transaction(dict(CALL)).raw_transaction

    sender = Account.recover_transaction(raw)
    assert bytes.fromhex(sender[2:]) == signer.address
