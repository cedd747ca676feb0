"""`make deploy-local`: deploy, check and govern everything on an embedded chain, end to end.

The chain has the id of OP Sepolia and stand-ins at the addresses outside, so the parameters are
those of that network. It ends with a proposal from text to effect, and with a deployer that holds
no role.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.contract import Contract, as_text
from clearing.chain.deployment import Deployment
from clearing.chain.errors import ChainError
from clearing.chain.params import Parameters, read_parameters
from clearing.chain.sender import Sender
from clearing.deploy.checks import holders_of, inspect_deployment, require_all
from clearing.deploy.journal import Journal
from clearing.deploy.rehearsal import Rehearsed, table
from clearing.deploy.stage import sender_of, set_up
from clearing.govern.actions import read_actions, tell_action
from clearing.govern.governor import Governance, id_text
from clearing.govern.metadata import read_metadata
from clearing.govern.passing import Council

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
    stage = set_up(anvil, parameters, journal=Journal(folder / "journal.jsonl"))
    made, deployer = stage.made, stage.deployer
    for line in table(anvil.node, [Rehearsed(cost) for cost in stage.costs]):
        print(line)

    found = require_all(
        inspect_deployment(anvil.node, parameters, made, deployer.address), "look at the chain"
    )
    print(f"checked: {len(found)} settings, codes and roles are as the parameters say")
    _decide(anvil, made, sender_of(anvil, "council"), deployer, folder)
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
