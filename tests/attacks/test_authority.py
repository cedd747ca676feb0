"""Somebody without the right key, or with the right key's word for something else."""

from dataclasses import replace
from itertools import permutations

import pytest

from clearing.channel.codec import channel_id, domain_separator, hash_auth, hash_intent, hash_state
from clearing.channel.codec import signing_digest as digest_of
from clearing.channel.signatures import ORDER, Signature
from clearing.spec.types import ZERO_ADDRESS, ChallengeIntent, Intent, Side, WithdrawAuth
from clearing.spec.units import Address
from tests.attacks.duel import HOUR_S, STAKE, Duel, only_refused_for, refused
from tests.harness.actors import co_sign, key_of
from tests.harness.revm import CHAIN_ID

STRANGER = key_of("stranger")
ACCEPT_ALL = bytes.fromhex("631626ba7e60e01b5f5260205ff3")
"""Runtime code that answers every call as ERC-1271 says for a good signature."""
REFUSE_ALL = bytes.fromhex("5f5ffd")


# A STRANGER'S KEY


def test_open__stranger_names_itself_signer__is_refused(duel: Duel) -> None:
    """[ADJ-16] Who names the signer takes ledger and allowance: only the registry is asked."""
    honest = duel.state(Intent.OPEN, 1)
    for field, broker in (("signer_low", duel.low), ("signer_high", duel.high)):
        hostile = duel.again(**{field: STRANGER.address})
        low, high = duel.keys
        keys = (STRANGER, high) if field == "signer_low" else (low, STRANGER)
        state = replace(honest, channel_id=hostile.id)
        signatures = co_sign(duel.digest(hash_state(state)), *keys)

        only_refused_for(
            duel,
            ("SignerNotNamed", broker, STRANGER.address),
            honest=duel.open,
            attack=lambda h=hostile, s=state, g=signatures: h.send("open", s, signatures=g),
        )


def test_open__both_signers_a_stranger__is_refused(duel: Duel) -> None:
    hostile = duel.again(signer_low=STRANGER.address, signer_high=STRANGER.address)
    state = duel.state(Intent.OPEN, 1)
    state = replace(state, channel_id=hostile.id)

    with refused("BadSigners"):
        hostile.send("open", state, signatures=co_sign(bytes(32), STRANGER, STRANGER))


def test_settle__with_a_key_that_was_rotated_out__is_refused(opened: Duel) -> None:
    """[ADJ-16] A stolen old key, with the peer's help, does not sweep a ledger."""
    opened.deposit(100)
    state, order = opened.order(2)
    with opened.chain.isolated():
        opened.send("settle", state, order)

    opened.deployment.registry.send("set_signer", STRANGER.address, sender=opened.low)

    with refused("SignerNotNamed", opened.low, opened.keys[0].address):
        opened.send("settle", state, order, by=opened.high)
    with refused("NotThatSide", opened.keys[0].address, Side.LOW):
        opened.send("fundOrder", state, order, Side.LOW, by=opened.keys[0].address)
    opened.fund(state, order, Side.LOW)  # the broker itself still may


def test_state__signed_by_the_old_key_after_rotation__still_ends_the_channel(opened: Duel) -> None:
    """Rotation cannot make signed states worthless: that would be the cheat's way out."""
    state = opened.operate(2, low=100)
    opened.deployment.registry.send("set_signer", STRANGER.address, sender=opened.low)

    opened.chain.warp(opened.challenge(state, by=opened.high))
    opened.finalize(state)

    assert opened.ledgers() == (100, 1_900)


def test_challenge__by_an_outsider__needs_an_intent(opened: Duel) -> None:
    """[ADJ-15] An outsider cannot start the clock with states that he has seen."""
    state = opened.operate(2)
    intent = ChallengeIntent(state.channel_id, 0, 2, hash_state(state))
    word = opened.keys[1].sign(opened.digest(hash_intent(intent)))
    forged = STRANGER.sign(opened.digest(hash_intent(intent)))
    of_another = opened.keys[1].sign(opened.digest(hash_intent(replace(intent, version=3))))

    with opened.chain.isolated():
        opened.send("challenge", state, word)
    with refused("NotParty", opened.outsider):
        opened.send("challenge", state)
    for signature in (forged, of_another):
        with refused("NotParty", opened.outsider):
            opened.send("challenge", state, signature)


