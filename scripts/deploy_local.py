"""`make deploy-local`: deploy, check and govern everything on an embedded chain, end to end.

The chain has the id of OP Sepolia and stand-ins at the addresses outside, so the parameters are
those of that network. It ends with a proposal from text to effect, and with a deployer that holds
no role.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from eth_account import Account

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.contract import Contract, as_text
from clearing.chain.deployment import Deployment
from clearing.chain.errors import ChainError
from clearing.chain.params import Parameters, read_parameters
from clearing.chain.sender import Sender
from clearing.channel.keccak import keccak256
from clearing.deploy.checks import holders_of, inspect_deployment, inspect_network, require_all
from clearing.deploy.executor import Executor, plan_of
from clearing.deploy.journal import Journal
from clearing.deploy.local import plant
from clearing.deploy.rehearsal import Rehearsed, table
from clearing.govern.actions import read_actions, tell_action
from clearing.govern.governor import Governance, id_text
from clearing.govern.metadata import read_metadata
from clearing.govern.passing import Council

ETHER_WEI = 1_000 * 10**18
NETWORK = "optimism-sepolia"
ACTIONS = """actions:
  - contract: MarketAdmin
    call: setRates
    args:
      - 0
      - {im: 50000, kappa: 6000, takerFee: 400, makerFee: 200, vaultSpread: 100,
         maxRate: 5000, interval: 3600}
"""
TEXT = "# Lower the taker fee of ETH to 0.04 %\n\nA first decision, to see the whole way once.\n"


def sender_of(anvil: Anvil, name: str) -> Sender:
    """Return an account of the embedded chain; its key is the hash of a public name."""
    account = Account.from_key(keccak256(f"smart clearing, deploy-local: {name}".encode()))
    anvil.give_ether(account.address, ETHER_WEI)
    return Sender(anvil.node, account)


def main() -> int:
    """Run it; return the exit code."""
    try:
        with run_anvil(chain_id=11_155_420) as anvil, TemporaryDirectory() as folder:
            _run(anvil, read_parameters(NETWORK), Path(folder))
    except ChainError as error:
        print(f"deploy-local: {error}", file=sys.stderr)
        return 1
    return 0


def _run(anvil: Anvil, parameters: Parameters, folder: Path) -> None:
    prices = plant(anvil, parameters)
    prices.refresh()
    require_all(inspect_network(anvil.node, parameters), "look at the stand-ins")
    people = {role: sender_of(anvil, role) for role in parameters.roles}
    accounts = {role: sender.address for role, sender in people.items()}
    deployer = sender_of(anvil, "deployer")
    journal = Journal(folder / "journal.jsonl")
    plan = plan_of(anvil.node, parameters, deployer, journal, accounts)
    executor = Executor(anvil.node, deployer, plan, journal, parameters, anvil.travel_to, prices)
    made = executor.run()
    for line in table(anvil.node, [Rehearsed(cost) for cost in executor.costs]):
        print(line)

    found = require_all(
        inspect_deployment(anvil.node, parameters, made, deployer.address), "look at the chain"
    )
    print(f"checked: {len(found)} settings, codes and roles are as the parameters say")
    _decide(anvil, made, people["council"], deployer, folder)
    for role, held in sorted(holders_of(anvil.node, made).items()):
        print(f"{role:18} {', '.join(sorted(map(as_text, held)))}")
    print(f"deployer           {as_text(deployer.address)} holds no role")


def _decide(anvil: Anvil, made: Deployment, council: Sender, anybody: Sender, folder: Path) -> None:
    """Bring one proposal from its files to its effect."""
    file = folder / "actions.yaml"
    file.write_text(ACTIONS, encoding="utf-8")
    at = Governance(anvil.node, made)
    actions = read_actions(file, made)
    text = read_metadata(TEXT.encode(), as_text(council.address))
    members = Council(anvil, at, council, anybody)
    members.delegate()
    kind = at.judge(actions).kind.name
    proposal_id, receipt = members.pass_(actions, text)
    lens = Contract(anvil.node, "PerpLens", made.address_of("PerpLens"))
    fee_ppm = lens.call("markets", 0, 1)[0][7][0]
    print(f"proposal {id_text(proposal_id)[:12]} ({kind}): {tell_action(actions[0], made)}")
    print(f"it is {at.state(proposal_id).name}, {receipt.gas_used:,} gas; taker fee {fee_ppm} ppm")


if __name__ == "__main__":
    sys.exit(main())
