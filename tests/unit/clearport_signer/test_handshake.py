"""What is shown to peers is signed under a domain of its own, so never a state."""

import asyncio

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from clearing.channel.codec import (
    DERIVATIVES_NAME,
    DOMAIN_NAME,
    domain_separator,
    signing_digest,
)
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner, recover
from clearing.clearport.errors import SignerError
from clearing.clearport.signer.handshake import HandshakeSigner
from clearing.clearport.signer.keystore import KeystoreSigner
from clearing.spec.units import Address
from tests.unit.clearport_signer.stage import ADDRESS, KEY, OTHER_KEY

CHAIN = 31_337
ADJUDICATOR = Address(b"\x0a" * 20)
KEEPER = KeystoreSigner(LocalSigner(KEY))


@pytest.fixture
def signer():
    return HandshakeSigner(KEEPER, CHAIN, ADJUDICATOR)


def _sign(signer, struct_hash):
    return asyncio.run(signer.sign_struct(struct_hash))


def test_sign_struct__a_struct__is_what_a_wallet_signs(signer):
    message = encode_typed_data(
        {
            "name": "Clearport Peer",
            "version": "1",
            "chainId": CHAIN,
            "verifyingContract": "0x" + ADJUDICATOR.hex(),
        },
        {"PeerRecord": [{"name": "seq", "type": "uint64"}]},
        {"seq": 7},
    )
    theirs = bytes(Account.from_key(KEY).sign_message(message).signature)

    assert _sign(signer, message.body).expanded() == theirs
    assert signer.address == ADDRESS


def test_sign_struct__a_states_hash__is_no_state_of_the_adjudicator(signer):
    struct_hash = keccak256(b"a state")
    state = signing_digest(domain_separator(CHAIN, ADJUDICATOR), struct_hash)

    assert recover(state, _sign(signer, struct_hash)) != ADDRESS
    assert recover(state, LocalSigner(KEY).sign(state)) == ADDRESS


@pytest.mark.parametrize("domain", [DOMAIN_NAME, DERIVATIVES_NAME])
def test_handshake__a_contracts_domain__is_refused(domain):
    HandshakeSigner(KEEPER, CHAIN, ADJUDICATOR, "Clearport Prices")

    with pytest.raises(SignerError, match=f"the domain {domain} is a contract's"):
        HandshakeSigner(KEEPER, CHAIN, ADJUDICATOR, domain)


def test_sign_struct__not_32_bytes_or_another_key__is_refused(signer):
    class Liar(KeystoreSigner):
        async def sign_digest(self, digest):
            return LocalSigner(OTHER_KEY).sign(digest)

    with pytest.raises(SignerError, match="a struct's hash of 31 bytes"):
        _sign(signer, bytes(31))
    with pytest.raises(SignerError, match="the signature returned is not of 0x"):
        _sign(HandshakeSigner(Liar(LocalSigner(KEY)), CHAIN, ADJUDICATOR), bytes(32))
    assert _sign(signer, bytes(32))
