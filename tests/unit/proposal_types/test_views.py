"""judge, pinOf, kindOf and what the constructor takes."""

from functools import partial

import pytest

from clearing.channel.keccak import keccak256
from clearing.spec.governance import DEFAULT_TERMS, Kind
from tests.harness.govern import refusal_of
from tests.harness.governance import terms_row
from tests.harness.revm import Revm

TERMS = [terms_row(DEFAULT_TERMS[kind]) for kind in Kind if kind is not Kind.NONE]
SOMEBODY = b"\x11" * 20
OTHER = b"\x22" * 20


def test_judge__nothing__is_none(rig):
    assert rig.types.read("judge", [], [], [])[0] == Kind.NONE


@pytest.mark.parametrize("data", [b"", b"\x40", b"\x40\xc1\x0f"])
def test_judge__calldata_without_selector__is_an_upgrade(rig, data):
    """[GOV-05] 0x40c10f is the beginning of a listed selector."""
    judged = rig.types.read("judge", [rig.target.address], [0], [data])

    assert judged[0] == Kind.UPGRADE, "GOV-05"


@pytest.mark.parametrize(("values", "calldatas"), [(0, 1), (1, 0), (2, 1), (1, 2)])
def test_judge__lists_that_do_not_pair__is_refused(rig, values, calldatas):
    data = rig.parameter.actions[0].data
    ask = partial(rig.types.read, "judge", [rig.target.address])
    ask([0], [data])

    refusal = refusal_of(partial(ask, [0] * values, [data] * calldatas))

    assert refusal == ("LengthMismatch", (1, values, calldatas))


def test_pin_of__lists_that_do_not_pair__is_refused(rig):
    ask = partial(rig.types.read, "pinOf", [rig.target.address])
    ask([b"\1"])

    assert refusal_of(partial(ask, [])) == ("LengthMismatch", (1, 1, 0))


def test_pin_of__ether_alone__has_no_code_to_pin(rig):
    assert rig.types.read("pinOf", [SOMEBODY], [b""]) == keccak256(bytes(32))[:22]


def test_kind_of__unlisted__is_an_upgrade(rig):
    assert rig.types.read("kindOf", SOMEBODY, b"\1\2\3\4") == Kind.UPGRADE
    assert rig.types.read("kindOf", rig.target.address, b"\x40\xc1\x0f\x19") == Kind.PARAMETER


def test_timelock_and_governor__deployed__are_the_ones(rig):
    assert rig.types.read("TIMELOCK") == rig.timelock.address
    assert rig.types.read("GOVERNOR") == rig.governor.address


@pytest.mark.parametrize("roles", [(bytes(20), SOMEBODY), (SOMEBODY, bytes(20))])
def test_constructor__zero_role__is_refused(roles):
    chain = Revm()
    chain.deploy("ProposalTypes", SOMEBODY, OTHER, TERMS, [], sender=OTHER)

    refusal = refusal_of(lambda: chain.deploy("ProposalTypes", *roles, TERMS, [], sender=OTHER))

    assert refusal == ("ZeroAddress", ())


@pytest.mark.parametrize("target", [SOMEBODY, OTHER])
def test_constructor__lists_governance__is_refused(target):
    chain = Revm()
    chain.deploy(
        "ProposalTypes", SOMEBODY, OTHER, TERMS, [(b"\x33" * 20, b"\1\2\3\4", 1)], sender=OTHER
    )

    refusal = refusal_of(
        lambda: chain.deploy(
            "ProposalTypes", SOMEBODY, OTHER, TERMS, [(target, b"\1\2\3\4", 1)], sender=OTHER
        )
    )

    assert refusal == ("AlwaysUpgrade", (target, b"\1\2\3\4"))


def test_constructor__terms_out_of_order__is_refused():
    chain = Revm()
    chain.deploy("ProposalTypes", SOMEBODY, OTHER, TERMS, [], sender=OTHER)
    swapped = [TERMS[0], TERMS[1], TERMS[3], TERMS[2]]

    refusal = refusal_of(
        lambda: chain.deploy("ProposalTypes", SOMEBODY, OTHER, swapped, [], sender=OTHER)
    )

    assert refusal == ("TermsOutOfOrder", (Kind.UPGRADE, Kind.RISK_CONFIGURATION))
