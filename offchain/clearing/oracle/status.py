"""Read the state of a deployed oracle's feeds, all at one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clearing.chain.contract import Contract
from clearing.chain.deployment import recorded_address
from clearing.chain.errors import RegistryInvalidError
from clearing.chain.node import Node, as_bytes, as_int
from clearing.oracle.errors import AddressError
from clearing.risk.errors import quote
from clearing.spec.oracle_types import (
    FeedMemo,
    FeedParams,
    Gate,
    Grade,
    PriceState,
    Reading,
    SequencerStatus,
    TripReason,
)
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = [
    "ROLE",
    "FeedStatus",
    "OracleStatus",
    "locate",
    "memo_from",
    "params_from",
    "parse_address",
    "read_status",
    "reading_from_abi",
]

ROLE = "PriceOracle"
"""The oracle's name in a deployment's record, and its contract's."""


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """One feed: its name, what one look at it gives, what it remembers and may."""

    name: str
    reading: Reading
    memo: FeedMemo
    params: FeedParams
    has_sequencer: bool


@dataclass(frozen=True, slots=True)
class OracleStatus:
    """All feeds at a block; `now` is the block's time."""

    oracle: Address
    block: int
    now: int
    feeds: tuple[FeedStatus, ...]


def parse_address(text: str, place: str = "--address") -> Address:
    """Return the address that an option, `place`, names. Raises AddressError."""
    try:
        address = as_bytes(text) if text.startswith("0x") else b""
    except ValueError:
        address = b""
    if len(address) != ADDRESS_BYTES:
        raise AddressError(place, f"{quote(text)} is no address", "write 0x and 40 hex digits")
    return Address(address)


def locate(node: Node, network: str) -> Address:
    """Return where the network's record says that the oracle stands. Raises RegistryInvalidError.

    And what asking the node raises.
    """
    return recorded_address(node, network, ROLE)


def read_status(node: Node, oracle: Address) -> OracleStatus:
    """Return the state of every feed at the newest block.

    Raises RegistryInvalidError if no contract stands there, and what the calls raise.
    """
    head = node.request("eth_getBlockByNumber", ["latest", False])
    block = str(head["number"])
    if not as_bytes(node.request("eth_getCode", ["0x" + oracle.hex(), block])):
        raise RegistryInvalidError(
            f"no contract stands at 0x{oracle.hex()}", "check the address and the node's chain"
        )
    contract = Contract(node, ROLE, oracle)
    feeds = tuple(_read_feed(contract, feed, block) for feed in contract.call("feeds", block=block))
    return OracleStatus(oracle, as_int(block), as_int(head["timestamp"]), feeds)


def _read_feed(contract: Contract, feed: bytes, block: str) -> FeedStatus:
    sources, params = contract.call("configOf", feed, block=block)
    return FeedStatus(
        name=feed.rstrip(b"\0").decode("ascii", "replace"),
        reading=reading_from_abi(contract.call("readingOf", feed, block=block)),
        memo=memo_from(contract.call("memoOf", feed, block=block)),
        params=params_from(params),
        has_sequencer=sources[-1] != ZERO_ADDRESS,
    )


def reading_from_abi(values: Sequence[Any]) -> Reading:
    """Return the reading that the contract's struct says, field for field."""
    state, gates, trip, agree, pyth_opens, ring_fit, cl_grade, py_grade, sequencer, *rest = values
    return Reading(
        PriceState(state),
        Gate(gates),
        TripReason(trip),
        agree,
        pyth_opens,
        ring_fit,
        Grade(cl_grade),
        Grade(py_grade),
        SequencerStatus(sequencer),
        *rest,
    )


def memo_from(values: Sequence[Any]) -> FeedMemo:
    """Return the memory that the contract's struct says, field for field."""
    last_good, last_good_at, paused_until, latch, *rest = values
    return FeedMemo(last_good, last_good_at, paused_until, TripReason(latch), *rest)


def params_from(values: Sequence[Any]) -> FeedParams:
    """Return the limits that the contract's struct says, field for field."""
    return FeedParams(*values)
