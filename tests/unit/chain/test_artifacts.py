"""Artifacts load by name; what is missing names its fix."""

from pathlib import Path

import pytest

from clearing.chain.artifacts import abi_of, all_errors, load
from clearing.chain.errors import ArtifactMissingError, ProjectNotFoundError
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
