"""`clearing perp open`: a preview, a question, a trade."""

import pytest
from eth_account import Account

from clearing.spec.perp_types import Purpose
from tests.harness.perp import BTC, ETH, FEES, LOT, VAULT, usd
from tests.unit.perp_cli.stage import HOUR, START

PRICE = "3000.622534500225333334"
"""1.5 · 3,000.3 · 1.0001 · (1 + 1.5 / 200,000) a unit, up."""


@pytest.fixture
def account(stage):
    made = stage.account(20_000)
    stage.refresh(START + 60)
    return made


@pytest.fixture
def order(account, key):
    """The options of a purchase of 1.5 ETH."""
    return (
        *("open", "--account", account, "--market", "ETH", "--size", "1.5"),
        *("--key", key),
    )


def held(stage, account, market=ETH):
    return stage["DerivativesEngine"].call("sizeOf", account, market)


def test_open__yes__trades_what_was_shown(stage, account, order, rows):
    lines = rows(*order, input="y\n")

    assert "Buy 1.5 ETH for account 4" in lines
    assert "Average price 3,000.62 USD, at most 3,015.63" in lines
    assert "Comes to 4,500.93 USD" in lines
    assert "Fee 2.25 USD" in lines
    assert "Position afterwards +1.5 ETH" in lines
    assert "Initial margin 449.96 of 19,996.37 USD" in lines
    assert "Maintenance margin 270.03 of 19,997.27 USD" in lines
    assert "Liquidation at –" in lines
    assert "Send it? [y/N]: y" in lines
    assert "Bought 1.5 ETH at 3,000.62 USD, fee 2.25 USD." in lines
    assert lines[-1].startswith("VaultModule.trade: 0x")
    assert held(stage, account) == 3 * LOT // 2


def test_open__json_with_yes__previews_exactly_what_is_done(stage, account, order, ask):
    """[PERP-26] The preview's cash, margin and liquidation price are the position's."""
    answer = ask(*order, "--yes")
    preview, done = answer["preview"], answer["done"]
    after = ask("position", "--account", account)

    assert done["average_price_usd"] == preview["average_price_usd"] == PRICE
    assert (done["quote_usd"], done["fee_usd"]) == (preview["quote_usd"], preview["fee_usd"])
    assert (done["size"], preview["size"]) == ("1.5", "1.5")
    assert after["cash_usd"] == preview["cash_usd"], "PERP-26"
    assert after["open"] == preview["open"], "PERP-26"
    assert after["liquidate"] == preview["liquidate"], "PERP-26"
    (position,) = after["positions"]
    assert position["liquidation_price_usd"] == preview["liquidation_price_usd"]
    (sent,) = answer["sent"]
    assert sent["call"] == "VaultModule.trade"
    receipt = stage.anvil.node.request("eth_getTransactionReceipt", [sent["hash"]])
    assert int(receipt["status"], 16) == 1


def test_open__json_alone__only_previews(stage, account, order, ask):
    answer = ask(*order)

    assert answer["preview"]["average_price_usd"] == PRICE
    # half a percent above, up
    assert answer["limit_price_usd"] == "3015.625647172726460001"
    assert answer["deadline"] == answer["time"] + 120
    assert (answer["sent"], answer["done"]) == ([], None)
    assert held(stage, account) == 0


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_open__not_confirmed__sends_nothing(stage, account, order, run, answer):
    result = run(*order, input=answer)

    assert result.exit_code == 2
    assert "Average price" in result.stdout
    assert "--yes: not confirmed, nothing was sent; answer y, or add it" in result.stderr
    assert held(stage, account) == 0
    assert run(*order, input="y\n").exit_code == 0


def test_open__a_short__sells_at_the_lower_edge(stage, account, key, ask):
    answer = ask(
        *("open", "--account", account, "--market", 0, "--size", "-2", "--key", key, "--yes"),
        *("--max-slippage", "1%"),
    )

    # 2,999.7 · 0.9999 · (1 - 2 / 200,000), and a hundredth less, down
    assert answer["done"]["average_price_usd"] == "2999.3700359997"
    assert answer["limit_price_usd"] == "2969.376335639703"
    assert held(stage, account) == -2 * LOT
    assert answer["preview"]["liquidation_price_usd"] is not None


def test_open__limit_price__is_what_the_vault_is_given(account, order, ask):
    answer = ask(*order, "--limit-price", "3000.7", "--deadline", "30")

    assert answer["limit_price_usd"] == "3000.7"
    assert answer["deadline"] == answer["time"] + 30


def test_open__a_price_that_moves_before_it_is_sent__is_refused(
    stage, account, order, run, monkeypatch
):
    """Between the preview and the answer the price rises by two percent."""

    def meanwhile(*_, **__):
        stage.refresh(START + HOUR, (3_060 * 10**8, 50_000 * 10**8))
        return True

    monkeypatch.setattr("clearing.perp.asking.typer.confirm", meanwhile)

    result = run(*order, "--deadline", 2 * HOUR)

    assert result.exit_code == 2
    assert "--max-slippage: the price moved beyond the limit; look again" in result.stderr
    assert held(stage, account) == 0
    assert run(*order, "--yes").exit_code == 0


def test_open__too_late__is_refused(stage, account, order, run, monkeypatch):
    def meanwhile(*_, **__):
        stage.refresh(START + HOUR)
        return True

    monkeypatch.setattr("clearing.perp.asking.typer.confirm", meanwhile)

    result = run(*order)

    assert "--deadline: was over before the transaction ran; allow more seconds" in result.stderr
    assert held(stage, account) == 0


