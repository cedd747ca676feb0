"""The constructor: nobody and nothing that the oracle needs may be the zero address."""

import pytest

from clearing.spec.types import ZERO_ADDRESS
from tests.harness.errors import Refused
from tests.unit.adjudicator.scene import refusal


def deploy(scene, **changed):
    roles = {
        "pyth": scene.pyth.address,
        "timelock": scene.roles.timelock,
        "guardian": scene.roles.guardian,
    }
    return scene.deploy("PriceOracle", *(roles | changed).values())


def test_constructor__good_arguments__has_no_feed(empty):
    oracle = deploy(empty)

    assert oracle.read("feeds") == ()


@pytest.mark.parametrize("name", ["pyth", "timelock", "guardian"])
def test_constructor__zero_address__is_refused(empty, name):
    deploy(empty)

    with pytest.raises(Refused) as refused:
        deploy(empty, **{name: ZERO_ADDRESS})

    assert (refused.value.name, refused.value.args_) == refusal("BadParameter", name=name)
