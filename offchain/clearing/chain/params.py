"""Read a network's deployment parameters: deployments/params/<network>.yaml.

Each value stands beside its source, so that a reviewer can follow it. A file that cannot be used is
refused with the field and the fix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from clearing.chain.errors import ParameterInvalidError
from clearing.chain.param_base import At, Holder, Sourced, Strict
from clearing.chain.project import project_root
from clearing.chain.protocol_params import Governance, OracleSetup, Protocol, Swaps

__all__ = ["Allocation", "Parameters", "Sourced", "Token", "parameters_path", "read_parameters"]

DAY_S = 86_400
UINT32_MAX = 2**32 - 1
CAP_MAX = 2**127 - 1
TEST_CHAINS = frozenset({31_337, 1_337})
TESTNETS = frozenset({11_155_420})
"""OP Sepolia: whoever deploys names the accounts there, too. Mocks are refused all the same."""
DEPLOYED = frozenset({"@timelock", "@guardian"})
"""Where the protocol is governed these are contracts of the deployment: its timelock, and the
PauseGuardian."""


class Allocation(Strict):
    """Who receives how much of the YELLOW supply, raw units."""

    holder: Holder
    amount_raw: int = Field(gt=0, lt=2**208)
    source: str = Field(min_length=1)


class Token(Strict):
    """A token that channels may hold: where it stands, or which mock stands in for it.

    `cap_raw` is the most that a side of a channel may put in, raw units.
    """

    symbol: str = Field(pattern=r"^[A-Z]{2,11}$")
    decimals: int = Field(ge=0, le=36)
    cap_raw: int = Field(gt=0, le=CAP_MAX)
    address: At | None = None
    mock: str | None = None
    source: str = Field(min_length=1)


class Parameters(Strict):
    """All that a deployment decides. Times are seconds."""

    network: str = Field(min_length=1)
    chain_ids: list[int] = Field(min_length=1)
    timelock: Sourced[Holder]
    guardian: Sourced[Holder]
    min_challenge_s: Sourced[Annotated[int, Field(gt=0, le=UINT32_MAX)]]
    max_challenge_s: Sourced[Annotated[int, Field(gt=0, le=UINT32_MAX)]]
    grace_s: Sourced[Annotated[int, Field(gt=0, le=UINT32_MAX)]]
    push_gas: Sourced[Annotated[int, Field(gt=0, le=10_000_000)]]
    yellow: list[Allocation] = Field(min_length=1)
    yellow_cap_raw: Sourced[Annotated[int, Field(gt=0, le=CAP_MAX)]]
    tokens: list[Token]
    governance: Governance | None = None
    oracle: OracleSetup | None = None
    swaps: Swaps | None = None

    @property
    def is_test(self) -> bool:
        """Whether the parameters are for test chains only."""
        return set(self.chain_ids) <= TEST_CHAINS

    @property
    def protocol(self) -> Protocol:
        """Governance, oracle and swaps. Raises ParameterInvalidError if one is not there."""
        if self.governance is None or self.oracle is None or self.swaps is None:
            raise ParameterInvalidError(
                f"{self.network} has no governance, oracle and swaps", "write all three"
            )
        return Protocol(self.governance, self.oracle, self.swaps)

    @property
    def holders(self) -> tuple[str, ...]:
        """Every account that the parameters name, as an address or `@role`."""
        named = [self.timelock.value, self.guardian.value]
        named += [allocation.holder for allocation in self.yellow]
        if self.governance is not None:
            named += [self.governance.proposal_guardian.value, self.governance.pauser.value]
        if self.swaps is not None:
            named.append(self.swaps.settler.value)
        return tuple(named)

    @property
    def roles(self) -> tuple[str, ...]:
        """The `@roles` that whoever deploys has to name, without the sign, each once."""
        made = frozenset() if self.governance is None else DEPLOYED
        wanted = [it for it in self.holders if it.startswith("@") and it not in made]
        return tuple(dict.fromkeys(it.removeprefix("@") for it in wanted))

    @model_validator(mode="after")
    def _agree(self) -> Parameters:
        """Refuse what no single field shows."""
        if self.min_challenge_s.value > self.max_challenge_s.value:
            raise ValueError("min_challenge_s must not exceed max_challenge_s")
        symbols = [token.symbol for token in self.tokens]
        if len(set(symbols)) < len(symbols) or "YELLOW" in symbols:
            raise ValueError("tokens must name each symbol once, and not YELLOW")
        for token in self.tokens:
            if (token.address is None) == (token.mock is None):
                raise ValueError(f"token {token.symbol} needs either address or mock")
        if not self.is_test:
            self._refuse_test_parts()
        self._agree_on_swaps(symbols)
        return self

    def _agree_on_swaps(self, symbols: list[str]) -> None:
        """Refuse swaps whose collateral or feeds the rest does not have."""
        if self.swaps is None:
            return
        if self.oracle is None or self.governance is None:
            raise ValueError("swaps need oracle and governance beside them")
        if self.swaps.collateral.value not in symbols:
            raise ValueError(f"swaps.collateral {self.swaps.collateral.value} is not among tokens")
        feeds = {feed.name for feed in self.oracle.feeds}
        missing = [market.feed for market in self.swaps.markets if market.feed not in feeds]
        if missing:
            raise ValueError(f"oracle.feeds lack {', '.join(missing)}")

    def _refuse_test_parts(self) -> None:
        """Refuse what belongs on test chains only."""
        made = frozenset() if self.governance is None else DEPLOYED
        named = set(self.chain_ids) <= TESTNETS
        roles = [
            holder
            for holder in self.holders
            if holder.startswith("@") and holder not in made and not named
        ]
        mocks = [token.mock for token in self.tokens if token.mock is not None]
        if roles or mocks:
            raise ValueError(
                f"{', '.join(roles + mocks)}: roles and mocks belong on test chains "
                f"({', '.join(map(str, sorted(TEST_CHAINS)))}); write addresses"
            )
        if self.min_challenge_s.value < DAY_S or self.grace_s.value < DAY_S:
            raise ValueError(f"min_challenge_s and grace_s must be at least {DAY_S} (a day)")


def parameters_path(network: str) -> Path:
    """Return where the parameters of a network are kept."""
    return project_root() / "deployments" / "params" / f"{network}.yaml"


def read_parameters(network: str, path: Path | None = None) -> Parameters:
    """Return the parameters of a network, validated. Raises ParameterInvalidError."""
    path = path or parameters_path(network)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterInvalidError(
            f"cannot read {path} ({error.strerror})", "write it, local.yaml beside it is an example"
        ) from error
    except yaml.YAMLError as error:
        first_line = str(error).splitlines()[0]
        raise ParameterInvalidError(f"{path} is not YAML ({first_line})", "correct it") from error
    try:
        parameters = Parameters.model_validate(document)
    except ValidationError as error:
        raise _named(path, error) from error
    if parameters.network != network:
        raise ParameterInvalidError(
            f"{path}: network: is {parameters.network!r}", f"write {network!r}"
        )
    return parameters


def _named(path: Path, error: ValidationError) -> ParameterInvalidError:
    """Return the first refusal as one line that names the field and the fix."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the whole"
    want = first["msg"].removeprefix("Value error, ")
    have = "" if isinstance(first["input"], dict) else f" (have {first['input']!r})"
    return ParameterInvalidError(f"{path}: {field}{have}", want)
