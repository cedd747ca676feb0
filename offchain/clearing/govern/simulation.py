"""See what a proposal would do now: its calls, made by the timelock on a copy of the chain.

The copy is an embedded chain that forks the node's; the node itself is only read. Votes and delays
are skipped: this shows the effect, not whether it would pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.contract import Contract, Happened, as_text, explain
from clearing.chain.deployment import Deployment
from clearing.chain.errors import NodeRefusedError
from clearing.chain.log_source import log_of
from clearing.chain.node import HttpNode, as_int
from clearing.spec.governance import Action

__all__ = ["Effect", "simulate"]

ETHER_WEI = 10**18


@dataclass(frozen=True, slots=True)
class Effect:
    """What one action did: its gas and events, or why it is refused."""

    gas_used: int
    events: tuple[Happened, ...]
    refusal: str = ""


def simulate(node: HttpNode, made: Deployment, actions: Sequence[Action]) -> list[Effect]:
    """Return the effect of each action, up to the first that is refused."""
    effects: list[Effect] = []
    with run_anvil(chain_id=made.chain.chain_id, fork=node.url) as copy:
        timelock = as_text(made.address_of("ProtocolTimelock"))
        copy.node.request("anvil_impersonateAccount", [timelock])
        copy.give_ether(timelock, ETHER_WEI + sum(action.value for action in actions))
        for action in actions:
            effects.append(_effect(copy, made, timelock, action))
            if effects[-1].refusal:
                break
    return effects


def _effect(copy: Anvil, made: Deployment, timelock: str, action: Action) -> Effect:
    request = {
        "from": timelock,
        "to": as_text(action.target),
        "value": hex(action.value),
        "data": "0x" + action.data.hex(),
    }
    try:
        copy.node.request("eth_call", [request, "latest"])
        sent = copy.node.request("eth_sendTransaction", [request])
    except NodeRefusedError as refusal:
        return Effect(0, (), str(explain(refusal, "the call")))
    copy.mine()
    receipt = copy.node.request("eth_getTransactionReceipt", [sent])
    logs = [log_of(each) for each in receipt["logs"]]
    events = tuple(
        event
        for role, it in made.contracts.items()
        for event in Contract(copy.node, it.contract, made.address_of(role)).happened(logs)
    )
    failure = "" if as_int(receipt["status"]) == 1 else "it failed when mined"
    return Effect(as_int(receipt["gasUsed"]), events, failure)
