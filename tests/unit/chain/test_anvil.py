"""The embedded chain: its clock obeys, and it is gone when its owner is gone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.errors import AnvilUnavailableError, NodeUnreachableError
from clearing.chain.project import ROOT_VARIABLE
from tests.processes import is_alive, wait_until_gone

OWNER = """
import sys, time
from clearing.chain.anvil import run_anvil
with run_anvil() as anvil:
    print(anvil.pid, flush=True)
    time.sleep(60)
"""


def test_run_anvil__block_raises__stops_the_chain() -> None:
    running: list[Anvil] = []

    def fail() -> None:
        with run_anvil() as anvil:
            running.append(anvil)
            assert is_alive(anvil.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not is_alive(running[0].pid)
    with pytest.raises(NodeUnreachableError, match="check that the node runs"):
        running[0].node.request("eth_chainId", [])


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_run_anvil__owner_ends__leaves_no_process(how: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert is_alive(pid)

    owner.send_signal(how)
    owner.communicate(timeout=20)

    assert wait_until_gone(pid)


def test_run_anvil__ctrl_c_at_the_terminal__does_not_reach_the_chain_before_us(
    anvil: Anvil,
) -> None:
    assert os.getpgid(anvil.pid) != os.getpgid(0)


def test_run_anvil__not_installed__names_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ape-config.yaml").touch()
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(AnvilUnavailableError, match="run `make setup`"), run_anvil():
        pass


def test_run_anvil__binary_fails__says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ape-config.yaml").touch()
    folder = tmp_path / "node_modules" / "@foundry-rs" / "anvil-any" / "bin"
    folder.mkdir(parents=True)
    (folder / "anvil").write_text("#!/bin/sh\nexit 3\n")
    (folder / "anvil").chmod(0o755)
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))

    with pytest.raises(AnvilUnavailableError, match=r"ended at once \(exit code 3\)"), run_anvil():
        pass


def test_travel__forward__moves_the_latest_block(anvil: Anvil) -> None:
    before = anvil.now

    anvil.travel(86_400)

    assert anvil.now == before + 86_400


def test_revert__to_a_snapshot__undoes_what_came_after(anvil: Anvil) -> None:
    account = "0x" + "77" * 20
    snapshot = anvil.snapshot()
    anvil.give_ether(account, 5)

    anvil.revert(snapshot)

    assert anvil.node.request("eth_getBalance", [account, "latest"]) == "0x0"
