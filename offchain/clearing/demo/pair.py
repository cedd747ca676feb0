"""Hold both ends of one channel, as the demo plays both brokers."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.client import moves
from clearing.client.channel_client import ChannelClient
from clearing.client.session import CoSigned, Session, agree
from clearing.client.terms import Market
from clearing.demo.market import terms_of
from clearing.demo.stage import Stage
from clearing.spec.types import ChannelDef

__all__ = ["Pair"]

VALID_S = 3_600


@dataclass(frozen=True, slots=True)
class Pair:
    """The two sessions of a channel, and each broker's hand on the chain."""

    definition: ChannelDef
    low: Session
    high: Session
    low_hand: ChannelClient
    high_hand: ChannelClient

    @classmethod
    def of(cls, stage: Stage, definition: ChannelDef) -> Pair:
        """Return both ends of a channel."""
        terms = terms_of(stage)
        return cls(
            definition=definition,
            low=Session(stage.low, stage.contracts, definition, terms),
            high=Session(stage.high, stage.contracts, definition, terms),
            low_hand=ChannelClient(stage.low, stage.contracts, definition),
            high_hand=ChannelClient(stage.high, stage.contracts, definition),
        )

    def observe(self, market: Market) -> Market:
        """Let both take the same view of the market."""
        self.low.observe(market)
        self.high.observe(market)
        return market

    def agree(self, move: moves.Move) -> CoSigned:
        """Let low propose and high answer."""
        return agree(self.low, self.high, move)

    def agree_opening(self, net_raw: int) -> CoSigned:
        """Agree that each side pays `net_raw` of every asset in."""
        nets = ((net_raw, net_raw),) * len(self.definition.assets)
        return self.agree(moves.Open(nets, self.soon()))

    def soon(self) -> int:
        """Return when an offer of now runs out."""
        return self.low.contracts.now() + VALID_S
