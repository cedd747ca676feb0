"""What is going to be done, before anything is."""

import re
from pathlib import Path

import pytest

from clearing.chain.artifacts import abi_of, load
from clearing.chain.errors import ParameterInvalidError
from clearing.chain.params import read_parameters
from clearing.deploy.fee import GAS_CAP
from clearing.deploy.kinds import KINDS, selector_of
from clearing.deploy.plan import Facts, make_plan
from clearing.spec.governance import FORWARDERS, Kind

ROOT = Path(__file__).parents[3]
INITCODE_MAX = 49_152
STANDARD = {
    "YellowToken": {"approve", "delegate", "delegateBySig", "permit", "transfer", "transferFrom"},
    "ProtocolGovernor": {
        *("castVoteBySig", "castVoteWithReason", "castVoteWithReasonAndParams"),
        *("castVoteWithReasonAndParamsBySig", "onERC1155BatchReceived", "onERC1155Received"),
        *("onERC721Received", "setProposalGuardian", "updateTimelock"),
    },
    "ProtocolTimelock": {
        *("onERC1155BatchReceived", "onERC1155Received", "onERC721Received", "renounceRole"),
    },
}
"""Functions of the standards, which are everybody's own affair, refuse always, or receive."""


@pytest.fixture
def plan(parameters):
    accounts = {role: bytes([place + 1]) * 20 for place, role in enumerate(parameters.roles)}
    return make_plan(parameters, Facts(b"\xde" * 20, 7, 1_800_000_000, accounts))


def mutators(contract):
    return {
        entry["name"]
        for entry in abi_of(contract)
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }


def test_make_plan__every_contract__is_no_mock_and_fits(plan):
    for create in plan.creates:
        assert not load(create.contract).is_mock, create.role
        assert len(plan.initcode(create)) <= INITCODE_MAX, create.role


def test_make_plan__largest_creation__is_under_the_cap_of_a_transaction(plan):
    """Measured: 5.4 million for the engine. The code alone costs 200 gas a byte."""
    for create in plan.creates:
        assert 200 * load(create.contract).runtime_size < GAS_CAP // 2, create.role


def test_make_plan__an_account_is_missing__is_refused(parameters):
    facts = Facts(b"\xde" * 20, 0, 0, dict.fromkeys(parameters.roles[1:], b"\x01" * 20))

    with pytest.raises(ParameterInvalidError, match=f"nobody stands for @{parameters.roles[0]}"):
        make_plan(parameters, facts).digest  # noqa: B018 - every address is looked up by it


def test_make_plan__without_governance__is_refused():
    with pytest.raises(ParameterInvalidError, match="has no governance, oracle and swaps"):
        make_plan(read_parameters("local"), Facts(b"\xde" * 20, 0, 0, {}))


def test_kinds__the_table__has_each_function_once_and_no_forwarder():
    listed = [(contract, method) for contract, method, _ in KINDS]

    assert len(set(listed)) == len(listed)
    for contract, method in listed:
        assert method in mutators(contract)
        assert selector_of(contract, method) not in FORWARDERS
    assert all(Kind.NONE < kind < Kind.UPGRADE for *_, kind in KINDS)


def test_kinds__what_moves_power__is_not_in_the_table():
    """Hence UPGRADE: pointers, roles, the market's end, what is paid out of the fund."""
    listed = {method for _, method, _ in KINDS}

    for method in ("setModule", "setOracle", "proposeTimelock", "windDown", "setSettler"):
        assert method not in listed
        assert any(
            method in mutators(it)
            for it in ("DerivativesEngine", "SettlementModule", "MatchSettler")
        )


# THE TABLE OF ROLES


def test_roles__every_function_that_changes_anything__is_in_the_table(plan):
    named = _named_functions()
    for create in plan.creates:
        missing = mutators(create.contract) - named - STANDARD.get(create.contract, set())
        assert not missing, f"contracts/README.md, Roles: {create.contract}: {sorted(missing)}"


def test_roles__every_function_of_the_table__exists(plan):
    exist = set().union(*(mutators(create.contract) for create in plan.creates))
    exist |= {f"{name}" for name in ("pushTransfer",)}

    assert _named_functions() <= exist, sorted(_named_functions() - exist)


def _named_functions():
    """Return every function that the table of roles names."""
    page = (ROOT / "contracts/README.md").read_text("utf-8")
    section = page.split("## Roles", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| ")]
    return {name for row in rows for name in re.findall(r"`([a-z_][A-Za-z_]*)`", row[2])}
