"""Nothing but the exact calldata that both signers meant moves a channel."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.channel import requests
from clearing.channel.codec import (
    channel_id,
    domain_separator,
    hash_intent,
    hash_order,
    hash_state,
    signing_digest,
)
from clearing.channel.keccak import keccak256
from clearing.channel.requests import Request
from clearing.channel.signatures import ORDER, LocalSigner, Signature
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
from clearing.spec.units import DAY_S, Address
from tests.harness.actors import co_sign
from tests.harness.contract import Call
from tests.harness.deployment import Deployment, deploy
from tests.harness.errors import Halted, Refused
from tests.harness.revm import CHAIN_ID, Revm
from tests.harness.twin import read_channel

PREIMAGE = b"\x5e" * 32
STAKE = 1_000
"""Raw units of each side at the opening."""
ACCEPT_ALL = bytes.fromhex("631626ba7e60e01b5f5260205ff3")
"""Code that answers every call as ERC-1271 says for a good signature."""
REFUSE_ALL = bytes.fromhex("5f5ffd")


@dataclass(frozen=True)
class Case:
    """A call that the contract accepts, for a channel that is open unless the call opens it."""

    request: Request
    sender: Address

    def call_on(self, deployment: Deployment) -> Call:
        return deployment.adjudicator.call(self.request.function, len(self.request.arguments))

    def calldata(self, deployment: Deployment) -> bytes:
        return self.call_on(deployment).method.encode(*self.request.arguments)


def opening(deployment: Deployment, definition: ChannelDef) -> ClearingState:
    return ClearingState(
        channel_id(definition),
        epoch=0,
        version=1,
        intent=Intent.OPEN,
        splits=(AssetSplit(STAKE, STAKE, STAKE, STAKE),),
        valid_until=deployment.chain.now + DAY_S,
    )


def cases(deployment: Deployment) -> dict[str, Case]:
    """Return one accepted call of each function that takes signatures."""
    now, roles = deployment.chain.now, deployment.roles
    definition = deployment.definition()
    opened = opening(deployment, definition)
    state = replace(opened, version=2, intent=Intent.OPERATE, valid_until=0, risk_hash=b"\x77" * 32)
    lock = Condition(
        ConditionKind.HASHLOCK, hashlib.sha256(PREIMAGE).digest(), now + DAY_S, (STAKE,)
    )
    order = SettlementOrder(
        opened.channel_id, 0, 2, now + DAY_S, (Leg(definition.assets[0], from_low=True, amount=5),)
    )
    settled = replace(
        state,
        intent=Intent.SETTLE,
        condition=Condition(ConditionKind.ORDER, hash_order(order), order.fund_by, (1, 2, 3)),
    )
    resized = replace(
        opened,
        version=2,
        intent=Intent.RESIZE,
        splits=(AssetSplit(STAKE - 5, STAKE, STAKE - 5, STAKE, out_low=5),),
    )
    closed = replace(
        opened,
        version=2,
        intent=Intent.CLOSE,
        splits=(AssetSplit(STAKE, STAKE, STAKE + 1, STAKE - 1, out_low=3),),
    )
    intent = ChallengeIntent(state.channel_id, 0, 2, hash_state(state))
    intended = roles.high.signer.sign(signing_digest(deployment.separator, hash_intent(intent)))

    def signed(
        each: ClearingState,
    ) -> tuple[ChannelDef, ClearingState, tuple[Signature, Signature]]:
        return definition, each, deployment.signed(each)

    outsider, low = roles.outsider, roles.low.address
    return {
        "open": Case(requests.Open(*signed(opened)), outsider),
        "checkpoint": Case(requests.Checkpoint(*signed(state)), outsider),
        "challenge": Case(requests.Challenge(*signed(state)), low),
        "intent": Case(requests.ChallengeByIntent(*signed(state), intended), outsider),
        "resize": Case(requests.Resize(*signed(resized)), outsider),
        "reveal": Case(
            requests.Reveal(*signed(replace(state, condition=lock)), PREIMAGE), outsider
        ),
        "settle": Case(requests.Settle(*signed(settled), order), outsider),
        "fund": Case(requests.FundOrder(*signed(settled), order, Side.LOW), low),
        "close": Case(requests.CloseCooperative(*signed(closed)), outsider),
    }


NAMES = ("open", "checkpoint", "challenge", "intent", "resize", "reveal", "settle", "fund", "close")


@pytest.fixture(scope="module")
def fresh() -> Deployment:
    """No channel yet; both ledgers hold what an order moves."""
    deployment = deploy(Revm())
    for broker in (deployment.roles.low, deployment.roles.high):
        for token in deployment.tokens.values():
            deployment.adjudicator.send("deposit", token.address, 2 * STAKE, sender=broker.address)
    return deployment


@pytest.fixture(params=NAMES)
def ready(request: pytest.FixtureRequest, fresh: Deployment) -> Iterator[tuple[Deployment, Case]]:
    """A call of each function in turn, and the channel where it is accepted."""
    with fresh.chain.isolated():
        every = cases(fresh)
        case = every[request.param]
        if case is not every["open"]:
            send(fresh, every["open"])
        with fresh.chain.isolated():
            send(fresh, case)
        yield fresh, case


def send(deployment: Deployment, case: Case) -> None:
    case.call_on(deployment).send(*case.request.arguments, sender=case.sender)


def effect_of(deployment: Deployment, case: Case, calldata: bytes) -> tuple[object, ...] | None:
    """Return what the calldata would do: events and the channel as stored; None if refused."""
    with deployment.chain.isolated():
        try:
            receipt = case.call_on(deployment).send_raw(calldata, sender=case.sender)
        except (Refused, Halted):
            return None
        definition = case.request.definition  # type: ignore[attr-defined]
        return receipt.logs, read_channel(deployment, channel_id(definition))


def test_call__any_flipped_bit__is_refused(ready: tuple[Deployment, Case]) -> None:
    """Every bit: selector, offsets and lengths included.

    An offset may come to point at an equal array elsewhere: the same call, written otherwise.
    """
    deployment, case = ready
    calldata = case.calldata(deployment)
    meant = effect_of(deployment, case, calldata)
    assert meant is not None

    for at in range(len(calldata)):
        for bit in range(8):
            byte = bytes([calldata[at] ^ (1 << bit)])
            effect = effect_of(deployment, case, calldata[:at] + byte + calldata[at + 1 :])
            assert effect is None or effect == meant, (
                f"ADJ-17: byte {at} of {case.request.function}"
            )


def test_call__cut_short__is_refused(ready: tuple[Deployment, Case]) -> None:
    deployment, case = ready
    calldata = case.calldata(deployment)

    accepted = [
        length
        for length in range(0, len(calldata), 4)
        if effect_of(deployment, case, calldata[:length]) is not None
    ]

    assert accepted == [], f"ADJ-17: {case.request.function}"


def resigned(case: Case, sign: Callable[[ClearingState], tuple[Signature, Signature]]) -> Case:
    """Return the call with other signatures of the same state."""
    state = case.request.state  # type: ignore[attr-defined]
    return replace(case, request=replace(case.request, signatures=sign(state)))  # type: ignore[type-var]


def assert_bad_signature(deployment: Deployment, case: Case, side: Side, why: str) -> None:
    with pytest.raises(Refused) as refusal:
        send(deployment, case)
    definition = case.request.definition  # type: ignore[attr-defined]
    assert refusal.value.name == "BadSignature", why
    assert refusal.value.args_ == (definition.signer(side),), why


def test_call__signed_for_another_domain_or_type__is_refused(
    ready: tuple[Deployment, Case],
) -> None:
    deployment, case = ready
    low, high = deployment.roles.low.signer, deployment.roles.high.signer
    here, address = deployment.separator, deployment.adjudicator.address
    other_chain = domain_separator(CHAIN_ID + 1, address)
    other_contract = domain_separator(CHAIN_ID, deployment.registry.address)

    digests: dict[str, Callable[[ClearingState], bytes]] = {
        "another chain": lambda state: signing_digest(other_chain, hash_state(state)),
        "another contract": lambda state: signing_digest(other_contract, hash_state(state)),
        "another type": lambda state: signing_digest(
            here,
            hash_intent(
                ChallengeIntent(state.channel_id, state.epoch, state.version, hash_state(state))
            ),
        ),
        "no domain": hash_state,
        "a personal message": lambda state: keccak256(
            b"\x19Ethereum Signed Message:\n32" + signing_digest(here, hash_state(state))
        ),
        "another version": lambda state: signing_digest(
            here, hash_state(replace(state, version=state.version + 1))
        ),
    }
    for why, digest_of in digests.items():
        spoiled = resigned(case, lambda state, of=digest_of: co_sign(of(state), low, high))  # type: ignore[misc]
        assert_bad_signature(deployment, spoiled, Side.LOW, f"ADJ-18: {why}")


def test_call__state_of_another_channel_or_epoch__is_refused(
    ready: tuple[Deployment, Case],
) -> None:
    deployment, case = ready
    state = case.request.state  # type: ignore[attr-defined]
    definition = case.request.definition  # type: ignore[attr-defined]
    elsewhere = channel_id(replace(definition, nonce=definition.nonce + 1))

    for other, name in (
        (replace(state, channel_id=elsewhere), "WrongChannel"),
        (replace(state, epoch=1), "WrongEpoch"),
    ):
        request = replace(case.request, state=other, signatures=deployment.signed(other))  # type: ignore[type-var]
        with pytest.raises(Refused) as refusal:
            send(deployment, replace(case, request=request))
        assert refusal.value.name == name, "ADJ-18"


def mirrored(signature: Signature) -> Signature:
    """Return the other form of the signature: high s, the other parity."""
    rsv = signature.expanded()
    vs = (ORDER - int.from_bytes(rsv[32:64], "big")) | ((rsv[64] - 27) ^ 1) << 255
    return Signature(signature.r, vs.to_bytes(32, "big"))


def test_call__high_s_swapped_or_one_signer_twice__is_refused(
    ready: tuple[Deployment, Case],
) -> None:
    deployment, case = ready
    low, high = deployment.signed(case.request.state)  # type: ignore[attr-defined]
    nobody = Signature(bytes(32), bytes(32))

    for signatures, side in (
        ((mirrored(low), high), Side.LOW),
        ((low, mirrored(high)), Side.HIGH),
        ((high, low), Side.LOW),
        ((low, low), Side.HIGH),
        ((nobody, high), Side.LOW),
        ((low, nobody), Side.HIGH),
    ):
        spoiled = resigned(case, lambda _state, given=signatures: given)  # type: ignore[misc]
        assert_bad_signature(deployment, spoiled, side, "ADJ-19")


def test_open__zero_signer__is_refused(fresh: Deployment) -> None:
    """Ecrecover answers zero for nonsense, so zero must never be a signer."""
    with fresh.chain.isolated():
        good = cases(fresh)["open"]
        with fresh.chain.isolated():
            send(fresh, good)

        definition = replace(good.request.definition, signer_low=bytes(20))  # type: ignore[attr-defined]
        state = replace(good.request.state, channel_id=channel_id(definition))  # type: ignore[attr-defined]
        signatures = (Signature(bytes(32), bytes(32)), fresh.signed(state)[Side.HIGH])
        request = requests.Open(definition, state, signatures)

        with pytest.raises(Refused) as refusal:
            send(fresh, replace(good, request=request))
        assert refusal.value.name == "BadSigners", "ADJ-19"


@pytest.mark.parametrize("code", [ACCEPT_ALL, REFUSE_ALL], ids=["accepts all", "refuses all"])
def test_call__code_at_the_signers__changes_nothing(code: bytes) -> None:
    """ADJ-20: an account that became a contract overnight (EIP-7702) signs as before."""
    deployment = deploy(Revm())
    adjudicator, roles = deployment.adjudicator, deployment.roles
    for broker in (roles.low, roles.high):
        for token in deployment.tokens.values():
            adjudicator.send("deposit", token.address, 2 * STAKE, sender=broker.address)
        deployment.chain.set_code(broker.signer.address, code)
    every = cases(deployment)
    strangers = LocalSigner(b"\x01" * 32), LocalSigner(b"\x02" * 32)
    digest = signing_digest(deployment.separator, hash_state(every["open"].request.state))  # type: ignore[attr-defined]

    forged = resigned(every["open"], lambda _state: co_sign(digest, *strangers))
    assert_bad_signature(deployment, forged, Side.LOW, "ADJ-20")
    send(deployment, every["open"])
    for name in NAMES[1:]:
        with deployment.chain.isolated():
            send(deployment, every[name])


@given(first=st.binary(min_size=64, max_size=64), second=st.binary(min_size=64, max_size=64))
def test_call__any_words_as_signatures__are_refused(
    fresh: Deployment, first: bytes, second: bytes
) -> None:
    with fresh.chain.isolated():
        signatures = (Signature.from_bytes(first), Signature.from_bytes(second))
        spoiled = resigned(cases(fresh)["open"], lambda _state: signatures)

        assert_bad_signature(fresh, spoiled, Side.LOW, "ADJ-16")
