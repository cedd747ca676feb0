"""Read the protocol's contracts on one chain as the specification's values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from clearing.chain.contract import Contract, as_text
from clearing.chain.deployment import Deployment
from clearing.chain.log_source import log_of
from clearing.chain.node import Node, as_int
from clearing.channel.codec import domain_separator
from clearing.channel.policy import ChainView
from clearing.spec.types import Net, Params, Status
from clearing.spec.units import Address, Bytes32
from clearing.spec.world import NO_NETS, Channel

__all__ = ["Contracts", "channel_of"]


def channel_of(stored: Sequence[Any], nets: Sequence[Net]) -> Channel:
    """Return a channel from the answers to `channelOf` and, per asset, to `netOf`."""
    status, epoch, enforced, deadline, order_version, flags, digest, order = stored
    return Channel(
        status=Status(status),
        epoch=epoch,
        enforced_version=enforced,
        deadline=deadline,
        order_version=order_version,
        order_flags=flags,
        digest=digest,
        order=order,
        nets=(*nets, *NO_NETS[len(nets) :]),
    )


class Contracts:
    """The deployed contracts, and what they store."""

    def __init__(self, node: Node, deployment: Deployment, finality: str = "latest") -> None:
        """`finality`: the block tag that counts as final: "finalized" off an embedded chain."""
        self.node = node
        self._finality = finality
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
        return as_int(self._block("latest")["timestamp"])

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

    def channel(self, channel_id: bytes, n_assets: int, block: str = "latest") -> Channel:
        """Return what the chain stores of a channel; the nets of its `n_assets` assets."""
        stored = self.adjudicator.call("channelOf", channel_id, block=block)
        nets = tuple(
            self.adjudicator.call("netOf", channel_id, asset, block=block)
            for asset in range(n_assets)
        )
        return channel_of(stored, nets)

    def final_view(self, channel_id: bytes, n_assets: int) -> ChainView:
        """Return a channel as the last final block has it, and whether it was challenged since."""
        final = self._block(self._finality)
        number = final["number"]
        channel = self.channel(channel_id, n_assets, number)
        is_challenged = channel.status is Status.CHALLENGED or self._was_challenged(
            channel_id, as_int(number) + 1
        )
        return ChainView(channel, as_int(final["timestamp"]), is_challenged)

    def _was_challenged(self, channel_id: bytes, first_block: int) -> bool:
        """Say whether a challenge was made in some block from `first_block` on."""
        if first_block > as_int(self._block("latest")["number"]):
            return False
        wanted = {
            "address": as_text(self.adjudicator.address),
            "fromBlock": hex(first_block),
            "toBlock": "latest",
            "topics": [None, "0x" + channel_id.hex()],
        }
        logs = map(log_of, self.node.request("eth_getLogs", [wanted]))
        return any(event.name == "Challenged" for event in self.adjudicator.happened(logs))

    def _block(self, tag: str) -> dict[str, str]:
        block: dict[str, str] = self.node.request("eth_getBlockByNumber", [tag, False])
        return block

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
