"""HashTimeLock.claim: whatever a token or receiver does, it is paid or credited, never both."""

import ape
import pytest
from eth_utils import to_checksum_address

ETH = to_checksum_address(bytes(20))


@pytest.fixture
def bad_token(project, deployer, fund):
    """Return a function that deploys a mock token by name and funds the sender."""
    return lambda name, decimals=18: fund(
        getattr(project, name).deploy(name, "BAD", decimals, sender=deployer)
    )


def _is_credited(htlc, token, terms, receiver):
    """Say whether the receiver has the credit, the whole of it, and nothing was sent."""
    return (
        htlc.credit_of(receiver, token) == terms[3]
        and token.balanceOf(htlc) == terms[3]
        and token.balanceOf(receiver) == 0
        and not htlc.is_locked(htlc.lock_id(terms))
    )


def test_claim__token_that_answers_nothing__pays(
    htlc, bad_token, make, preimage, receiver, outsider
):
    token = bad_token("NoReturnToken", 6)

    htlc.claim(make(token), preimage, sender=outsider)

    assert token.balanceOf(receiver) == 1_000
    assert htlc.credit_of(receiver, token) == 0


def test_claim__token_that_answers_false__credits(
    htlc, bad_token, deployer, make, preimage, receiver, outsider, events_of
):
    """[HTL-04] The failure becomes a credit of exactly the amount."""
    token = bad_token("FalseReturningToken")
    terms = make(token)
    token.setFailing(True, sender=deployer)

    receipt = htlc.claim(terms, preimage, sender=outsider)

    lock_id = htlc.lock_id(terms)
    assert _is_credited(htlc, token, terms, receiver)
    assert events_of(receipt) == [
        ("Claimed", {"id": lock_id, "preimage": preimage}),
        (
            "Credited",
            {"id": lock_id, "account": receiver.address, "token": token.address, "amount": 1_000},
        ),
    ]


def test_claim__token_that_moves_and_answers_false__is_not_paid_twice(
    htlc, bad_token, make, preimage, receiver, outsider
):
    """[HTL-04] What such a token has moved is undone before the credit is written."""
    token = bad_token("LyingToken")
    terms = make(token)

    htlc.claim(terms, preimage, sender=outsider)

    assert _is_credited(htlc, token, terms, receiver)


def test_claim__token_that_blocks_the_receiver__credits(
    htlc, bad_token, deployer, make, preimage, receiver, outsider
):
    token = bad_token("BlocklistToken", 6)
    terms = make(token)
    token.setBlocked(receiver, True, sender=deployer)

    htlc.claim(terms, preimage, sender=outsider)

    assert _is_credited(htlc, token, terms, receiver)


@pytest.mark.parametrize("mode", [2, 3], ids=["reverts with 100,000 bytes", "burns all gas"])
def test_claim__token_that_attacks_its_caller__credits_within_bounded_gas(
    htlc, bad_token, deployer, make, preimage, receiver, outsider, mode
):
    """[HTL-04] A token cannot exhaust the gas of a claim."""
    token = bad_token("ReturnBombToken")
    terms = make(token)
    token.setMode(mode, sender=deployer)

    receipt = htlc.claim(terms, preimage, sender=outsider, gas_limit=1_000_000)

    assert _is_credited(htlc, token, terms, receiver)
    assert receipt.gas_used < 360_000


def test_claim__token_that_answers_100_000_bytes_of_true__pays_within_bounded_gas(
    htlc, bad_token, deployer, make, preimage, receiver, outsider
):
    token = bad_token("ReturnBombToken")
    terms = make(token)
    token.setMode(1, sender=deployer)

    receipt = htlc.claim(terms, preimage, sender=outsider, gas_limit=1_000_000)

    assert token.balanceOf(receiver) == 1_000
    assert htlc.credit_of(receiver, token) == 0
    assert receipt.gas_used < 100_000


def test_claim__token_whose_code_has_gone__credits(
    htlc, bad_token, make, preimage, receiver, outsider, chain
):
    """A call to an account without code succeeds: it must not count as paid."""
    token = bad_token("MockERC20")
    terms = make(token)
    chain.provider.set_code(token.address, b"")

    htlc.claim(terms, preimage, sender=outsider)

    assert htlc.credit_of(receiver, token) == 1_000


@pytest.mark.parametrize("call", ["claim", "claim of another lock", "push_token"])
def test_claim__re_entered_by_the_token__pays_once(
    htlc, bad_token, deployer, make, preimage, receiver, outsider, call
):
    """[HTL-01] Whatever is called from inside a payment reverts; test_reentry has all doors."""
    token = bad_token("ReentrantToken")
    terms, other = make(token), make(token)
    payload = {
        "claim": lambda: htlc.claim.encode_input(terms, preimage),
        "claim of another lock": lambda: htlc.claim.encode_input(other, preimage),
        "push_token": lambda: htlc.push_token.encode_input(token, receiver, 1_000),
    }[call]()
    token.arm(htlc, payload, sender=deployer)

    htlc.claim(terms, preimage, sender=outsider)

    assert token.calls() == 1
    assert not token.succeeded()
    assert token.balanceOf(receiver) == 1_000
    assert token.balanceOf(htlc) == 1_000


@pytest.mark.parametrize(
    "mode", [1, 2, 3], ids=["reverts", "reverts with 100,000 bytes", "burns all gas"]
)
def test_claim__ether_to_a_receiver_that_refuses__credits_within_bounded_gas(
    htlc, account, deployer, make, preimage, outsider, mode
):
    """[HTL-04] A receiver cannot block the end of its own lock, nor exhaust the claimer's gas."""
    terms = make(ETH, to=account)
    account.setMode(mode, sender=deployer)

    receipt = htlc.claim(terms, preimage, sender=outsider, gas_limit=1_000_000)

    assert htlc.credit_of(account, ETH) == 1_000
    assert htlc.balance == 1_000
    assert account.balance == 0
    assert receipt.gas_used < 360_000


def test_claim__ether_to_a_receiver_that_calls_back__pays_once(
    htlc, account, deployer, make, preimage, outsider
):
    """[HTL-01] A second claim from inside the first reverts."""
    terms, other = make(ETH, to=account), make(ETH, to=account)
    account.arm(htlc, htlc.claim.encode_input(other, preimage), sender=deployer)

    htlc.claim(terms, preimage, sender=outsider)

    assert account.calls() == 1
    assert not account.succeeded()
    assert account.balance == 1_000
    assert htlc.balance == 1_000


@pytest.mark.parametrize("gas_limit", [60_000, 150_000, 300_000])
@pytest.mark.parametrize("kind", ["token", "ether"])
def test_claim__gas_limit_too_low_for_a_bounded_payment__reverts(
    htlc, token, make, preimage, outsider, state_of, gas_limit, kind
):
    """[HTL-05] A claimer cannot turn a payment into a credit by starving it of gas."""
    terms = make(token if kind == "token" else ETH)
    before = state_of(terms)

    with ape.reverts("htlc: gas limit too low"):
        htlc.claim(terms, preimage, sender=outsider, gas_limit=gas_limit)

    assert state_of(terms) == before
    htlc.claim(terms, preimage, sender=outsider, gas_limit=400_000)