# THE RIGHT KEY'S WORD FOR SOMETHING ELSE


def test_state__signed_for_another_chain_or_contract__is_refused(opened: Duel) -> None:
    """[ADJ-18] The same brokers run the same protocol elsewhere: nothing carries over."""
    state = opened.operate(2)
    here = opened.vault.address
    for separator in (
        domain_separator(CHAIN_ID + 1, here),
        domain_separator(CHAIN_ID, opened.deployment.registry.address),
    ):
        foreign = co_sign(digest_of(separator, hash_state(state)), *opened.keys)

        only_refused_for(
            opened,
            ("BadSignature", opened.keys[0].address),
            honest=lambda: opened.send("checkpoint", state),
            attack=lambda g=foreign: opened.send("checkpoint", state, signatures=g),
        )


@pytest.mark.parametrize("field", ["chain_id", "adjudicator"])
def test_open__definition_of_another_place__is_refused(duel: Duel, field: str) -> None:
    value = CHAIN_ID + 1 if field == "chain_id" else duel.deployment.registry.address
    elsewhere = duel.again(**{field: value})
    error = "WrongChain" if field == "chain_id" else "WrongAdjudicator"

    only_refused_for(duel, (error,), honest=duel.open, attack=elsewhere.open)


def test_signatures__used_for_another_type__are_refused(opened: Duel) -> None:
    """[ADJ-18] A state is no intent, an intent no state, neither a withdrawal, and back."""
    opened.deposit(STAKE)
    state = opened.operate(2)
    intent = ChallengeIntent(state.channel_id, 0, 2, hash_state(state))
    auth = withdrawal(opened)
    owner = opened.deployment.roles.low.account
    words = {"state": hash_state(state), "intent": hash_intent(intent), "auth": hash_auth(auth)}

    with opened.chain.isolated():
        opened.send("checkpoint", state)
        spend(opened, auth, owner.sign(opened.digest(words["auth"])))
    for meant, used in permutations(words, 2):
        low, high = co_sign(opened.digest(words[meant]), *opened.keys)
        if used == "state":
            with refused("BadSignature", opened.keys[0].address):
                opened.send("checkpoint", state, signatures=(low, high))
        elif used == "intent":
            with refused("NotParty", opened.outsider):
                opened.send("challenge", state, low)
        else:
            with refused("BadAuthSignature", opened.low):
                spend(opened, auth, owner.sign(opened.digest(words[meant])))


def test_withdraw_auth__signed_by_the_channel_key__is_refused(opened: Duel) -> None:
    """A channel key lives in a machine that signs all day: it never opens the treasury."""
    opened.deposit(STAKE)
    auth = withdrawal(opened)
    owner, signer = opened.deployment.roles.low.account, opened.keys[0]

    only_refused_for(
        opened,
        ("BadAuthSignature", opened.low),
        honest=lambda: spend(opened, auth, owner.sign(opened.digest(hash_auth(auth)))),
        attack=lambda: spend(opened, auth, signer.sign(opened.digest(hash_auth(auth)))),
    )


# FORMS OF A SIGNATURE


def mirrored(signature: Signature) -> Signature:
    """Return the second form of the same signature: high s, the other parity."""
    rsv = signature.expanded()
    vs = (ORDER - int.from_bytes(rsv[32:64], "big")) | ((rsv[64] - 27) ^ 1) << 255
    return Signature(signature.r, vs.to_bytes(32, "big"))


