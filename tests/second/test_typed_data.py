"""EIP-712: three programs hash every struct that is signed, and agree.

Ours, eth_account's, and the plain one beside this file. What contracts say of channel states and
orders is held against ours in tests/property/test_codec_hashes.py and test_perp_batch.py.
"""

from types import SimpleNamespace

import pytest
from eth_account.messages import encode_typed_data
from eth_keys import keys
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.channel.risk_hash import DatedPrices, risk_hash
from clearing.spec.risk import FactorTable, PriceSet
from tests.harness.actors import key_of
from tests.harness.deployment import deploy
from tests.harness.draw import addresses, unsigned_integers
from tests.harness.errors import Refused
from tests.harness.governance import FOR, deploy_governance
from tests.harness.match import deploy_match
from tests.harness.revm import CHAIN_ID, Revm
from tests.second.effort import SOME
from tests.second.plain_eip712 import digest, hash_struct, keccak_plain, members, parse
from tests.second.signed_types import CONTRACTS, HASHED, SIGNED, TYPES, table_of, values_of

FAR = 2**40
"""A deadline that never passes, Unix seconds."""
DOMAIN = parse("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
WITHOUT_CONTRACT = parse("EIP712Domain(string name,string version,uint256 chainId)")


def domain_of(name, chain_id, contract=None):
    """Return (types, values) of a domain; without a contract it has no such member."""
    values = {"name": name, "version": "1", "chainId": chain_id}
    if contract is None:
        return WITHOUT_CONTRACT, values
    return DOMAIN, values | {"verifyingContract": contract}


def as_json(types, name):
    return [{"type": kind, "name": word} for kind, word in members(types, name)]


def by_eth_account(domain, name, value):
    """Return (domain separator, struct hash) as eth_account computes them."""
    types, values = domain
    message = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": as_json(types, "EIP712Domain"),
                **{each: as_json(TYPES, each) for each in needed_by(name)},
            },
            "primaryType": name,
            "domain": values,
            "message": value,
        }
    )
    return message.header, message.body


def needed_by(name):
    """Return a struct's name and those of the structs below it."""
    below = {kind.removesuffix("[]") for kind, _ in members(TYPES, name)} & TYPES.keys()
    return {name}.union(*map(needed_by, below))


def by_the_plain_one(domain, name, value):
    types, values = domain
    return hash_struct(types, "EIP712Domain", values), hash_struct(TYPES, name, value)


@pytest.mark.parametrize("name", SIGNED)
@SOME
@given(data=st.data(), chain_id=unsigned_integers(256), contract=addresses)
def test_digest__any_value__three_programs_agree(name, data, chain_id, contract):
    signed = SIGNED[name]
    value = data.draw(values_of(name) if signed.draw is None else signed.draw)
    domain = domain_of(signed.domain, chain_id, contract if signed.names_contract else None)

    theirs = by_eth_account(domain, name, value)

    assert theirs == by_the_plain_one(domain, name, value), "ENC-01"
    assert digest(*theirs) == signed.ours(chain_id, contract, value), "ENC-01"


@pytest.mark.parametrize("name", HASHED)
@SOME
@given(data=st.data())
def test_hash__any_table__three_programs_agree(name, data):
    value = data.draw(table_of("pricesWad" if name == "PriceSet" else "factorsWad"))
    domain = domain_of("any", 1)

    _, theirs = by_eth_account(domain, name, value)

    assert theirs == hash_struct(TYPES, name, value) == HASHED[name](value)


@SOME
@given(
    prices=table_of("pricesWad"),
    factors=table_of("factorsWad"),
    drawn=values_of("RiskBasis"),
)
def test_risk_hash__any_basis__three_programs_agree(prices, factors, drawn):
    basis = drawn | {
        "priceSet": hash_struct(TYPES, "PriceSet", prices),
        "factorTable": hash_struct(TYPES, "FactorTable", factors),
    }
    price_set = PriceSet.of(dict(zip(prices["assets"], prices["pricesWad"], strict=True)))
    table = FactorTable.of(dict(zip(factors["assets"], factors["factorsWad"], strict=True)))
    report = SimpleNamespace(
        low=SimpleNamespace(required_wad=basis["requiredLow"]),
        high=SimpleNamespace(required_wad=basis["requiredHigh"]),
    )

    ours = risk_hash(
        DatedPrices(price_set, basis["oldestPriceAt"], basis["newestPriceAt"]), table, report
    )

    _, theirs = by_eth_account(domain_of("any", 1), "RiskBasis", basis)
    assert theirs == hash_struct(TYPES, "RiskBasis", basis) == ours


# CONTRACTS


@pytest.fixture(scope="module")
def governance():
    return deploy_governance()


@pytest.fixture(scope="module")
def deployed(governance):
    """The contracts that check signatures, by name."""
    return {
        "Adjudicator": deploy(Revm()).adjudicator,
        "MatchSettler": deploy_match().settler,
        "YellowToken": governance.yellow,
        "ProtocolGovernor": governance.governor,
    }


