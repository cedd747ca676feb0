"""The constructor: what is fixed for life has bounds."""

from dataclasses import dataclass, replace

import pytest

from clearing.chain.contract import Contract, as_text
from clearing.chain.deploy import predict_address
from clearing.chain.node import as_int
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address
from tests.unit.adjudicator.scene import refusal

UINT32_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Given:
    """Constructor arguments; `names` is the Adjudicator that the registry names, None = this."""

    timelock: Address
    guardian: Address
    min_challenge: int = 1
    max_challenge: int = 1
    grace: int = 1
    push_gas: int = 1
    names: Address | None = None


@pytest.fixture
def given(scene):
    """The least that is accepted."""
    return Given(scene.timelock, scene.guardian)


@pytest.fixture
def creations(scene):
    """Return a function: the acts that create a registry and its Adjudicator."""
    count = scene.node.request("eth_getTransactionCount", [as_text(scene.deployer), "latest"])
    registry, adjudicator = (
        predict_address(scene.deployer, as_int(count) + later) for later in (0, 1)
    )
    yellow = scene.contracts.address_of("YELLOW")

    def acts(given):
        return [
            scene.creation("BrokerRegistry", yellow, given.names or adjudicator),
            scene.creation(
                "Adjudicator",
                registry,
                given.timelock,
                given.guardian,
                given.min_challenge,
                given.max_challenge,
                given.grace,
                given.push_gas,
            ),
        ]

    acts.registry = registry
    return acts


@pytest.mark.parametrize("grace", [1, UINT32_MAX])
def test_constructor__good_values__are_kept(scene, creations, given, grace):
    given = replace(given, min_challenge=2, max_challenge=3, grace=grace, push_gas=1_000_000)

    created = scene.send(*creations(given)).created

    adjudicator = Contract(scene.node, "Adjudicator", created)
    assert adjudicator.call("parameters") == (
        creations.registry,
        scene.timelock,
        scene.guardian,
        2,
        3,
        grace,
        1_000_000,
    )
    assert adjudicator.call("openingsPausedUntil") == 0


def test_constructor__any__emits_nothing(scene, creations, given):
    """No owner, no role that is granted, nothing to index."""
    assert scene.send(*creations(given)).events == ()


def test_constructor__registry_of_another_adjudicator__is_refused(scene, creations, given):
    scene.assert_only_fails_for(
        lambda names: creations(replace(given, names=names)),
        broken=scene.adjudicator.address,
        fixed=None,
        error=refusal("RegistryNotOurs", registry=creations.registry),
    )


@pytest.mark.parametrize("role", ["timelock", "guardian"])
def test_constructor__zero_role__is_refused(scene, creations, given, role):
    scene.assert_only_fails_for(
        lambda account: creations(replace(given, **{role: account})),
        broken=ZERO_ADDRESS,
        fixed=getattr(scene, role),
        error=refusal("BadParameter", name="roles"),
    )


@pytest.mark.parametrize(("bad", "good"), [((0, 1), (1, 1)), ((3, 2), (3, 3)), ((0, 0), (1, 1))])
def test_constructor__no_challenge_duration_fits__is_refused(scene, creations, given, bad, good):
    scene.assert_only_fails_for(
        lambda pair: creations(replace(given, min_challenge=pair[0], max_challenge=pair[1])),
        broken=bad,
        fixed=good,
        error=refusal("BadParameter", name="challenge"),
    )


def test_constructor__no_grace__is_refused(scene, creations, given):
    """Else a last-second funder frames its peer."""
    scene.assert_only_fails_for(
        lambda grace: creations(replace(given, grace=grace)),
        broken=0,
        fixed=DAY_S,
        error=refusal("BadParameter", name="grace"),
    )


@pytest.mark.parametrize(("bad", "good"), [(0, 1), (1_000_001, 1_000_000)])
def test_constructor__push_gas_out_of_bounds__is_refused(scene, creations, given, bad, good):
    scene.assert_only_fails_for(
        lambda gas: creations(replace(given, push_gas=gas)),
        broken=bad,
        fixed=good,
        error=refusal("BadParameter", name="pushGas"),
    )
