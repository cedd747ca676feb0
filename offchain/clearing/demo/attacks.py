"""Attacks on the channel that opens again: a stranger's signer, and a replay of its last life."""

from __future__ import annotations

from dataclasses import replace

from clearing.chain.sender import Receipt
from clearing.channel.codec import hash_state, signing_digest
from clearing.channel.validate import identify
from clearing.client import moves
from clearing.client.channel_client import ChannelClient
from clearing.client.session import CoSigned
from clearing.demo.bad_day import refusal_of
from clearing.demo.facts import Refused
from clearing.demo.market import COLLATERAL_RAW, ETH, USDC, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.demo.teller import Teller
from clearing.spec.liabilities import Trade
from clearing.spec.types import Side
from clearing.spec.units import WAD

__all__ = ["play_attacks"]

# A sells an ether and buys it back at the same price: nothing is owed in the end.
THERE_AND_BACK = tuple(Trade(side, ETH, WAD, USDC, 3_300 * WAD) for side in Side)


def play_attacks(stage: Stage, teller: Teller, life: tuple[CoSigned, ...]) -> None:
    """Open the first channel again, under attack, and close it; `life` has the states of its last.

    The daemons have stopped: both brokers play by hand.
    """
    teller.chapter("9 · The first channel opens again, and somebody tries his luck")
    *_, last_life, _ = life
    pair = Pair.of(stage, stage.definition("USDT", nonce=1))
    usdt = stage.contracts.address_of("USDT")
    receipts: list[Receipt] = []
    for broker in (stage.low, stage.high):
        receipts += stage.treasury(broker).allow_opening(usdt, COLLATERAL_RAW)

    opening = pair.agree_opening(COLLATERAL_RAW)
    error = refusal_of(lambda: _open_as_stranger(stage, pair, opening))
    teller.refused(
        Refused(
            attack="a stranger names himself signer for A and opens on A's allowance",
            error=_with_names(stage, error),
            fixed="the same opening with the signer that A has named",
        )
    )
    teller.step("open again", *receipts, pair.low_hand.open(opening))

    error = refusal_of(lambda: pair.high_hand.checkpoint(last_life))
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    booked = pair.agree(moves.Book(THERE_AND_BACK, market))
    teller.refused(
        Refused(
            attack=f"B replays version {last_life.state.version} of the channel's last life",
            error=error,
            fixed=f"version {booked.state.version} of this life",
        )
    )
    teller.step("checkpoint with a state of this life", pair.high_hand.checkpoint(booked))
    closing = pair.agree(moves.Close(pair.soon()))
    teller.step("closeCooperative", pair.high_hand.close_cooperative(closing))


def _open_as_stranger(stage: Stage, pair: Pair, opening: CoSigned) -> Receipt:
    """Open a channel whose definition names the stranger's key as A's signer."""
    stranger = stage.outsider
    definition = replace(pair.definition, signer_low=stranger.signer.address)
    state = replace(opening.state, channel_id=identify(definition).channel_id, epoch=0)
    digest = signing_digest(stage.contracts.separator, hash_state(state))
    signatures = (stranger.signer.sign(digest), stage.high.signer.sign(digest))
    return ChannelClient(stranger, stage.contracts, definition).open(CoSigned(state, signatures))


def _with_names(stage: Stage, error: str) -> str:
    """Return the error with names in place of the addresses that the story knows."""
    known = {
        stage.low.address: stage.low.name,
        stage.high.address: stage.high.name,
        stage.outsider.signer.address: "the stranger's key",
    }
    for address, name in known.items():
        error = error.replace("0x" + address.hex(), name)
    return error
