"""A bankrupt account's position could be taken over instead of absorbed, and its loss was nobody's.

Found by the whole-system machine (SYS-03), now PERP-48. Below zero `liquidate` paid the bankruptcy
price, "as far as the index goes"; what was missing beyond it stayed in the account's cash. Without
a position the account could never be absorbed, so that neither insurance nor deleveraging, the
market's positions or the vault paid: the engine owed more than it had, and who withdrew last was
not paid. Anybody with an account above initial margin could do it, before a keeper absorbed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clearing.spec.perp_types import Purpose
from tests.harness.actors import key_of
from tests.harness.oracle import ACCEPTED
from tests.harness.perp import ETH
from tests.harness.perp_twin import SCALE
from tests.unit.perp_resolution.scene import AbsorbTwin, Trio, absorbing

CENT = 10**16


@pytest.fixture
def fallen() -> Iterator[Trio]:
    """Yield a loser who lacks 997.3 USD, a winner, and a keeper who can carry the position."""
    with absorbing() as twin:
        trio = Trio(twin)
        twin.give(trio.keeper, 100_000)
        trio.fall()
        yield trio


def take_over(trio: Trio) -> str:
    """Let the keeper liquidate the loser."""
    owner = key_of("keeper").address
    return trio.twin.liquidate(owner, trio.loser, ETH, trio.keeper)


def missing(twin: AbsorbTwin) -> int:
    """Return what the engine's tokens lack to pay everybody what he has at mid, wad."""
    rig = twin.rig
    tokens: int = rig.token.read("balanceOf", rig.engine.address) * SCALE
    worths = (twin.health(account, Purpose.MID).equity for account in twin.model.accounts)
    return sum(max(0, worth) for worth in worths) - tokens


def test_absorb__bankrupt_account__leaves_everybody_else_covered(fallen: Trio) -> None:
    """As it should be: the loss goes down the waterfall, here to the winner it was won from."""
    assert missing(fallen.twin) > Trio.SHORT

    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert fallen.twin.cash(fallen.loser) == 0
    assert missing(fallen.twin) < CENT


def test_liquidate__bankrupt_account__is_left_to_absorption(fallen: Trio) -> None:
    """Refused while it can be absorbed, and then its loss has been paid."""
    assert take_over(fallen) == "MustBeAbsorbed"
    assert fallen.absorb(fallen.winner) == ACCEPTED
    assert missing(fallen.twin) < CENT