def test_signature__in_another_form__is_refused(opened: Duel) -> None:
    """[ADJ-19] High s, the wrong order, one key for both, and what ecrecover answers zero to."""
    state = opened.operate(2)
    low, high = opened.signed(state)
    nobody = Signature(bytes(32), bytes(32))
    too_big = Signature(ORDER.to_bytes(32, "big"), low.vs)
    for pair, blamed in (
        ((mirrored(low), high), 0),
        ((low, mirrored(high)), 1),
        ((high, low), 0),
        ((low, low), 1),
        ((nobody, high), 0),
        ((low, nobody), 1),
        ((too_big, high), 0),
    ):
        only_refused_for(
            opened,
            ("BadSignature", opened.keys[blamed].address),
            honest=lambda: opened.send("checkpoint", state),
            attack=lambda g=pair: opened.send("checkpoint", state, signatures=g),
        )


def test_zero_signer__never_gets_a_channel(duel: Duel) -> None:
    """[ADJ-19] Ecrecover says zero to nonsense, so nonsense would sign for a zero signer."""
    hostile = duel.again(signer_low=ZERO_ADDRESS)
    state = replace(duel.state(Intent.OPEN, 1), channel_id=hostile.id)
    nonsense = (Signature(bytes(32), bytes(32)), hostile.signed(state)[1])

    only_refused_for(
        duel,
        ("BadSigners", ZERO_ADDRESS, duel.keys[1].address),
        honest=duel.open,
        attack=lambda: hostile.send("open", state, signatures=nonsense),
    )


def test_zero_account__authorises_no_withdrawal(opened: Duel) -> None:
    """Neither nonsense nor 64 compact bytes nor nothing withdraws for the zero account."""
    opened.deposit(STAKE)
    auth = replace(withdrawal(opened), account=ZERO_ADDRESS)
    for signature in (b"", bytes(64), bytes(65), bytes(64) + b"\x1b"):
        with refused("BadAuthSignature", ZERO_ADDRESS):
            opened.vault.send("withdrawWithAuth", auth, signature, sender=opened.outsider)


# CODE AT A KEY'S ADDRESS


@pytest.mark.parametrize("code", [ACCEPT_ALL, REFUSE_ALL], ids=["accepts all", "refuses all"])
def test_code_appearing_at_a_signer__changes_nothing(opened: Duel, code: bytes) -> None:
    """[ADJ-20] EIP-7702 turns a key's account into a contract overnight: nobody asks it."""
    state = opened.operate(2)
    for key in opened.keys:
        opened.chain.set_code(key.address, code)
    forged = co_sign(opened.digest(hash_state(state)), STRANGER, STRANGER)

    only_refused_for(
        opened,
        ("BadSignature", opened.keys[0].address),
        honest=lambda: opened.send("checkpoint", state),
        attack=lambda: opened.send("checkpoint", state, signatures=forged),
    )


def test_contract_account__revokes_its_word__only_for_withdrawals(opened: Duel) -> None:
    """An ERC-1271 answer counts where it is used up at once, so taking it back harms nobody."""
    opened.deposit(STAKE)
    auth = withdrawal(opened)
    opened.chain.set_code(opened.low, ACCEPT_ALL)
    with opened.chain.isolated():
        opened.vault.send("withdrawWithAuth", auth, b"", sender=opened.outsider)
    latest = opened.operate(2, low=100)

    opened.chain.set_code(opened.low, REFUSE_ALL)

    with refused("BadAuthSignature", opened.low):
        opened.vault.send("withdrawWithAuth", auth, b"", sender=opened.outsider)
    opened.send("checkpoint", latest)  # a state once signed cannot be revoked


# WITHDRAW AUTHORISATIONS


def withdrawal(duel: Duel, nonce: int = 0) -> WithdrawAuth:
    """Low lets anybody send 10 units to low."""
    return WithdrawAuth(duel.low, duel.token.address, duel.low, 10, nonce, duel.now + HOUR_S)


def spend(duel: Duel, auth: WithdrawAuth, signature: Signature) -> None:
    """Send an authorisation, by an outsider."""
    duel.vault.send("withdrawWithAuth", auth, signature.expanded(), sender=duel.outsider)


