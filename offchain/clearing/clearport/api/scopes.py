"""Say which scope each method of the API takes. A method that is not here is refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from clearing.clearport.api.keys import Scope

__all__ = ["OPEN_SERVICES", "SCOPES", "SERVICE", "scope_of"]

SERVICE: Final = "clearing.operator.v1.Operator"

OPEN_SERVICES: Final = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
)
"""Services that tell nothing of a broker, for anybody."""

SCOPES: Final[Mapping[str, Scope | None]] = MappingProxyType(
    {
        "GetChallenge": None,
        "Login": None,
        "ListPeers": Scope.READ,
        "ListChannels": Scope.READ,
        "GetMarginBalance": Scope.READ,
        "SubscribeMargin": Scope.READ,
        "GetPositions": Scope.READ,
        "GetRisk": Scope.READ,
        "ListTrades": Scope.READ,
        "GetTransaction": Scope.READ,
        "SubscribeEvents": Scope.READ,
        "ExportStates": Scope.READ,
        "GetStatus": Scope.READ,
        "RecordTrade": Scope.TRADE,
        "RecordTrades": Scope.TRADE,
        "RequestSettlement": Scope.TRADE,
        "AcceptSettlement": Scope.TRADE,
        "RejectSettlement": Scope.TRADE,
        "AddPeer": Scope.TREASURY,
        "OpenChannel": Scope.TREASURY,
        "AcceptChannel": Scope.TREASURY,
        "RejectChannel": Scope.TREASURY,
        "CloseChannel": Scope.TREASURY,
        "Disconnect": Scope.TREASURY,
        "DepositCollateral": Scope.TREASURY,
        "Withdraw": Scope.TREASURY,
        "Stake": Scope.TREASURY,
    }
)
"""None: anybody may call it, without a token."""


def scope_of(path: str) -> tuple[bool, Scope | None]:
    """Return whether a path such as /package.Service/Method is served, and the scope it takes."""
    service, _, method = path.removeprefix("/").partition("/")
    if service in OPEN_SERVICES:
        return True, None
    is_known = service == SERVICE and method in SCOPES
    return is_known, SCOPES.get(method) if is_known else None
