"""Deployment parameters are validated; a refusal names file, field and fix."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clearing.chain.errors import ParameterInvalidError
from clearing.chain.params import parameters_path, read_parameters


def _local() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(parameters_path("local").read_text())
    return document


def _write(folder: Path, document: object) -> Path:
    path = folder / "local.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


def _production() -> dict[str, Any]:
    """The local parameters, with addresses where a real network needs them."""
    document = _local() | {"chain_ids": [10]}
    for role in ("timelock", "guardian"):
        document[role]["value"] = "0x" + "11" * 20
    document["yellow"][0]["holder"] = "0x" + "22" * 20
    for token in document["tokens"]:
        del token["mock"]
        token["address"] = "0x" + "33" * 20
    return document


def test_read_parameters__committed_file__is_valid() -> None:
    parameters = read_parameters("local")

    assert parameters.is_test
    assert parameters.grace_s.value == 86_400
    assert [token.symbol for token in parameters.tokens] == ["USDT", "USDC", "WETH", "WBTC"]


def test_read_parameters__production_by_addresses__is_valid(tmp_path: Path) -> None:
    assert not read_parameters("local", _write(tmp_path, _production())).is_test


def _without(field: str) -> dict[str, Any]:
    return {name: value for name, value in _local().items() if name != field}


def _changed(change: dict[str, Any]) -> dict[str, Any]:
    return _local() | change


def _production_changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    document: Any = _production()
    place = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    result: dict[str, Any] = document
    return result


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("network: [", "is not YAML"),
        ("", "the whole"),
        (_without("grace_s"), "grace_s: Field required"),
        (_changed({"extra": 1}), "extra .*not permitted"),
        (_changed({"grace_s": {"value": -1, "source": "x"}}), r"grace_s.value \(have -1\)"),
        (_changed({"grace_s": {"value": "1", "source": "x"}}), r"grace_s.value \(have '1'\)"),
        (_changed({"grace_s": {"value": 1, "source": ""}}), "grace_s.source"),
        (_changed({"grace_s": {"value": 1}}), "grace_s.source: Field required"),
        (_changed({"timelock": {"value": "me", "source": "x"}}), r"timelock.value \(have 'me'\)"),
        (_changed({"max_challenge_s": {"value": 1, "source": "x"}}), "must not exceed"),
        (_changed({"tokens": _local()["tokens"] * 2}), "each symbol once"),
        (_changed({"network": "other"}), "write 'local'"),
        (_production_changed(("timelock", "value"), "@timelock"), "@timelock: roles and mocks"),
        (_production_changed(("yellow", 0, "holder"), "@treasury"), "@treasury: roles and mocks"),
        (_production_changed(("tokens", 0, "mock"), "MockERC20"), "either address or mock"),
        (_production_changed(("grace_s", "value"), 86_399), "at least 86400"),
        (_production_changed(("min_challenge_s", "value"), 86_399), "at least 86400"),
    ],
)
def test_read_parameters__bad_value__names_file_field_and_fix(
    tmp_path: Path, document: object, message: str
) -> None:
    path = _write(tmp_path, document)

    with pytest.raises(ParameterInvalidError, match=message) as refusal:
        read_parameters("local", path)

    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_read_parameters__mock_off_a_test_chain__is_refused(tmp_path: Path) -> None:
    document = _production()
    document["tokens"][0] |= {"mock": "NoReturnToken", "address": None}

    with pytest.raises(ParameterInvalidError, match="NoReturnToken: roles and mocks"):
        read_parameters("local", _write(tmp_path, document))


def test_read_parameters__no_file__names_the_path() -> None:
    with pytest.raises(ParameterInvalidError, match=r"nowhere.yaml .*write it"):
        read_parameters("nowhere")


# A GOVERNED NETWORK


def _sepolia() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(parameters_path("optimism-sepolia").read_text())
    return document


def _refusal(folder: Path, document: object) -> str:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(ParameterInvalidError) as caught:
        read_parameters("optimism-sepolia", path)
    return str(caught.value)


def test_read_parameters__op_sepolia__leaves_accounts_open_and_nothing_else() -> None:
    parameters = read_parameters("optimism-sepolia")

    assert parameters.roles == ("treasury", "council", "proposal_guardian", "pauser", "settler")
    assert all(token.mock is None for token in parameters.tokens)
    feed = parameters.protocol.oracle.feeds[0]
    assert feed.feed == b"ETH/USD" + bytes(9)
    assert feed.sources.cl_feed == bytes.fromhex("61ec26aa57019c486b10502285c5a3d4a4750ad7")
    assert feed.sources.sequencer == bytes(20)


@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        (("chain_ids",), [10], "roles and mocks belong on test chains"),
        (("governance", "voting_delay_s", "value"), 3_600, "governance.voting_delay_s"),
        (("governance", "timelock_delay_s", "value"), 3_600, "governance.timelock_delay_s"),
        (("governance", "kinds"), {}, "kinds must be PARAMETER"),
        (("swaps", "collateral", "value"), "DAI", "swaps.collateral DAI is not among tokens"),
        (("swaps", "markets", 0, "feed"), "OP / USD", "oracle.feeds lack OP / USD"),
        (("oracle", "feeds", 0, "limits"), {"cl_stale": 1}, "limits know no cl_stale"),
        (("oracle", "feeds", 0, "name"), "A MUCH TOO LONG NAME / USD", "at most 16 bytes"),
        (("governance",), None, "need oracle and governance"),
    ],
)
def test_read_parameters__a_governed_network_that_cannot_be__names_field_and_fix(
    tmp_path: Path, path: tuple[str | int, ...], value: object, part: str
) -> None:
    document: Any = _sepolia()
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert part in _refusal(tmp_path, document)


def test_protocol__only_channels__is_refused() -> None:
    assert read_parameters("optimism-sepolia").protocol
    with pytest.raises(ParameterInvalidError, match="has no governance, oracle and swaps"):
        _ = read_parameters("local").protocol
