import json

import pytest
from typer.testing import CliRunner

from clearing.cli import app

PRICES = ["--price", "BTC=52500", "--price", "ETH=3300", "--price", "USDC=1"]
FACTORS = ["--factor", "BTC=2.09%", "--factor", "ETH=2.68%", "--factor", "USDC=0.027%"]
OWED = ["--owes", "low:ETH:10", "--owes", "low:USDC:20000", "--owes", "high:BTC:1"]
COLLATERAL = ["--collateral", "low:10000", "--collateral", "high:10000"]
SEEDS = [*OWED, *PRICES, *FACTORS, *COLLATERAL]
LIABILITIES_JSON = '{"low": {"ETH": 10, "USDC": "20000"}, "high": {"BTC": 1.0}}'
LIABILITIES_YAML = "low:\n  ETH: 10\n  USDC: 2e4\nhigh: {BTC: 1}\n"


@pytest.fixture
def run():
    return lambda *args: CliRunner().invoke(app, ["risk", *map(str, args)])


def swapped(args, old, new):
    assert old in args
    return [new if arg == old else arg for arg in args]


def assert_one_line(result, line):
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert line in result.stderr


def test_risk__seeds_example__shows_both_totals_and_who_bears(run):
    result = run(*SEEDS)

    assert result.exit_code == 0
    assert result.stderr == ""
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["ETH", "low", "10", "3,300", "2.680", "%", "33,000.00", "33,884.40"] in rows
    assert ["BTC", "high", "1", "52,500", "2.090", "%", "52,500.00", "51,402.75"] in rows
    assert ["USDC", "low", "20,000", "1", "0.027", "%", "20,000.00", "20,005.40"] in rows
    assert ["Total", "low", "53,000.00", "53,889.80"] in rows
    assert ["Total", "high", "52,500.00", "51,402.75"] in rows
    assert "Risk: 53,889.80 − 51,402.75 = 2,487.05 USD, borne by low." in result.stdout
    # 2,487.05 / 10,000, up
    assert "Margin used by low: 24.88 % of 10,000.00 USD.\nCovered.\n" in result.stdout


def test_risk__seeds_example__json_is_exact_and_alone_on_stdout(run):
    result = run(*SEEDS, "--json")

    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["risk_usd"] == "2487.05"
    assert report["bearers"] == ["low"]
    assert report["sides"]["low"] == {
        "value_usd": "53000",
        "up_usd": "53889.8",
        "down_usd": "52110.2",
        "required_usd": "2487.05",
        "collateral_usd": "10000",
        "utilisation_percent": "24.8705",
    }
    assert report["sides"]["high"]["down_usd"] == "51402.75"
    assert report["sides"]["high"]["required_usd"] == "0"
    assert report["is_covered"] is True
    assert report["is_settlement_due"] is False
    assert {row["asset"]: row["owed_by"] for row in report["assets"]} == {
        "BTC": "high",
        "ETH": "low",
        "USDC": "low",
    }


def test_risk__no_collateral__leaves_it_out(run):
    report = json.loads(run(*OWED, *PRICES, *FACTORS, "--json").stdout)

    assert "is_covered" not in report
    assert "collateral_usd" not in report["sides"]["low"]


def test_risk__difference_moved__is_deducted_and_both_bear(run):
    result = run(*SEEDS, "--moved", "low:500")

    assert "53,889.80 − 51,402.75 − 500.00 moved = 1,987.05 USD, borne by low." in result.stdout
    assert "53,597.25 − 52,110.20 + 500.00 moved = 1,987.05 USD, borne by high." in result.stdout


@pytest.mark.parametrize(
    ("collateral", "verdict"),
    [
        ("low:3108.82", "Covered."),
        ("low:3108.81", "Covered, but ask for settlement or a top-up now."),
        ("low:2487.05", "Covered, but ask for settlement or a top-up now."),
        ("low:2487.04", "Not covered: refuse the trade, settle or top up."),
    ],
)
def test_risk__thinner_collateral__changes_the_verdict(run, collateral, verdict):
    """80 % of 3,108.8125 is the risk."""
    result = run(*swapped(SEEDS, "low:10000", collateral))

    assert result.stdout.endswith(f"\n{verdict}\n")


def test_risk__no_collateral_at_all__is_used_beyond_measure(run):
    args = swapped(SEEDS, "low:10000", "low:0")

    assert "Margin used by low: more than all of 0.00 USD." in run(*args).stdout
    sides = json.loads(run(*args, "--json").stdout)["sides"]
    assert sides["low"]["utilisation_percent"] is None


def test_risk__part_of_a_cent__is_shown_as_the_cent_that_covers_it(run):
    owed = ["--owes", "low:ETH:3", "--owes", "high:BTC:1"]
    prices = ["--price", "ETH=1.001", "--price", "BTC=1.008"]

    result = run(*owed, *prices, "--factor", "ETH=0%", "--factor", "BTC=0%")

    # 3.003 − 1.008 = 1.995
    assert "Risk: 3.01 − 1.00 = 2.00 USD, borne by low." in result.stdout


