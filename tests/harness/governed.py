"""The whole protocol on an embedded chain with a council that can pass proposals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from clearing.chain.anvil import run_anvil
from clearing.chain.contract import as_text
from clearing.chain.params import read_parameters
from clearing.chain.sender import Receipt
from clearing.deploy.stage import LocalStage, sender_of, set_up
from clearing.govern.governor import Governance
from clearing.govern.metadata import Metadata, read_metadata
from clearing.govern.passing import Council
from clearing.spec.governance import Action
from clearing.spec.units import Address

__all__ = ["Governed", "run_governed"]


@dataclass(frozen=True)
class Governed:
    """The stage, and who decides on it."""

    stage: LocalStage
    council: Council

    @property
    def at(self) -> Governance:
        """Governance as it is now."""
        return self.council.at

    def action(self, role: str, method: str, *args: Any) -> Action:
        """Return a call of a contract of the deployment."""
        call = self.stage.contract(role).transact(method, *args)
        return Action(self.stage.made.address_of(role), 0, call.data)

    def text(self, title: str) -> Metadata:
        """Return the text of a proposal of the council's."""
        words = f"# {title}\n\nBecause.\n".encode()
        return read_metadata(words, as_text(self.council.proposer.address))

    def read(self, role: str, method: str, *args: Any) -> Any:
        """Ask a view."""
        return self.stage.contract(role).call(method, *args)

    def send(self, name: str, role: str, method: str, *args: Any) -> Receipt:
        """Send as somebody, by name."""
        sender = sender_of(self.stage.anvil, name)
        return sender.send(self.stage.contract(role).transact(method, *args))


@contextmanager
def run_governed(accounts: Mapping[str, Address] | None = None) -> Iterator[Governed]:
    """Deploy everything on a chain of its own; the council has delegated to itself."""
    with run_anvil(chain_id=11_155_420) as anvil:
        stage = set_up(anvil, read_parameters("optimism-sepolia"), accounts)
        at = Governance(anvil.node, stage.made)
        council = Council(anvil, at, sender_of(anvil, "council"), sender_of(anvil, "anybody"))
        council.delegate()
        yield Governed(stage, council)
