"""Whoever shows a state to the chain shows both signatures of it."""

from dataclasses import replace

from clearing.channel.codec import hash_state, signing_digest
from clearing.clearport.watch import shown
from clearing.clearport.watch.shown import Asked, find_answer, signature_behind
from clearing.client.session import CoSigned
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.types import Side
from tests.unit.clearport_watch.world import book, call_margin


def asked_of(stage: Stage, pair: Pair, full: CoSigned) -> Asked:
    return Asked(
        channel_id=pair.low.channel_id,
        ours=full.signatures[Side.LOW],
        digest=signing_digest(stage.contracts.separator, hash_state(full.state)),
        peer=pair.definition.signer(Side.HIGH),
    )


def test_find_answer__high_has_shown_the_state__is_its_signature(
    stage: Stage, pair: Pair, monkeypatch
) -> None:
    """However much the channel and the chain have done since."""
    monkeypatch.setattr(shown, "STRIDE", 2)
    booked = book(stage, pair)
    pair.high_hand.checkpoint(booked)
    called = call_margin(stage, pair)
    pair.low_hand.checkpoint(called)
    stage.anvil.mine(5)
    address = stage.contracts.adjudicator.address

    for full in (booked, called):
        found = find_answer(stage.anvil.node, address, asked_of(stage, pair, full))
        assert found == full.signatures[Side.HIGH]


def test_find_answer__nobody_has_shown_it__is_none(stage: Stage, pair: Pair) -> None:
    kept = book(stage, pair)

    address = stage.contracts.adjudicator.address
    assert find_answer(stage.anvil.node, address, asked_of(stage, pair, kept)) is None


def test_signature_behind__within_other_words__is_found_and_held_to_the_digest(
    stage: Stage, pair: Pair
) -> None:
    full = book(stage, pair)
    asked = asked_of(stage, pair, full)
    low, high = (each.to_bytes() for each in full.signatures)
    wrapped = b"\x01\x02\x03\x04" + low + b"no signature" + low + high + b"\x00" * 28

    assert signature_behind(wrapped, asked) == full.signatures[Side.HIGH]
    assert signature_behind(wrapped, replace(asked, digest=bytes(32))) is None
    assert signature_behind(low + high[:-1], asked) is None
    assert signature_behind(b"", asked) is None
