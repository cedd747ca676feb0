"""ENC: one value has one JSON document, and no other document is read as it."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.channel.errors import CodecError
from clearing.channel.wire import from_json, to_json
from clearing.spec.types import (
    AssetSplit,
    ClearingState,
    Condition,
    Leg,
    SettlementOrder,
)
from tests.harness.draw import structs

STATE = ClearingState(
    b"\xab" * 32, 3, 7, 2, (AssetSplit(-1, 6, 2, 3),), Condition(1, b"\xcd" * 32, 9, (4,))
)
ORDER = SettlementOrder(bytes(32), 0, 1, 9, (Leg(b"\xee" * 20, from_low=True, amount=5),))


@given(value=structs)
def test_from_json__what_to_json_wrote__is_the_value(value: object) -> None:
    text = json.dumps(to_json(value))

    assert from_json(type(value), json.loads(text)) == value


@given(value=structs)
def test_to_json__numbers__are_exact_in_any_reader(value: object) -> None:
    """A JavaScript reader holds integers up to 2**53 exactly."""
    numbers: list[int] = []
    text = json.dumps(to_json(value))
    json.loads(text, parse_int=lambda digits: numbers.append(int(digits)))

    assert all(abs(number) < 2**53 for number in numbers)


SECOND_SPELLINGS = (
    ("version", 7),
    ("version", "07"),
    ("version", "+7"),
    ("version", " 7"),
    ("version", "7_0"),
    ("version", "7.0"),
    ("version", "0x7"),
    ("version", "-7"),
    ("version", str(2**64)),
    ("version", ""),
    ("version", None),
    ("version", "9" * 5_000),
    ("epoch", "3"),
    ("epoch", True),
    ("epoch", 3.0),
    ("epoch", -1),
    ("epoch", 2**32),
    ("channelId", "0x" + "AB" * 32),
    ("channelId", "ab" * 32),
    ("channelId", "0x" + "ab" * 31),
    ("channelId", "0x" + "ab" * 33),
    ("channelId", "0x" + "ab " * 32),
    ("channelId", "0x" + "zz" * 32),
    ("channelId", 5),
    ("splits", {}),
    ("splits", None),
    ("condition", []),
    ("splits[0].netLow", "-0"),
    ("splits[0].netLow", "−1"),
    ("splits[0].netLow", str(-(2**127) - 1)),
    ("condition.altLow[0]", 4),
    ("condition.altLow", "4"),
    ("condition.kind", 256),
)


def put(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return the document with another value at this path."""
    changed = deepcopy(document)
    *parents, last = path.replace("[", ".[").split(".")
    at: Any = changed
    for name in parents:
        at = at[int(name[1:-1]) if name.startswith("[") else name]
    at[int(last[1:-1]) if last.startswith("[") else last] = value
    return changed


@pytest.mark.parametrize(("path", "value"), SECOND_SPELLINGS)
def test_from_json__another_spelling__names_the_field(path: str, value: object) -> None:
    document = to_json(STATE)
    assert from_json(ClearingState, document) == STATE

    with pytest.raises(CodecError) as refusal:
        from_json(ClearingState, put(document, path, value))

    assert refusal.value.field == path


def test_from_json__bool_spelled_otherwise__names_the_field() -> None:
    document = to_json(ORDER)
    assert from_json(SettlementOrder, document) == ORDER

    for value in (1, "true", None):
        with pytest.raises(CodecError, match=r"legs\[0\]\.fromLow: want bool"):
            from_json(SettlementOrder, put(document, "legs[0].fromLow", value))


@given(data=st.data())
def test_from_json__member_missing_or_unknown__names_it(data: st.DataObject) -> None:
    document = to_json(STATE)
    name = data.draw(st.sampled_from(sorted(document)))

    without = {key: value for key, value in document.items() if key != name}
    with pytest.raises(CodecError) as refusal:
        from_json(ClearingState, without)
    assert refusal.value.field == name

    with pytest.raises(CodecError) as refusal:
        from_json(ClearingState, {**document, name + "x": 1})
    assert refusal.value.field == name + "x"


@pytest.mark.parametrize("document", [None, [], "{}", 5])
def test_from_json__no_object__is_refused(document: object) -> None:
    with pytest.raises(CodecError, match="want ClearingState"):
        from_json(ClearingState, document)
