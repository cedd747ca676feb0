"""`clearing perp modify`: by so much, or to so much."""

import pytest

from tests.harness.perp import ETH, LOT
from tests.unit.perp_cli.stage import START


@pytest.fixture
def account(stage):
    """20,000 USD and 2 ETH long."""
    made = stage.account(20_000)
    stage.refresh(START + 60)
    stage.trade(made, ETH, 2 * LOT)
    return made


@pytest.fixture
def change(account, key):
    return ("modify", "--account", account, "--market", "ETH", "--key", key)


def held(stage, account):
    return stage["DerivativesEngine"].call("sizeOf", account, ETH)


@pytest.mark.parametrize(
    ("option", "text", "traded", "after"),
    [
        ("--by", "0.5", "0.5", "2.5"),
        ("--by", "-0.5", "-0.5", "1.5"),
        ("--by", "-2", "-2", "0"),
        ("--by", "-3", "-3", "-1"),
        ("--to", "5", "3", "5"),
        ("--to", "1.25", "-0.75", "1.25"),
        ("--to", "-1", "-3", "-1"),
    ],
)
def test_modify__by_or_to__changes_the_position(
    stage, account, change, ask, option, text, traded, after
):
    answer = ask(*change, option, text, "--yes")

    assert (answer["size"], answer["preview"]["size"]) == (traded, after)
    assert answer["done"]["size"] == traded
    positions = ask("position", "--account", account)["positions"]
    assert [p["size"] for p in positions] == ([after] if after != "0" else [])


def test_modify__more__shows_what_it_becomes(change, rows):
    lines = rows(*change, "--by", "20", "--yes")

    assert "Buy 20 ETH for account 4" in lines
    assert "Position afterwards +22 ETH" in lines
    assert any(line.startswith("Liquidation at 2,2") for line in lines)
    assert any(line.startswith("Bought 20 ETH at 3,000.") for line in lines)


def test_modify__less__is_priced_by_the_plain_band(change, rows):
    """Reducing sells at lo, which is not below what opening would get."""
    lines = rows(*change, "--by", "-1", "--yes")

    assert "Sell 1 ETH for account 4" in lines
    assert any(line.startswith("Average price 2,999.") and "at least" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "--by: and --to are both missing; give one of them"),
        (("--by", "1", "--to", "3"), "--by: and --to are both given; give one of them"),
        (("--to", "2"), "--to: account 4 holds +2 ETH already; write another size"),
        (("--by", "0"), "--by: is zero"),
        (("--to", "0"), "--to: is zero"),
        (("--to", "x"), "--to: 'x' is not a number"),
        (("--by", "-1.999"), "--by: a position of 3.00 USD would be left"),
        (("--by", "100"), "--by: equity would be 19,"),
        (("--to", "-100"), "--to: equity would be 19,"),
        (("--by", "1", "--limit-price", "2000"), "--limit-price: the vault asks 3000."),
        (("--by", "-1", "--limit-price", "4000"), "--limit-price: the vault pays 2999."),
        (("--by", "1", "--market", "BTC"), "--market: account 4 has no position in BTC/USD; use"),
    ],
)
def test_modify__bad_input__is_one_line_with_the_fix(
    stage, account, change, run, refused, options, line
):
    before = held(stage, account)

    assert line in refused(*change, *options, "--yes")

    assert held(stage, account) == before
    assert run(*change, "--by", "1", "--yes").exit_code == 0


def test_modify__reductions_paused__is_told(stage, change, run, refused):
    stage.send("MarketAdmin", "setPause", ETH, 2 | 4)

    line = refused(*change, "--by", "-1", "--yes")

    assert "--market: is paused: REDUCE LIQUIDATE" in line
    stage.send("MarketAdmin", "setPause", ETH, 0)
    assert run(*change, "--by", "-1", "--yes").exit_code == 0
