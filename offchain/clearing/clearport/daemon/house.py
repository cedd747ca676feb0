"""Say what this broker is and takes part in: what a new channel is held against, and made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clearing.channel.errors import CodecError
from clearing.clearport.core.channel import Line
from clearing.clearport.core.opening import open_line
from clearing.clearport.errors import PeerLiedError, RefusedError, UnknownError
from clearing.client.terms import Terms, Token
from clearing.spec.assets import AssetId, symbol_of
from clearing.spec.types import ChannelDef, Side
from clearing.spec.units import Address, Bytes32

__all__ = ["House"]


@dataclass(frozen=True, slots=True)
class House:
    """Our broker, its signer, the Adjudicator, and the assets that our channels hold and trade."""

    broker: Address
    signer: Address
    chain_id: int
    adjudicator: Address
    separator: Bytes32
    collateral: tuple[Token, ...]
    deliverable: Mapping[AssetId, Token]
    min_challenge_s: int
    max_challenge_s: int

    def token(self, asset: AssetId) -> Token:
        """Return a collateral token. Raises UnknownError."""
        for token in self.collateral:
            if token.asset == asset:
                return token
        raise UnknownError(f"{symbol_of(asset)} is no collateral here", field="asset")

    def terms(self, tokens: tuple[Address, ...]) -> Terms:
        """Return the terms of a channel over these tokens, in the definition's order."""
        known = {token.address: token for token in self.collateral}
        return Terms(tuple(known[address] for address in tokens), self.deliverable)

    def define(
        self,
        peer: Address,
        peer_signer: Address,
        assets: tuple[AssetId, ...],
        challenge_s: int,
        nonce: int,
    ) -> ChannelDef:
        """Return the definition of a channel with a peer. Raises RefusedError naming the field."""
        if peer == self.broker:
            raise RefusedError("is ourselves", "name another broker", field="peer")
        if not self.min_challenge_s <= challenge_s <= self.max_challenge_s:
            fix = f"give {self.min_challenge_s} to {self.max_challenge_s} seconds"
            raise RefusedError(f"{challenge_s} is not allowed", fix, field="challenge_duration")
        if not 0 <= nonce < 1 << 64:
            raise RefusedError(f"{nonce} is no uint64", "give a smaller one", field="nonce")
        if not assets:
            raise RefusedError("names no collateral", "name at least one asset", field="own")
        pairs = sorted(((self.broker, self.signer), (peer, peer_signer)))
        return ChannelDef(
            chain_id=self.chain_id,
            adjudicator=self.adjudicator,
            broker_low=pairs[0][0],
            broker_high=pairs[1][0],
            signer_low=pairs[0][1],
            signer_high=pairs[1][1],
            assets=tuple(sorted(self.token(asset).address for asset in set(assets))),
            challenge_duration=challenge_s,
            nonce=nonce,
        )

    def require_offer(
        self, definition: ChannelDef, terms: Terms, peer: Address, peer_signer: Address
    ) -> None:
        """Hold what a peer wants to open against what we are. Raises PeerLiedError."""
        side = Side.LOW if definition.broker_low == self.broker else Side.HIGH
        checks = (
            ("chain_id", definition.chain_id == self.chain_id),
            ("adjudicator", definition.adjudicator == self.adjudicator),
            ("broker_low", definition.broker_low < definition.broker_high),
            ("broker", definition.broker(side) == self.broker),
            ("broker", definition.broker(side.other) == peer),
            ("signer", definition.signer(side) == self.signer),
            ("signer", definition.signer(side.other) == peer_signer),
            ("challenge_duration", self._may_last(definition.challenge_duration)),
            ("assets", 0 < len(definition.assets) == len(set(definition.assets))),
            ("assets", definition.assets == tuple(sorted(definition.assets))),
            ("collateral", terms.collateral == self._collateral_of(definition)),
            ("deliverable", dict(terms.deliverable) == dict(self.deliverable)),
        )
        for field, is_right in checks:
            if not is_right:
                problem = "is not what this broker's configuration says"
                raise PeerLiedError(problem, "agree on the terms, then ask again", field=field)

    def line(self, definition: ChannelDef, terms: Terms, *, is_initiator: bool) -> Line:
        """Return a channel that nothing has happened to. Raises PeerLiedError for no definition."""
        try:
            return open_line(
                definition, terms, self.separator, self.broker, is_initiator=is_initiator
            )
        except (CodecError, ValueError) as error:
            raise PeerLiedError(str(error), "ask again", field="definition") from error

    def _may_last(self, challenge_s: int) -> bool:
        return self.min_challenge_s <= challenge_s <= self.max_challenge_s

    def _collateral_of(self, definition: ChannelDef) -> tuple[Token, ...] | None:
        known = {token.address: token for token in self.collateral}
        if any(address not in known for address in definition.assets):
            return None
        return tuple(known[address] for address in definition.assets)
