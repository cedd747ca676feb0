"""One channel between two brokers on the embedded EVM, as an attacker and his victim see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import pytest

from clearing.channel.codec import channel_id, hash_order, hash_state, signing_digest
from clearing.channel.signatures import LocalSigner, Signature
from clearing.spec.types import (
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Leg,
    SettlementOrder,
    Side,
    Status,
)
from clearing.spec.units import Address
from tests.harness.actors import co_sign
from tests.harness.contract import Contract, Receipt
from tests.harness.deployment import Deployment, Parameters, deploy
from tests.harness.errors import Refused
from tests.harness.revm import Revm

__all__ = ["HOUR_S", "PREIMAGE", "STAKE", "Duel", "duel_over", "only_refused_for", "refused"]

HOUR_S: Final = 3_600
STAKE: Final = 1_000
"""Raw units of each asset that each side puts in."""
PREIMAGE: Final = sha256(b"the secret of an attack").digest()
EXPIRING: Final = (Intent.OPEN, Intent.RESIZE, Intent.CLOSE)


@contextmanager
def refused(name: str, *values: object) -> Iterator[None]:
    """Expect exactly this custom error; without values, whatever it carries."""
    with pytest.raises(Refused) as refusal:
        yield
    assert refusal.value.name == name
    if values:
        assert refusal.value.args_ == values


@dataclass
class Duel:
    """A definition, the epoch it is in, and everybody's hands.

    States have the same split of every asset: low and high own what they put in, unless told.
    """

    deployment: Deployment
    definition: ChannelDef
    epoch: int = 0

    # WHO AND WHERE

    @property
    def vault(self) -> Contract:
        """The Adjudicator."""
        return self.deployment.adjudicator

    @property
    def chain(self) -> Revm:
        """The embedded EVM."""
        return self.deployment.chain

    @property
    def now(self) -> int:
        """Time of the next call, Unix seconds."""
        return self.chain.now

    @property
    def low(self) -> Address:
        """The low broker."""
        return self.deployment.roles.low.address

    @property
    def high(self) -> Address:
        """The high broker."""
        return self.deployment.roles.high.address

    @property
    def outsider(self) -> Address:
        """Anybody else."""
        return self.deployment.roles.outsider

    @property
    def keys(self) -> tuple[LocalSigner, LocalSigner]:
        """Both channel keys."""
        return self.deployment.roles.low.signer, self.deployment.roles.high.signer

    @property
    def id(self) -> bytes:
        """The channel's id."""
        return channel_id(self.definition)

    @property
    def token(self) -> Contract:
        """The first asset."""
        return self.token_at(0)

    def named(self, contract: str) -> Contract:
        """Return the token of this kind."""
        return self.deployment.tokens[contract]

    def token_at(self, asset: int) -> Contract:
        """Return an asset of the channel."""
        address = self.definition.assets[asset]
        return next(t for t in self.deployment.tokens.values() if t.address == address)

    # WHAT IS SIGNED

    def state(
        self,
        intent: Intent,
        version: int,
        *,
        nets: tuple[int, int] = (STAKE, STAKE),
        split: tuple[int, int] | None = None,
        out: tuple[int, int] = (0, 0),
        condition: Condition | None = None,
        valid_for: int = HOUR_S,
    ) -> ClearingState:
        """Return a state of this channel and epoch."""
        low, high = split or nets
        asset = AssetSplit(*nets, low, high, *out)
        return ClearingState(
            channel_id=self.id,
            epoch=self.epoch,
            version=version,
            intent=intent,
            splits=(asset,) * len(self.definition.assets),
            condition=condition or Condition(),
            valid_until=self.now + valid_for if intent in EXPIRING else 0,
        )

    def operate(self, version: int, low: int = STAKE) -> ClearingState:
        """Return an OPERATE state in which low owns so much of each asset."""
        return self.state(Intent.OPERATE, version, split=(low, 2 * STAKE - low))

    def hash_locked(self, version: int, expiry: int, *, revealed: int) -> ClearingState:
        """Return an OPERATE state that gives low `revealed` once PREIMAGE is out."""
        lock = Condition(
            kind=ConditionKind.HASHLOCK,
            ref=sha256(PREIMAGE).digest(),
            expiry=expiry,
            alt_low=(revealed,) * len(self.definition.assets),
        )
        return self.state(Intent.OPERATE, version, condition=lock)

    def order(
        self, version: int, *legs: Leg, fund_by: int | None = None
    ) -> tuple[ClearingState, SettlementOrder]:
        """Return a SETTLE state and its order; by default each side delivers 100 of asset 0.

        Low owns 1,100 if delivered, 500 if it defaulted, 1,500 if high did, the split else.
        """
        token = self.token.address
        order = SettlementOrder(
            channel_id=self.id,
            epoch=self.epoch,
            version=version,
            fund_by=self.now + HOUR_S if fund_by is None else fund_by,
            legs=legs or (Leg(token, True, 100), Leg(token, False, 100)),
        )
        n = len(self.definition.assets)
        condition = Condition(
            kind=ConditionKind.ORDER,
            ref=hash_order(order),
            expiry=order.fund_by,
            alt_low=(1_100,) * n + (500,) * n + (1_500,) * n,
        )
        return self.state(Intent.SETTLE, version, condition=condition), order

    def digest(self, struct_hash: bytes) -> bytes:
        """Return what a key signs."""
        return signing_digest(self.deployment.separator, struct_hash)

    def signed(self, state: ClearingState) -> tuple[Signature, Signature]:
        """Return both signatures of a state."""
        return co_sign(self.digest(hash_state(state)), *self.keys)

    # WHAT IS SENT

    def send(
        self,
        function: str,
        state: ClearingState,
        *rest: Any,
        by: Address | None = None,
        signatures: tuple[Signature, Signature] | None = None,
        gas: int = 20_000_000,
    ) -> Receipt:
        """Send a state with its signatures; by an outsider unless told."""
        signed = signatures or self.signed(state)
        return self.vault.send(
            function,
            self.definition,
            state,
            signed,
            *rest,
            sender=by or self.outsider,
            gas=gas,
        )

    def open(self, version: int = 1, *, by: Address | None = None) -> ClearingState:
        """Open by allowance and ledger; return the state."""
        state = self.state(Intent.OPEN, version)
        self.send("open", state, by=by)
        return state

    def challenge(self, state: ClearingState, by: Address | None = None) -> int:
        """Challenge, by low unless told; return the deadline."""
        self.send("challenge", state, by=by or self.low)
        return self.view()[3]

    def finalize(self, state: ClearingState) -> Receipt:
        """End by the challenged state, sent by an outsider."""
        return self.vault.send("finalize", self.definition, state, sender=self.outsider)

    def fund(self, state: ClearingState, order: SettlementOrder, side: Side) -> Receipt:
        """Fund a side's legs, by its broker."""
        return self.send("fundOrder", state, order, side, by=self.definition.broker(side))

    def refund(self, order: SettlementOrder) -> Receipt:
        """Give the locks of an order back, by an outsider."""
        return self.vault.send("refundOrder", self.definition, order, sender=self.outsider)

    def deposit(self, amount: int, *brokers: Address) -> None:
        """Put so much of every asset into ledgers, both brokers' unless told."""
        for broker in brokers or (self.low, self.high):
            for token in self.definition.assets:
                self.vault.send("deposit", token, amount, sender=broker)

    # WHAT IS SEEN

    def view(self) -> tuple[Any, ...]:
        """Return status, epoch, enforced version, deadline, order version, flags, hashes."""
        answer: tuple[Any, ...] = self.vault.read("channelOf", self.id)
        return answer

    @property
    def status(self) -> Status:
        """Where the channel stands."""
        return Status(self.view()[0])

    def ledgers(self, asset: int = 0) -> tuple[int, int]:
        """Return low's and high's ledger of an asset."""
        token = self.definition.assets[asset]
        low, high = (self.vault.read("balanceOf", who, token) for who in (self.low, self.high))
        return low, high

    def held(self, asset: int = 0) -> int:
        """Return what the vault's balance of an asset is."""
        amount: int = self.token_at(asset).read("balanceOf", self.vault.address)
        return amount

    def wallets(self, asset: int = 0) -> tuple[int, int]:
        """Return what low and high hold outside of an asset."""
        token = self.token_at(asset)
        low, high = (token.read("balanceOf", who) for who in (self.low, self.high))
        return low, high

    def again(self, **fields: Any) -> Duel:
        """Return the duel over another definition, in its first epoch."""
        return Duel(self.deployment, replace(self.definition, **fields))


def only_refused_for(
    duel: Duel,
    error: tuple[object, ...],
    *,
    honest: Callable[[], object],
    attack: Callable[[], object],
) -> None:
    """Show that the honest call succeeds here, and that the attack fails with this error."""
    with duel.chain.isolated():
        honest()
    name, *values = error
    with duel.chain.isolated(), refused(str(name), *values):
        attack()


def duel_over(*tokens: str, parameters: Parameters | None = None) -> Duel:
    """Deploy on a chain of its own; the channel is over all these tokens."""
    deployment = deploy(Revm(), *tokens, parameters=parameters)
    return Duel(deployment, deployment.definition())
