"""YellowToken: a signed permit is an allowance that serves once, before its deadline."""

import ape
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

ALLOWANCE = 7


@pytest.fixture
def owner_key():
    """Private key of an owner who signs and sends nothing."""
    return (1).to_bytes(32, "big")


@pytest.fixture
def signed_permit(token, chain, owner_key, outsider):
    """Return a function (deadline, nonce) -> arguments of `permit` for `outsider`."""
    owner = Account.from_key(owner_key).address

    def sign(deadline, nonce=0):
        message = encode_typed_data(
            domain_data={
                "name": "Yellow",
                "version": "1",
                "chainId": chain.chain_id,
                "verifyingContract": token.address,
            },
            message_types={
                "Permit": [
                    {"name": "owner", "type": "address"},
                    {"name": "spender", "type": "address"},
                    {"name": "value", "type": "uint256"},
                    {"name": "nonce", "type": "uint256"},
                    {"name": "deadline", "type": "uint256"},
                ]
            },
            message_data={
                "owner": owner,
                "spender": outsider.address,
                "value": ALLOWANCE,
                "nonce": nonce,
                "deadline": deadline,
            },
        )
        signature = Account.sign_message(message, owner_key)
        r, s = (word.to_bytes(32, "big") for word in (signature.r, signature.s))
        return owner, outsider.address, ALLOWANCE, deadline, signature.v, r, s

    return sign


def test_permit__signed_by_owner__gives_the_allowance_and_uses_the_nonce(
    token, chain, signed_permit, outsider
):
    permit = signed_permit(chain.pending_timestamp + 60)

    receipt = token.permit(*permit, sender=outsider)

    assert token.allowance(permit[0], outsider) == ALLOWANCE
    assert token.nonces(permit[0]) == 1
    given = [(log.event_name, log.owner, log.spender, log.value) for log in receipt.events]
    assert given == [("Approval", permit[0], outsider, ALLOWANCE)]


def test_permit__twice__reverts(token, chain, signed_permit, outsider):
    permit = signed_permit(chain.pending_timestamp + 60)
    token.permit(*permit, sender=outsider)

    with ape.reverts(token.ERC2612InvalidSigner):
        token.permit(*permit, sender=outsider)

    assert token.nonces(permit[0]) == 1


def test_permit__after_its_deadline__reverts(token, chain, signed_permit, outsider):
    deadline = chain.pending_timestamp + 60
    permit = signed_permit(deadline)
    start = chain.snapshot()  # not chain.isolate(): that swallows what fails inside
    token.permit(*permit, sender=outsider)
    chain.restore(start)

    chain.pending_timestamp = deadline + 1
    with ape.reverts(token.ERC2612ExpiredSignature):
        token.permit(*permit, sender=outsider)

    assert token.allowance(permit[0], outsider) == 0


def test_permit__another_amount_than_signed__reverts(token, chain, signed_permit, outsider):
    owner, spender, value, *rest = signed_permit(chain.pending_timestamp + 60)

    with ape.reverts(token.ERC2612InvalidSigner):
        token.permit(owner, spender, value + 1, *rest, sender=outsider)

    token.permit(owner, spender, value, *rest, sender=outsider)
    assert token.allowance(owner, outsider) == ALLOWANCE
