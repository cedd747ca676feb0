"""A bankrupt account's position could be taken over instead of absorbed, and its loss was nobody's.

Found by the whole-system machine (SYS-03). Below zero `liquidate` pays the bankruptcy price, "as
far as the index goes"; what is missing beyond it stays in the account's cash. Without a position
the account can never be absorbed, so that neither insurance nor deleveraging, the market's
positions or the vault pay: the engine owes more than it has, and who withdraws last is not paid.
Anybody with an account above initial margin can do it, without a fee, before a keeper absorbs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clearing.spec.perp_types import Purpose
from tests.harness.actors import key_of
from tests.harness.errors import Refused
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


@pytest.mark.xfail(
    strict=True, reason="what a takeover at the index leaves below zero cannot be absorbed"
)
def test_liquidate__bankrupt_account__leaves_everybody_else_covered(fallen: Trio) -> None:
    """Refused until it is absorbed, or paid for: whichever way, nobody else goes short."""
    take_over(fallen)
    fallen.absorb(fallen.winner)

    assert fallen.twin.cash(fallen.loser) == 0
    assert missing(fallen.twin) < CENT


def test_liquidate__bankrupt_account__costs_who_withdraws_last(fallen: Trio) -> None:
    """What comes of it today, and its bound: what the account lacked, to the cent."""
    twin, token, engine = fallen.twin, fallen.twin.rig.token, fallen.twin.rig.engine
    assert take_over(fallen) == ACCEPTED
    assert (twin.size(fallen.loser), twin.cash(fallen.loser)) == (0, -Trio.SHORT)
    assert fallen.absorb(fallen.winner) == "NotAbsorbable"
    twin.meet(fallen.winner, fallen.keeper, 10, at=2_700)  # nobody holds anything any more
    owed = {who: twin.cash(getattr(fallen, who)) // SCALE for who in ("winner", "keeper")}

    owner = key_of("winner").address
    assert twin.withdraw(owner, fallen.winner, owed["winner"], owner) == ACCEPTED

    left = token.read("balanceOf", engine.address)
    assert owed["keeper"] - left == Trio.SHORT // SCALE
    owner = key_of("keeper").address
    with twin.isolated():
        assert twin.withdraw(owner, fallen.keeper, left, owner) == ACCEPTED
    with pytest.raises(Refused, match="ERC20InsufficientBalance"):
        engine.send("withdraw", fallen.keeper, owed["keeper"], owner, sender=owner)
