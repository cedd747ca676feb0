"""ENC: one value has one hash, whoever computes it."""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.channel.codec import (
    channel_id,
    domain_separator,
    hash_auth,
    hash_intent,
    hash_order,
    hash_state,
    signing_digest,
    type_hash,
)
from clearing.channel.errors import CodecError
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner
from clearing.channel.typed_data import STRUCTS, Member, Struct, item_type, struct_of
from clearing.channel.wire import to_typed_data
from clearing.spec.types import (
    AssetSplit,
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    Condition,
    Intent,
    Leg,
    SettlementOrder,
    WithdrawAuth,
)
from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.deployment import Deployment, deploy
from tests.harness.draw import addresses, structs, unsigned_integers
from tests.harness.revm import CHAIN_ID, Revm

HASHERS: MappingProxyType[type, Callable[[Any], bytes]] = MappingProxyType(
    {
        ChannelDef: channel_id,
        ClearingState: hash_state,
        SettlementOrder: hash_order,
        ChallengeIntent: hash_intent,
        WithdrawAuth: hash_auth,
    }
)
VIEWS = MappingProxyType(
    {
        ChannelDef: "hashDef",
        ClearingState: "hashState",
        SettlementOrder: "hashOrder",
        ChallengeIntent: "hashIntent",
        WithdrawAuth: "hashAuth",
    }
)
ON_CONTRACT = (ChannelDef, ClearingState, SettlementOrder)
"""What the Adjudicator offers as a view; the rest it hashes within its calls."""

PAGE = Path(__file__).resolve().parents[2] / "docs/protocol/encoding.md"

WIDEST_STATE = ClearingState(
    b"\xff" * 32,
    2**32 - 1,
    2**64 - 1,
    255,
    (AssetSplit(-(2**127), 2**127 - 1, 2**128 - 1, 0, 2**128 - 1, 2**128 - 1),) * 8,
    Condition(255, b"\xff" * 32, 2**40 - 1, (2**128 - 1,) * 24),
    b"\xff" * 32,
    b"\xff" * 32,
    2**40 - 1,
    2**40 - 1,
)


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    return deploy(Revm())


@pytest.fixture(scope="module")
def plain(deployment: Deployment) -> Contract:
    return deployment.chain.deploy("PlainHash", sender=deployment.roles.deployer)


