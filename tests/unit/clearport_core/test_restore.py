"""A restored side signs nothing that it may have signed before its backup was lost."""

from dataclasses import replace

from clearing.clearport.core.events import Consented
from clearing.clearport.core.opening import rejoin
from clearing.clearport.core.refusals import Code
from clearing.clearport.core.restore import RECOVERY_GAP
from clearing.client import moves
from clearing.spec.types import Side
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import NETS, POLICY, Pair


def _closed_after_a_backup() -> Pair:
    """Close the channel, and begin a second life whose opening stays off the chain.

    High is then restored from a backup of the first life; low denies all of the second.
    """
    pair = Pair().open()
    backups = [node.disk.line for node in pair.nodes]
    pair.want(pair.low, moves.Close(pair.chain.now + HOUR))
    pair.talk()
    pair.mine(blocks=3)
    _ask_to_open(pair, NETS)
    assert pair.high.signed[1, 1]
    pair.chain.pending.clear()
    pair.cut()
    pair.low.signed.clear()
    pair.low.disk.reserved.clear()
    pair.high.disk.reserved.clear()
    pair.high.disk.signatures.clear()
    floor = backups[Side.HIGH].signed[-1].version + RECOVERY_GAP
    lost = replace(backups[Side.HIGH], is_recovering=True, floor=floor)
    for node, line in zip(pair.nodes, (backups[Side.LOW], lost), strict=True):
        node.disk.line = line
        node.phase = rejoin(line, POLICY)
    pair.look()
    pair.price()
    pair.link()
    pair.talk()
    return pair


def _ask_to_open(pair: Pair, nets: tuple[tuple[int, int], ...]) -> None:
    wanted = pair.want(pair.low, moves.Open(nets, pair.chain.now + HOUR))
    pair.talk()
    pair.happen(pair.high, Consented(wanted))
    pair.talk()


def test_step__a_life_that_began_after_the_backup__is_signed_above_the_floor_only() -> None:
    pair = _closed_after_a_backup()

    _ask_to_open(pair, ((1, 1),))
    refused = pair.high.notices("proposal_refused")[-1]
    pair.pass_time(2 * HOUR)
    _ask_to_open(pair, ((1, 1),))

    assert (refused["version"], refused["code"]) == ("1", Code.BELOW_FLOOR)
    assert pair.high.line.position.epoch == 1
    assert pair.high.version > RECOVERY_GAP
    pair.require_agreed()
