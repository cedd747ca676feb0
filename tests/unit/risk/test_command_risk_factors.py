import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearing.cli import app

HEADER = "date,BTC_usd,ETH_usd"
GOOD = f"{HEADER}\n2022-01-01,100,10\n2022-01-02,101,11\n2022-01-03,102.01,12.1\n"


@pytest.fixture
def run():
    return lambda *args: CliRunner().invoke(app, ["risk-factors", *map(str, args)])


@pytest.fixture
def closes_file(tmp_path):
    path = tmp_path / "closes.csv"
    path.write_text(GOOD)
    return path


def test_risk_factors__good_file__shows_a_row_per_asset(run, closes_file):
    result = run(closes_file, "--window", 2)

    assert result.exit_code == 0
    assert result.stderr == ""
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["BTC", "1.000", "%", "2", "0"] in rows
    assert ["ETH", "10.000", "%", "2", "0"] in rows


def test_risk_factors__json__is_exact_and_alone_on_stdout(run, closes_file):
    result = run(closes_file, "--window", 2, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "window": 2,
        "first_day": "2022-01-01",
        "last_day": "2022-01-03",
        "factors": {
            "BTC": {
                "factor_wad": str(10**16),
                "factor_percent": "1",
                "observations": 2,
                "skipped": 0,
            },
            "ETH": {
                "factor_wad": str(10**17),
                "factor_percent": "10",
                "observations": 2,
                "skipped": 0,
            },
        },
    }


@pytest.mark.parametrize("flags", [(), ("--json",)])
@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (GOOD, "", "row 1: the file is empty; start the file with a row like "),
        (HEADER + "\n", "", "row 1: the first column is '2022-01-01', not 'date'; start the "),
        ("ETH_usd", "ETH", "row 1: column 'ETH' is not named <ASSET>_usd; name it after "),
        ("101,11", "101", "row 3, column ETH_usd: is missing; give each column a cell"),
        ("101,11", "x,11", "row 3, column BTC_usd: 'x' is not a number; write it in digits"),
        ("2022-01-02", "02/01/22", "row 3, column date: '02/01/22' is not a day of the calendar; "),
        ("2022-01-02", "2022-01-01", "row 3, column date: '2022-01-01' stands twice; keep one "),
        ("2022-01-02", "2021-01-02", "row 3, column date: '2021-01-02' comes after '2022-01-01'"),
        ("2022-01-03", "2022-01-05", "row 4, column date: '2022-01-05' follows '2022-01-02', a "),
        ("\n2022-01-03,102.01,12.1", "", "rows: 2 days give 1 changes, the window is 2; give at "),
        ("10\n2022-01-02,101,11", "\n2022-01-02,101,", "column ETH_usd: 0 of the last 2 changes"),
        ("101,11", "101,\x1b[31m\udcff", "not UTF-8"),
    ],
)
def test_risk_factors__bad_file__is_one_line_and_exit_2(run, closes_file, old, new, line, flags):
    assert run(closes_file, "--window", 2, *flags).exit_code == 0
    assert old in GOOD
    closes_file.write_text(GOOD.replace(old, new, 1), errors="surrogateescape")

    result = run(closes_file, "--window", 2, *flags)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("clearing: ")
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ((), "clearing: Missing argument 'file'; see clearing --help\n"),
        (
            ("--window", "0"),
            "Invalid value for '--window': Input should be greater than or equal to 1",
        ),
        (("--window", "year"), "Invalid value for '--window': Input should be a valid integer"),
        (("--years", "1"), "No such option: --years"),
        (("a.csv", "b.csv"), "unexpected extra argument"),
        (("absent.csv",), "clearing: 'absent.csv': no such file or directory; give the path of a "),
        (("/",), "clearing: '/': is a directory; give the path of a CSV file"),
    ],
)
def test_risk_factors__bad_arguments__are_one_line_and_exit_2(run, closes_file, args, line):
    assert run(closes_file, "--window", "1").exit_code == 0

    result = run(*args) if not args or args[0] != "--window" else run(closes_file, *args)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_clearing__no_command__is_one_line_and_exit_2():
    result = CliRunner().invoke(app, [])

    assert result.exit_code == 2
    assert result.stderr == "clearing: Missing command; see clearing --help\n"


def test_clearing__help__names_the_commands():
    result = CliRunner().invoke(app, ["--help"])

    assert result.exit_code == 0
    assert "risk-factors" in result.stdout


def test_installed_command__bad_row__is_one_line_and_exit_2(closes_file):
    """The entry point itself, in a process of its own."""
    command = [str(Path(sys.executable).parent / "clearing"), "risk-factors", str(closes_file)]
    good = subprocess.run(
        [*command, "--window", "2"], capture_output=True, text=True, check=False, timeout=60
    )
    closes_file.write_text(GOOD.replace("101,11", "101,eleven"))

    bad = subprocess.run(
        [*command, "--window", "2"], capture_output=True, text=True, check=False, timeout=60
    )

    assert good.returncode == 0
    assert bad.returncode == 2
    assert bad.stdout == ""
    assert bad.stderr == (
        "clearing: row 3, column ETH_usd: 'eleven' is not a number; "
        "write it in digits such as 1234.56\n"
    )
