"""The commands `clearing govern …`.

What reaches a chain is imported by the command that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clearing.risk.printing import print_json, print_view

if TYPE_CHECKING:
    from clearing.chain.contract import Call
    from clearing.chain.node import HttpNode
    from clearing.chain.sender import Receipt
    from clearing.govern.governor import Governance, Proposal

__all__ = ["govern"]

govern = typer.Typer(help="Propose, vote, and bring decisions to their effect.")

Network = Annotated[str, typer.Option(help="Whose record in deployments/registry to use.")]
Url = Annotated[str, typer.Option(help="The node's JSON-RPC address.", envvar="CLEARING_NODE_URL")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="Keystore, or file of a private key.", envvar="CLEARING_KEY"),
]
Yes = Annotated[bool, typer.Option("--yes", help="Send without asking.")]
Id = Annotated[str, typer.Argument(help="The proposal's id, or its first six hex digits or more.")]
ActionsFile = Annotated[Path, typer.Option("--actions", help="YAML of the calls.")]
TextFile = Annotated[Path, typer.Option("--text", help="Markdown: `# Title`, then the reasons.")]

NETWORK = "optimism-sepolia"
LOCAL_URL = "http://127.0.0.1:8545"
SUPPORT = {"against": 0, "for": 1, "abstain": 2}


def _connect(url: str, network: str) -> tuple[HttpNode, Governance]:
    from clearing.chain.deployment import (  # noqa: PLC0415 - only commands that need a chain
        chain_key_of,
        read_deployment,
        registry_path,
    )
    from clearing.chain.node import HttpNode  # noqa: PLC0415 - the same
    from clearing.govern.governor import Governance  # noqa: PLC0415 - the same

    node = HttpNode(url)
    return node, Governance(node, read_deployment(registry_path(network), chain_key_of(node)))


def _key(path: Path | None) -> Any:
    import os  # noqa: PLC0415 - only commands that sign

    from clearing.perp.key import read_key  # noqa: PLC0415 - the same

    def ask() -> str:
        known = os.environ.get("CLEARING_PASSPHRASE")
        return known if known is not None else typer.prompt("Passphrase", hide_input=True, err=True)

    return read_key(path, ask)


def _send(node: HttpNode, key: Any, call: Call) -> Receipt:
    from clearing.chain.sender import Sender  # noqa: PLC0415 - see _connect

    return Sender(node, key).send(call)


def _confirm(question: str, *, yes: bool) -> None:
    from clearing.govern.errors import NotConfirmedError  # noqa: PLC0415 - see _connect

    if not yes and not typer.confirm(question, err=True):
        raise NotConfirmedError("--yes", "was not given and the answer was no", "nothing was sent")


def _told(receipt: Receipt, *, as_json: bool, **more: object) -> None:
    if as_json:
        row = {"transaction": "0x" + receipt.hash.hex(), "block": receipt.block_number}
        print_json({**more, **row, "gas_used": receipt.gas_used})
    else:
        typer.echo(f"{receipt.what}: block {receipt.block_number}, {receipt.gas_used:,} gas")


def _timelock_s(at: Governance) -> int:
    from clearing.chain.contract import Contract  # noqa: PLC0415 - see _connect

    timelock = Contract(at.node, "ProtocolTimelock", at.made.address_of("ProtocolTimelock"))
    delay: int = timelock.call("getMinDelay")
    return delay


@govern.command("propose")
def propose(
    *,
    actions: ActionsFile,
    text: TextFile,
    key: KeyFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, send nothing.")] = False,
    network: Network = NETWORK,
    url: Url = LOCAL_URL,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show what a proposal would be, then make it; its text carries your address.

    So nobody can make it before you. Without a key, --dry-run shows it without the address.
    """
    from clearing.govern import views  # noqa: PLC0415 - see _connect
    from clearing.govern.actions import read_actions  # noqa: PLC0415 - the same
    from clearing.govern.errors import MetadataError  # noqa: PLC0415 - the same
    from clearing.govern.metadata import read_metadata  # noqa: PLC0415 - the same

    node, at = _connect(url, network)
    calls = read_actions(actions, at.made)
    try:
        data = text.read_bytes()
    except OSError as error:
        raise MetadataError("--text", "cannot be read", "give a Markdown file") from error
    signer = None if dry_run and key is None else _key(key)
    words = read_metadata(data, None if signer is None else signer.address)
    judged, proposal_id = at.judge(calls), at.id_of(calls, words)
    if not as_json:
        print_view(
            views.draft_view(
                proposal_id, calls, words, judged, made=at.made, timelock_s=_timelock_s(at)
            )
        )
    draft = views.draft_json(proposal_id, calls, words, judged, at.made)
    if dry_run:
        if as_json:
            print_json(draft)
        return
    _confirm("Propose this?", yes=yes)
    _told(_send(node, signer, at.proposing(calls, words)), as_json=as_json, **draft)