def independent_digest(document: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Return domain separator, struct hash and digest as eth_account computes them."""
    message = encode_typed_data(full_message=document)
    whole = keccak256(b"\x19" + message.version + message.header + message.body)
    return message.header, message.body, whole


@given(value=structs, chain_id=unsigned_integers(256), adjudicator=addresses)
@example(value=WIDEST_STATE, chain_id=2**256 - 1, adjudicator=b"\xff" * 20)
def test_digest__any_struct__is_what_an_independent_library_says(
    value: object, chain_id: int, adjudicator: bytes
) -> None:
    struct_hash = HASHERS[type(value)](value)
    separator = domain_separator(chain_id, adjudicator)
    expected = independent_digest(to_typed_data(chain_id, adjudicator, value))

    assert (separator, struct_hash, signing_digest(separator, struct_hash)) == expected, "ENC-01"


@given(value=structs)
@example(value=WIDEST_STATE)
def test_hash__any_struct__contract_and_plain_twin_agree(
    deployment: Deployment, plain: Contract, value: object
) -> None:
    view = VIEWS[type(value)]
    expected = HASHERS[type(value)](value)

    assert plain.read(view, value) == expected, "ENC-01"
    if type(value) in ON_CONTRACT:
        assert deployment.adjudicator.read(view, value) == expected, "ENC-01"


def test_domain_separator__contract__is_of_its_chain_and_address(deployment: Deployment) -> None:
    on_contract = deployment.adjudicator.read("domainSeparator")

    assert on_contract == domain_separator(CHAIN_ID, deployment.adjudicator.address), "ENC-01"
    assert on_contract != domain_separator(CHAIN_ID + 1, deployment.adjudicator.address)
    assert on_contract != domain_separator(CHAIN_ID, key_of("another contract").address)


def test_domain_separator__chain_id_changes__follows(deployment: Deployment) -> None:
    """ENC-01: a fork of the chain replays nothing."""
    fork = Revm(chain_id=CHAIN_ID + 1)
    twin = deploy(fork).adjudicator

    assert twin.address == deployment.adjudicator.address
    assert twin.read("domainSeparator") == domain_separator(CHAIN_ID + 1, twin.address)


def changed(value: Any) -> list[Any]:
    """Return values that each differ from this one in one place, however deep."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value ^ 1]
    if isinstance(value, bytes):
        return [bytes([value[0] ^ 1]) + value[1:], value[:-1] + bytes([value[-1] ^ 1])]
    if isinstance(value, tuple):
        deeper = [
            (*value[:at], other, *value[at + 1 :])
            for at, item in enumerate(value)
            for other in changed(item)
        ]
        return [*deeper, value[1:], (*value, value[0])] if value else []
    assert is_dataclass(value)
    return [
        replace(value, **{field.name: other})
        for field in fields(value)
        for other in changed(getattr(value, field.name))
    ]


@given(value=structs)
def test_hash__one_place_changed__is_another(value: object) -> None:
    hasher = HASHERS[type(value)]
    expected = hasher(value)

    variants = changed(value)

    assert len(variants) >= 4
    for variant in variants:
        assert hasher(variant) != expected, f"ADJ-17: {variant}"


BOUNDS = MappingProxyType(
    {f"uint{bits}": (0, 2**bits - 1) for bits in (8, 32, 40, 64, 128, 256)}
    | {"int128": (-(2**127), 2**127 - 1)}
)
SAMPLES = MappingProxyType(
    {
        "ChannelDef": ChannelDef(1, *[bytes([i]) * 20 for i in range(5)], (bytes(20),), 1, 1),
        "ClearingState": ClearingState(bytes(32), 0, 1, 1, (AssetSplit(1, 1, 1, 1),)),
        "AssetSplit": AssetSplit(1, 1, 1, 1),
        "Condition": Condition(1, bytes(32), 1, (1,)),
        "SettlementOrder": SettlementOrder(
            bytes(32), 0, 1, 1, (Leg(bytes(20), from_low=True, amount=1),)
        ),
        "Leg": Leg(bytes(20), from_low=True, amount=1),
        "ChallengeIntent": ChallengeIntent(bytes(32), 0, 1, bytes(32)),
        "WithdrawAuth": WithdrawAuth(bytes(20), bytes(20), bytes(20), 1, 1, 1),
    }
)
PARENTS = MappingProxyType(
    {
        "AssetSplit": (
            "splits[1].",
            lambda split: replace(SAMPLES["ClearingState"], splits=(SAMPLES["AssetSplit"], split)),
        ),
        "Condition": ("condition.", lambda each: replace(SAMPLES["ClearingState"], condition=each)),
        "Leg": (
            "legs[1].",
            lambda leg: replace(SAMPLES["SettlementOrder"], legs=(SAMPLES["Leg"], leg)),
        ),
    }
)


def misfits() -> list[Any]:
    """Return, for every member of every struct, values that its Solidity type does not hold."""
    cases = []
    for struct in STRUCTS.values():
        for member in struct.members:
            item = item_type(member.type)
            if item in STRUCTS:
                continue
            if item in BOUNDS:
                low, high = BOUNDS[item]
                wrong: list[object] = [low - 1, high + 1, "1", None, 1.0]
            elif item == "bool":
                wrong = [1, None, "true"]
            else:
                size = 20 if item == "address" else 32
                wrong = [bytes(size - 1), bytes(size + 1), "x" * size, 5, None]
            cases += [
                pytest.param(struct, member, each, id=f"{struct.name}.{member.name}-{each!r:.12}")
                for each in wrong
            ]
    return cases


@pytest.mark.parametrize(("struct", "member", "wrong"), misfits())
def test_hash__value_outside_its_type__names_the_field(
    struct: Struct, member: Member, wrong: object
) -> None:
    sample = SAMPLES[struct.name]
    prefix, parent = PARENTS.get(struct.name, ("", lambda each: each))
    is_array = item_type(member.type) != member.type
    hasher = HASHERS[type(parent(sample))]
    hasher(parent(sample))

    misfit = replace(sample, **{member.attribute: (wrong,) if is_array else wrong})
    with pytest.raises(CodecError) as refusal:
        hasher(parent(misfit))

    assert refusal.value.field == prefix + member.name + ("[0]" if is_array else "")
    assert refusal.value.have == wrong


@given(data=st.data())
def test_structs__every_member__is_kept_by_its_dataclass(data: st.DataObject) -> None:
    struct = struct_of(type(data.draw(structs)))

    assert [member.attribute for member in struct.members] == [
        field.name for field in fields(struct.python)
    ]


def test_documentation__worked_numbers__are_what_the_code_computes() -> None:
    def address(byte: int) -> Address:
        return Address(bytes([byte]) * 20)

    definition = ChannelDef(
        chain_id=10,
        adjudicator=address(0xAD),
        broker_low=address(0xB1),
        broker_high=address(0xB2),
        signer_low=address(0xC1),
        signer_high=address(0xC2),
        assets=(address(0xD1),),
        challenge_duration=86_400,
        nonce=0,
    )
    split = AssetSplit(10_000_000_000, 10_000_000_000, 9_500_000_000, 10_500_000_000)
    state = ClearingState(
        channel_id(definition), 0, 2, Intent.OPERATE, (split,), signed_at=1_700_000_000
    )
    separator = domain_separator(definition.chain_id, definition.adjudicator)
    digest = signing_digest(separator, hash_state(state))
    signature = LocalSigner(b"\x01" * 32).sign(digest)
    computed = {
        "channel id": state.channel_id,
        "domain separator": separator,
        "hashStruct of the state": hash_state(state),
        "digest": digest,
        "r, by the key `0x0101…01`": signature.r,
        "vs": signature.vs,
    } | {struct.name: type_hash(struct) for struct in STRUCTS.values()}

    rows = re.findall(r"^\| (.+) \| `0x([0-9a-f]{64})` \|$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert {what: bytes.fromhex(value) for what, value in rows} == computed


def test_documentation__declarations__are_the_code() -> None:
    """Line breaks and the indent after them aside."""
    page = re.sub(r"\n\s+", "", PAGE.read_text("utf-8"))

    for struct in STRUCTS.values():
        assert struct.declaration in page