def test_open__a_session_key__may_trade(stage, account, order, refused, run, tmp_path):
    other = tmp_path / "session"
    other.write_text("09" * 32)
    other.chmod(0o600)
    asked = (*order[:-1], other)
    assert "is neither the owner nor a session key of account 4" in refused(*asked, "--yes")

    session = bytes.fromhex(Account.from_key("0x" + "09" * 32).address[2:])
    stage.anvil.give_ether("0x" + session.hex(), 10**18)
    stage.send_as_trader("DerivativesEngine", "setSession", account, session, START + 10**6)

    assert run(*asked, "--yes").exit_code == 0
    assert held(stage, account) == 3 * LOT // 2


# REFUSALS: each is one line that names the option and the fix, and nothing is sent


@pytest.fixture
def wrong(order, run, refused, stage, account):
    """Refuse the order with some options replaced; as it is, it passes."""
    with_yes = (*map(str, order), "--yes")

    def refusing(**replaced):
        asked = list(with_yes)
        for name, value in replaced.items():
            option = "--" + name.replace("_", "-")
            if option in asked:
                asked[asked.index(option) + 1] = str(value)
            else:
                asked += [option, str(value)]
        line = refused(*asked)
        assert held(stage, account) == held(stage, account, BTC) == 0
        return line

    yield refusing
    assert run(*with_yes).exit_code == 0


@pytest.mark.parametrize(
    ("size", "line"),
    [
        ("0", "--size: is zero; write how much, such as 1.5 to buy, -1.5 to sell"),
        ("much", "--size: 'much' is not a number; write it in digits such as 1234.56"),
        ("1,5", "--size: '1,5' is not a number"),
        ("", "--size: is empty"),
        ("0.000000001", "--size: '0.000000001' has more than 8 decimals; round it to 8 decimals"),
        ("1e14", "--size: '1e14' is too large; the greatest is 23611832414348.22606847"),
        ("0.001", "--size: a position of 3.00 USD would be left, which is below the least one"),
        ("100", "--size: equity would be 19,"),
        ("20000", "--size: the vault would stand against 20000 ETH, at most 10000; make it"),
    ],
)
def test_open__bad_size__is_refused(wrong, size, line):
    assert line in wrong(size=size)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("market", "DOGE", "--market: 'DOGE' is no market; write one of ETH/USD (0), BTC/USD (1)"),
        ("market", "2", "--market: '2' is no market"),
        ("max_slippage", "0.5", "--max-slippage: '0.5' has no percent sign; write it like 0.5%"),
        ("max_slippage", "100%", "--max-slippage: '100%' is not within 0 and 100 %"),
        ("max_slippage", "-1%", "--max-slippage: '-1%' is not within 0 and 100 %"),
        ("max_slippage", "x%", "--max-slippage: 'x' is not a number"),
        ("limit_price", "0", "--limit-price: '0' is not above zero; write it like 3000.25"),
        ("limit_price", "3000", f"--limit-price: the vault asks {PRICE} USD, the limit is 3000;"),
        ("deadline", "0", "--deadline"),
        ("deadline", "soon", "--deadline"),
        ("account", "9", "--account: there is no account 9"),
        ("account", "0", "--account: account 0 is the protocol's; write one of your own"),
    ],
)
def test_open__bad_option__is_refused(wrong, name, value, line):
    assert line in wrong(**{name: value})


def test_open__both_bounds__are_refused(wrong):
    assert "--limit-price: and --max-slippage are both given; give one of them" in wrong(
        limit_price="4000", max_slippage="1%"
    )


def test_open__paused__is_told(stage, wrong):
    stage.send("MarketAdmin", "setPause", ETH, 1)

    line = wrong()

    assert "--market: is paused: OPEN; wait until the pause is over" in line
    stage.send("MarketAdmin", "setPause", ETH, 0)


def test_open__the_guardians_pause__is_told(stage, wrong):
    now = stage.anvil.now
    stage.send("DerivativesEngine", "pauseAll", 1, now + HOUR)

    line = wrong()

    assert "--market: is paused: OPEN; wait until the pause is over" in line
    stage.send("DerivativesEngine", "liftGuardianPause")


def test_open__a_feed_without_a_price__is_told(stage, wrong):
    stage.anvil.travel(HOUR)

    line = wrong()

    assert "--market: its feed is FROZEN; see clearing oracle status" in line
    stage.refresh(stage.anvil.now + 1)


def test_open__a_vault_below_zero__is_told(stage, wrong):
    stage.trade(stage.account(20_000), BTC, LOT)
    (worth, *_) = stage["DerivativesEngine"].call("healthOf", VAULT, Purpose.LIQUIDATE)
    stage.move_cash(VAULT, FEES, worth + usd(1_050))

    line = wrong()

    assert "--market: does not trade: the vault is worth -1,0" in line
    assert "wait until a keeper has absorbed its loss" in line
    stage.move_cash(FEES, VAULT, usd(100_000))


def test_open__a_position_there__names_the_other_commands(stage, account, order, run, refused):
    assert run(*order, "--yes").exit_code == 0

    line = refused(*order, "--yes")

    assert "--market: account 4 holds +1.5 ETH already; use modify, or close" in line
    assert held(stage, account) == 3 * LOT // 2