@govern.command("vote")
def vote(
    proposal: Id,
    support: Annotated[str, typer.Argument(help="for, against or abstain.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is published.")] = "",
    key: KeyFile = None,
    network: Network = NETWORK,
    url: Url = LOCAL_URL,
    as_json: AsJson = False,
) -> None:
    """Cast all your votes on a proposal."""
    from clearing.govern.errors import ProposalError  # noqa: PLC0415 - see _connect

    if support not in SUPPORT:
        raise ProposalError(f"'{support}'", "is no vote", f"write {', '.join(SUPPORT)}")
    node, at = _connect(url, network)
    it = at.find(proposal)
    arguments = (it.id, SUPPORT[support])
    call = (
        at.governor.transact("castVoteWithReason", *arguments, reason)
        if reason
        else at.governor.transact("castVote", *arguments)
    )
    _told(_send(node, _key(key), call), as_json=as_json)


@govern.command("delegate")
def delegate(
    to: Annotated[str, typer.Argument(help="Who votes with your YELLOW; `self` for yourself.")],
    *,
    key: KeyFile = None,
    network: Network = NETWORK,
    url: Url = LOCAL_URL,
    as_json: AsJson = False,
) -> None:
    """Let somebody vote with your YELLOW. Undelegated YELLOW votes for nobody."""
    from clearing.oracle.status import parse_address  # noqa: PLC0415 - see _connect

    node, at = _connect(url, network)
    signer = _key(key)
    whom = parse_address(signer.address if to == "self" else to)
    _told(_send(node, signer, at.token.transact("delegate", whom)), as_json=as_json)


def _move(what: str, proposal: str, key: Path | None, url: str, network: str) -> Receipt:
    node, at = _connect(url, network)
    it = at.find(proposal)
    return _send(node, _key(key), at.governor.transact(what, *it.arguments))


@govern.command("queue")
def queue(
    proposal: Id,
    *,
    key: KeyFile = None,
    network: Network = NETWORK,
    url: Url = LOCAL_URL,
    as_json: AsJson = False,
) -> None:
    """Put a proposal that has passed before the timelock. Anyone may."""
    _told(_move("queue", proposal, key, url, network), as_json=as_json)


@govern.command("execute")
def execute(
    proposal: Id,
    *,
    key: KeyFile = None,
    network: Network = NETWORK,
    url: Url = LOCAL_URL,
    as_json: AsJson = False,
) -> None:
    """Bring a proposal to its effect once its delay is over. Anyone may."""
    _told(_move("execute", proposal, key, url, network), as_json=as_json)


@govern.command("cancel")
def cancel(
    proposal: Id,
    *,
    key: KeyFile = None,
    network: Network = NETWORK,
    url: Url = LOCAL_URL,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel a proposal: your own while it is pending, or as the guardian."""
    _confirm("Cancel it for ever?", yes=yes)
    _told(_move("cancel", proposal, key, url, network), as_json=as_json)


@govern.command("list")
def list_(*, network: Network = NETWORK, url: Url = LOCAL_URL, as_json: AsJson = False) -> None:
    """Show every proposal."""
    from clearing.govern import views  # noqa: PLC0415 - see _connect

    _, at = _connect(url, network)
    found = at.proposals()
    if as_json:
        print_json(views.list_json(at, found))
    else:
        print_view(views.list_view(at, found))


@govern.command("show")
def show(
    proposal: Id, *, network: Network = NETWORK, url: Url = LOCAL_URL, as_json: AsJson = False
) -> None:
    """Show a proposal: what it does, what it needs, how the vote stands."""
    from clearing.govern import views  # noqa: PLC0415 - see _connect

    _, at = _connect(url, network)
    it = at.find(proposal)
    if as_json:
        print_json(views.proposal_json(at, it))
    else:
        print_view(views.proposal_view(at, it, _timelock_s(at)))


@govern.command("simulate")
def simulate(
    *,
    actions: Annotated[Path | None, typer.Option(help="YAML of the calls.")] = None,
    proposal: Annotated[str | None, typer.Option(help="Or the id of a proposal.")] = None,
    network: Network = NETWORK,
    url: Url = LOCAL_URL,
    as_json: AsJson = False,
) -> None:
    """Make the calls as the timelock on a copy of the chain, and show what they do."""
    from clearing.govern import simulation, views  # noqa: PLC0415 - see _connect
    from clearing.govern.actions import read_actions  # noqa: PLC0415 - the same
    from clearing.govern.errors import ProposalError  # noqa: PLC0415 - the same

    node, at = _connect(url, network)
    if (actions is None) == (proposal is None):
        raise ProposalError("--actions, --proposal", "not exactly one is given", "give one")
    it: Proposal | None = None if proposal is None else at.find(proposal)
    calls = it.actions if it is not None else read_actions(actions or Path(), at.made)
    effects = simulation.simulate(node, at.made, calls)
    if as_json:
        print_json(views.effects_json(calls, effects, at.made))
    else:
        print_view(views.effects_view(calls, effects, at.made))
    if any(effect.refusal for effect in effects):
        raise typer.Exit(1)
