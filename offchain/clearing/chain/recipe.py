"""Say which contracts make the protocol, in what order and with which arguments; nothing is sent.

An argument may be a `Ref`: the address of another contract of the deployment, which may come later
if its address can be computed before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clearing.chain.errors import ParameterInvalidError
from clearing.chain.params import Parameters, Token
from clearing.spec.perp_types import Role
from clearing.spec.units import Address

__all__ = [
    "MODULES",
    "Create",
    "Ref",
    "channel_contracts",
    "lock_contracts",
    "resolved",
    "swap_contracts",
    "token_contracts",
]


@dataclass(frozen=True, slots=True)
class Ref:
    """The address of the contract, token or account that a deployment knows by this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Create:
    """One contract to be: the name that it is recorded by, its artifact, its arguments."""

    role: str
    contract: str
    args: tuple[Any, ...] = ()


MODULES: Final = (
    (Role.VAULT, "VaultModule"),
    (Role.SETTLER, "MatchSettler"),
    (Role.RISK, "RiskManager"),
    (Role.RESOLUTION, "ResolutionModule"),
    (Role.INSURANCE, "InsuranceFund"),
    (Role.ADMIN, "MarketAdmin"),
    (Role.SETTLEMENT, "SettlementModule"),
)
"""Which contract the engine knows in which role."""


def holder(text: str) -> Any:
    """Return what an address or an `@name` of the parameters stands for."""
    return Ref(text) if text.startswith("@") else Address(bytes.fromhex(text[2:]))


def lock_contracts() -> tuple[Create, ...]:
    """Return what stands alone."""
    return (Create("HashTimeLock", "HashTimeLock"),)


def channel_contracts(parameters: Parameters) -> tuple[Create, ...]:
    """Return YELLOW, and registry and Adjudicator, which name each other."""
    return (
        Create(
            "Yellow",
            "YellowToken",
            (
                [holder(allocation.holder) for allocation in parameters.yellow],
                [allocation.amount_raw for allocation in parameters.yellow],
            ),
        ),
        Create("BrokerRegistry", "BrokerRegistry", (Ref("Yellow"), Ref("Adjudicator"))),
        Create(
            "Adjudicator",
            "Adjudicator",
            (
                Ref("BrokerRegistry"),
                holder(parameters.timelock.value),
                holder(parameters.guardian.value),
                parameters.min_challenge_s.value,
                parameters.max_challenge_s.value,
                parameters.grace_s.value,
                parameters.push_gas.value,
            ),
        ),
    )


def token_contracts(tokens: Sequence[Token]) -> tuple[Create, ...]:
    """Return the mocks that the parameters ask for."""
    return tuple(
        Create(token.symbol, token.mock, (token.symbol, token.symbol, token.decimals))
        for token in tokens
        if token.mock is not None
    )


def swap_contracts(
    collateral: Any, pyth: Any, timelock: Any, guardian: Any, settler: Any
) -> tuple[Create, ...]:
    """Return oracle, engine and modules of the perpetual swaps; each argument an address or Ref."""
    engine = Ref("DerivativesEngine")
    return (
        Create("PriceOracle", "PriceOracle", (pyth, timelock, guardian)),
        Create(
            "DerivativesEngine",
            "DerivativesEngine",
            (collateral, Ref("PriceOracle"), timelock, guardian),
        ),
        Create("MarketBounds", "MarketBounds"),
        Create("MarketAdmin", "MarketAdmin", (engine, Ref("MarketBounds"))),
        Create("VaultModule", "VaultModule", (engine,)),
        Create("MatchSettler", "MatchSettler", (engine, settler)),
        Create("RiskManager", "RiskManager", (engine,)),
        Create("InsuranceFund", "InsuranceFund", (engine,)),
        Create("ResolutionModule", "ResolutionModule", (engine, Ref("InsuranceFund"))),
        Create("SettlementModule", "SettlementModule", (engine,)),
        Create("PerpLens", "PerpLens", (engine,)),
    )


def resolved(value: Any, known: Mapping[str, Address] | Callable[[str], Address]) -> Any:
    """Return a value with each Ref in it, however deep, as its address.

    Raises ParameterInvalidError for a name that nobody stands for.
    """
    match value:
        case Ref(name):
            try:
                return known(name) if callable(known) else known[name]
            except KeyError as error:
                fix = f"name an account {name.removeprefix('@')}"
                raise ParameterInvalidError(f"nobody stands for {name}", fix) from error
        case tuple():
            return tuple(resolved(item, known) for item in value)
        case list():
            return [resolved(item, known) for item in value]
        case _:
            return value
