"""No struct is signed or hashed that the table of signed types does not know."""

from tests.second.signed_types import HASHED, ONLY_ON_CHAIN, SIGNED, TYPES
from tests.second.type_scan import (
    declared_in_python,
    declared_in_solidity,
    named_in_python,
    signs_in_python,
)

INNER = {"AssetSplit", "Condition", "Leg"}
"""Members of other structs; never hashed by themselves."""
MAKERS = {
    "clearing/channel/codec.py": "0x19",
    "clearing/clearport/api/typed.py": "0x19",
    "clearing/clearport/daemon/feed.py": "encode_typed_data",
    "clearing/clearport/peers/typed.py": "encode_typed_data",
}
"""Who makes digests; each is behind a row of the table."""


def test_types__declared_as_text__are_in_the_table_word_for_word():
    on_chain, off_chain = declared_in_solidity(), declared_in_python()

    assert {"ClearingState", "Order", "Permit", "ExtendedBallot"} <= on_chain.keys()
    assert {"ClearingState", "Order", "Login", "RiskBasis"} <= off_chain.keys()
    for found in (on_chain, off_chain):
        assert found == {name: {TYPES[name]} for name in found if name in TYPES}


def test_types__spelled_as_lists__are_in_the_table():
    assert named_in_python() == {"PeerRecord", "Hello", "Prices"}


def test_table__has_no_type_that_the_code_has_not():
    found = declared_in_solidity().keys() | declared_in_python().keys() | named_in_python()

    assert found == TYPES.keys()
    assert TYPES.keys() == SIGNED.keys() | HASHED.keys() | ONLY_ON_CHAIN | INNER | {"RiskBasis"}


def test_digests__are_made_in_these_modules_alone():
    assert signs_in_python() == MAKERS
