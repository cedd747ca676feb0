"""Who claims shares of the vault leaves what its positions require."""

import pytest

from clearing.spec.units import WAD
from tests.harness.errors import Refused
from tests.harness.perp import ETH, LOT, deploy_perp

E8 = 10**8
DAY_S = 86_400


@pytest.fixture
def shared():
    """A vault of one provider's 10,000 USD that is short 3 ETH; a claim of all is due."""
    rig = deploy_perp(vault_usd=0)
    provider, owner = rig.trader("provider", 10_000)
    rig.vault.send("addLiquidity", provider, 10_000 * WAD, 0, sender=owner.address)
    trader, its_owner = rig.trader("trader", 10_000)
    rig.trade(trader, its_owner, ETH, 3 * LOT)
    shares = rig.vault.read("sharesOf", provider)
    rig.vault.send("requestClaim", provider, shares, sender=owner.address)
    rig.wait(DAY_S)
    rig.set_price(ETH, 3_000 * E8)
    return rig, provider, owner, trader, its_owner


def test_claim__all_of_a_vault_that_carries_positions__is_refused(shared):
    rig, provider, owner, trader, its_owner = shared

    with pytest.raises(Refused) as refused:
        rig.vault.send("claim", provider, sender=owner.address)
    assert refused.value.name == "VaultUnderMargin"
    equity, required = refused.value.args_
    # a short of 3 counts at 3,000.30: 10 % of 9,000.90
    assert required == 900_090 * WAD // 1_000
    assert equity < required

    # the same claim, once the trader has closed
    rig.trade(trader, its_owner, ETH, -3 * LOT)
    assert rig.vault.send("claim", provider, sender=owner.address).output > 0
