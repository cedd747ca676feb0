"""Calls and answers are encoded as eth_abi, an independent library, encodes them."""

from dataclasses import astuple
from typing import Any

import eth_abi
import pytest
from eth_abi.exceptions import DecodingError
from hypothesis import given
from hypothesis import strategies as st

from clearing.chain.artifacts import abi_of
from clearing.channel.abi import Interface, Row
from clearing.channel.errors import CodecError
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature
from clearing.spec.types import ChannelDef, ClearingState, SettlementOrder
from tests.harness.draw import definitions, orders, states, unsigned_integers, words

ADJUDICATOR = Interface(abi_of("IAdjudicator"))
SIGNATURES = st.tuples(*[st.builds(Signature, r=words, vs=words)] * 2)


def selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


@given(definition=definitions, state=states, signatures=SIGNATURES, order=orders)
def test_encode__nested_dynamic_structs__is_eth_abis_encoding(
    definition: ChannelDef,
    state: ClearingState,
    signatures: tuple[Signature, Signature],
    order: SettlementOrder,
) -> None:
    method = ADJUDICATOR.method("fundOrder")
    arguments = (definition, state, signatures, order, 1)

    plain = (*map(astuple, (definition, state)), tuple(map(astuple, signatures)), astuple(order), 1)
    expected = eth_abi.encode([method.inputs.type], [plain])[32:]  # without the tuple's own offset

    assert method.encode(*arguments) == method.selector + expected
    assert method.encode(*plain) == method.encode(*arguments)


TYPES = (
    "uint256",
    "int128",
    "bool",
    "address",
    "bytes4",
    "bytes",
    "string",
    "uint16[]",
    "bytes[]",
    "string[2]",
    "int8[3]",
    "uint8[2][]",
    "bytes[][2]",
)


WORDS = {
    "uint256": st.integers(0, 2**256 - 1),
    "uint16": st.integers(0, 2**16 - 1),
    "uint8": st.integers(0, 2**8 - 1),
    "int128": st.integers(-(2**127), 2**127 - 1),
    "int8": st.integers(-(2**7), 2**7 - 1),
    "bool": st.booleans(),
    "address": st.binary(min_size=20, max_size=20),
    "bytes4": st.binary(min_size=4, max_size=4),
    "bytes": st.binary(max_size=70),
    "string": st.text(max_size=70),
}


def values_of(type_: str) -> st.SearchStrategy[Any]:
    """Return values of a Solidity type, addresses as 20 bytes."""
    if not type_.endswith("]"):
        return WORDS[type_]
    item, _, length = type_.removesuffix("]").rpartition("[")
    least, most = (int(length), int(length)) if length else (0, 3)
    return st.lists(values_of(item), min_size=least, max_size=most).map(tuple)


@given(data=st.data(), types=st.lists(st.sampled_from(TYPES), min_size=1, max_size=5))
def test_row__any_types__encodes_as_eth_abi_and_decodes_back(
    data: st.DataObject, types: list[str]
) -> None:
    row = Row.of([{"name": f"a{at}", "type": type_} for at, type_ in enumerate(types)])
    values = tuple(data.draw(values_of(type_)) for type_ in types)

    encoded = row.encode(values)

    assert encoded == eth_abi.encode(types, values)
    assert row.decode(encoded) == values


def test_encode__wrong_number_of_arguments__is_refused() -> None:
    method = ADJUDICATOR.method("withdraw")
    method.encode(bytes(20), 1, bytes(20))

    with pytest.raises(CodecError, match="want 3 values"):
        method.encode(bytes(20), 1)


def test_encode__argument_outside_its_type__is_named() -> None:
    method = ADJUDICATOR.method("withdraw")

    with pytest.raises(CodecError, match="amount: want uint256, have -1"):
        method.encode(bytes(20), -1, bytes(20))


def test_decode__data_cut_short__is_refused() -> None:
    method = ADJUDICATOR.method("netOf")
    assert method.decode(bytes(64)) == (0, 0)

    with pytest.raises(DecodingError):
        method.decode(bytes(63))


def test_method__overloads__are_told_apart_by_their_arguments() -> None:
    plain, by_intent = ADJUDICATOR.method("challenge", 3), ADJUDICATOR.method("challenge", 4)

    assert len({plain.selector, by_intent.selector}) == 2
    with pytest.raises(KeyError):
        ADJUDICATOR.method("challenge")
    with pytest.raises(KeyError):
        ADJUDICATOR.method("noSuchFunction")


@given(have=unsigned_integers(64), want=unsigned_integers(64))
def test_decode_error__custom_error__is_name_and_values(have: int, want: int) -> None:
    data = selector("StaleVersion(uint64,uint64)") + eth_abi.encode(
        ["uint64", "uint64"], [have, want]
    )

    assert ADJUDICATOR.decode_error(data) == ("StaleVersion", (have, want))


@given(text=st.text(max_size=40))
def test_decode_error__text__is_its_name(text: str) -> None:
    data = selector("Error(string)") + eth_abi.encode(["string"], [text])

    assert ADJUDICATOR.decode_error(data) == (text, ())


def test_decode_error__panic_unknown_or_empty__is_not_lost() -> None:
    panic = selector("Panic(uint256)") + (17).to_bytes(32, "big")

    assert ADJUDICATOR.decode_error(panic) == ("Panic", (17,))
    assert ADJUDICATOR.decode_error(b"\x01\x02\x03\x04rest") == ("0x0102030472657374", ())
    assert ADJUDICATOR.decode_error(b"") == ("0x", ())
    assert ADJUDICATOR.knows_error(panic)
    assert not ADJUDICATOR.knows_error(b"")


@given(id_=words, epoch=unsigned_integers(32), version=unsigned_integers(64))
def test_event__indexed_and_plain_fields__come_in_declared_order(
    id_: bytes, epoch: int, version: int
) -> None:
    topic = keccak256(b"Checkpointed(bytes32,uint32,uint64)")
    event = ADJUDICATOR.event(topic)
    data = eth_abi.encode(["uint32", "uint64"], [epoch, version])

    assert (event.name, event.names) == ("Checkpointed", ("id", "epoch", "version"))
    assert event.decode([topic, id_], data) == (id_, epoch, version)
