"""Who may call what: every function of the governance contracts that acts, by its ABI."""

from functools import partial

import pytest

from clearing.chain.artifacts import abi_of
from clearing.spec.units import DAY_S
from tests.harness.govern import refusal_of

OPEN = {
    "propose",
    "proposeWithMetadata",
    "castVote",
    "castVoteWithReason",
    "castVoteWithReasonAndParams",
    "castVoteBySig",
    "castVoteWithReasonAndParamsBySig",
    "queue",
    "execute",
    "cancel",
    "cancelExpired",
}
"""With rules of their own, which the other files test."""
RECEIVING = {"onERC721Received", "onERC1155Received", "onERC1155BatchReceived"}
GOVERNED = {
    "setGuardian": (bytes(20), 0),
    "setVotingDelay": (DAY_S,),
    "setVotingPeriod": (3 * DAY_S,),
    "setLateQuorumVoteExtension": (DAY_S,),
    "setProposalThreshold": (50_000 * 10**18,),
    "updateQuorumNumerator": (200,),
    "relay": (b"\x11" * 20, 0, b""),
}
"""With arguments that a proposal could carry."""
OF_TYPES = {
    "setKind": (b"\x11" * 20, b"\1\2\3\4", 1),
    "setTerms": (1, (400, 5_000, 0)),
}
STRANGERS = ("outsider", "guardian", "deployer")


def acting(contract):
    return {
        entry["name"]
        for entry in abi_of(contract)
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }


def test_surface__all_that_acts__is_open_or_governed():
    """What is pure, `setProposalGuardian` and `updateTimelock`, only refuses."""
    assert acting("ProtocolGovernor") == OPEN | RECEIVING | set(GOVERNED)
    assert acting("ProposalTypes") == set(OF_TYPES)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("name", GOVERNED)
def test_governed__by_anybody__is_refused(rig, name, who):
    """[GOV-10] test_settings.py shows each of them pass by proposal."""
    caller = getattr(rig, who)

    refusal = refusal_of(partial(rig.governor.send, name, *GOVERNED[name], sender=caller))

    assert refusal == ("GovernorOnlyExecutor", (caller,)), "GOV-10"


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("name", OF_TYPES)
def test_types__by_anybody__is_refused(rig, name, who):
    """[GOV-10]."""
    caller = getattr(rig, who)

    refusal = refusal_of(partial(rig.types.send, name, *OF_TYPES[name], sender=caller))

    assert refusal == ("NotTimelock", (caller,)), "GOV-10"


@pytest.mark.parametrize("kind", ["onERC721Received", "onERC1155Received"])
def test_receiving__any_token__is_refused(rig, kind):
    """Nothing is kept here: the timelock holds what governance owns."""
    arguments = {"onERC721Received": (1,), "onERC1155Received": (1, 1)}[kind]
    sender = rig.outsider

    refusal = refusal_of(
        partial(rig.governor.send, kind, sender, sender, *arguments, b"", sender=sender)
    )

    assert refusal == ("GovernorDisabledDeposit", ())
