"""Pick the call that answers a challenge with a newer state."""

from __future__ import annotations

from clearing.channel import requests
from clearing.client.session import CoSigned
from clearing.spec.types import ChannelDef, ConditionKind, Intent, Side

__all__ = ["response_by_anybody", "response_by_party"]


def response_by_party(
    definition: ChannelDef,
    latest: CoSigned,
    now: int,
    *,
    preimage: bytes | None = None,
    funding: Side | None = None,
) -> requests.Request:
    """Return the call that answers with the latest state and also advances its condition.

    A checkpoint clears the challenge and no more; the secret or the legs would then need a second
    transaction, for which the time may be gone (docs/adr/0002). `preimage`: that of the state's
    hash lock, if known. `funding`: the side whose legs of the state's order are to be locked.
    """
    state = latest.state
    signed = (definition, state, latest.signatures)
    if state.condition.kind == ConditionKind.HASHLOCK and preimage is not None:
        return requests.Reveal(*signed, preimage)
    if state.condition.kind == ConditionKind.ORDER and funding is not None:
        return requests.FundOrder(*signed, latest.require_order(), funding)
    if state.intent == Intent.RESIZE and now < state.valid_until:
        return requests.Challenge(*signed)  # what can still run cannot be checkpointed
    return requests.Checkpoint(*signed)


def response_by_anybody(
    definition: ChannelDef, latest: CoSigned, now: int
) -> requests.Request | None:
    """Return the call by which a stranger may answer with a state, None if there is none.

    What both have signed to run, runs: a RESIZE or a CLOSE in time is executed, for a stranger
    cannot challenge with it. A CLOSE out of time and an OPEN answer nothing.
    """
    state = latest.state
    signed = (definition, state, latest.signatures)
    match state.intent:
        case Intent.OPERATE | Intent.SETTLE:
            return requests.Checkpoint(*signed)
        case Intent.RESIZE if now < state.valid_until:
            return requests.Resize(*signed)
        case Intent.RESIZE:
            return requests.Checkpoint(*signed)
        case Intent.CLOSE if now < state.valid_until:
            return requests.CloseCooperative(*signed)
        case _:
            return None
