"""`clearing perp create-account`, `deposit` and `withdraw`."""

import pytest

from tests.harness.perp import ETH, LOT, RAW
from tests.unit.perp_cli.stage import START, TRADER, WALLET

OWNER = TRADER.address.lower()
OTHER = "0x" + "5a" * 20


def wallet(stage, address=TRADER.address):
    return stage["MockERC20"].call("balanceOf", bytes.fromhex(address[2:]))


@pytest.fixture
def account(stage):
    """20,000 USD."""
    made = stage.account(20_000)
    stage.refresh(START + 60)
    return made


@pytest.fixture
def short(stage, account):
    """And 5 ETH short, for so long that no premium is left to change from second to second."""
    stage.trade(account, ETH, -5 * LOT)
    stage.refresh(START + 600)
    return account


# ACCOUNTS


def test_create_account__yes__prints_its_number(stage, key, rows, ask):
    lines = rows("create-account", "--key", key, input="y\n")

    assert lines[0] == f"A new account for {OWNER}"
    assert "Account 4" in lines
    assert lines[-1].startswith("DerivativesEngine.createAccount: 0x")
    assert ask("position", "--account", 4)["owner"] == OWNER


def test_create_account__json__sends_with_yes_alone(key, ask, refused):
    assert ask("create-account", "--key", key) == {"owner": OWNER, "account": None, "sent": []}
    assert "there is no account 4" in refused("position", "--account", 4)

    answer = ask("create-account", "--key", key, "--yes")

    assert (answer["owner"], answer["account"], len(answer["sent"])) == (OWNER, 4, 1)


def test_create_account__not_confirmed__makes_none(key, run, refused):
    result = run("create-account", "--key", key, input="n\n")

    assert (result.exit_code, "nothing was sent" in result.stderr) == (2, True)
    assert "there is no account 4" in refused("position", "--account", 4)


# DEPOSIT


def test_deposit__yes__moves_it_with_an_exact_allowance(stage, account, key, rows):
    lines = rows("deposit", "--account", account, "--amount", "1000.50", "--key", key, input="y\n")

    assert "1000.5 USD into account 4" in lines
    assert f"Owner {OWNER}" in lines
    assert "Cash 20,000.00 USD, 21,000.50 afterwards" in lines
    assert any(line.startswith("token.approve: 0x") for line in lines)
    assert lines[-1].startswith("DerivativesEngine.deposit: 0x")
    assert wallet(stage) == (WALLET - 1_000) * RAW - RAW // 2
    engine = stage["DerivativesEngine"].address
    assert stage["MockERC20"].call("allowance", stage.trader.address, engine) == 0


@pytest.mark.parametrize(("allowed", "calls"), [(0, 2), (1, 3), (500 * RAW, 1)])
def test_deposit__an_allowance_there__is_used_or_replaced(stage, account, key, ask, allowed, calls):
    engine = stage["DerivativesEngine"].address
    stage.send_as_trader("MockERC20", "approve", engine, allowed)

    answer = ask("deposit", "--account", account, "--amount", "500", "--key", key, "--yes")

    assert len(answer["sent"]) == calls
    assert ask("position", "--account", account)["cash_usd"] == "20500"


def test_deposit__with_a_position__previews_its_liquidation_price(short, key, ask):
    """[PERP-26] Margin and liquidation price after the deposit are what was shown."""
    before = ask("position", "--account", short)
    answer = ask("deposit", "--account", short, "--amount", "2000", "--key", key, "--yes")

    after = ask("position", "--account", short)

    preview = answer["preview"]
    assert preview["cash_usd"] == after["cash_usd"], "PERP-26"
    assert preview["open"] == after["open"], "PERP-26"
    assert preview["liquidate"] == after["liquidate"], "PERP-26"
    price = after["positions"][0]["liquidation_price_usd"]
    assert preview["liquidation_prices_usd"] == {"ETH/USD": price}, "PERP-26"
    assert price != before["positions"][0]["liquidation_price_usd"]


