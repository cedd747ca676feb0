"""`clearing oracle replay`: transitions for people and programs, a picture, one line for errors."""

import json

import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from clearing.cli import app

HEADER = "time,cl_round,cl_usd,cl_updated_at,pyth_usd,pyth_conf_usd,pyth_published_at"
# a minute apart: agreement, Pyth alone no more, too far apart, and nothing at all
DAY = f"""{HEADER}
1700000000,7,3000,1700000000,3001,0.5,1699999998
1700000060,8,3000,1700000060,,,
1700000120,9,3000,1700000120,3200,0.5,1700000118
1700000180,,,,,,
"""


@pytest.fixture
def run():
    return lambda *args: CliRunner().invoke(app, ["oracle", "replay", *map(str, args)])


@pytest.fixture
def day(tmp_path):
    path = tmp_path / "day.csv"
    path.write_text(DAY)
    return path


def assert_one_line(result, line):
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert line in result.stderr


def test_replay__day__prints_each_transition_and_why(run, day):
    result = run(day)

    assert result.exit_code == 0
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert rows[0].startswith("4 rows, 2023-11-14 22:13:20 to 2023-11-14 22:16:20")
    assert any(
        row.startswith("2023-11-14 22:14:20 PRIMARY_ONLY – 3,000.00 2,995.50 3,004.50")
        for row in rows
    )
    assert any(
        "TRIPPED" in row and "tripped: DEVIATION; the sources too far" in row for row in rows
    )
    assert rows[-1].startswith("Time spent: NORMAL 60 s · PRIMARY_ONLY 60 s · TRIPPED 60 s")


def test_replay__json__is_exact_and_alone_on_stdout(run, day):
    report = json.loads(run(day, "--json").stdout)

    assert report["rows"] == 4
    assert report["seconds_by_state"] == {"NORMAL": 60, "PRIMARY_ONLY": 60, "TRIPPED": 60}
    steps = report["transitions"]
    assert [(step["from"], step["to"], step["tripped"]) for step in steps] == [
        (None, "NORMAL", None),
        ("NORMAL", "PRIMARY_ONLY", None),
        ("PRIMARY_ONLY", "TRIPPED", "DEVIATION"),
    ]
    assert (steps[1]["lo_usd"], steps[1]["mid_usd"], steps[1]["hi_usd"]) == (
        "2995.5",
        "3000",
        "3004.5",
    )


def test_replay__looser_limit__trips_nothing(run, day):
    report = json.loads(run(day, "--limit", "hardDev=1000", "--json").stdout)

    assert [step["to"] for step in report["transitions"]][2] == "DIVERGED"


def test_replay__resets_when_due__unless_told_to_keep(run, tmp_path):
    """A jump that both sources confirm a minute later is over at once."""
    path = tmp_path / "jump.csv"
    path.write_text(
        f"{HEADER}\n1700000000,7,3000,1700000000,,,\n1700000060,8,4000,1700000060,,,\n"
        "1700000120,9,4000,1700000120,4001,0.5,1700000118\n"
    )

    steps = json.loads(run(path, "--json").stdout)["transitions"]
    kept = json.loads(run(path, "--keep-latched", "--json").stdout)["transitions"]

    assert [(step["to"], step["tripped"], step["reset"]) for step in steps] == [
        ("PRIMARY_ONLY", None, None),
        ("TRIPPED", "JUMP", None),
        ("NORMAL", None, "JUMP"),
    ]
    assert [step["to"] for step in kept] == ["PRIMARY_ONLY", "TRIPPED"]


def test_replay__plot__draws_states_as_bands(run, day, tmp_path):
    path = tmp_path / "day.png"

    result = run(day, "--plot", path)

    assert result.exit_code == 0
    picture = (imread(path)[:, :, :3] * 255).round().astype(int)
    assert picture.shape == (700, 1_400, 3)
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    # NORMAL, PRIMARY_ONLY, TRIPPED
    assert {(0xD9, 0xF0, 0xD3), (0xD6, 0xE6, 0xF5), (0xF7, 0xB6, 0xAE)} <= colours
    assert (0xFD, 0xF3, 0xC4) not in colours


def test_replay__bad_input__is_one_line_with_the_fix(run, day, tmp_path):
    assert run(day).exit_code == 0

    assert_one_line(run(tmp_path / "absent.csv"), "no such file or directory; give the path of a")
    assert_one_line(run(day, "--limit", "softDev"), "is not NAME=VALUE; write it like softDev=40")
    assert_one_line(
        run(day, "--plot", tmp_path / "absent" / "x.png"),
        "no such file or directory; give a path that can be written",
    )
    day.write_text(DAY.replace("3200", "much"))
    assert_one_line(run(day), "row 4, column pyth_usd: 'much' is not a number; write it in digits")