@pytest.mark.parametrize("kind", CONTRACTS)
def test_domain__of_each_contract__is_what_both_others_compute(deployed, kind):
    contract = deployed[kind]
    types, values = domain_of(CONTRACTS[kind], CHAIN_ID, contract.address)
    theirs, _ = by_eth_account((types, values), "Leg", VALUES["Leg"])

    assert theirs == hash_struct(types, "EIP712Domain", values)
    view = {"YellowToken": "DOMAIN_SEPARATOR"}.get(kind, "domainSeparator")
    if kind != "ProtocolGovernor":
        assert contract.read(view) == theirs, "ENC-01"
    # ERC-5267: 0x0f says name, version, chain and contract, and neither salt nor extensions.
    told = contract.read("eip712Domain")
    assert told == (b"\x0f", *values.values(), bytes(32), ())


VALUES = {"Leg": {"token": bytes(20), "fromLow": False, "amount": 0}}
HOLDER = key_of("whale")


def signed_for(contract, kind, name, value):
    """Return (r, s, v) by the holder's key, of the digest that the plain program computes."""
    domain = domain_of(CONTRACTS[kind], CHAIN_ID, contract.address)
    plain = by_the_plain_one(domain, name, value)
    assert plain == by_eth_account(domain, name, value)
    signature = keys.PrivateKey(secret_of("whale")).sign_msg_hash(digest(*plain))
    return *(word.to_bytes(32, "big") for word in (signature.r, signature.s)), 27 + signature.v


def secret_of(role):
    """Return what tests/harness/actors.py makes the role's key of."""
    secret = keccak_plain(role.encode())
    assert keys.PrivateKey(secret).public_key.to_canonical_address() == key_of(role).address
    return secret


@SOME
@given(value=unsigned_integers(256), spender=addresses.filter(any))
@example(value=2**256 - 1, spender=b"\xff" * 20)
def test_permit__any_allowance__is_taken_as_the_second_program_signs_it(governance, value, spender):
    yellow, sender = governance.yellow, governance.outsider
    permit = {
        "owner": HOLDER.address,
        "spender": spender,
        "value": value,
        "nonce": 0,
        "deadline": FAR,
    }
    r, s, v = signed_for(yellow, "YellowToken", "Permit", permit)
    arguments = (HOLDER.address, spender, value, FAR)

    with governance.chain.isolated():
        with pytest.raises(Refused, match="ERC2612InvalidSigner"):
            yellow.send("permit", *arguments[:3], FAR + 1, v, r, s, sender=sender)
        yellow.send("permit", *arguments, v, r, s, sender=sender)

        assert yellow.read("allowance", HOLDER.address, spender) == value


@SOME
@given(delegatee=addresses)
def test_delegation__to_anybody__is_taken_as_the_second_program_signs_it(governance, delegatee):
    yellow, sender = governance.yellow, governance.outsider
    value = {"delegatee": delegatee, "nonce": 0, "expiry": FAR}
    r, s, v = signed_for(yellow, "YellowToken", "Delegation", value)

    with governance.chain.isolated():
        yellow.send("delegateBySig", delegatee, 0, FAR, v, r, s, sender=sender)

        assert yellow.read("delegates", HOLDER.address) == delegatee


@SOME
@given(support=st.integers(0, 2))
def test_ballot__each_vote__is_taken_as_the_second_program_signs_it(governance, support):
    governor, sender = governance.governor, governance.outsider
    with governance.chain.isolated():
        governance.make_active(governance.parameter)
        ballot = {
            "proposalId": governance.id_of(governance.parameter),
            "support": support,
            "voter": HOLDER.address,
            "nonce": 0,
        }
        r, s, v = signed_for(governor, "ProtocolGovernor", "Ballot", ballot)
        arguments = (ballot["proposalId"], HOLDER.address, r + s + bytes([v]))
        with pytest.raises(Refused, match="GovernorInvalidSignature"):
            governor.send(
                "castVoteBySig", arguments[0], (support + 1) % 3, *arguments[1:], sender=sender
            )

        governor.send("castVoteBySig", arguments[0], support, *arguments[1:], sender=sender)

        assert governor.read("hasVoted", arguments[0], HOLDER.address)


@SOME
@given(reason=values_of("string"))
def test_extended_ballot__any_reason__is_taken_as_the_second_program_signs_it(governance, reason):
    governor, sender = governance.governor, governance.outsider
    with governance.chain.isolated():
        governance.make_active(governance.parameter)
        ballot = {
            "proposalId": governance.id_of(governance.parameter),
            "support": FOR,
            "voter": HOLDER.address,
            "nonce": 0,
            "reason": reason,
            "params": b"",
        }
        r, s, v = signed_for(governor, "ProtocolGovernor", "ExtendedBallot", ballot)

        governor.send(
            "castVoteWithReasonAndParamsBySig",
            ballot["proposalId"],
            FOR,
            HOLDER.address,
            reason,
            b"",
            r + s + bytes([v]),
            sender=sender,
        )

        assert governor.read("hasVoted", ballot["proposalId"], HOLDER.address)
