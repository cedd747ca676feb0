"""The committed vectors are what the model says, and they leave nothing of the interface out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from clearing.spec import vectors
from clearing.spec.errors import SpecError
from clearing.spec.vector_cases import cases

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "tests/vectors/channel.json"
INTERFACES = ("IAdjudicator", "IAssetVault", "IEscrowPayment")
BEYOND_THE_MODEL = {
    "BadParameter",  # the constructor's, before there is a world
    "InsufficientGas",  # the model has no gas
    "RegistryNotOurs",  # the constructor's, before there is a world
}
VIEWS = {"balanceOf", "capOf", "isAuthSpent", "channelOf", "netOf", "hashDef", "hashState"}
VIEWS |= {"hashOrder", "domainSeparator", "parameters", "openingsPausedUntil"}


def _declared(kind: str) -> dict[str, int]:
    """Return what the interfaces declare of a kind, with the number of parameters."""
    sources = (ROOT / f"contracts/interfaces/{name}.sol" for name in INTERFACES)
    pattern = re.compile(rf"^    {kind} (\w+)\(([^)]*)\)", re.MULTILINE)
    return {
        name: len([part for part in parameters.split(",") if part.strip()])
        for source in sources
        for name, parameters in pattern.findall(source.read_text())
    }


def test_document__emitted_again__is_what_is_committed():
    """After a change of the model: python -m clearing.spec.vectors > tests/vectors/channel.json."""
    assert vectors.document() == COMMITTED.read_text()


def test_cases__run__meet_the_refusal_they_name():
    for case in cases():
        try:
            case.call.apply(case.before, case.env)
            met = ""
        except SpecError as refusal:
            met = refusal.name
        assert met == case.refusal, case.call


def test_document__errors__are_those_of_the_interfaces():
    """Every custom error is met, with as many values; none is invented but the token's own."""
    met = {
        vector["refusal"]["name"]: len(vector["refusal"]["values"])
        for vector in json.loads(COMMITTED.read_text())["vectors"]
        if "refusal" in vector
    }

    declared = _declared("error")
    assert met == {"TokenFailure": 0} | {
        name: values for name, values in declared.items() if name not in BEYOND_THE_MODEL
    }


def test_document__functions__are_those_of_the_interfaces():
    """Every external function that changes something is accepted by a vector."""
    accepted = {
        vector["call"]["type"]
        for vector in json.loads(COMMITTED.read_text())["vectors"]
        if "refusal" not in vector
    }

    declared = _declared("function").keys() - VIEWS
    as_calls = {name[0].upper() + name[1:] for name in declared}
    assert accepted == as_calls - {"PushTransfer"}


def test_document__events__are_those_of_the_interfaces():
    emitted = {
        effect["type"]: len(effect) - 1
        for vector in json.loads(COMMITTED.read_text())["vectors"]
        for effect in vector.get("effects", ())
    }

    calls_of_tokens = {"Pull": 3, "Push": 4}
    assert emitted == calls_of_tokens | _declared("event")


def test_encoded__value_of_no_class_of_the_model__is_refused():
    assert vectors.encoded((1, b"\x02", None, True)) == ["1", "0x02", None, True]

    with pytest.raises(TypeError, match="no JSON for object"):
        vectors.encoded(object())
