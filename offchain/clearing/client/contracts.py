"""Read the protocol's contracts on one chain as the specification's values."""

from __future__ import annotations

from functools import cached_property

from clearing.chain.contract import Contract
from clearing.chain.deployment import Deployment
from clearing.chain.node import Node, as_int
from clearing.channel.codec import domain_separator
from clearing.spec.types import Params, Status
from clearing.spec.units import Address, Bytes32
from clearing.spec.world import NO_NETS, Channel

__all__ = ["Contracts"]


class Contracts:
    """The deployed contracts, and what they store."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self.node = node
        self.deployment = deployment
        self.chain_id = deployment.chain.chain_id
        self.adjudicator = self._at("Adjudicator")
        self.registry = self._at("BrokerRegistry")
        self.htlc = self._at("HashTimeLock")

    @property
    def separator(self) -> Bytes32:
        """The domain separator of everything signed for this Adjudicator."""
        return Bytes32(domain_separator(self.chain_id, self.adjudicator.address))

    def now(self) -> int:
        """Return the time of the latest block, Unix seconds."""
        block = self.node.request("eth_getBlockByNumber", ["latest", False])
        return as_int(block["timestamp"])

    @cached_property
    def params(self) -> Params:
        """What the Adjudicator's constructor fixed for ever."""
        _, timelock, guardian, shortest, longest, grace, _ = self.adjudicator.call("parameters")
        return Params(
            chain_id=self.chain_id,
            adjudicator=self.adjudicator.address,
            timelock=timelock,
            guardian=guardian,
            min_challenge=shortest,
            max_challenge=longest,
            grace=grace,
        )

    def channel(self, channel_id: bytes, n_assets: int) -> Channel:
        """Return what the chain stores of a channel; the nets of its `n_assets` assets."""
        status, epoch, enforced, deadline, order_version, flags, digest, order = (
            self.adjudicator.call("channelOf", channel_id)
        )
        nets = tuple(
            tuple(self.adjudicator.call("netOf", channel_id, asset)) for asset in range(n_assets)
        )
        return Channel(
            status=Status(status),
            epoch=epoch,
            enforced_version=enforced,
            deadline=deadline,
            order_version=order_version,
            order_flags=flags,
            digest=digest,
            order=order,
            nets=nets + NO_NETS[n_assets:],
        )

    def ledger(self, broker: Address, token: Address) -> int:
        """Return the raw units of a token in a broker's ledger."""
        amount: int = self.adjudicator.call("balanceOf", broker, token)
        return amount

    def wallet(self, account: Address, token: Address) -> int:
        """Return the raw units of a token that an account itself holds."""
        amount: int = self.token(token).call("balanceOf", account)
        return amount

    def token(self, address: Address) -> Contract:
        """Return any ERC-20 token; YELLOW's ABI holds the standard's functions."""
        return Contract(self.node, "YellowToken", address)

    def address_of(self, symbol: str) -> Address:
        """Return where a token of the deployment stands. Raises KeyError."""
        return self.deployment.address_of(symbol)

    def _at(self, role: str) -> Contract:
        return Contract(self.node, role, self.deployment.address_of(role))
