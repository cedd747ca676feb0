"""The demo's facts, its story, its exit codes, and that it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from clearing.chain.project import ROOT_VARIABLE
from tests.processes import wait_until_gone

CLEARING = Path(sys.executable).parent / "clearing"


def _run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLEARING, "demo", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    run = _run("--json")
    assert run.returncode == 0, run.stderr
    document: dict[str, Any] = json.loads(run.stdout)
    return document


def test_demo__json__gives_the_risk_of_the_worked_example(facts: dict[str, Any]) -> None:
    assert facts["risk_usd_seed"] == 2_487.05
    assert round(facts["risk_usd_real"], 2) == 2_637.72
    assert facts["liabilities"] == {"A": {"ETH": 10, "USDC": 20_000}, "B": {"BTC": 1}}


def test_demo__json__a_life_is_one_open_and_one_close(facts: dict[str, Any]) -> None:
    steps = {step["name"]: step for step in facts["steps"][:8]}

    assert steps["open"]["tx_count"] == steps["closeCooperative"]["tx_count"] == 1
    settle = next(step for step in facts["steps"] if step["name"].startswith("settle"))
    assert settle["tx_count"] == 1
    assert all(step["gas"] > 21_000 * step["tx_count"] for step in facts["steps"])
    assert all(step["op_fee_usd_estimate"] > 0 for step in facts["steps"])


def test_demo__json__everybody_owns_what_the_story_says(facts: dict[str, Any]) -> None:
    # 20,000 USDT each; on the bad day B paid A the risk that it left A with
    assert facts["balances"] == {
        "A": {"USDT": 22_487.05, "USDC": 20_000, "WETH": 10, "WBTC": 1, "YELLOW": 250_000},
        "B": {"USDT": 17_512.95, "USDC": 20_000, "WETH": 10, "WBTC": 0, "YELLOW": 250_000},
    }


def test_demo__json__each_attack_is_refused_with_its_reason(facts: dict[str, Any]) -> None:
    errors = [each["error"].partition("(")[0] for each in facts["refused"]]

    assert errors == [
        *("StaleVersion", "SignerNotNamed", "WrongEpoch"),
        *("BatchOutOfOrder", "TooSoon"),
    ]
    assert all(each["fixed"] for each in facts["refused"])


def test_demo__told__is_the_same_story_without_keys() -> None:
    run = _run()

    assert run.returncode == 0, run.stderr
    for text in ("53,889.80", "51,402.75", "2,487.05", "WrongEpoch(0, 1)", "22,487.05"):
        assert text in run.stdout
    assert "was 2 transactions: open and closeCooperative" in run.stdout
    assert not re.search(r"[0-9a-fA-F]{64}", run.stdout), "a key or hash was printed"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_demo__bad_environment__one_line_with_the_fix(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "ape-config.yaml").touch()

    run = _run(*options, **{ROOT_VARIABLE: str(tmp_path), "PATH": str(tmp_path)})

    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == "clearing: anvil is not installed: run `make setup`\n"


def test_demo__nothing_compiled__one_line_with_the_fix(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "ape-config.yaml").touch()
    (tmp_path / "node_modules").symlink_to(root / "node_modules")
    (tmp_path / "deployments").symlink_to(root / "deployments")

    run = _run("--json", **{ROOT_VARIABLE: str(tmp_path)})

    assert run.returncode == 2
    assert run.stdout == ""
    assert re.fullmatch(
        r"clearing: the contracts are not compiled .*run `make compile`\n", run.stderr
    )


def _chains(pid: int) -> list[int]:
    """Return the process's children that are an anvil: imports may start others for a moment."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in children if _command(child).startswith("anvil")]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has ended


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_demo__interrupted__leaves_no_process(how: signal.Signals) -> None:
    demo = subprocess.Popen([CLEARING, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(500):
        if _chains(demo.pid):
            break
        time.sleep(0.01)
    (anvil,) = _chains(demo.pid)

    demo.send_signal(how)
    demo.communicate(timeout=30)

    assert demo.returncode == 128 + how
    assert wait_until_gone(anvil)
