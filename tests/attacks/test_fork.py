"""The chain splits in two: what was signed for one side is worth nothing on the other."""

import pytest

from clearing.chain.errors import CallRefusedError
from clearing.channel.codec import domain_separator
from tests.gas.life import Channel
from tests.gas.rig import Scene, run_rig

HERE, FORK = 31_337, 31_338


def test_fork__of_the_chain__replays_nothing() -> None:
    """[ADJ-18] Contract, storage and keys are the same on both sides; the domain is not."""
    with run_rig() as rig, rig.scene() as scene:
        token = rig.tokens[0]
        channel = Channel.new(scene, token)
        channel.open_from_allowance()
        unborn = Channel.new(scene, token)
        scene.fill_ledgers(token)
        address = rig.adjudicator.address
        assert rig.adjudicator.call("domainSeparator") == domain_separator(HERE, address)

        rig.anvil.node.request("anvil_setChainId", [FORK])
        there = Scene(rig, now=scene.now)
        channel.scene = unborn.scene = there

        assert rig.adjudicator.call("domainSeparator") == domain_separator(FORK, address)
        signer = rig.low.signer.address
        for attack, error in (
            (lambda: channel.challenge(channel.operating()), ("BadSignature", (signer,))),
            (unborn.open_from_ledger, ("WrongChain", (HERE, FORK))),
        ):
            with pytest.raises(CallRefusedError) as refusal:
                attack()
            assert (refusal.value.name, refusal.value.args_) == error, "ADJ-18"

        rig.anvil.node.request("anvil_setChainId", [HERE])
        channel.scene = unborn.scene = Scene(rig, now=there.now)
        channel.challenge(channel.operating())
        unborn.open_from_ledger()
