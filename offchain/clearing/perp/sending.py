"""Try transactions and send them, and say in the command's words why one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from clearing.chain.contract import Call, as_address, as_text, explain
from clearing.chain.errors import CallRefusedError, NodeRefusedError
from clearing.chain.node import Node
from clearing.chain.sender import Key, Receipt, Sender
from clearing.perp.refusals import Options, translated
from clearing.spec.units import Address

__all__ = ["Signer"]


@dataclass
class Signer:
    """One key's way to the chain."""

    node: Node
    key: Key

    @property
    def address(self) -> Address:
        """Whose key it is."""
        return as_address(self.key.address)

    @cached_property
    def _sender(self) -> Sender:
        return Sender(self.node, self.key)

    def attempt(self, call: Call, options: Options) -> None:
        """Run the call at the newest block without sending it.

        Raises PerpInputError where an option is to be changed, else CallRefusedError.
        """
        request = {
            "from": as_text(self.address),
            "data": "0x" + call.data.hex(),
        }
        if call.to is not None:
            request["to"] = as_text(call.to)
        try:
            self.node.request("eth_call", [request, "latest"])
        except NodeRefusedError as refusal:
            told = explain(refusal, call.what)
            if isinstance(told, CallRefusedError):
                raise translated(told, options) from refusal
            raise told from refusal

    def send(self, calls: Sequence[Call], options: Options) -> tuple[Receipt, ...]:
        """Send the calls one after the other and return their receipts.

        Raises as `attempt`, and as `Sender.send`; calls before the one that failed stay done.
        """
        try:
            return tuple([self._sender.send(call) for call in calls])
        except CallRefusedError as refusal:
            raise translated(refusal, options) from refusal
