"""The demo's facts, its story, its exit codes, and that it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clearing.chain.project import ROOT_VARIABLE
from clearing.demo.swaps_end import require_books
from clearing.demo.swaps_facts import Sums, Worth
from clearing.demo.swaps_market import BTC, CRASH, ETH, HOURS, price_at
from tests.processes import wait_until_gone

CLEARING = Path(sys.executable).parent / "clearing"


def _run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLEARING, "demo", *args],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo for people leaves what its daemons wrote."""
    return tmp_path_factory.mktemp("demo") / "kept"


@pytest.fixture(scope="module")
def runs(
    folder: Path,
) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    """The demo for programs and for people, side by side, as each waits now and then."""
    options = (["--json"], ["--keep", str(folder)])
    with ThreadPoolExecutor(2) as pool:
        for_programs, for_people = pool.map(lambda each: _run(*each), options)
    return for_programs, for_people


@pytest.fixture(scope="module")
def facts(runs: tuple[subprocess.CompletedProcess[str], ...]) -> dict[str, Any]:
    assert runs[0].returncode == 0, runs[0].stderr
    document: dict[str, Any] = json.loads(runs[0].stdout)
    return document


def test_demo__json__gives_the_risk_of_the_worked_example(facts: dict[str, Any]) -> None:
    assert facts["risk_usd_seed"] == 2_487.05
    assert round(facts["risk_usd_real"], 2) == 2_637.72
    assert facts["liabilities"] == {"A": {"ETH": 10, "USDC": 20_000}, "B": {"BTC": 1}}


def test_demo__json__both_agree_after_one_is_killed_in_an_exchange(facts: dict[str, Any]) -> None:
    """Version 3 had A's signature when B was killed, and B's store knew nothing of it."""
    crash = facts["crash"]

    assert crash["signed_version"] == 3
    assert crash["held_before_restart"] == {"A": 2, "B": 2}
    assert crash["held_after_restart"] == {"A": 3, "B": 3}
    assert re.fullmatch("0x[0-9a-f]{64}", crash["state_hash"])
    # open, two trades, margin call, settlement, what came of it, close
    assert crash["agreed_states"] == 7


def test_demo__json__chapters_are_told_line_by_line_on_stderr(
    runs: tuple[subprocess.CompletedProcess[str], ...],
) -> None:
    chapters = [int(line.partition(" · ")[0]) for line in runs[0].stderr.splitlines()]

    assert chapters == list(range(1, 17))


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
        *("BatchOutOfOrder", "TooSoon", "NotAbsorbable"),
    ]
    assert all(each["fixed"] for each in facts["refused"])


def test_demo__json__longs_pay_funding_to_shorts(facts: dict[str, Any]) -> None:
    paid = facts["swaps"]["funding_paid_usd"]

    assert min(paid["Bull"], paid["Swing"]) > 0 > max(paid["Bear"], paid["vault"])
    assert abs(sum(paid.values())) < 1e-9
    # 30 ETH short all day beside 20 ETH long all day: Swing alone trades
    assert paid["Bear"] / paid["Bull"] == pytest.approx(-1.5)


def test_demo__json__the_keepers_jobs_tick_settle_take_over_and_absorb(
    facts: dict[str, Any],
) -> None:
    counts = {step["name"].rpartition(": ")[2]: step["tx_count"] for step in facts["steps"]}

    assert counts["tickFunding"] == 2 * HOURS, "two markets"
    assert counts["settlePacked"] == 1
    assert counts["liquidateBatch"] == 5
    assert counts["Keeper calls absorb, once for all of it"] == 1


def test_demo__json__the_crash_liquidates_part_by_part_and_pays_insurance(
    facts: dict[str, Any],
) -> None:
    taken = facts["swaps"]["liquidations"]

    assert [each["hour"] for each in taken] == [20, 21, 22, 23, 24]
    for each in taken:
        assert each["penalty_usd"] == pytest.approx(each["size"] * each["price_usd"] / 80)  # 1.25 %
        # favourable: Pyth is sure to one part in 10,000
        hourly = (3_380.07006835 * (24 - each["hour"]) + 2_460.67919921 * each["hour"]) / 24
        assert each["price_usd"] == pytest.approx(hourly * 1.0001, rel=1e-8)
    spent = sum(loss["insurance"] for loss in facts["swaps"]["losses_usd"].values())
    penalties = sum(each["penalty_usd"] for each in taken)
    assert spent == pytest.approx(500 + penalties / 2 - 0.2), "all it had, less a keeper's 20 cents"


def test_demo__json__everybody_pays_for_the_loss_in_his_turn(facts: dict[str, Any]) -> None:
    eth, btc = (facts["swaps"]["losses_usd"][symbol] for symbol in ("ETH", "BTC"))

    assert eth["insurance"] == eth["backstop"] == btc["backstop"] == 500, "their limits"
    assert eth["deleveraging"] > eth["shared"] == eth["vault"] == 0
    assert btc["deleveraging"] == 0, "the only short has lost"
    assert btc["shared"] == pytest.approx(0.015 * 37_304.69140625), "half the maintenance margin"
    assert btc["vault"] > 0
    assert eth["debt"] == btc["debt"] == 0


