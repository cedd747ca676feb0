"""The parts of a network's parameters that say how it is governed and which swaps it trades.

Rows of markets and feeds have the contracts' own units (contracts/interfaces/PerpTypes.sol,
OracleTypes.sol) and the order of their fields, since they are handed over as they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from clearing.chain.param_base import At, Holder, Sourced, Strict
from clearing.spec.governance import Kind, Terms
from clearing.spec.oracle_types import FeedParams, FeedSources
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address

__all__ = ["FeedListing", "Governance", "MarketListing", "OracleSetup", "Protocol", "Swaps"]

Seconds = Annotated[int, Field(gt=0)]
Bps = Annotated[int, Field(ge=0, le=10_000)]
FEED_BYTES = 16


class KindAsks(Strict):
    """What a kind of proposal asks for."""

    quorum_bps: Bps
    approval_bps: Bps
    extra_delay_s: Annotated[int, Field(ge=0)]
    source: str = Field(min_length=1)

    @property
    def terms(self) -> Terms:
        """As the specification has them."""
        return Terms(self.quorum_bps, self.approval_bps, self.extra_delay_s)


class Governance(Strict):
    """How decisions are made. `pauser` is the wallet behind the PauseGuardian."""

    timelock_delay_s: Sourced[Annotated[int, Field(ge=DAY_S, le=30 * DAY_S)]]
    voting_delay_s: Sourced[Annotated[int, Field(ge=DAY_S, le=7 * DAY_S)]]
    voting_period_s: Sourced[Annotated[int, Field(ge=3 * DAY_S, le=14 * DAY_S)]]
    late_extension_s: Sourced[Annotated[int, Field(ge=DAY_S, le=7 * DAY_S)]]
    threshold_raw: Sourced[Annotated[int, Field(gt=0)]]
    quorum_floor_bps: Sourced[Annotated[int, Field(ge=200, le=3_000)]]
    proposal_guardian: Sourced[Holder]
    guardian_term_s: Sourced[Annotated[int, Field(gt=0, le=365 * DAY_S)]]
    pauser: Sourced[Holder]
    kinds: dict[str, KindAsks]

    @model_validator(mode="after")
    def _name_each_kind(self) -> Governance:
        want = [kind.name for kind in Kind if kind is not Kind.NONE]
        if list(self.kinds) != want:
            raise ValueError(f"kinds must be {', '.join(want)}, in this order")
        return self


class FeedListing(Strict):
    """A price feed: where its prices come from, and its limits where they are not the defaults."""

    name: str = Field(min_length=1, max_length=32)
    aggregator: At
    decimals: int = Field(ge=1, le=18)
    pyth_id: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
    sequencer: At | None = None
    limits: dict[str, int] = Field(default_factory=dict)
    source: str = Field(min_length=1)

    @property
    def feed(self) -> bytes:
        """Its id in the oracle: `ETH / USD` is ETH/USD and zero bytes."""
        return self.name.replace(" ", "").encode().ljust(FEED_BYTES, b"\0")

    @property
    def sources(self) -> FeedSources:
        """As the oracle takes them."""
        at = Address(bytes.fromhex(self.aggregator[2:]))
        uptime = ZERO_ADDRESS if self.sequencer is None else self.sequencer[2:]
        sequencer = uptime if isinstance(uptime, bytes) else Address(bytes.fromhex(uptime))
        return FeedSources(at, self.decimals, bytes.fromhex(self.pyth_id[2:]), sequencer)

    @property
    def params(self) -> FeedParams:
        """As the oracle takes them."""
        return FeedParams(**self.limits)

    @model_validator(mode="after")
    def _know_each_limit(self) -> FeedListing:
        unknown = self.limits.keys() - FeedParams.__dataclass_fields__.keys()
        if unknown:
            raise ValueError(f"limits know no {', '.join(sorted(unknown))}")
        if len(self.name.replace(" ", "").encode()) > FEED_BYTES:
            raise ValueError(f"name without spaces must have at most {FEED_BYTES} bytes")
        return self


class OracleSetup(Strict):
    """Where Pyth is, and the feeds from the start."""

    pyth: Sourced[At]
    feeds: list[FeedListing] = Field(min_length=1)


class _Row(Strict):
    """A struct of the contracts: its fields in its order."""

    @property
    def row(self) -> tuple[int, ...]:
        """As a contract takes it."""
        fields: dict[str, Any] = self.model_dump()
        return tuple(fields.values())


class RiskRow(_Row):
    """RiskParams."""

    im: int
    kappa: int
    slope: int
    imMax: int  # noqa: N815 - the contract's name
    penalty: int
    impactNotional: int  # noqa: N815 - the contract's name


class TradeRow(_Row):
    """TradeParams."""

    takerFee: int  # noqa: N815 - the contract's name
    makerFee: int  # noqa: N815 - the contract's name
    vaultSpread: int  # noqa: N815 - the contract's name
    premCap: int  # noqa: N815 - the contract's name
    minNotional: int  # noqa: N815 - the contract's name
    skewScale: int  # noqa: N815 - the contract's name
    coefficientInverse: int  # noqa: N815 - the contract's name


class LimitRow(_Row):
    """LimitParams."""

    maxRate: int  # noqa: N815 - the contract's name
    interval: int
    band: int
    minFee: int  # noqa: N815 - the contract's name
    openCap: int  # noqa: N815 - the contract's name
    vaultShare: int  # noqa: N815 - the contract's name
    maxOi: int  # noqa: N815 - the contract's name


class MarketListing(Strict):
    """A market, on the feed of that name."""

    feed: str = Field(min_length=1)
    risk: RiskRow
    trade: TradeRow
    limit: LimitRow
    source: str = Field(min_length=1)


class Swaps(Strict):
    """The perpetual swaps: what is paid in, who brings signed orders, what is traded."""

    collateral: Sourced[str]
    settler: Sourced[Holder]
    markets: list[MarketListing] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Protocol:
    """All three parts: what a governed deployment needs."""

    governance: Governance
    oracle: OracleSetup
    swaps: Swaps
