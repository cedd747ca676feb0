"""The EIP-712 structs that are signed, each written once, as the text that its type hash covers.

Type hashes, struct hashes, the JSON that wallets show and that logs store: all of it is derived
from these tables. A member is kept by its dataclass under its name in snake case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from clearing.channel.words import snake_case
from clearing.spec import types as spec
from clearing.spec.perp_orders import Order

__all__ = [
    "ORDER",
    "STRUCTS",
    "Member",
    "Struct",
    "encode_type",
    "item_type",
    "referred_by",
    "struct_of",
]

ORDER_DECLARATION = (
    "Order(uint32 account,uint16 market,int128 size,uint128 limitPrice,uint32 maxFeePpm,"
    "uint64 expiry,uint40 nonce,uint8 flags,uint128 triggerPrice)"
)
"""What a trader of the perpetual swaps signs, for the MatchSettler's domain."""
DECLARATIONS = MappingProxyType(
    {
        spec.ChannelDef: "ChannelDef(uint256 chainId,address adjudicator,address brokerLow,"
        "address brokerHigh,address signerLow,address signerHigh,address[] assets,"
        "uint32 challengeDuration,uint64 nonce)",
        spec.AssetSplit: "AssetSplit(int128 netLow,int128 netHigh,uint128 low,uint128 high,"
        "uint128 outLow,uint128 outHigh)",
        spec.Condition: "Condition(uint8 kind,bytes32 ref,uint40 expiry,uint128[] altLow)",
        spec.ClearingState: "ClearingState(bytes32 channelId,uint32 epoch,uint64 version,"
        "uint8 intent,AssetSplit[] splits,Condition condition,bytes32 liabilitiesRoot,"
        "bytes32 riskHash,uint40 signedAt,uint40 validUntil)",
        spec.Leg: "Leg(address token,bool fromLow,uint128 amount)",
        spec.SettlementOrder: "SettlementOrder(bytes32 channelId,uint32 epoch,uint64 version,"
        "uint40 fundBy,Leg[] legs)",
        spec.ChallengeIntent: "ChallengeIntent(bytes32 channelId,uint32 epoch,uint64 version,"
        "bytes32 stateDigest)",
        spec.WithdrawAuth: "WithdrawAuth(address account,address token,address to,uint128 amount,"
        "uint256 nonce,uint40 validUntil)",
    }
)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a struct: its Solidity type and name, and the dataclass's attribute."""

    type: str
    name: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Struct:
    """One EIP-712 struct and the dataclass that holds its values."""

    name: str
    python: type
    declaration: str
    members: tuple[Member, ...]


def item_type(type_: str) -> str:
    """Return the type of an array's items, or the type itself if it is no array."""
    return type_.partition("[")[0]


def _parse(python: type, declaration: str) -> Struct:
    name, _, rest = declaration.partition("(")
    pairs = (member.split(" ") for member in rest.removesuffix(")").split(","))
    members = tuple(Member(type_, member, snake_case(member)) for type_, member in pairs)
    return Struct(name, python, declaration, members)


STRUCTS = MappingProxyType(
    {
        struct.name: struct
        for struct in (_parse(python, text) for python, text in DECLARATIONS.items())
    }
)
"""What a channel signs or hashes, for the Adjudicator's domain."""
ORDER = _parse(Order, ORDER_DECLARATION)
_BY_CLASS = MappingProxyType({struct.python: struct for struct in (*STRUCTS.values(), ORDER)})


def struct_of(python: type) -> Struct:
    """Return the struct that a dataclass holds. Raises KeyError for a class that is none."""
    return _BY_CLASS[python]


@cache
def referred_by(struct: Struct) -> tuple[Struct, ...]:
    """Return the structs that a struct refers to, directly or not, by name, without itself."""
    found: dict[str, Struct] = {}
    for member in struct.members:
        inner = STRUCTS.get(item_type(member.type))
        if inner is not None:
            found |= {each.name: each for each in (inner, *referred_by(inner))}
    return tuple(found[name] for name in sorted(found))


def encode_type(struct: Struct) -> str:
    """Return EIP-712's encodeType: the struct, then what it refers to, sorted by name."""
    return struct.declaration + "".join(inner.declaration for inner in referred_by(struct))