def test_demo__json__the_books_balance(facts: dict[str, Any]) -> None:
    swaps = facts["swaps"]

    assert swaps["sum_of_sizes"] == {"ETH": 0, "BTC": 0}
    assert 0 <= swaps["tokens_usd"] - swaps["owed_usd"] < 1e-6
    paid_in = sum(each["paid_in_usd"] for each in swaps["accounts"].values())
    assert paid_in == swaps["tokens_usd"] == 687_000
    worth = sum(each["worth_usd"] for each in swaps["accounts"].values())
    assert worth == pytest.approx(paid_in)
    assert swaps["accounts"]["Saver"] == {"paid_in_usd": 5_000, "worth_usd": 5_000}
    assert swaps["claimed_usd"] == swaps["accounts"]["LP"]["worth_usd"] > 250_000


GOOD = Sums({"ETH": 0, "BTC": 0}, tokens=10**21, owed=10**21 - 6)
IDLE = Worth(5_000, 5_000 * 10**18)


@pytest.mark.parametrize(
    ("sums", "idle", "named"),
    [
        (replace(GOOD, sizes={"ETH": 0, "BTC": 1}), IDLE, "sizes in BTC sum to 1 lots"),
        (replace(GOOD, owed=10**21 + 1), IDLE, "owes 1 wad more than it has"),
        (replace(GOOD, owed=10**21 - 10**12 - 1), IDLE, "belong to nobody"),
        (GOOD, replace(IDLE, worth=IDLE.worth - 1), "Saver has 4999"),
    ],
)
def test_require_books__one_thing_off__is_named(sums: Sums, idle: Worth, named: str) -> None:
    require_books(GOOD, IDLE)

    with pytest.raises(AssertionError, match=named):
        require_books(sums, idle)


def test_price_at__the_hours_of_a_day__lead_from_close_to_close() -> None:
    assert price_at(ETH, CRASH, 0) == 3_380_07006835
    assert price_at(ETH, CRASH, HOURS) == price_at(ETH, CRASH + 1, 0) == 2_460_67919921
    assert price_at(BTC, CRASH, 12) == (42_909_40234375 + 37_002_44140625) // 2


def _numbers_of_the_readme() -> list[str]:
    """Return every amount with cents in what README.md tells of the demo."""
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    told = text.partition("`make demo` tells")[2].partition("```")[0]
    numbers = re.findall(r"[0-9][0-9,]*\.[0-9]{2}\b", told)
    assert len(numbers) > 5
    return numbers


def test_demo__told__is_the_same_story_without_keys(
    runs: tuple[subprocess.CompletedProcess[str], ...],
) -> None:
    run = runs[1]

    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    for text in ("53,889.80", "51,402.75", "2,487.05", "WrongEpoch(0, 1)", "22,487.05"):
        assert text in run.stdout
    for number in _numbers_of_the_readme():
        assert number in run.stdout, f"README.md says {number}, the demo does not"
    assert "was 2 transactions: open and closeCooperative" in run.stdout
    assert not re.search(r"[0-9a-fA-F]{64}", run.stdout), "a key or hash was printed"


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("name", ["A", "B"])
def test_demo__keep__leaves_each_daemon_s_store_and_a_log_without_errors(
    folder: Path, name: str
) -> None:
    log = (folder / name / "log").read_text("utf-8")

    assert (folder / name / "clearport.db").stat().st_size > 0
    assert '"event": "stopped"' in log
    assert '"level": "error"' not in log


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


def _children(pid: int) -> dict[int, str]:
    """Return the commands of the process's children; imports may start others for a moment."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return {child: _command(child) for child in children}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has ended


def _running(demo: subprocess.Popen[str]) -> list[int]:
    """Return the chain and both daemons, once they are there."""
    found: list[int] = []
    for _ in range(3_000):
        found = [
            pid
            for pid, command in _children(demo.pid).items()
            if "anvil --host" in command or "clearport run" in command
        ]
        if len(found) == 3 or demo.poll() is not None:
            break
        time.sleep(0.01)
    assert len(found) == 3
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_demo__interrupted__leaves_no_process_and_no_folder(
    how: signal.Signals, tmp_path: Path
) -> None:
    """Killed outright it cannot tidy up, but the kernel ends what it has started."""
    demo = subprocess.Popen(
        [CLEARING, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    started = _running(demo)

    demo.send_signal(how)
    demo.communicate(timeout=30)

    assert all(wait_until_gone(pid) for pid in started)
    if how is not signal.SIGKILL:
        assert demo.returncode == 128 + how
        assert list(tmp_path.iterdir()) == []