def test_withdraw_auth__replayed__is_refused(opened: Duel) -> None:
    """[ADJ-21] It serves once, in either form of its signature."""
    opened.deposit(STAKE)
    auth = withdrawal(opened)
    rsv = opened.deployment.roles.low.account.sign(opened.digest(hash_auth(auth))).expanded()
    mirror = rsv[:32] + (ORDER - int.from_bytes(rsv[32:64], "big")).to_bytes(32, "big")
    mirror += bytes([27 + 28 - rsv[64]])
    with opened.chain.isolated(), refused("BadAuthSignature", opened.low):
        opened.vault.send("withdrawWithAuth", auth, mirror, sender=opened.outsider)
    opened.vault.send("withdrawWithAuth", auth, rsv, sender=opened.outsider)

    with refused("AuthAlreadySpent", opened.low, 0):
        opened.vault.send("withdrawWithAuth", auth, rsv, sender=opened.outsider)

    assert opened.ledgers()[0] == STAKE - 10, "ADJ-21"


def test_withdraw_auth__raced_by_its_cancellation__pays_once_or_never(opened: Duel) -> None:
    """[ADJ-21] Whichever comes first wins; the other finds the nonce spent."""
    opened.deposit(STAKE)
    auth = withdrawal(opened)
    word = opened.deployment.roles.low.account.sign(opened.digest(hash_auth(auth)))
    with opened.chain.isolated():
        opened.vault.send("cancelAuth", 0, sender=opened.low)
        with refused("AuthAlreadySpent", opened.low, 0):
            spend(opened, auth, word)
    with opened.chain.isolated():
        spend(opened, auth, word)
        with refused("AuthAlreadySpent", opened.low, 0):
            opened.vault.send("cancelAuth", 0, sender=opened.low)

    opened.vault.send("cancelAuth", 0, sender=opened.outsider)  # spends the outsider's own nonce

    spend(opened, auth, word)
    assert opened.ledgers()[0] == STAKE - 10


def test_withdraw_auth__changed_in_any_field__is_refused(opened: Duel) -> None:
    """Who relays it cannot redirect it, raise it or keep it longer."""
    opened.deposit(STAKE)
    auth = withdrawal(opened)
    word = opened.deployment.roles.low.account.sign(opened.digest(hash_auth(auth)))
    for changed in (
        {"to": opened.outsider},
        {"amount": 11},
        {"nonce": 1},
        {"valid_until": auth.valid_until + 1},
        {"account": opened.high},
        {"token": Address(b"\x01" * 20)},
    ):
        forged = replace(auth, **changed)
        only_refused_for(
            opened,
            ("BadAuthSignature", forged.account),
            honest=lambda: spend(opened, auth, word),
            attack=lambda a=forged: spend(opened, a, word),
        )


def test_withdraw_auth__after_its_time__is_refused(opened: Duel) -> None:
    opened.deposit(STAKE)
    auth = withdrawal(opened)
    word = opened.deployment.roles.low.account.sign(opened.digest(hash_auth(auth)))
    opened.chain.warp(auth.valid_until - 1)
    with opened.chain.isolated():
        spend(opened, auth, word)

    opened.chain.warp(auth.valid_until)
    with refused("AuthExpired", auth.valid_until):
        spend(opened, auth, word)


def test_channel_id__covers_every_field(duel: Duel) -> None:
    """Nobody opens a second channel that shares the first one's storage."""
    d = duel.definition
    others = [
        replace(d, chain_id=1),
        replace(d, adjudicator=duel.outsider),
        replace(d, broker_low=duel.outsider),
        replace(d, broker_high=duel.outsider),
        replace(d, signer_low=duel.outsider),
        replace(d, signer_high=duel.outsider),
        replace(d, assets=()),
        replace(d, challenge_duration=1),
        replace(d, nonce=1),
    ]
    ids = {duel.vault.read("hashDef", other) for other in (d, *others)}

    assert len(ids) == 1 + len(others)
    assert duel.vault.read("hashDef", d) == channel_id(d)