def test_risk__narrow_terminal__hides_no_digit(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")

    assert "…" not in run(*SEEDS).stdout
    assert "33,884.40" in run(*SEEDS).stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [("owed.json", LIABILITIES_JSON), ("owed.yaml", LIABILITIES_YAML), ("o.yml", LIABILITIES_YAML)],
)
def test_risk__liabilities_from_a_file__equal_the_options(run, tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)

    result = run("--liabilities", path, *PRICES, *FACTORS, *COLLATERAL, "--json")

    assert result.exit_code == 0
    assert result.stdout == run(*SEEDS, "--json").stdout


def test_risk__factors_from_the_other_command__are_read_back(run, tmp_path):
    closes = tmp_path / "closes.csv"
    closes.write_text("date,BTC_usd,ETH_usd\n2022-01-01,100,100\n2022-01-02,102.09,97.32\n")
    printed = CliRunner().invoke(app, ["risk-factors", str(closes), "--window", "1", "--json"])
    path = tmp_path / "factors.json"
    path.write_text(printed.stdout)

    result = run(*OWED, *PRICES, "--factors", path, "--factor", "USDC=0.027%", "--json")

    assert json.loads(result.stdout)["risk_usd"] == "2487.05"


def test_risk__asset_named_like_markup__is_shown_as_it_is(run):
    result = run("--owes", "low:[red]:1", "--price", "[red]=1", "--factor", "[red]=1%")

    assert "[red]" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("low:ETH:10", "low:ETH", "--owes 'low:ETH': is not SIDE:ASSET:QUANTITY; write it like"),
        ("low:ETH:10", "left:ETH:10", "--owes 'left:ETH:10': 'left' is not a side; write low or"),
        ("low:ETH:10", "low:ETH:ten", "--owes 'low:ETH:ten': 'ten' is not a number; write it in"),
        ("low:ETH:10", "low:ETH:0", "--owes 'low:ETH:0': '0' is not positive; write a number"),
        ("low:ETH:10", "low:ETH:-1", "--owes 'low:ETH:-1': '-1' is not positive; write a number"),
        ("low:ETH:10", "low:ETH:1e31", "'1e31' is beyond 1000000000000000000000000000000; check"),
        ("low:ETH:10", "low:ETH:1e-19", "'1e-19' has more than 18 decimals; round it to 18"),
        ("low:ETH:10", "low::10", "'' is not an asset's symbol; write 1 to 32 printable ASCII"),
        ("low:ETH:10", "low:E TH:10", "'E TH' is not an asset's symbol; write 1 to 32"),
        ("low:ETH:10", "low:E\nTH:10", r"--owes 'low:E\nTH:10': 'E\nTH' is not an asset's symbol"),
        ("low:ETH:10", "high:USDC:1", "--owes 'low:USDC:20000': 'USDC' is given twice; give it"),
        ("low:ETH:10", "low:DOGE:10", "--price: none for 'DOGE', which is owed; add --price DOGE="),
        ("BTC=52500", "BTC", "--price 'BTC': is not ASSET=VALUE; write it like BTC=52500"),
        ("BTC=52500", "BTC=", "--price 'BTC=': is empty; write it in digits such as 1234.56"),
        ("BTC=52500", "BTC=52,500", "--price 'BTC=52,500': '52,500' is not a number; write it in"),
        ("BTC=52500", "BTC=0", "--price 'BTC=0': '0' is not positive; write a number above 0"),
        ("BTC=52500", "ETH=52500", "--price 'ETH=3300': 'ETH' is given twice; give it once"),
        ("BTC=2.09%", "BTC", "--factor 'BTC': is not ASSET=VALUE; write it like BTC=2.09%"),
        ("BTC=2.09%", "BTC=2.09", "--factor 'BTC=2.09': has no percent sign; write it like BTC="),
        ("BTC=2.09%", "BTC=-1%", "--factor 'BTC=-1%': -1 % is not within 0 and 100; write it"),
        ("BTC=2.09%", "BTC=100.1%", "--factor 'BTC=100.1%': 100.1 % is not within 0 and 100;"),
        ("BTC=2.09%", "BTC=two%", "--factor 'BTC=two%': 'two' is not a number; write it in"),
        ("BTC=2.09%", "LTC=2.09%", "--factor: none for 'BTC', which is owed; add --factor BTC="),
        ("low:10000", "10000", "--collateral '10000': is not SIDE:USD; write it like low:10000"),
        ("low:10000", "low:-1", "--collateral 'low:-1': '-1' is negative or beyond 1000000000000"),
        ("low:10000", "mid:1", "--collateral 'mid:1': 'mid' is not a side; write low or high"),
        ("low:10000", "high:1", "--collateral 'high:10000': high is given twice; keep one of them"),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_risk__one_option_wrong__is_named_with_its_fix(run, old, new, line, flags):
    assert run(*SEEDS, *flags).exit_code == 0

    assert_one_line(run(*swapped(SEEDS, old, new), *flags), line)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (PRICES, "liabilities: are not given; give either --liabilities FILE or --owes"),
        (
            [*SEEDS, "--liabilities", "owed.json"],
            "liabilities: are given twice; give either --liabilities FILE or --owes",
        ),
        (
            [*OWED, *PRICES, *FACTORS, "--collateral", "low:1"],
            "--collateral: is not given for high; add --collateral high:USD",
        ),
        ([*SEEDS, "--moved", "500"], "--moved '500': is not SIDE:USD; write it like low:500"),
        ([*SEEDS, "--moved", "low:x"], "--moved 'low:x': 'x' is not a number; write it in digits"),
        ([*SEEDS, "--factors", "absent"], "'absent': no such file or directory; give the path of"),
        ([*SEEDS, "--owe", "low:ETH:1"], "No such option: --owe"),
        ([*SEEDS, "more"], "unexpected extra argument"),
    ],
)
def test_risk__bad_combination__is_named_with_its_fix(run, args, line):
    assert run(*SEEDS).exit_code == 0

    assert_one_line(run(*args), line)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("o.json", "", "o.json': line 1 is not JSON (Expecting value); mend the line"),
        ("o.json", '{"low": {"ETH": 1},}', "o.json': line 1 is not JSON ("),
        ("o.json", "[]", "o.json': is not an object with keys; see the command's --help"),
        ("o.json", '{"low": 5}', "o.json', 'low': is not an object with keys; see the command's"),
        ("o.json", '{"mid": {}}', "o.json', 'mid': 'mid' is not a side; write low or high"),
        ("o.json", '{"low": {"ETH": null}}', "'low', 'ETH': is not a number; write it in digits"),
        ("o.json", '{"low": {"ETH": "x"}}', "'low', 'ETH': 'x' is not a number; write it in"),
        ("o.json", '{"low": {"ETH": NaN}}', "'low', 'ETH': 'NaN' is not a number; write it in"),
        ("o.json", '{"low": {"ETH": -1}}', "'low', 'ETH': '-1' is not positive; write a number"),
        ("o.json", '{"low": {"ETH": 1, "ETH": 2}}', "o.json': key 'ETH' stands twice; keep one"),
        (
            "o.json",
            '{"low": {"ETH": 1}, "high": {"ETH": 2}}',
            "'high', 'ETH': 'ETH' is given twice; give it once",
        ),
        ("o.json", "[" * 100_000, "o.json': is nested too deeply; see the command's --help"),
        ("o.json", '{"low": "\udcff"}', "o.json': byte 9 is not UTF-8; save it in UTF-8"),
        ("o.yaml", "low: {ETH: 1, ETH: 2}", "o.yaml': key 'ETH' stands twice; keep one of them"),
        ("o.yaml", "low: [1", "o.yaml': is not YAML (line 1: "),
        ("o.yaml", "low: \x00", "o.yaml': is not YAML ("),
        ("o.yaml", "low: {[1]: 1}", "o.yaml': is not YAML (line 1: "),
        ("o.yaml", "[" * 10_000, "o.yaml': is nested too deeply; see the command's --help"),
        ("o.yaml", "", "o.yaml': is not an object with keys; see the command's --help"),
    ],
)
def test_risk__bad_liabilities_file__is_named_with_its_fix(run, tmp_path, name, text, line):
    path = tmp_path / name
    path.write_text(LIABILITIES_JSON)
    rest = [*PRICES, *FACTORS]
    assert run("--liabilities", path, *rest).exit_code == 0
    path.write_text(text, errors="surrogateescape")

    assert_one_line(run("--liabilities", path, *rest), line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{}", "f.json': has no 'factors'; write it with: clearing risk-factors FILE --json"),
        ('{"factors": []}', "f.json', 'factors': is not an object with keys; see"),
        ('{"factors": {"BTC": 1}}', "'factors', 'BTC': is not an object with keys; see"),
        ('{"factors": {"BTC": {}}}', "'BTC', 'factor_wad': is not a number; write it in digits"),
        ('{"factors": {"BTC": {"factor_wad": 1.5}}}', "'1.5' has more than 0 decimals; round"),
        ('{"factors": {"BTC": {"factor_wad": -1}}}', " % is not within 0 and 100; write it like"),
        ('{"factors": {"": {"factor_wad": 1}}}', "'' is not an asset's symbol; write 1 to 32"),
        (
            '{"factors": {"BTC": {"factor_wad": 1}}}',
            "--factor 'BTC=2.09%': 'BTC' is given twice; give it once",
        ),
    ],
)
def test_risk__bad_factors_file__is_named_with_its_fix(run, tmp_path, text, line):
    path = tmp_path / "f.json"
    path.write_text('{"factors": {"LTC": {"factor_wad": "1"}}}')
    assert run(*SEEDS, "--factors", path).exit_code == 0
    path.write_text(text)

    assert_one_line(run(*SEEDS, "--factors", path), line)
