"""Artifacts load by name; what is missing names its fix."""

import json
from pathlib import Path

import pytest

from clearing.chain.artifacts import abi_of, all_errors, load, require_current
from clearing.chain.errors import ArtifactMissingError, ArtifactStaleError, ProjectNotFoundError
from clearing.chain.project import ROOT_VARIABLE, project_root


def test_load__contract__gives_abi_and_code() -> None:
    artifact = load("YellowToken")

    assert {"transfer", "delegate"} <= {entry.get("name") for entry in artifact.abi}
    assert 0 < artifact.runtime_size < len(artifact.bytecode)
    assert not artifact.is_mock


def test_load__mock__says_so() -> None:
    assert load("NoReturnToken").is_mock


def test_load__interface__is_refused() -> None:
    assert abi_of("IAdjudicator")

    with pytest.raises(ArtifactMissingError, match="IAdjudicator has no bytecode"):
        load("IAdjudicator")


def test_load__unknown_name__names_the_fix() -> None:
    with pytest.raises(ArtifactMissingError, match=r"called Nonsense: run `make compile`"):
        load("Nonsense")


def test_load__nothing_compiled__names_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ape-config.yaml").touch()
    assert load("YellowToken")

    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    with pytest.raises(ArtifactMissingError, match=r"not compiled .*: run `make compile`"):
        load("YellowToken")


def test_load__broken_manifest__names_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ape-config.yaml").touch()
    (tmp_path / ".build").mkdir()
    (tmp_path / ".build" / "__local__.json").write_text("{}")

    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    with pytest.raises(ArtifactMissingError, match=r"not a manifest of Ape .*: run `make compile`"):
        load("YellowToken")


def test_require_current__sources_other_than_compiled__names_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_current()
    (tmp_path / "ape-config.yaml").touch()
    texts = {"contracts/a/One.sol": "one", "contracts/Two.vy": "zwei ×"}
    sources = {name: {"content": text} for name, text in texts.items()}
    (tmp_path / ".build").mkdir()
    (tmp_path / ".build" / "__local__.json").write_text(
        json.dumps({"contractTypes": {}, "sources": sources})
    )
    for name, text in {**texts, "contracts/.cache/p/Of.sol": "", "contracts/README.md": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))

    def refused(name: str) -> None:
        with pytest.raises(ArtifactStaleError, match=f"{name} is not what was compiled: run `make"):
            require_current()

    require_current()
    new = tmp_path / "contracts" / "Three.sol"
    new.touch()
    refused("contracts/Three.sol")
    new.unlink()
    require_current()
    one = tmp_path / "contracts" / "a" / "One.sol"
    one.write_text("One", "utf-8")
    refused("contracts/a/One.sol")
    one.unlink()
    refused("contracts/a/One.sol")


def test_all_errors__every_contract__each_error_once() -> None:
    names = [entry["name"] for entry in all_errors()]

    assert {"StaleVersion", "TokenNotListed", "ERC20InsufficientAllowance"} <= set(names)
    assert names.count("StaleVersion") == 1


def test_project_root__variable_names_another_folder__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (project_root() / "ape-config.yaml").is_file()

    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    with pytest.raises(ProjectNotFoundError, match=f"{ROOT_VARIABLE}="):
        project_root()


def test_project_root__folder_below_a_checkout__searches_upwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ape-config.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    monkeypatch.chdir(below)

    assert project_root() == tmp_path
