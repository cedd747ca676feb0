"""Every struct that somebody signs or that a hash of ours is made of, and how we hash it.

The declarations are written here anew, as the design has them, and not taken from the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st

from clearing.channel import codec
from clearing.channel.risk_hash import DatedPrices, factor_table_id, price_set_id
from clearing.channel.words import snake_case
from clearing.clearport.api.typed import Domain as OperatorDomain
from clearing.clearport.daemon.feed import FeedDomain
from clearing.clearport.peers import hello, records
from clearing.clearport.peers.endpoint import Endpoint
from clearing.clearport.peers.typed import Domain as PeerDomain
from clearing.peer.v1 import peer_pb2
from clearing.spec import types as channel
from clearing.spec.assets import AssetId
from clearing.spec.perp_orders import Order
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.units import Address
from tests.harness.draw import addresses, signed_integers, unsigned_integers, words
from tests.second.plain_eip712 import keccak_plain, members, parse

__all__ = [
    "CONTRACTS",
    "HASHED",
    "ONLY_ON_CHAIN",
    "SIGNED",
    "TYPES",
    "Signed",
    "table_of",
    "values_of",
]

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    parse(
        # the channels
        "ChannelDef(uint256 chainId,address adjudicator,address brokerLow,address brokerHigh,"
        "address signerLow,address signerHigh,address[] assets,uint32 challengeDuration,"
        "uint64 nonce)"
        "AssetSplit(int128 netLow,int128 netHigh,uint128 low,uint128 high,uint128 outLow,"
        "uint128 outHigh)"
        "Condition(uint8 kind,bytes32 ref,uint40 expiry,uint128[] altLow)"
        "ClearingState(bytes32 channelId,uint32 epoch,uint64 version,uint8 intent,"
        "AssetSplit[] splits,Condition condition,bytes32 liabilitiesRoot,bytes32 riskHash,"
        "uint40 signedAt,uint40 validUntil)"
        "Leg(address token,bool fromLow,uint128 amount)"
        "SettlementOrder(bytes32 channelId,uint32 epoch,uint64 version,uint40 fundBy,Leg[] legs)"
        "ChallengeIntent(bytes32 channelId,uint32 epoch,uint64 version,bytes32 stateDigest)"
        "WithdrawAuth(address account,address token,address to,uint128 amount,uint256 nonce,"
        "uint40 validUntil)"
        # the swaps
        "Order(uint32 account,uint16 market,int128 size,uint128 limitPrice,uint32 maxFeePpm,"
        "uint64 expiry,uint40 nonce,uint8 flags,uint128 triggerPrice)"
        # between daemons, and with their operators
        "PeerRecord(address broker,string endpoint,bytes32 certificateHash,uint64 seq,"
        "uint64 validUntil,string name)"
        "Hello(uint32 protocol,address broker,address peer,bytes32 certificateHash,"
        "bytes32 peerCertificateHash,bytes32 nonce,bytes32 peerNonce)"
        "Prices(bytes32[] assets,uint256[] pricesWad,uint40 oldestAt,uint40 newestAt)"
        "Login(string daemonId,address operator,bytes32 challenge,uint64 expiry)"
        "Call(string daemonId,string method,bytes32 bodyHash,bytes32 nonce,uint64 expiry)"
        # what a state's riskHash is made of
        "RiskBasis(bytes32 priceSet,uint40 oldestPriceAt,uint40 newestPriceAt,bytes32 factorTable,"
        "uint256 requiredLow,uint256 requiredHigh)"
        "PriceSet(bytes32[] assets,uint256[] pricesWad)"
        "FactorTable(bytes32[] assets,uint256[] factorsWad)"
        # YELLOW and the governor
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        "Delegation(address delegatee,uint256 nonce,uint256 expiry)"
        "Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)"
        "ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,string reason,"
        "bytes params)"
    )
)

CONTRACTS: Final = MappingProxyType(
    {
        "Adjudicator": "Smart Clearing Adjudicator",
        "MatchSettler": "Smart Clearing Derivatives",
        "YellowToken": "Yellow",
        "ProtocolGovernor": "Smart Clearing Protocol",
    }
)
"""The contracts that check signatures, and the names of their domains; all of version 1."""

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signed:
    """A struct's domain, and the digest that our code has signed of a value."""

    domain: str
    ours: Callable[[int, Address, Value], bytes]
    """(chain id, contract, value by Solidity name) -> 32 bytes."""
    names_contract: bool = True
    draw: st.SearchStrategy[Value] | None = None
    """Where not every value of the types is one of ours."""


_CLASSES: Final[Mapping[str, type]] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            channel.ChannelDef,
            channel.AssetSplit,
            channel.Condition,
            channel.ClearingState,
            channel.Leg,
            channel.SettlementOrder,
            channel.ChallengeIntent,
            channel.WithdrawAuth,
            Order,
        )
    }
)


def _built(name: str, value: Value) -> Any:
    """Return our dataclass of a value."""
    parts = {}
    for kind, word in members(TYPES, name):
        inner, given = kind.removesuffix("[]"), value[word]
        if inner in _CLASSES:
            given = [_built(inner, each) for each in (given if inner != kind else [given])]
            given = given[0] if inner == kind else given
        parts[snake_case(word)] = tuple(given) if inner != kind else given
    return _CLASSES[name](**parts)


