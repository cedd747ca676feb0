"""`clearing perp position`: what an account is worth, and its positions."""

import pytest

from clearing.chain.deployment import Deployment
from tests.harness.perp import BTC, ETH, LOT
from tests.unit.perp_cli.stage import START, TRADER


@pytest.fixture
def account(stage):
    """20,000 USD, 5 ETH long and 0.1 BTC short, for so long that no premium fades any more."""
    made = stage.account(20_000)
    stage.refresh(START + 60)
    stage.trade(made, ETH, 5 * LOT)
    stage.trade(made, BTC, -LOT // 10)
    stage.refresh(START + 600)
    return made


def test_position__two_markets__are_rows(account, rows):
    lines = rows("position", "--account", account)

    assert f"Account {account}" in lines
    assert f"Owner {TRADER.address.lower()}" in lines
    assert "Cash 19,990.00 USD" in lines
    assert "Equity 19,985.62 USD" in lines
    # 10 % of 5 · 2,999.7 + 0.1 · 50,005, and 6 % of 5 · 3,000.3 + 0.1 · 49,995
    assert "Initial margin 1,999.90 of 19,983.62 USD" in lines
    assert "Maintenance margin 1,200.06 of 19,987.62 USD" in lines
    assert "ETH/USD +5 15,000.00 3,000.68 3,000.00 -3.38 0.00 – –" in lines
    assert any(line.startswith("BTC/USD -0.1 5,000.00 49,989.98 50,000.00") for line in lines)
    assert not any("LIQUIDATABLE" in line for line in lines)


def test_position__json__is_exact(account, ask):
    answer = ask("position", "--account", account)
    eth, btc = answer["positions"]

    assert answer["owner"] == TRADER.address.lower()
    # 5 · 3,000.675045 + 0.05 % of it, and 0.1 · 49,989.97550499975 + 0.05 %, each up
    assert answer["cash_usd"] == "19989.998813612248"
    assert answer["withdrawable_usd"] == "17983.721139"
    assert (eth["name"], eth["size"], eth["quote_usd"]) == ("ETH/USD", "5", "-15003.37522500375")
    assert (eth["break_even_usd"], eth["profit_usd"]) == ("3000.67504500075", "-3.37522500375")
    assert eth["liquidation_price_usd"] is None
    assert (btc["name"], btc["size"]) == ("BTC/USD", "-0.1")
    assert btc["liquidation_price_usd"].startswith("227236.14")


def test_position__none__has_no_table_and_no_ratio(stage, rows, ask):
    account = stage.account(1_000)

    lines = rows("position", "--account", account)
    answer = ask("position", "--account", account)

    assert "Margin ratio –" in lines
    assert "Can be withdrawn 1,000.00 USD" in lines
    assert not any("ETH/USD" in line for line in lines)
    assert (answer["margin_ratio"], answer["positions"]) == (None, [])


def test_position__below_maintenance__warns(stage, account, rows, ask):
    take = ask("position", "--account", account)["withdrawable_usd"].replace(".", "")
    me = stage.trader.address
    stage.send_as_trader("DerivativesEngine", "withdraw", account, int(take) - 10**6, me)
    # about 2,000 USD are left; 5 ETH lose 1,250 of them, and 1,125 are required
    stage.refresh(START + 900, (2_750 * 10**8, 50_000 * 10**8))

    assert any(line.startswith("LIQUIDATABLE") for line in rows("position", "--account", account))
    assert ask("position", "--account", account)["is_liquidatable"]


def test_position__of_the_vault__is_the_protocols(account, rows):
    lines = rows("position", "--account", 0)

    assert "Owner the protocol" in lines
    assert "Can be withdrawn 0.00 USD" in lines
    assert any(line.startswith("ETH/USD -5 15,000.00") for line in lines)


def test_position__bad_input__is_one_line_with_the_fix(account, run, refused):
    assert run("position", "--account", account).exit_code == 0

    assert (
        f"--account: there is no account {account + 1}; write the number that create-account"
        in refused("position", "--account", account + 1)
    )
    assert "--account" in refused("position", "--account", "-1")
    assert "--account" in refused("position", "--account", 2**32)
    assert "--account" in refused("position", "--account", "four")
    assert "--account" in refused("position")


def test_position__record_without_a_lens__is_told(stage, account, refused, tmp_path):
    without = {role: made for role, made in stage.made.contracts.items() if role != "PerpLens"}
    Deployment("local", stage.made.chain, without, {}).write(tmp_path / "local.json")

    assert "records no PerpLens on this chain: deploy it, or give --address" in refused(
        "position", "--account", account
    )
