"""`clearing perp liquidation-price`: now, or after a trade."""

import pytest

from tests.harness.perp import BTC, ETH, LOT
from tests.unit.perp_cli.stage import START


@pytest.fixture
def account(stage):
    """5,000 USD, 10 ETH long and 0.1 BTC short, for so long that no premium fades any more."""
    made = stage.account(5_000)
    stage.refresh(START + 60)
    stage.trade(made, ETH, 10 * LOT)
    stage.trade(made, BTC, -LOT // 10)
    stage.refresh(START + 600)
    return made


def test_liquidation_price__two_positions__are_rows(account, rows):
    lines = rows("liquidation-price", "--account", account)

    assert any(line.startswith("ETH/USD +10 3,000.00 2,69") for line in lines)
    assert any(line.startswith("BTC/USD -0.1 50,000.00 7") for line in lines)


def test_liquidation_price__json__is_the_risk_managers(stage, account, ask):
    eth, btc = ask("liquidation-price", "--account", account)["positions"]

    def said(function, market):
        wad = stage["RiskManager"].call(function, account, market)
        return f"{wad // 10**18}.{wad % 10**18:018}".rstrip("0")

    assert (eth["name"], eth["size"], eth["mark_usd"]) == ("ETH/USD", "10", "3000")
    assert eth["liquidation_price_usd"] == said("liquidationPrice", ETH)
    assert eth["bankruptcy_price_usd"] == said("bankruptcyPrice", ETH)
    assert btc["liquidation_price_usd"] == said("liquidationPrice", BTC)


def test_liquidation_price__one_market__is_that_alone(account, ask):
    (btc,) = ask("liquidation-price", "--account", account, "--market", "BTC")["positions"]

    assert (btc["name"], btc["size"]) == ("BTC/USD", "-0.1")


@pytest.mark.parametrize(("by", "size"), [("1", "11"), ("-4", "6"), ("-15", "-5")])
def test_liquidation_price__by__is_what_it_becomes(stage, account, ask, by, size):
    """[PERP-26] After the trade the price is what was said."""
    asked = ("liquidation-price", "--account", account, "--market", "ETH")
    (before,) = ask(*asked)["positions"]
    (said,) = ask(*asked, "--by", by)["positions"]

    stage.trade(account, ETH, int(by) * LOT)

    (after,) = ask(*asked)["positions"]
    assert said["size"] == after["size"] == size
    assert said["liquidation_price_usd"] == after["liquidation_price_usd"], "PERP-26"
    assert said["liquidation_price_usd"] != before["liquidation_price_usd"]
    assert said["bankruptcy_price_usd"] is None


def test_liquidation_price__nothing_there__says_so(stage, rows, ask):
    account = stage.account(100)

    assert "The account has no position." in rows("liquidation-price", "--account", account)
    assert ask("liquidation-price", "--account", account)["positions"] == []


def test_liquidation_price__bad_input__is_one_line_with_the_fix(stage, account, run, refused):
    def line(*options):
        return refused("liquidation-price", "--account", account, *options)

    assert run("liquidation-price", "--account", account).exit_code == 0
    assert "--market: is not given; name the market of --by" in line("--by", "1")
    assert "--by: 'x' is not a number" in line("--market", "ETH", "--by", "x")
    assert "--market: 'X' is no market" in line("--market", "X")
    assert "--account: there is no account 9" in line("--account", 9)
    other = stage.account(1)
    told = refused("liquidation-price", "--account", other, "--market", "ETH")
    assert "--market: account 5 has no position in ETH/USD; add --by SIZE" in told
    told = refused("liquidation-price", "--account", 0, "--market", "ETH", "--by", "1")
    assert "--account: account 0 is the protocol's" in told
