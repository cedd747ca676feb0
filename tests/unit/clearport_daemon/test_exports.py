"""What a watchtower is given answers a stale challenge whatever the newest state is."""

from dataclasses import replace

from clearing.clearport.daemon.exports import Exporter
from clearing.client.session import CoSigned
from clearing.spec.types import Intent
from tests.harness.kept_log import KeptLog
from tests.unit.clearport_core.pair import Pair, trade

CHANNEL = b"\xcc" * 32


def exported(tmp_path, *states: CoSigned) -> list[CoSigned]:
    """Return what is sealed after some states were noted in turn."""
    sealed: list[CoSigned] = []

    def seal(known) -> bytes:
        sealed.extend(agreed for _, agreed in known)
        return b"sealed"

    exporter = Exporter(tmp_path / "states", seal, 1.0, KeptLog())
    for state in states:
        exporter.note(CHANNEL, state)
    exporter.sealed(CHANNEL)
    return sealed


def states() -> tuple[CoSigned, CoSigned, CoSigned, CoSigned]:
    """Return an opening, a booking, a CLOSE above it, and the next life's opening."""
    pair = Pair().open()
    opening = pair.low.line.full
    pair.record_both([trade(1)])
    booking = pair.low.line.full
    assert opening is not None
    assert booking is not None
    version = booking.state.version + 1
    close = replace(booking, state=replace(booking.state, version=version, intent=Intent.CLOSE))
    again = replace(opening, state=replace(opening.state, epoch=1))
    return opening, booking, close, again


def test_sealed__the_newest_is_a_close__goes_with_the_state_behind_it(tmp_path) -> None:
    """A CLOSE that has run out answers nothing, and a tower that was restarted knows no other."""
    opening, booking, close, _ = states()

    assert exported(tmp_path, opening, booking) == [booking]
    assert exported(tmp_path, opening, booking, close) == [booking, close]


def test_sealed__a_new_life__leaves_the_last_one_behind(tmp_path) -> None:
    _, booking, close, again = states()

    assert exported(tmp_path, booking, close, again) == [again]
