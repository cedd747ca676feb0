"""YellowToken: the constructor mints the allocations, once and for all."""

import ape
from eth_utils import to_checksum_address

WAD = 10**18
UINT208_MAX = 2**208 - 1
ZERO_ADDRESS = to_checksum_address(bytes(20))


def test_constructor__two_holders__each_gets_its_amount(
    token, broker_low, broker_high, low_allocation, high_allocation
):
    assert token.balanceOf(broker_low) == low_allocation
    assert token.balanceOf(broker_high) == high_allocation
    assert token.totalSupply() == 1_000_000 * WAD


def test_constructor__any__names_the_token(token):
    assert (token.name(), token.symbol(), token.decimals()) == ("Yellow", "YELLOW", 18)


def test_constructor__same_holder_twice__gets_both(project, deployer, broker_low):
    token = project.YellowToken.deploy([broker_low, broker_low], [1, 2], sender=deployer)

    assert token.balanceOf(broker_low) == 3
    assert token.totalSupply() == 3


def test_constructor__two_holders__emits_exactly_one_transfer_each(
    token, broker_low, broker_high, low_allocation, high_allocation
):
    events = token.creation_metadata.receipt.events

    minted = [(log.event_name, log["from"], log.to, log.value) for log in events]
    assert minted == [
        ("Transfer", ZERO_ADDRESS, broker_low, low_allocation),
        ("Transfer", ZERO_ADDRESS, broker_high, high_allocation),
    ]


def test_constructor__deployer_not_a_holder__gets_nothing(token, deployer):
    assert token.balanceOf(deployer) == 0


def test_constructor__nobody__reverts(project, deployer, broker_low):
    project.YellowToken.deploy([broker_low], [1], sender=deployer)

    with ape.reverts(project.YellowToken.AllocationsEmpty):
        project.YellowToken.deploy([], [], sender=deployer)


def test_constructor__lists_do_not_pair__reverts(project, deployer, broker_low, broker_high):
    project.YellowToken.deploy([broker_low, broker_high], [1, 2], sender=deployer)

    with ape.reverts(
        project.YellowToken.AllocationLengthMismatch, error_inputs={"holders": 2, "amounts": 1}
    ):
        project.YellowToken.deploy([broker_low, broker_high], [1], sender=deployer)


def test_constructor__zero_amount__reverts(project, deployer, broker_low, broker_high):
    project.YellowToken.deploy([broker_low, broker_high], [1, 2], sender=deployer)

    with ape.reverts(project.YellowToken.AllocationZero, error_inputs={"index": 1}):
        project.YellowToken.deploy([broker_low, broker_high], [1, 0], sender=deployer)


def test_constructor__zero_holder__reverts(project, deployer, broker_low):
    project.YellowToken.deploy([broker_low], [1], sender=deployer)

    with ape.reverts(project.YellowToken.ERC20InvalidReceiver):
        project.YellowToken.deploy([ZERO_ADDRESS], [1], sender=deployer)


def test_constructor__more_than_votes_can_count__reverts(project, deployer, broker_low):
    project.YellowToken.deploy([broker_low], [UINT208_MAX], sender=deployer)

    with ape.reverts(project.YellowToken.ERC20ExceededSafeSupply):
        project.YellowToken.deploy([broker_low], [UINT208_MAX + 1], sender=deployer)


def test_constructor__any__leaves_no_way_to_mint(token):
    """The supply is fixed because nothing outside can call a mint, burn or owner function."""
    external = {method.name for method in token.contract_type.mutable_methods}

    assert external == {
        "approve",
        "delegate",
        "delegateBySig",
        "permit",
        "transfer",
        "transferFrom",
    }
