"""The specification ticked a market whose books are final, when somebody finalised it again."""

from tests.harness.results import ACCEPTED
from tests.unit.perp_resolution.settle_scene import HOUR, settling


def test_finalise__a_market_that_is_final__tells_nothing() -> None:
    """Three funding intervals have passed, which `closeAt` would write down."""
    with settling() as twin:
        winner, loser = twin.trader("winner", 5_000), twin.trader("loser", 5_000)
        twin.meet(winner, loser, 5)
        twin.end(3_100)
        assert twin.close_at([loser, winner]) == ACCEPTED
        assert twin.endings.of(0).is_final

        twin.rig.wait(3 * HOUR)

        assert twin.finalise() == ACCEPTED
        assert twin.close_at([]) == ACCEPTED