def test_deposit__bad_input__is_one_line_with_the_fix(stage, account, key, run, refused):
    def line(amount, to=account):
        return refused("deposit", "--account", to, "--amount", amount, "--key", key, "--yes")

    assert "--amount: '0' is not above zero; write it like 1000.50" in line("0")
    assert "--amount: '-5' is not above zero" in line("-5")
    assert "--amount: 'ten' is not a number" in line("ten")
    assert "--amount: '0.0000001' has more than 6 decimals" in line("0.0000001")
    assert "--amount: the wallet holds 50000 USD; deposit less, or fill it first" in line("50000.1")
    assert "--amount: '1e60' is too large" in line("1e60")
    assert "--account: there is no account 5" in line("1", 5)
    assert "--account: account 0 is the protocol's: nobody could withdraw a deposit" in line("1", 0)
    assert wallet(stage) == WALLET * RAW
    assert (
        run("deposit", "--account", account, "--amount", "50000", "--key", key, "--yes").exit_code
        == 0
    )


# WITHDRAW


def test_withdraw__yes__pays_the_keys_wallet(stage, account, key, rows):
    lines = rows("withdraw", "--account", account, "--amount", "500.25", "--key", key, "--yes")

    assert "500.25 USD out of account 4" in lines
    assert f"Goes to {OWNER}" in lines
    assert "Cash 20,000.00 USD, 19,499.75 afterwards" in lines
    assert wallet(stage) == (WALLET + 500) * RAW + RAW // 4


def test_withdraw__all__leaves_initial_margin(short, key, ask):
    free = ask("position", "--account", short)["withdrawable_usd"]

    answer = ask("withdraw", "--account", short, "--amount", "all", "--key", key, "--yes")

    after = ask("position", "--account", short)
    assert answer["amount_usd"] == free
    assert after["withdrawable_usd"] == "0"
    assert answer["preview"]["open"] == after["open"]
    price = after["positions"][0]["liquidation_price_usd"]
    assert answer["preview"]["liquidation_prices_usd"] == {"ETH/USD": price}


def test_withdraw__to_another__pays_him(stage, account, key, ask):
    answer = ask(
        *("withdraw", "--account", account, "--amount", "7", "--key", key, "--yes"),
        *("--to", OTHER),
    )

    assert answer["to"] == OTHER
    assert wallet(stage, OTHER) == 7 * RAW


def test_withdraw__bad_input__is_one_line_with_the_fix(stage, short, key, run, refused):
    def line(amount, *more):
        asked = ("withdraw", "--account", short, "--amount", amount, "--key", key, "--yes")
        return refused(*asked, *more)

    assert "--amount: '0' is not above zero" in line("0")
    assert "--amount: equity would be 487." in line("19500")
    assert "--amount: account 4 has 19,992.50 USD of cash, 30,000.00 are asked for" in line("30000")
    assert "--to: '0x12' is no address; write 0x and 40 hex digits" in line("1", "--to", "0x12")
    wrong = TRADER.address[:-1] + TRADER.address[-1].swapcase()
    if wrong == TRADER.address:
        wrong = TRADER.address.replace("F", "f", 1)
    assert "has a wrong checksum; copy it again" in line("1", "--to", wrong)
    assert "--to: is the zero address, or the ledger itself" in line("1", "--to", "0x" + "00" * 20)
    assert "--account: there is no account 5" in line("1", "--account", 5)
    stage.send("MarketAdmin", "setPause", ETH, 8)
    assert "--market: is paused: WITHDRAW" in line("1")
    assert "--amount: nothing can be withdrawn from account 4; see" in line("all")
    stage.send("MarketAdmin", "setPause", ETH, 0)
    assert wallet(stage) == WALLET * RAW
    asked = ("withdraw", "--account", short, "--amount", "1", "--key", key, "--yes")
    assert run(*asked, "--to", TRADER.address).exit_code == 0


def test_withdraw__another_ones_account__is_refused(stage, account, run, refused, key, tmp_path):
    stranger = tmp_path / "stranger"
    stranger.write_text("09" * 32)
    stranger.chmod(0o600)
    asked = ("withdraw", "--account", account, "--amount", "1", "--yes", "--key")

    line = refused(*asked, stranger)

    assert "--key: is not the owner of account 4; use the owner's key" in line
    assert run(*asked, key).exit_code == 0
