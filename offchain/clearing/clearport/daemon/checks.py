"""Look at every prerequisite of a daemon, and say of each whether it is met and what helps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from clearing.chain.contract import as_text
from clearing.chain.errors import ChainError
from clearing.chain.node import as_bytes, as_int
from clearing.clearport.daemon.config import Config
from clearing.clearport.daemon.opening import house_of, open_contracts, open_node, prices_of
from clearing.clearport.daemon.prices import missing_assets
from clearing.clearport.errors import ClearportError, ConfigError
from clearing.clearport.signer.build import signer_of
from clearing.clearport.store.database import Database
from clearing.client.contracts import Contracts
from clearing.spec.units import Address

__all__ = ["Check", "Checks", "run_checks"]


@dataclass(frozen=True, slots=True)
class Check:
    """A prerequisite: what was found, or what is wrong and the fix."""

    name: str
    is_met: bool
    detail: str


@dataclass
class Checks:
    """Runs checks in their order; one that needs what failed before it is left out."""

    config: Config
    done: list[Check] = field(default_factory=list)
    contracts: Contracts | None = None
    signer: Address | None = None
    account: Address | None = None

    @contextlib.contextmanager
    def _noted(self, name: str) -> Iterator[Callable[[str], None]]:
        detail: list[str] = []
        try:
            yield detail.append
        except (ClearportError, ChainError, OSError) as error:
            self.done.append(Check(name, is_met=False, detail=str(error)))
        else:
            self.done.append(Check(name, is_met=True, detail="; ".join(detail)))

    def run(self) -> tuple[Check, ...]:
        """Run all of them."""
        self._keys()
        self._chain()
        self._store()
        if self.contracts is not None:
            self._assets(self.contracts)
            self._broker(self.contracts)
            self._prices(self.contracts)
        return tuple(self.done)

    def _keys(self) -> None:
        with self._noted("keys.state") as say:
            self.signer = self._address_of("state")
            say(as_text(self.signer))
        with self._noted("keys.account") as say:
            self.account = self._address_of("account")
            say(as_text(self.account))
            if self.account != self.config.broker.account:
                problem = f"the key is of {as_text(self.account)}"
                raise ConfigError(problem, "set broker.address to it", field="broker.address")

    def _address_of(self, name: str) -> Address:
        settings = self.config.key_settings("state" if name == "state" else "account")
        signer = signer_of(settings, f"keys.{name}")
        signer.close()
        return signer.address

    def _chain(self) -> None:
        node = open_node(self.config)
        with self._noted("chain") as say:
            head = node.request("eth_getBlockByNumber", ["latest", False])
            say(f"block {as_int(head['number'])} at {as_int(head['timestamp'])}")
        with self._noted("contracts") as say:
            contracts = open_contracts(self.config, node)
            for role, deployed in contracts.deployment.contracts.items():
                if not as_bytes(node.request("eth_getCode", [deployed.address, "latest"])):
                    problem = f"no code stands at {deployed.address} ({role})"
                    raise ConfigError(problem, "check the deployment's record", field="chain")
            self.contracts = contracts
            say(f"Adjudicator {as_text(contracts.adjudicator.address)}")

    def _store(self) -> None:
        with self._noted("store") as say:
            Database(self.config.store_url).close()
            say("can be written")

    def _assets(self, contracts: Contracts) -> None:
        with self._noted("assets") as say:
            house = house_of(self.config, contracts, self.signer or Address(bytes(20)))
            tokens = {
                token.address: token for token in (*house.collateral, *house.deliverable.values())
            }
            for token in tokens.values():
                has = contracts.token(token.address).call("decimals")
                if has != token.decimals:
                    problem = f"{as_text(token.address)} has {has} decimals, not {token.decimals}"
                    raise ConfigError(problem, "correct it", field="assets")
            say(f"{len(tokens)} tokens")

    def _broker(self, contracts: Contracts) -> None:
        broker = self.config.broker.account
        with self._noted("stake") as say:
            slots = contracts.registry.call("slots_of", broker)
            if not slots:
                raise ConfigError(
                    "nothing is staked: no channel can be opened",
                    "clearing channel stake AMOUNT once the daemon runs",
                    field="broker",
                )
            say(f"{slots} channels may be open")
        with self._noted("signer") as say:
            named = Address(contracts.registry.call("signer_of", broker))
            if named != self.signer:
                raise ConfigError(
                    f"the registry names {as_text(named)}",
                    "clearing channel stake names keys.state once the daemon runs",
                    field="keys.state",
                )
            say(as_text(named))
        with self._noted("gas") as say:
            wei = as_int(contracts.node.request("eth_getBalance", [as_text(broker), "latest"]))
            if not wei:
                raise ConfigError("the account has no ether", "fund it", field="broker.address")
            say(f"{wei} wei")

    def _prices(self, contracts: Contracts) -> None:
        with self._noted("prices") as say:
            market = asyncio.run(prices_of(self.config, contracts).market())
            if market is None:
                raise ConfigError("prices are stale", "start their source", field="prices")
            house = house_of(self.config, contracts, self.signer or Address(bytes(20)))
            assets = {token.asset for token in house.collateral} | set(house.deliverable)
            missing = missing_assets(market, frozenset(assets))
            if missing:
                fix = "add them to the source"
                raise ConfigError(f"none for {', '.join(missing)}", fix, field="prices")
            known = {asset for asset, _ in market.factors.rows}
            lacking = sorted(set(house.deliverable) - known)
            if lacking:
                names = ", ".join(asset.rstrip(b"\0").decode() for asset in lacking)
                raise ConfigError(f"none for {names}", "add them", field="risk.factors")
            say(f"observed at {market.dated.oldest_at}")


def run_checks(config: Config) -> tuple[Check, ...]:
    """Return every check's outcome."""
    return Checks(config).run()