def _of_channel(name: str, hasher: Callable[[Any], bytes]) -> Signed:
    domain = CONTRACTS["MatchSettler" if name == "Order" else "Adjudicator"]

    def ours(chain_id: int, contract: Address, value: Value) -> bytes:
        separator = codec.domain_separator(chain_id, contract, domain)
        return codec.signing_digest(separator, hasher(_built(name, value)))

    return Signed(domain, ours)


def _record(chain_id: int, contract: Address, value: Value) -> bytes:
    host, _, port = value["endpoint"].rpartition(":")
    record = records.PeerRecord(
        broker=value["broker"],
        endpoint=Endpoint(host, int(port)),
        certificate=_CERTIFICATE,
        seq=value["seq"],
        valid_until=value["validUntil"],
        name=value["name"],
    )
    return record.digest(PeerDomain(chain_id, contract))


def _hello(chain_id: int, contract: Address, value: Value) -> bytes:
    message = peer_pb2.Hello(**{snake_case(word): given for word, given in value.items()})
    return hello.digest_of(message, PeerDomain(chain_id, contract))


def _rows(value: Value, numbers: str) -> dict[AssetId, int]:
    return dict(zip(value["assets"], value[numbers], strict=True))


def _prices(chain_id: int, contract: Address, value: Value) -> bytes:
    prices = PriceSet.of(_rows(value, "pricesWad"))
    dated = DatedPrices(prices, value["oldestAt"], value["newestAt"])
    return FeedDomain(chain_id, contract).digest(dated)


def _login(chain_id: int, _: Address, value: Value) -> bytes:
    domain = OperatorDomain(value["daemonId"], chain_id)
    return domain.login_digest(value["operator"], value["challenge"], value["expiry"])


def _call(chain_id: int, _: Address, value: Value) -> bytes:
    domain = OperatorDomain(value["daemonId"], chain_id)
    return domain.call_digest(value["method"], _BODY, value["nonce"], value["expiry"])


_CERTIFICATE: Final = b"a certificate's DER"
_BODY: Final = b"a request's bytes"


def values_of(kind: str) -> st.SearchStrategy[Any]:
    """Return any value of a Solidity type, or of a struct of the table; edges often."""
    if kind.endswith("[]"):
        return st.lists(values_of(kind[:-2]), max_size=5)
    if kind in TYPES:
        return st.fixed_dictionaries(
            {word: values_of(inner) for inner, word in members(TYPES, kind)}
        )
    if kind.startswith("uint"):
        return unsigned_integers(int(kind[4:]))
    if kind.startswith("int"):
        return signed_integers(int(kind[3:]))
    texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
    of: dict[str, st.SearchStrategy[Any]] = {
        "address": addresses,
        "bytes32": words,
        "bool": st.booleans(),
        "bytes": st.binary(max_size=70),
        "string": texts | st.sampled_from(("", "0x", "0x41", "\0", "0" * 32)),
    }
    return of[kind]


def _with(name: str, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Value]:
    every = {word: values_of(kind) for kind, word in members(TYPES, name)}
    return st.fixed_dictionaries(every | fixed)


def table_of(numbers: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Value]:
    """Return assets, ascending and once each, and as many positive numbers."""
    positive = st.sampled_from((1, 2**255 - 1)) | st.integers(1, 2**255 - 1)
    rows = st.dictionaries(words, positive, min_size=1, max_size=5)
    return st.tuples(rows, st.fixed_dictionaries(more)).map(
        lambda both: {
            "assets": sorted(both[0]),
            numbers: [both[0][asset] for asset in sorted(both[0])],
            **both[1],
        }
    )


_TIMES: Final = unsigned_integers(40)
_PEER: Final = "Clearport Peer"

SIGNED: Final[Mapping[str, Signed]] = MappingProxyType(
    {
        "ChannelDef": _of_channel("ChannelDef", codec.channel_id),
        "ClearingState": _of_channel("ClearingState", codec.hash_state),
        "SettlementOrder": _of_channel("SettlementOrder", codec.hash_order),
        "ChallengeIntent": _of_channel("ChallengeIntent", codec.hash_intent),
        "WithdrawAuth": _of_channel("WithdrawAuth", codec.hash_auth),
        "Order": _of_channel("Order", codec.hash_perp_order),
        "PeerRecord": Signed(
            _PEER,
            _record,
            draw=_with(
                "PeerRecord",
                certificateHash=st.just(sha256(_CERTIFICATE).digest()),
                endpoint=st.sampled_from(("a.example:1", "127.0.0.1:65535", "x:80")),
            ),
        ),
        "Hello": Signed(_PEER, _hello),
        "Prices": Signed(
            "Clearport Prices",
            _prices,
            draw=table_of("pricesWad", oldestAt=_TIMES, newestAt=_TIMES),
        ),
        "Login": Signed("Clearport Operator", _login, names_contract=False),
        "Call": Signed(
            "Clearport Operator",
            _call,
            names_contract=False,
            draw=_with("Call", bodyHash=st.just(keccak_plain(_BODY))),
        ),
    }
)
"""By the name of the struct."""

HASHED: Final[Mapping[str, Callable[[Value], bytes]]] = MappingProxyType(
    {
        "PriceSet": lambda value: price_set_id(PriceSet.of(_rows(value, "pricesWad"))),
        "FactorTable": lambda value: factor_table_id(FactorTable.of(_rows(value, "factorsWad"))),
    }
)
"""Nobody signs these; they are hashed alone, without a domain. RiskBasis is made of both."""

ONLY_ON_CHAIN: Final = frozenset({"Permit", "Delegation", "Ballot", "ExtendedBallot"})
"""We never sign these; the contracts take them from any wallet."""
