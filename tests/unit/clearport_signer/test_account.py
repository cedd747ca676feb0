"""The account signs transactions of its chain, byte for byte as eth_account does."""

import asyncio

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from clearing.chain.contract import as_text
from clearing.channel.signatures import LocalSigner
from clearing.clearport.errors import SignerError
from clearing.clearport.signer.account import AccountKey
from clearing.clearport.signer.keystore import KeystoreSigner
from clearing.spec.units import Address
from tests.unit.clearport_signer.stage import DIGEST, KEY, OTHER_KEY, permit

CHAIN = 31_337
CALL = {
    "type": 2,
    "chainId": CHAIN,
    "nonce": 3,
    "gas": 90_000,
    "maxFeePerGas": 2_000_000_000,
    "maxPriorityFeePerGas": 1_000_000,
    "to": "0x" + "11" * 20,
    "value": 10**18,
    "data": b"\x01\x02",
}
THEIRS = Account.from_key(KEY)
amounts = st.integers(0, 2**96)


class Keeper(KeystoreSigner):
    def __init__(self):
        super().__init__(LocalSigner(KEY))
        self.asked = 0
        self.lie = None

    async def sign_digest(self, digest):
        self.asked += 1
        return self.lie or await super().sign_digest(digest)


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def key(keeper):
    return AccountKey(keeper, CHAIN)


def _same(transaction):
    ours = AccountKey(Keeper(), CHAIN).sign_transaction(dict(transaction))
    theirs = THEIRS.sign_transaction(dict(transaction))
    assert ours.raw_transaction == bytes(theirs.raw_transaction)
    assert ours.hash == bytes(theirs.hash)


def test_address__is_checksummed(key):
    assert key.address == THEIRS.address


@given(
    nonce=st.integers(0, 2**64 - 2),
    gas=st.integers(21_000, 30_000_000),
    fees=st.tuples(amounts, amounts),
    to=st.one_of(st.just(b""), st.binary(min_size=20, max_size=20)),
    value=amounts,
    data=st.binary(max_size=300),
)
def test_sign_transaction__any__is_eth_accounts_byte_for_byte(nonce, gas, fees, to, value, data):
    _same(
        {
            "type": 2,
            "chainId": CHAIN,
            "nonce": nonce,
            "gas": gas,
            "maxFeePerGas": sum(fees),
            "maxPriorityFeePerGas": fees[1],
            "to": as_text(Address(to)) if to else b"",
            "value": value,
            "data": data,
        }
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "0x2"},
        {"chainId": hex(CHAIN), "nonce": "0x3"},
        {"data": "0x0102"},
        {"accessList": [{"address": "0x" + "22" * 20, "storageKeys": ["0x" + "33" * 32]}]},
    ],
)
def test_sign_transaction__other_spellings__are_eth_accounts_too(changed):
    _same({**CALL, **changed})


def test_sign_transaction__its_own_sender__is_left_out(key):
    with_sender = key.sign_transaction({**CALL, "from": THEIRS.address})

    assert with_sender == key.sign_transaction(CALL)
    assert CALL["type"] == 2


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        (permit(), "transactions only, not Permit"),
        (DIGEST, "transactions only, not bytes"),
        (None, "transactions only, not NoneType"),
        ({**CALL, "from": Account.from_key(OTHER_KEY).address}, "another account's"),
        ({**CALL, "v": 1, "r": 1, "s": 1}, "signed already"),
        ({**CALL, "chainId": 1}, "for chain 1, not 31337"),
        ({name: CALL[name] for name in CALL if name != "chainId"}, "for chain 0, not 31337"),
        ({name: CALL[name] for name in CALL if name != "nonce"}, "not a transaction of EIP-1559"),
        ({**CALL, "nonce": -1}, "not a transaction of EIP-1559"),
        ({**CALL, "to": "0x11"}, "not a transaction of EIP-1559"),
        ({**CALL, "type": 3}, "not a transaction of EIP-1559"),
        ({**CALL, "type": 99}, "not a transaction of EIP-1559"),
        ({**CALL, "surprise": 1}, "not a transaction of EIP-1559"),
        ({}, "not a transaction of EIP-1559"),
        (
            {
                "type": 1,
                "chainId": CHAIN,
                "nonce": 0,
                "gas": 21_000,
                "gasPrice": 1,
                "to": "0x" + "11" * 20,
                "value": 0,
                "data": b"",
            },
            "a transaction of type 1",
        ),
        ({"nonce": 0, "gas": 21_000, "gasPrice": 1, "value": 0, "data": b""}, "EIP-1559"),
    ],
)
def test_sign_transaction__anything_else__is_refused_before_the_key_is_asked(
    key, keeper, what, problem
):
    with pytest.raises(SignerError, match=problem):
        key.sign_transaction(what)
    assert keeper.asked == 0
    assert key.sign_transaction(CALL).raw_transaction[0] == 2


def test_sign_transaction__another_keys_signature_comes_back__is_refused(key, keeper):
    keeper.lie = LocalSigner(OTHER_KEY).sign(DIGEST)

    with pytest.raises(SignerError, match="the signature returned is not of 0x"):
        key.sign_transaction(CALL)


def test_sign_transaction__on_an_event_loop__is_refused_where_signed_is_awaited(key):
    async def on_the_loop():
        awaited = await key.signed(CALL)
        in_a_thread = await asyncio.to_thread(key.sign_transaction, CALL)
        with pytest.raises(SignerError, match="would stop the event loop"):
            key.sign_transaction(CALL)
        return awaited, in_a_thread

    awaited, in_a_thread = asyncio.run(on_the_loop())
    assert awaited == in_a_thread == key.sign_transaction(CALL)
