"""withdrawWithAuth: anybody sends what the owner of a ledger has signed, once."""

from dataclasses import dataclass, replace

import pytest

from clearing.channel.codec import domain_separator, hash_auth, signing_digest
from clearing.channel.signatures import LocalSigner
from clearing.spec.types import ZERO_ADDRESS, WithdrawAuth
from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.scene import Act, Scene, refusal

HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Desk:
    """The low broker's own key, and what it authorises."""

    scene: Scene
    key: LocalSigner
    auth: WithdrawAuth

    def signature(self, auth: WithdrawAuth, chain_id: int | None = None) -> bytes:
        """Return the key's signature, for this chain or another."""
        known = self.scene.contracts.chain_id if chain_id is None else chain_id
        separator = domain_separator(known, self.scene.adjudicator.address)
        return self.key.sign(signing_digest(separator, hash_auth(auth))).expanded()

    def send(self, auth: WithdrawAuth, signature: bytes | None = None) -> Act:
        """Return the call, by an outsider."""
        signed = self.signature(auth) if signature is None else signature
        return self.scene.act("withdrawWithAuth", auth, signed, by=self.scene.outsider)


@pytest.fixture
def desk(scene, broker_keys):
    """The low broker authorises 7 raw units of the first token for the recipient, for an hour."""
    auth = WithdrawAuth(
        account=scene.low,
        token=scene.tokens[0],
        to=scene.recipient,
        amount=7,
        nonce=0,
        valid_until=scene.now + HOUR_S,
    )
    return Desk(scene, broker_keys[0], auth)


def test_withdraw_with_auth__signed__pays_from_the_signers_ledger(scene, desk):
    changed = scene.changes_of(desk.send(desk.auth))

    assert changed == {"ledger low 0": -7, "wallet recipient 0": 7, "vault 0": -7}
    assert scene.adjudicator.call("isAuthSpent", scene.low, 0)


def test_withdraw_with_auth__signed__emits_auth_spent_and_withdrawn(scene, desk):
    token = scene.tokens[0]

    events = scene.events_of(desk.send(replace(desk.auth, nonce=258)))

    assert events == (
        scene.event("AuthSpent", account=scene.low, nonce=258),
        scene.event("Withdrawn", broker=scene.low, token=token, to=scene.recipient, amount=7),
        scene.moved(token, scene.adjudicator.address, scene.recipient, 7),
    )


def test_withdraw_with_auth__account_with_code__asks_the_code(scene, desk, says_yes, says_no):
    """A Safe signs by what its code says, at the time of the call."""

    def call(code: bytes):
        scene.put_code(scene.low, code)
        return desk.send(desk.auth, b"any bytes")

    scene.assert_only_fails_for(
        call,
        broken=says_no,
        fixed=says_yes,
        error=refusal("BadAuthSignature", account=scene.low),
    )


def test_withdraw_with_auth__at_its_expiry__is_refused(scene, desk):
    until = desk.auth.valid_until

    scene.assert_only_fails_for(
        lambda second: desk.send(desk.auth).at(second),
        broken=until,
        fixed=until - 1,
        error=refusal("AuthExpired", valid_until=until),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", bytes(19) + b"\x01"),
        ("amount", 8),
        ("nonce", 1),
        ("token", bytes(19) + b"\x02"),
        ("valid_until", 2**40 - 1),
    ],
)
def test_withdraw_with_auth__other_content_than_signed__is_refused(scene, desk, field, value):
    """[ADJ-17] The signature covers every field."""
    scene.assert_only_fails_for(
        lambda auth: desk.send(auth, desk.signature(desk.auth)),
        broken=replace(desk.auth, **{field: value}),
        fixed=desk.auth,
        error=refusal("BadAuthSignature", account=scene.low),
    )


def test_withdraw_with_auth__for_another_chain__is_refused(scene, desk):
    """[ADJ-18] A fork of the chain replays nothing."""
    here = scene.contracts.chain_id

    scene.assert_only_fails_for(
        lambda chain_id: desk.send(desk.auth, desk.signature(desk.auth, chain_id)),
        broken=here + 1,
        fixed=here,
        error=refusal("BadAuthSignature", account=scene.low),
    )


def test_withdraw_with_auth__signed_by_the_channel_key__is_refused(scene, desk):
    """[ADJ-16] The key that signs states never empties a ledger."""
    scene.assert_only_fails_for(
        lambda key: desk.send(desk.auth, replace(desk, key=key).signature(desk.auth)),
        broken=scene.low_signer,
        fixed=desk.key,
        error=refusal("BadAuthSignature", account=scene.low),
    )


def test_withdraw_with_auth__twice__is_refused(scene, desk):
    """[ADJ-21] An authorisation serves once, and other nonces go on serving, in any order."""
    for nonce in (2**256 - 1, 256, 255, 1, 0):
        auth = replace(desk.auth, nonce=nonce)
        scene.assert_only_fails_for(
            lambda before, auth=auth: [*before, desk.send(auth)],
            broken=[desk.send(auth)],
            fixed=[],
            error=refusal("AuthAlreadySpent", account=scene.low, nonce=nonce),
        )
        scene.send(desk.send(auth))


def test_withdraw_with_auth__cancelled__is_refused(scene, desk):
    """Only the account's own cancelling counts."""
    scene.assert_only_fails_for(
        lambda who: [scene.act("cancelAuth", 0, by=who), desk.send(desk.auth)],
        broken=scene.low,
        fixed=scene.high,
        error=refusal("AuthAlreadySpent", account=scene.low, nonce=0),
    )


@pytest.mark.parametrize("to", ["nobody", "the vault"])
def test_withdraw_with_auth__to_where_nobody_owns_it__is_refused(scene, desk, to):
    bad = {"nobody": ZERO_ADDRESS, "the vault": scene.adjudicator.address}[to]

    scene.assert_only_fails_for(
        lambda recipient: desk.send(replace(desk.auth, to=recipient)),
        broken=bad,
        fixed=scene.recipient,
        error=refusal("BadRecipient", to=bad),
    )


def test_withdraw_with_auth__nothing__is_refused(scene, desk):
    scene.assert_only_fails_for(
        lambda amount: desk.send(replace(desk.auth, amount=amount)),
        broken=0,
        fixed=1,
        error=refusal("ZeroAmount"),
    )


def test_withdraw_with_auth__more_than_the_ledger__is_refused(scene, desk):
    """The nonce is not spent by the attempt."""
    scene.assert_only_fails_for(
        lambda amount: desk.send(replace(desk.auth, amount=amount)),
        broken=LEDGER + 1,
        fixed=LEDGER,
        error=refusal(
            "InsufficientBalance",
            broker=scene.low,
            token=scene.tokens[0],
            have=LEDGER,
            want=LEDGER + 1,
        ),
    )
