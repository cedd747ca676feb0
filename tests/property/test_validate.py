"""ENC-02: whatever is sent, the client's verdict is the contract's, to the error's last value.

Schedules of calls that mostly make sense, each argument drawn from around the edge where it starts
or stops to; after each call verdict, events and all storage are compared.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from clearing.channel import requests
from clearing.channel.codec import (
    domain_separator,
    hash_auth,
    hash_intent,
    hash_order,
    hash_state,
    signing_digest,
)
from clearing.channel.requests import Request
from clearing.channel.signatures import ORDER, LocalSigner, Signature
from clearing.channel.validate import authenticate, identify
from clearing.spec.rules import HORIZON_S
from clearing.spec.types import (
    ZERO_WORD,
    AssetSplit,
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    IdentifiedDef,
    Intent,
    Leg,
    SettlementOrder,
    Side,
    Status,
    WithdrawAuth,
)
from clearing.spec.units import DAY_S, Address
from clearing.spec.world import Channel
from tests.harness.deployment import Deployment, deploy
from tests.harness.draw import states as any_states
from tests.harness.draw import words
from tests.harness.revm import Revm
from tests.harness.twin import Twin

PREIMAGE = b"\x5e" * 32
CALLS_OF = {
    int(Intent.OPEN): ("open",),
    int(Intent.OPERATE): ("checkpoint", "challenge", "intent", "reveal"),
    int(Intent.RESIZE): ("resize", "challenge", "checkpoint"),
    int(Intent.SETTLE): ("settle", "fund", "fund", "challenge", "checkpoint"),
    int(Intent.CLOSE): ("close",),
}
"""Where a state of each intent may go."""
LEDGER = 1_000
"""Raw units of each token in each ledger at the start."""


@pytest.fixture(scope="module")
def deployed() -> Deployment:
    """Two tokens, money in both ledgers."""
    deployment = deploy(Revm(), "MockERC20", "NoReturnToken")
    for broker in (deployment.roles.low, deployment.roles.high):
        for token in deployment.tokens.values():
            deployment.adjudicator.send("deposit", token.address, LEDGER, sender=broker.address)
    return deployment


@dataclass
class Play:
    """Draws the next call of a schedule."""

    data: st.DataObject
    twin: Twin
    identified: IdentifiedDef
    seen: list[ClearingState]
    orders: dict[bytes, SettlementOrder]

    def pick(self, *values: Any) -> Any:
        return self.data.draw(st.sampled_from(values))

    def chance(self, one_in: int) -> bool:
        return self.data.draw(st.integers(0, one_in - 1)) == one_in // 2

    @property
    def channel(self) -> Channel:
        return self.twin.channel(self.identified)

    @property
    def definition(self) -> ChannelDef:
        return self.identified.definition

    # STATES

    def state(self, intent: Intent) -> ClearingState:
        """Draw a state that the channel would take, or nearly."""
        again = [state for state in self.seen if state.intent == intent]
        if again and self.chance(3):
            return self.pick(*again)
        now, channel = self.twin.now, self.channel
        version = self.pick(
            *(channel.enforced_version + step for step in (1, 1, 1, 1, 2, 2, 0, -1))
        )
        if self.chance(30):
            version = 2**64 - 1
        version = min(max(version, 0), 2**64 - 1)
        splits = tuple(self.split(intent, asset) for asset in range(len(self.definition.assets)))
        expires = intent in (Intent.OPEN, Intent.RESIZE, Intent.CLOSE)
        state = ClearingState(
            channel_id=self.identified.channel_id,
            epoch=channel.epoch,
            version=version,
            intent=intent,
            splits=splits,
            valid_until=now + self.pick(100, 100, 100, 1, 0) if expires else 0,
            risk_hash=bytes([version % 256]) * 32,
        )
        state = self.with_condition(state)
        self.seen.append(state)
        return state

    def split(self, intent: Intent, asset: int) -> AssetSplit:
        if intent is Intent.OPEN:
            low, high = self.pick(LEDGER // 2, LEDGER + 5, 0), self.pick(LEDGER // 4, 0)
            return AssetSplit(low, high, low, high)
        low, high = self.channel.nets[asset]
        low, high = low - self.pick(0, 0, 0, 3, -1), high - self.pick(0, 0, 0, 2)
        out = (0, 0)
        if intent is Intent.RESIZE:
            out = (self.pick(0, 1, max(0, low)), self.pick(0, 1))
            low, high = low - out[0], high - out[1]
        total = max(low + high, 0)
        share = self.data.draw(st.integers(0, total))
        if intent is Intent.CLOSE:
            out = (self.pick(0, share), self.pick(0, total - share))
        return AssetSplit(low, high, share, total - share, *out)

    def with_condition(self, state: ClearingState) -> ClearingState:
        kind = {Intent.SETTLE: ConditionKind.ORDER, Intent.OPERATE: self.pick(0, 1)}.get(
            Intent(state.intent), ConditionKind.NONE
        )
        totals = [split.low + split.high for split in state.splits]
        expiry = self.twin.now + self.pick(3_600, 50, HORIZON_S, 0)
        if kind == ConditionKind.HASHLOCK:
            ref = hashlib.sha256(PREIMAGE).digest()
            return replace(state, condition=Condition(kind, ref, expiry, tuple(totals)))
        if kind == ConditionKind.ORDER:
            legs = self.data.draw(st.lists(self.leg(), min_size=1, max_size=3))
            order = SettlementOrder(
                state.channel_id, state.epoch, state.version, expiry, tuple(legs)
            )
            ref = hash_order(order)
            self.orders[ref] = order
            alternatives = (*totals, *(0 for _ in totals), *totals)
            return replace(state, condition=Condition(kind, ref, expiry, alternatives))
        return state

    def leg(self) -> st.SearchStrategy[Leg]:
        tokens = [token.address for token in self.twin.deployment.tokens.values()]
        return st.builds(
            Leg,
            token=st.sampled_from(tokens),
            from_low=st.booleans(),
            amount=st.sampled_from((1, LEDGER // 2, LEDGER)),
        )

    # MUTATIONS

    def spoiled(self, state: ClearingState) -> ClearingState:
        """Return the state with one field drawn anew."""
        other = self.data.draw(any_states)
        field = self.pick(
            "channel_id", "epoch", "version", "intent", "splits", "condition",
            "liabilities_root", "risk_hash", "signed_at", "valid_until",
        )  # fmt: skip
        if field == "splits":
            return replace(state, splits=self.spoiled_splits(state))
        if field == "condition":
            return replace(state, condition=self.spoiled_condition(state.condition))
        if field == "liabilities_root":
            return replace(state, liabilities_root=self.pick(ZERO_WORD, b"\1" * 32))
        if field == "intent":
            return replace(state, intent=self.pick(0, 1, 2, 3, 4, 5, 6, 255))
        return replace(state, **{field: getattr(other, field)})

    def spoiled_splits(self, state: ClearingState) -> tuple[AssetSplit, ...]:
        splits = state.splits
        if not splits or self.chance(4):
            return self.pick(splits[1:], (*splits, AssetSplit(0, 0, 0, 0)), splits[::-1])
        at = self.pick(*range(len(splits)))
        name = self.pick("net_low", "net_high", "low", "high", "out_low", "out_high")
        value = getattr(splits[at], name) + self.pick(1, -1, 2**100)
        if not name.startswith("net"):
            value = max(value, 0)
        return (*splits[:at], replace(splits[at], **{name: value}), *splits[at + 1 :])

    def spoiled_condition(self, condition: Condition) -> Condition:
        return self.pick(
            replace(condition, kind=self.pick(0, 1, 2, 3, 255)),
            replace(condition, ref=self.data.draw(words)),
            replace(condition, expiry=self.twin.now + HORIZON_S + self.pick(0, 1)),
            replace(condition, alt_low=condition.alt_low[1:]),
            replace(condition, alt_low=(*condition.alt_low, 0)),
            replace(condition, alt_low=tuple(each + 1 for each in condition.alt_low)),
        )

    def signatures(self, state: ClearingState) -> tuple[Signature, Signature]:
        """Draw signatures: nearly always both, else one of the ways to get them wrong."""
        deployment = self.twin.deployment
        good = deployment.signed(state)
        if not self.chance(12):
            return good
        low, high = good
        flipped = int.from_bytes(low.to_bytes(), "big") ^ (1 << self.pick(0, 255, 256, 511))
        return self.pick(
            (high, low),
            (low, low),
            (Signature.from_bytes(flipped.to_bytes(64, "big")), high),
            (low, Signature(bytes(32), bytes(32))),
            (low, _mirrored(high)),
            deployment.signed(replace(state, version=state.version ^ 1)),
        )

    # REQUESTS

    def request(self) -> tuple[Request, Address]:
        roles = self.twin.deployment.roles
        sender = self.pick(
            roles.low.address, roles.high.address, roles.low.signer.address, roles.outsider
        )
        makers: dict[str, Callable[[], Request]] = {
            "state": self.state_request,
            "deposit": lambda: requests.DepositCollateral(
                self.definition,
                self.pick(*self.definition.assets, roles.outsider),
                self.pick(0, 1, 5, LEDGER + 1, 2**128 - 1),
            ),
            "refund": lambda: requests.RefundOrder(self.definition, self.order()),
            "finalize": lambda: requests.Finalize(self.definition, self.known_state()),
            "auth": self.auth_request,
        }
        often = ("state",) * (6 if self.channel.is_live else 20)
        name = self.pick(*often, "deposit", "refund", "finalize", "auth")
        if self.channel.status is Status.CHALLENGED and self.chance(3):
            name = "finalize"
        return makers[name](), sender

    def state_request(self) -> Request:
        state = self.state(self.pick(*Intent) if self.channel.is_live else Intent.OPEN)
        if self.chance(5):
            state = self.spoiled(state)
        signed = (self.definition, state, self.signatures(state))
        makers: dict[str, Callable[[], Request]] = {
            "open": lambda: requests.Open(*signed),
            "checkpoint": lambda: requests.Checkpoint(*signed),
            "challenge": lambda: requests.Challenge(*signed),
            "intent": lambda: requests.ChallengeByIntent(*signed, self.intent(state)),
            "resize": lambda: requests.Resize(*signed),
            "reveal": lambda: requests.Reveal(*signed, self.pick(PREIMAGE, PREIMAGE, bytes(32))),
            "settle": lambda: requests.Settle(*signed, self.order_of(state)),
            "fund": lambda: requests.FundOrder(*signed, self.order_of(state), self.pick(*Side)),
            "close": lambda: requests.CloseCooperative(*signed),
        }
        fitting = CALLS_OF.get(state.intent, ("checkpoint",))
        return makers[self.pick(*(makers if self.chance(8) else fitting))]()

    def intent(self, state: ClearingState) -> Signature:
        named = replace(state, version=state.version ^ 1) if self.chance(5) else state
        hashed = authenticate(self.twin.deployment.separator, self.definition, named, _NOBODYS)
        intent = ChallengeIntent(named.channel_id, named.epoch, named.version, hashed.state_hash)
        roles = self.twin.deployment.roles
        signer = self.pick(roles.low.signer, roles.high.signer, roles.low.account)
        return signer.sign(signing_digest(self.twin.deployment.separator, hash_intent(intent)))

    def known_state(self) -> ClearingState:
        challenged = [each for each in self.seen if hash_state(each) == self.channel.digest]
        known = challenged if challenged and not self.chance(6) else self.seen
        return self.pick(*known) if known else self.state(Intent.OPERATE)

    def order(self) -> SettlementOrder:
        held = self.orders.get(self.channel.order)
        if held is not None and not self.chance(6):
            return held
        if self.orders:
            return self.pick(*self.orders.values())
        return SettlementOrder(ZERO_WORD, 0, 1, 0, ())

    def order_of(self, state: ClearingState) -> SettlementOrder:
        """Return the order that the state names, sometimes another."""
        named = self.orders.get(state.condition.ref)
        if named is None or self.chance(10):
            return self.order()
        return named

    def auth_request(self) -> Request:
        deployment = self.twin.deployment
        account, token = deployment.roles.low.account, self.pick(*self.definition.assets)
        auth = WithdrawAuth(
            account.address,
            token,
            self.pick(deployment.roles.outsider, deployment.adjudicator.address, bytes(20)),
            self.pick(0, 1, 1, LEDGER * 2),
            self.pick(0, 1, 256),
            self.twin.now + self.pick(0, 1),
        )
        separator = self.pick(
            deployment.separator, deployment.separator, domain_separator(1, auth.to)
        )
        signer: LocalSigner = self.pick(account, account, deployment.roles.low.signer)
        signature = signer.sign(signing_digest(separator, hash_auth(auth))).expanded()
        wrong_v = signature[:64] + bytes([signature[64] ^ 1])
        signature = self.pick(signature, signature, signature, wrong_v, signature[:64])
        return requests.WithdrawWithAuth(auth, signature)

    # TIME

    def pass_time(self) -> None:
        """Stay, or go to the edge of something."""
        now, channel = self.twin.now, self.channel
        edges = [now] * 8 + [now + 1]
        if channel.status is Status.CHALLENGED:
            edges += [channel.deadline - 1, channel.deadline, channel.deadline]
        if self.seen:
            last = self.seen[-1]
            edges += [last.valid_until - 1, last.valid_until, last.condition.expiry - 1]
            edges += [last.condition.expiry, last.condition.expiry + DAY_S]
        self.twin.deployment.chain.warp(self.pick(*(edge for edge in edges if edge >= now)))


_NOBODYS = (Signature(bytes(32), bytes(32)),) * 2


def _mirrored(signature: Signature) -> Signature:
    """Return the same signature's other form: high s (or too high to be written compactly)."""
    rsv = signature.expanded()
    vs = (ORDER - int.from_bytes(rsv[32:64], "big")) | ((rsv[64] - 27) ^ 1) << 255
    return Signature(signature.r, vs.to_bytes(32, "big"))


@given(data=st.data(), steps=st.integers(5, 20))
def test_validate__any_schedule__is_the_contract(
    deployed: Deployment, data: st.DataObject, steps: int
) -> None:
    with deployed.chain.isolated():
        twin = Twin(deployed)
        play = Play(data, twin, identify(deployed.definition()), [], {})
        for _ in range(steps):
            play.pass_time()
            request, sender = play.request()
            event(request.function)

            expected, got = twin.send(request, sender)

            event(f"{request.function}: {expected.refusal or 'accepted'}")
            assert expected == got, f"ENC-02: {request}"
            if expected.refusal is None:
                model, stored = twin.storage(play.identified)
                assert model == stored, f"ENC-02: {request}"
