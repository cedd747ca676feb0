"""`clearing perp close`: all of a position, whatever its size."""

import pytest

from clearing.chain.errors import CallRefusedError
from clearing.perp.refusals import Options, translated
from tests.harness.perp import BTC, ETH, LOT, usd
from tests.unit.perp_cli.stage import START


@pytest.fixture
def account(stage):
    """20,000 USD, 2 ETH long and 0.1 BTC short."""
    made = stage.account(20_000)
    stage.refresh(START + 60)
    stage.trade(made, ETH, 2 * LOT)
    stage.trade(made, BTC, -LOT // 10)
    return made


@pytest.fixture
def close(account, key):
    return ("close", "--account", account, "--key", key)


@pytest.mark.parametrize(
    ("market", "other", "size"), [("ETH", "BTC/USD", "-2"), ("1", "ETH/USD", "0.1")]
)
def test_close__one_of_two__leaves_the_other(account, close, ask, market, other, size):
    answer = ask(*close, "--market", market, "--yes")
    after = ask("position", "--account", account)

    assert answer["size"] == answer["done"]["size"] == size
    assert answer["preview"]["size"] == "0"
    assert answer["preview"]["liquidation_price_usd"] is None
    assert [p["name"] for p in after["positions"]] == [other]
    assert after["cash_usd"] == answer["preview"]["cash_usd"]
    assert answer["sent"][0]["call"] == "VaultModule.close"


def test_close__for_people__says_what_is_left(close, rows):
    lines = rows(*close, "--market", "ETH", "--yes")

    assert "Sell 2 ETH for account 4" in lines
    assert "Position afterwards 0 ETH" in lines
    assert any(line.startswith("Sold 2 ETH at 2,999.") for line in lines)


def test_close__grown_meanwhile__is_closed_whole(stage, account, close, run, monkeypatch):
    """The position's size is read when the transaction runs."""

    def meanwhile(*_, **__):
        stage.trade(account, ETH, LOT)
        return True

    monkeypatch.setattr("clearing.perp.asking.typer.confirm", meanwhile)

    result = run(*close, "--market", "ETH")

    assert result.exit_code == 0
    assert "Sold 3 ETH" in result.stdout
    assert stage["DerivativesEngine"].call("sizeOf", account, ETH) == 0


def test_close__the_last_of_a_vault_that_would_owe__says_what_to_leave_open():
    said = translated(CallRefusedError("VaultWouldOwe", (-usd(323),)), Options("--market"))

    assert str(said) == (
        "--market: is the last that the vault holds there, which would leave it -323.00 USD; "
        "leave a little open until a keeper has absorbed the vault's loss"
    )


def test_close__bad_input__is_one_line_with_the_fix(stage, account, close, run, refused):
    def line(*options):
        return refused(*close, *options, "--yes")

    assert "--limit-price: the vault pays 2999." in line("--market", "0", "--limit-price", "3100")
    assert "--market: 'X' is no market" in line("--market", "X")
    assert "--market" in line()
    assert run(*close, "--market", "0", "--yes").exit_code == 0
    assert "--market: account 4 has no position in ETH/USD; use open" in line("--market", "0")
