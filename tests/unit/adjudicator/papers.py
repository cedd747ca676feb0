"""What two brokers sign about one channel, and the calls that take it to the contract.

States are written down field by field: a contract is tested with what a careful client never signs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from clearing.channel import requests
from clearing.channel.codec import (
    channel_id,
    domain_separator,
    hash_intent,
    hash_order,
    hash_state,
    signing_digest,
)
from clearing.channel.requests import Request
from clearing.channel.signatures import LocalSigner, Signature
from clearing.spec.types import (
    AssetSplit,
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Leg,
    SettlementOrder,
    Side,
)
from clearing.spec.units import Address
from tests.harness.actors import co_sign
from tests.unit.adjudicator.scene import Act, Scene

HOUR_S = 3_600
PREIMAGE = sha256(b"the secret of a test").digest()
NETS = ((1_000, 2_000), (300, 0))
"""What low and high put into each of the two assets."""
SHARES = (1_200, 250)
"""What low owns of each asset after some trading; high owns the rest of 3,000 and of 300."""
DELIVERED, LOW_DEFAULTED, HIGH_DEFAULTED = (1_100, 200), (400, 0), (1_900, 300)
"""What low owns of each asset under the outcomes of a settlement."""
REVEALED = (900, 100)
"""What low owns of each asset once the hash lock's preimage is out."""
OUTS = ((200, 500), (50, 0))
"""What a RESIZE takes out for low and high of each asset."""


