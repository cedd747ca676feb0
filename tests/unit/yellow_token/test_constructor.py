"""YellowToken: the constructor mints the allocations, once and for all."""

import ape
import pytest

WAD = 10**18
UINT208_MAX = 2**208 - 1


def test_constructor__two_holders__each_gets_its_amount(project, deployer, broker_low, broker_high):
    amounts = [600_000 * WAD, 400_000 * WAD]

    token = project.YellowToken.deploy([broker_low, broker_high], amounts, sender=deployer)

    assert token.balanceOf(broker_low) == amounts[0]
    assert token.balanceOf(broker_high) == amounts[1]
    assert token.totalSupply() == 1_000_000 * WAD
    assert (token.name(), token.symbol(), token.decimals()) == ("Yellow", "YELLOW", 18)
