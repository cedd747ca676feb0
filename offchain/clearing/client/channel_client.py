"""Act on a channel on the chain: each function of the Adjudicator, with what both have signed.

Every function sends one transaction and returns its receipt; they raise what `Sender.send` raises.
"""

from __future__ import annotations

from clearing.chain.sender import Receipt
from clearing.channel import requests
from clearing.client.broker import Broker
from clearing.client.contracts import Contracts
from clearing.client.response import response_by_party
from clearing.client.session import CoSigned
from clearing.spec.types import ChannelDef, SettlementOrder, Side
from clearing.spec.units import Address

__all__ = ["ChannelClient"]


class ChannelClient:
    """One broker's hand on one channel."""

    def __init__(self, broker: Broker, contracts: Contracts, definition: ChannelDef) -> None:
        self.broker = broker
        self.contracts = contracts
        self.definition = definition

    def open(self, opening: CoSigned) -> Receipt:
        """Start an epoch: pull both collaterals from ledgers and allowances."""
        return self._send(requests.Open(self.definition, opening.state, opening.signatures))

    def deposit_collateral(self, token: Address, amount_raw: int) -> Receipt:
        """Move raw units of the broker's ledger into the channel."""
        return self._send(requests.DepositCollateral(self.definition, token, amount_raw))

    def checkpoint(self, agreed: CoSigned) -> Receipt:
        """Make the state's version the least that counts; answers a challenge."""
        return self._send(requests.Checkpoint(self.definition, agreed.state, agreed.signatures))

    def challenge(self, agreed: CoSigned) -> Receipt:
        """Start (or raise) a challenge with a state."""
        return self._send(requests.Challenge(self.definition, agreed.state, agreed.signatures))

    def respond(
        self, latest: CoSigned, preimage: bytes | None = None, *, is_funding: bool = False
    ) -> Receipt:
        """Answer a challenge with the latest state, by the call that also advances its condition.

        `preimage`: that of the state's hash lock, if known. `is_funding`: lock this broker's legs
        of the state's order.
        """
        return self._send(
            response_by_party(
                self.definition,
                latest,
                self.contracts.now(),
                preimage=preimage,
                funding=self._side if is_funding else None,
            )
        )

    def resize(self, agreed: CoSigned) -> Receipt:
        """Take the agreed collateral out to the ledgers."""
        return self._send(requests.Resize(self.definition, agreed.state, agreed.signatures))

    def settle(self, agreed: CoSigned) -> Receipt:
        """Deliver all legs of the state's order, or none."""
        signed = (self.definition, agreed.state, agreed.signatures)
        return self._send(requests.Settle(*signed, agreed.require_order()))

    def fund_order(self, agreed: CoSigned, side: Side) -> Receipt:
        """Lock one side's legs of the state's order."""
        signed = (self.definition, agreed.state, agreed.signatures)
        return self._send(requests.FundOrder(*signed, agreed.require_order(), side))

    def refund_order(self, order: SettlementOrder) -> Receipt:
        """Give the locked legs back."""
        return self._send(requests.RefundOrder(self.definition, order))

    def reveal(self, agreed: CoSigned, preimage: bytes) -> Receipt:
        """Publish the preimage of the state's hash lock."""
        signed = (self.definition, agreed.state, agreed.signatures)
        return self._send(requests.Reveal(*signed, preimage))

    def close_cooperative(self, closing: CoSigned) -> Receipt:
        """End at once and pay out."""
        signed = (self.definition, closing.state, closing.signatures)
        return self._send(requests.CloseCooperative(*signed))

    def finalize(self, challenged: CoSigned) -> Receipt:
        """End by the challenged state."""
        return self._send(requests.Finalize(self.definition, challenged.state))

    @property
    def _side(self) -> Side:
        is_low = self.broker.address == self.definition.broker_low
        return Side.LOW if is_low else Side.HIGH

    def _send(self, request: requests.Request) -> Receipt:
        call = self.contracts.adjudicator.transact(request.function, *request.arguments)
        return self.broker.sender.send(call)
