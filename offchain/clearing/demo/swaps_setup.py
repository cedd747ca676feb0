"""Deploy the perpetual swaps on the chain of the first act, name the modules, list two markets."""

from __future__ import annotations

from typing import Any

from clearing.chain.contract import Contract
from clearing.chain.deploy import Deployer
from clearing.chain.recipe import MODULES, resolved, swap_contracts
from clearing.chain.sender import Sender
from clearing.demo.stage import Stage, sender_of
from clearing.demo.swaps_market import CALM, E8_DECIMALS, MARKETS
from clearing.demo.swaps_stage import HOUR_S, SwapsStage
from clearing.spec.oracle_types import FeedParams
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address

__all__ = ["set_up_swaps"]

START = 4_000_060_800
"""Midnight of a day far ahead, whenever the demo is run."""


def set_up_swaps(stage: Stage) -> SwapsStage:
    """Return the swaps, at the story's first prices.

    From here on blocks are a second apart, so that every run comes to the same numbers, however
    fast the machine is. Raises ChainError.
    """
    stage.anvil.node.request("anvil_setBlockTimestampInterval", [1])
    settler = sender_of(stage.anvil, "settler")
    contracts = _deploy(stage, settler.address)
    (mouth, *_) = stage.anvil.node.request("eth_accounts", [])
    swaps = SwapsStage(stage, contracts, settler, START, mouth)
    stage.anvil.travel_to(START - HOUR_S)
    swaps.speak(CALM, 0)
    _list_markets(swaps)
    swaps.is_listed = True
    return swaps


def _deploy(stage: Stage, settler: Address) -> dict[str, Contract]:
    """Create every contract in its order."""
    node = stage.anvil.node
    maker = Deployer(node, sender_of(stage.anvil, "deployer"), stage.contracts.chain_id)
    made = {"USDC": Contract(node, "MockERC20", stage.contracts.address_of("USDC"))}

    def create(name: str, *args: object, role: str = "") -> Address:
        address = maker.create(role or name, name, *args)
        made[role or name] = Contract(node, name, address)
        return address

    timelock, guardian = stage.timelock.address, stage.guardian.address
    for listing in MARKETS:
        role = f"aggregator {listing.symbol}"
        create("MockAggregator", E8_DECIMALS, listing.name, role=role)
    pyth = create("MockPyth", 0, 0)
    for it in swap_contracts(made["USDC"].address, pyth, timelock, guardian, settler):
        args = resolved(it.args, lambda name: made[name].address)
        create(it.contract, *args, role=it.role)
    return made


def _list_markets(swaps: SwapsStage) -> None:
    """Let the timelock name the modules, and add each market's feed and terms."""
    for role, name in MODULES:
        _rule(swaps, "DerivativesEngine", "setModule", role, swaps[name].address)
    for market, it in enumerate(MARKETS):
        aggregator = swaps[f"aggregator {it.symbol}"].address
        sources = (aggregator, E8_DECIMALS, it.pyth_id, ZERO_ADDRESS)
        _rule(swaps, "PriceOracle", "addFeed", it.feed, sources, FeedParams(), it.name)
        _rule(swaps, "MarketAdmin", "addMarket", market, it.feed, it.risk, it.trade, it.limit)


def _rule(swaps: SwapsStage, contract: str, method: str, *args: Any) -> None:
    timelock: Sender = swaps.stage.timelock
    timelock.send(swaps[contract].transact(method, *args))
