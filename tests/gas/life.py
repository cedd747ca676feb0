"""One channel as both brokers see it: they agree on states, and anybody sends them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from clearing.chain.contract import Contract
from clearing.channel.codec import (
    channel_id,
    hash_intent,
    hash_order,
    hash_state,
    signing_digest,
)
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature
from clearing.spec.types import (
    ZERO_WORD,
    AssetSplit,
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Leg,
    SettlementOrder,
)
from clearing.spec.units import DAY_S, Address
from tests.gas.rig import AMOUNT, LEGS_MAX, UNITS, Scene
from tests.harness.actors import co_sign

__all__ = ["MOVED", "Channel"]

MOVED: Final = 123 * UNITS + 456_789_012_345_678_901
"""What trading has moved from low to high when a state is not the opening."""
ROOT: Final = keccak256(b"liabilities")
RISK: Final = keccak256(b"risk")
STEP: Final = 1_009
"""Versions between two states that reach the chain: the brokers trade in between."""


@dataclass
class Channel:
    """A channel over some tokens, both sides with AMOUNT of each."""

    scene: Scene
    definition: ChannelDef
    epoch: int = 0
    version: int = 0

    @classmethod
    def new(cls, scene: Scene, *tokens: Contract) -> Channel:
        """Return a channel that was never open."""
        rig = scene.rig
        scene.nonce += 1
        return cls(
            scene,
            ChannelDef(
                chain_id=31_337,
                adjudicator=rig.adjudicator.address,
                broker_low=rig.low.address,
                broker_high=rig.high.address,
                signer_low=rig.low.signer.address,
                signer_high=rig.high.signer.address,
                assets=tuple(token.address for token in tokens),
                challenge_duration=DAY_S,
                nonce=scene.nonce,
            ),
        )

    # STATES, each above the last

    def opening(self) -> ClearingState:
        """Nothing traded yet."""
        self.version = 1
        return self._state(Intent.OPEN, moved=0, root=ZERO_WORD, risk=ZERO_WORD, expires=True)

    def operating(self, condition: Condition | None = None) -> ClearingState:
        """Traded; something is owed."""
        return self._next(Intent.OPERATE, condition=condition or Condition())

    def settling(self, *legs: Leg) -> tuple[ClearingState, SettlementOrder]:
        """Deliver everything that is owed."""
        self.version += STEP
        order = SettlementOrder(
            channel_id=channel_id(self.definition),
            epoch=self.epoch,
            version=self.version,
            fund_by=self.scene.now + DAY_S,
            legs=legs,
        )
        low = AMOUNT - MOVED
        condition = Condition(
            kind=ConditionKind.ORDER,
            ref=hash_order(order),
            expiry=order.fund_by,
            alt_low=(AMOUNT, low - MOVED, low + 3 * MOVED),
        )
        return self._state(Intent.SETTLE, condition=condition), order

    def resizing(self) -> ClearingState:
        """Both sides take a part of their collateral out."""
        state = self._next(Intent.RESIZE, expires=True)
        smaller = tuple(
            replace(
                split,
                net_low=split.net_low - MOVED,
                net_high=split.net_high - MOVED,
                low=split.low - MOVED,
                high=split.high - MOVED,
                out_low=MOVED,
                out_high=MOVED,
            )
            for split in state.splits
        )
        return replace(state, splits=smaller)

    def closing(self, *, sent: bool) -> ClearingState:
        """Everything is delivered; the payout is sent to the wallets or stays in the ledgers."""
        state = self._next(Intent.CLOSE, root=ZERO_WORD, risk=ZERO_WORD, expires=True)
        if not sent:
            return state
        out = tuple(replace(s, out_low=s.low, out_high=s.high) for s in state.splits)
        return replace(state, splits=out)

    def legs(self, count: int) -> tuple[Leg, ...]:
        """Return legs over as many tokens, in turn from each side."""
        tokens = self.scene.rig.tokens
        return tuple(
            Leg(tokens[i % LEGS_MAX].address, from_low=i % 2 == 0, amount=MOVED + i)
            for i in range(count)
        )

    # CALLS, each returns the gas it used

    def send(self, method: str, state: ClearingState, *rest: Any, sender: Address) -> int:
        """Send a co-signed state."""
        return self.scene.send(
            self.scene.rig.adjudicator,
            method,
            self.definition,
            state,
            self._signed(hash_state(state)),
            *rest,
            sender=sender,
        )

    def open_from_allowance(self) -> int:
        """Open; every unit is pulled, by exact approvals."""
        for token in self._tokens():
            for party in (self.scene.rig.low, self.scene.rig.high):
                self.scene.approve(party, token, AMOUNT)
        return self.send("open", self.opening(), sender=self.low)

    def open_from_ledger(self) -> int:
        """Open; both ledgers have more than is needed."""
        return self.send("open", self.opening(), sender=self.low)

    def close(self, *, sent: bool) -> int:
        """Close cooperatively; the next life has the next epoch."""
        gas = self.send("closeCooperative", self.closing(sent=sent), sender=self.low)
        self.epoch += 1
        return gas

    def challenge(self, state: ClearingState) -> int:
        """Low challenges."""
        return self.send("challenge", state, sender=self.low)

    def finalize(self, state: ClearingState) -> int:
        """End by the challenged state, whose condition is decided and whose deadline has passed."""
        rig = self.scene.rig
        gas = self.scene.send(rig.adjudicator, "finalize", self.definition, state, sender=self.low)
        self.epoch += 1
        return gas

    def intent(self, state: ClearingState) -> Signature:
        """Return high's word that anybody may challenge with this state."""
        wish = ChallengeIntent(state.channel_id, state.epoch, state.version, hash_state(state))
        digest = signing_digest(self.scene.rig.separator, hash_intent(wish))
        return self.scene.rig.high.signer.sign(digest)

    @property
    def low(self) -> Address:
        """The low broker's account."""
        return self.definition.broker_low

    @property
    def high(self) -> Address:
        """The high broker's account."""
        return self.definition.broker_high

    def _next(self, intent: Intent, **fields: Any) -> ClearingState:
        self.version += STEP
        return self._state(intent, **fields)

    def _state(
        self,
        intent: Intent,
        *,
        moved: int = MOVED,
        condition: Condition | None = None,
        root: bytes = ROOT,
        risk: bytes = RISK,
        expires: bool = False,
    ) -> ClearingState:
        split = AssetSplit(AMOUNT, AMOUNT, AMOUNT - moved, AMOUNT + moved)
        return ClearingState(
            channel_id=channel_id(self.definition),
            epoch=self.epoch,
            version=self.version,
            intent=intent,
            splits=(split,) * len(self.definition.assets),
            condition=condition or Condition(),
            liabilities_root=root,
            risk_hash=risk,
            signed_at=self.scene.now,
            valid_until=self.scene.now + DAY_S if expires else 0,
        )

    def _signed(self, struct_hash: bytes) -> tuple[Signature, Signature]:
        rig = self.scene.rig
        digest = signing_digest(rig.separator, struct_hash)
        return co_sign(digest, rig.low.signer, rig.high.signer)

    def _tokens(self) -> tuple[Contract, ...]:
        return tuple(t for t in self.scene.rig.tokens if t.address in self.definition.assets)
