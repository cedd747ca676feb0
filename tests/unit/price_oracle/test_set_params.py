"""setParams: the timelock changes a feed's limits, within the bounds in code."""

from dataclasses import replace

import pytest

from clearing.spec.oracle_types import FeedParams
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import FEED, NOW, OTHER, PARAMS, event

BOUNDS = {
    "clMaxStale": (60, 90_000),
    "clDeviation": (1, 50),
    "softDev": (25, 285),
    "hardDev": (51, 1_000),
    "resetDev": (1, 50),
    "pyMaxStale": (4, 3_600),
    "pyOpenStale": (0, 60),
    "pyMaxAhead": (0, 60),
    "maxConf": (30, 500),
    "maxConfOpen": (1, 100),
    "jumpBase": (65, 2_500),
    "jumpSlope": (0, 100),
    "jumpCap": (300, 5_000),
    "twapWindow": (600, 3_600),
    "twapMaxGap": (30, 900),
    "twapDev": (1, 2_000),
    "twapMinObs": (2, 30),
    "seqGraceOpen": (300, 43_200),
    "seqGraceLiquidate": (0, 3_600),
    "cooldown": (60, 43_200),
    "sanityMinE8": (1, 7 * 10**18 - 1),
    "sanityMaxE8": (2, 7 * 10**18),
}
"""Least and greatest value while the other limits are PARAMS'."""
BLAMES = {
    ("clDeviation", 51): "softDev",
    ("softDev", 24): "resetDev",
    ("softDev", 286): "jumpBase",
    ("pyMaxStale", 3): "pyOpenStale",
    ("maxConf", 29): "maxConfOpen",
    ("jumpBase", 2_501): "jumpBase",
    ("jumpCap", 299): "jumpCap",
    ("twapWindow", 599): "twapMaxGap",
    ("seqGraceOpen", 299): "seqGraceLiquidate",
    ("sanityMinE8", 7 * 10**18): "sanityMaxE8",
}
"""Which limit is named where it is not the changed one: the first that is out of its bounds."""
SNAKES = dict(zip(BOUNDS, FeedParams.__dataclass_fields__, strict=True))
OTHER_PARAMS = replace(PARAMS, cl_max_stale=2_000, soft_dev=60, twap_dev=500, sanity_max_e8=10**12)


def set_params(scene, params, feed=FEED):
    return scene.act("setParams", feed, params, by=scene.roles.timelock)


def changed(**values):
    return tuple((vars_of(PARAMS) | values).values())


def vars_of(params):
    return {name: getattr(params, name) for name in FeedParams.__dataclass_fields__}


def test_set_params__other_limits__are_stored_and_nothing_else(scene):
    assert scene.changes_of(set_params(scene, OTHER_PARAMS)) == {
        "params": tuple(vars_of(OTHER_PARAMS).values())
    }


def test_set_params__other_limits__emits_params_changed(scene):
    assert scene.events_of(set_params(scene, OTHER_PARAMS)) == (
        event("ParamsChanged", feed=FEED, old_params=PARAMS, new_params=OTHER_PARAMS),
    )


def test_set_params__smaller_gap__starts_the_ring_anew(scene):
    """What was no gap yesterday may be one today."""
    scene.wait(40)

    assert scene.changes_of(set_params(scene, replace(PARAMS, twap_max_gap=599))) == {
        "params": changed(twap_max_gap=599),
        "gap_at": NOW + 40,
    }


def test_set_params__greater_gap__leaves_the_ring(scene):
    scene.wait(40)

    assert scene.changes_of(set_params(scene, replace(PARAMS, twap_max_gap=601))) == {
        "params": changed(twap_max_gap=601)
    }


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("end", [0, 1])
def test_set_params__each_bound__is_the_last_value_that_is_stored(scene, name, end):
    value = BOUNDS[name][end]

    scene.send(set_params(scene, replace(PARAMS, **{SNAKES[name]: value})))

    assert scene.read("configOf", FEED)[1] == changed(**{SNAKES[name]: value})


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        (name, bound + step, bound)
        for name, bounds in BOUNDS.items()
        for step, bound in zip((-1, 1), bounds, strict=True)
        if bound + step >= 0
    ],
)
def test_set_params__beyond_a_bound__is_refused(scene, name, value, bound):
    """[ORA-23]."""
    scene.assert_only_fails_for(
        lambda given: set_params(scene, replace(PARAMS, **{SNAKES[name]: given})),
        broken=value,
        fixed=bound,
        error=refusal("BadParameter", name=BLAMES.get((name, value), name)),
    )


@pytest.mark.parametrize("who", ["guardian", "deployer", "outsider"])
def test_set_params__by_anybody_else__is_refused(scene, who):
    caller = getattr(scene.roles, who)

    scene.assert_only_fails_for(
        lambda sender: set_params(scene, OTHER_PARAMS).by(sender),
        broken=caller,
        fixed=scene.roles.timelock,
        error=refusal("NotTimelock", caller=caller),
    )


def test_set_params__of_no_feed__is_refused(scene):
    scene.assert_only_fails_for(
        lambda feed: set_params(scene, OTHER_PARAMS, feed),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )
