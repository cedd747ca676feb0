"""Rehearse a deployment on an embedded chain: every step with its gas, nothing sent for real.

The chain has the network's id and stand-ins at the addresses outside, which say a price whenever
one is wanted: the timelock's delay passes there at once, and real prices would be days old then.
The deployer's key is not needed: a key of the rehearsal's own deploys, and the addresses that are
shown are those that the real account's nonce will give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eth_account import Account

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.contract import as_text
from clearing.chain.node import Node
from clearing.chain.offer import nonce_at
from clearing.chain.params import Parameters
from clearing.chain.sender import Sender
from clearing.channel.keccak import keccak256
from clearing.deploy.executor import Executor, StepCost, plan_of
from clearing.deploy.fee import GAS_CAP, fee_wei
from clearing.deploy.journal import Journal
from clearing.deploy.local import plant
from clearing.deploy.plan import Facts, make_plan
from clearing.spec.units import Address

__all__ = ["Rehearsed", "rehearse", "table"]

KEY: Final = keccak256(b"the key of rehearsals, which guards nothing")
ETHER_WEI: Final = 1_000 * 10**18


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A step: what it costs, and where its contract will stand, empty for a call."""

    cost: StepCost
    address: str = ""


def rehearse(
    node: Node, parameters: Parameters, deployer: Address, accounts: Mapping[str, Address]
) -> Sequence[Rehearsed]:
    """Return every step of the deployment. Raises what the deployment would."""
    account = Account.from_key(KEY)
    with run_anvil(chain_id=parameters.chain_ids[0]) as chain:
        chain.give_ether(account.address, ETHER_WEI)
        costs = _run(chain, parameters, Sender(chain.node, account), accounts)
        started_at = chain.now
    nonce = nonce_at(node, deployer, "latest")
    plan = make_plan(parameters, Facts(deployer, nonce, started_at, accounts))
    stands = {f"deploy {it.role}": as_text(plan.known[it.role]) for it in plan.creates}
    return [Rehearsed(cost, stands.get(cost.step, "")) for cost in costs]


def _run(
    chain: Anvil, parameters: Parameters, sender: Sender, accounts: Mapping[str, Address]
) -> Sequence[StepCost]:
    prices, journal = plant(chain, parameters), Journal()
    plan = plan_of(chain.node, parameters, sender, journal, accounts)
    executor = Executor(chain.node, sender, plan, journal, parameters, chain.travel_to, prices)
    executor.run()
    return executor.costs


def table(node: Node, steps: Sequence[Rehearsed]) -> Iterator[str]:
    """Yield one line for each step, then the sum. The fee is what it would cost now at most."""
    total = 0
    for step in steps:
        fee = fee_wei(node, step.cost)
        total += fee
        over = "  OVER THE CAP OF A TRANSACTION" if step.cost.gas_used > GAS_CAP else ""
        yield (
            f"{step.cost.step:34} {step.cost.gas_used:>10,} gas  {_ether(fee)} ETH"
            f"  {step.address}{over}"
        )
    yield f"{'all':34} {sum(it.cost.gas_used for it in steps):>10,} gas  {_ether(total)} ETH"


def _ether(amount_wei: int) -> str:
    """Return an amount in ether with nine decimals, rounded up."""
    gwei = -(-amount_wei // 10**9)
    whole, part = divmod(gwei, 10**9)
    return f"{whole}.{part:09d}"
