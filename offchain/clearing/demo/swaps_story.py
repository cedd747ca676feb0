"""Tell the second act: perpetual swaps through five days of May 2021."""

from __future__ import annotations

from clearing.demo.stage import Stage
from clearing.demo.swaps_crash import play_crash
from clearing.demo.swaps_end import play_end
from clearing.demo.swaps_funding import play_funding
from clearing.demo.swaps_keepers import keepers_at_work
from clearing.demo.swaps_losses import play_losses
from clearing.demo.swaps_open import play_opening, play_trades
from clearing.demo.swaps_setup import set_up_swaps
from clearing.demo.swaps_stage import SwapsStage
from clearing.demo.swaps_vault import play_claim, play_request
from clearing.demo.teller import Teller

__all__ = ["play_swaps"]


def play_swaps(stage: Stage, teller: Teller) -> None:
    """Play it on the chain of the first act. Raises AssertionError if the books do not balance."""
    swaps = set_up_swaps(stage)
    lens = swaps["PerpLens"].address
    with keepers_at_work(stage.anvil, stage.contracts.chain_id, lens) as swaps.keepers:
        _play(swaps, teller)


def _play(swaps: SwapsStage, teller: Teller) -> None:
    play_opening(swaps, teller)
    play_trades(swaps, teller)
    play_funding(swaps, teller)
    play_request(swaps, teller)
    play_crash(swaps, teller)
    play_claim(swaps, teller)
    play_losses(swaps, teller)
    play_end(swaps, teller)
