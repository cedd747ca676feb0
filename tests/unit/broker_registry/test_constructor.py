"""BrokerRegistry: what it is deployed with."""

import ape
from eth_utils import to_checksum_address

ZERO_ADDRESS = to_checksum_address(bytes(20))


def test_constructor__good_addresses__are_kept(registry, yellow, adjudicator):
    assert registry.yellow() == yellow.address
    assert registry.adjudicator() == adjudicator.address


def test_constructor__yellow_without_code__reverts(
    project, deployer, outsider, adjudicator, yellow
):
    project.BrokerRegistry.deploy(yellow, adjudicator, sender=deployer)

    with ape.reverts("registry: yellow has no code"):
        project.BrokerRegistry.deploy(outsider, adjudicator, sender=deployer)


def test_constructor__zero_adjudicator__reverts(project, deployer, yellow, adjudicator):
    project.BrokerRegistry.deploy(yellow, adjudicator, sender=deployer)

    with ape.reverts("registry: zero adjudicator"):
        project.BrokerRegistry.deploy(yellow, ZERO_ADDRESS, sender=deployer)