@dataclass(frozen=True, slots=True)
class Papers:
    """One channel as its brokers hold it. Offers and conditions run out an hour after `now`."""

    scene: Scene
    definition: ChannelDef
    now: int
    nets: tuple[tuple[int, int], ...] = NETS
    epoch: int = 0

    @property
    def id(self) -> bytes:
        """The channel's id."""
        return channel_id(self.definition)

    @property
    def soon(self) -> int:
        """When offers and conditions run out."""
        return self.now + HOUR_S

    def over(self, token: Address, nets: tuple[int, int] = NETS[0]) -> "Papers":
        """Return the papers of a channel over one token instead."""
        return replace(self, definition=replace(self.definition, assets=(token,)), nets=(nets,))

    def numbered(self, nonce: int) -> "Papers":
        """Return the papers of another channel over the same tokens."""
        return replace(self, definition=replace(self.definition, nonce=nonce))

    # STATES

    def opening(self, version: int = 1) -> ClearingState:
        """Return the OPEN state that pays the nets in."""
        nets_alone = [low for low, _ in self.nets]
        return self._state(Intent.OPEN, version, nets_alone, valid_until=self.soon)

    def operate(self, version: int = 2) -> ClearingState:
        """Return an OPERATE state: low owns SHARES."""
        return self._state(Intent.OPERATE, version)

    def hash_locked(self, version: int = 2, expiry: int | None = None) -> ClearingState:
        """Return an OPERATE state that PREIMAGE decides: low owns REVEALED, else SHARES."""
        condition = Condition(
            kind=ConditionKind.HASHLOCK,
            ref=sha256(PREIMAGE).digest(),
            expiry=self.soon if expiry is None else expiry,
            alt_low=REVEALED,
        )
        return self._state(Intent.OPERATE, version, condition=condition)

    def resizing(self, version: int = 2) -> ClearingState:
        """Return a RESIZE state that takes OUTS out of what the operate state has."""
        state = self._state(Intent.RESIZE, version, valid_until=self.soon)
        splits = tuple(
            AssetSplit(
                net_low=split.net_low - low,
                net_high=split.net_high - high,
                low=split.low - low,
                high=split.high - high,
                out_low=low,
                out_high=high,
            )
            for split, (low, high) in zip(state.splits, OUTS, strict=False)
        )
        return replace(state, splits=splits)

    def closing(self, version: int = 2) -> ClearingState:
        """Return a CLOSE state: low owns SHARES, and everything is sent to the brokers."""
        state = self._state(Intent.CLOSE, version, valid_until=self.soon)
        sent = (replace(each, out_low=each.low, out_high=each.high) for each in state.splits)
        return replace(state, splits=tuple(sent))

    def settling(self, order: SettlementOrder) -> ClearingState:
        """Return the SETTLE state that names an order."""
        condition = Condition(
            kind=ConditionKind.ORDER,
            ref=hash_order(order),
            expiry=order.fund_by,
            alt_low=(*DELIVERED, *LOW_DEFAULTED, *HIGH_DEFAULTED),
        )
        return self._state(Intent.SETTLE, order.version, condition=condition)

    def _state(
        self,
        intent: Intent,
        version: int,
        shares: Sequence[int] = SHARES,
        condition: Condition = Condition(),  # noqa: B008 - immutable
        valid_until: int = 0,
    ) -> ClearingState:
        """Return a state with these shares of low, high owning the rest."""
        return ClearingState(
            channel_id=self.id,
            epoch=self.epoch,
            version=version,
            intent=intent,
            splits=tuple(
                AssetSplit(low, high, share, low + high - share)
                for (low, high), share in zip(self.nets, shares, strict=False)
            ),
            condition=condition,
            risk_hash=b"\x2a" * 32,
            signed_at=self.now,
            valid_until=valid_until,
        )

    def order(
        self, version: int = 2, legs: Sequence[Leg] | None = None, fund_by: int | None = None
    ) -> SettlementOrder:
        """Return an order; by default low delivers 700 of asset 0, high 500 of asset 1."""
        first, second = self.definition.assets[0], self.definition.assets[-1]
        legs = (Leg(first, True, 700), Leg(second, False, 500)) if legs is None else legs
        until = self.soon if fund_by is None else fund_by
        return SettlementOrder(self.id, self.epoch, version, until, tuple(legs))

    # SIGNATURES

    def signed(self, state: ClearingState) -> tuple[Signature, Signature]:
        """Return both signatures of a state."""
        return co_sign(
            self._digest(hash_state(state)), self.scene.low_signer, self.scene.high_signer
        )

    def signed_by(self, state: ClearingState, key: LocalSigner) -> Signature:
        """Return any key's signature of a state."""
        return key.sign(self._digest(hash_state(state)))

    def intent(self, state: ClearingState, signer: LocalSigner) -> Signature:
        """Return a key's consent to a challenge with exactly this state."""
        intent = ChallengeIntent(state.channel_id, state.epoch, state.version, hash_state(state))
        return signer.sign(self._digest(hash_intent(intent)))

    def _digest(self, struct_hash: bytes) -> bytes:
        definition = self.definition
        separator = domain_separator(definition.chain_id, self.scene.adjudicator.address)
        return signing_digest(separator, struct_hash)

    # CALLS

    def open(self, state: ClearingState | None = None) -> Act:
        """Return the call of `open`, by an outsider."""
        return self._stating(requests.Open, state or self.opening())

    def deposit_collateral(self, asset: int, amount: int, by: Address) -> Act:
        """Return the call of `depositCollateral`."""
        token = self.definition.assets[asset]
        return self._request(requests.DepositCollateral(self.definition, token, amount), by)

    def checkpoint(self, state: ClearingState) -> Act:
        """Return the call of `checkpoint`, by an outsider."""
        return self._stating(requests.Checkpoint, state)

    def challenge(self, state: ClearingState) -> Act:
        """Return the call of `challenge`, by the low broker."""
        return self._stating(requests.Challenge, state).by(self.scene.low)

    def challenge_by_intent(self, state: ClearingState, intent: Signature | None = None) -> Act:
        """Return the call of the other `challenge`, by an outsider; the low key has consented."""
        consent = intent or self.intent(state, self.scene.low_signer)
        signatures = self.signed(state)
        return self._request(
            requests.ChallengeByIntent(self.definition, state, signatures, consent),
            self.scene.outsider,
        )

    def resize(self, state: ClearingState) -> Act:
        """Return the call of `resize`, by an outsider."""
        return self._stating(requests.Resize, state)

    def reveal(self, state: ClearingState, preimage: bytes = PREIMAGE) -> Act:
        """Return the call of `reveal`, by an outsider."""
        return self._stating(requests.Reveal, state, preimage)

    def close(self, state: ClearingState) -> Act:
        """Return the call of `closeCooperative`, by an outsider."""
        return self._stating(requests.CloseCooperative, state)

    def settle(self, order: SettlementOrder, state: ClearingState | None = None) -> Act:
        """Return the call of `settle` with the state that names the order, by an outsider."""
        return self._stating(requests.Settle, state or self.settling(order), order)

    def fund(self, order: SettlementOrder, side: Side, state: ClearingState | None = None) -> Act:
        """Return the call of `fundOrder` for a side, by its broker."""
        act = self._stating(requests.FundOrder, state or self.settling(order), order, side)
        return act.by(self.definition.broker(side))

    def refund(self, order: SettlementOrder) -> Act:
        """Return the call of `refundOrder`, by an outsider."""
        return self._request(requests.RefundOrder(self.definition, order), self.scene.outsider)

    def finalize(self, state: ClearingState) -> Act:
        """Return the call of `finalize`, by an outsider."""
        return self._request(requests.Finalize(self.definition, state), self.scene.outsider)

    def _stating(self, kind: type[Request], state: ClearingState, *more: object) -> Act:
        request = kind(self.definition, state, self.signed(state), *more)
        return self._request(request, self.scene.outsider)

    def _request(self, request: Request, sender: Address) -> Act:
        return self.scene.act(request.function, *request.arguments, by=sender)

    # SEE

    def changes_of(self, act: Act) -> dict[str, object]:
        """Send an act that must succeed and return all that it changed, and nothing else."""
        return self.scene.changes_of(act, self.id, self.definition.assets)

    @property
    def deadline(self) -> int:
        """The deadline that the chain has."""
        return self.scene.contracts.channel(self.id, 0).deadline


def with_split(state: ClearingState, asset: int, **fields: int) -> ClearingState:
    """Return the state with fields of one asset's split changed."""
    splits = list(state.splits)
    splits[asset] = replace(splits[asset], **fields)
    return replace(state, splits=tuple(splits))
