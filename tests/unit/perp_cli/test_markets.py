"""`clearing perp markets`: what each market is and costs."""

from clearing.spec.oracle_types import PriceState
from tests.harness.perp import BTC, ETH, LIMIT, LOT, TRADE
from tests.unit.perp_cli.stage import HOUR, START


def test_markets__listed__are_rows_with_their_terms(rows):
    lines = rows("markets")

    assert lines[0].startswith("Block ")
    assert lines[0].endswith(" UTC")
    assert "ETH/USD (0) LIVE – NORMAL 3,000.00 3,000.00 0.000000 % 0.000000 % 0 ETH 0 ETH 0.00" in (
        lines
    )
    assert any(line.startswith("BTC/USD (1) LIVE – NORMAL 50,000.00") for line in lines)
    assert (
        "ETH/USD: initial margin 10 %, maintenance 6 %, taker fee 0.05 %, spread 0.01 %, "
        "least position 10 USD, funding every 3,600 s" in lines
    )


def test_markets__json__is_exact(stage, ask):
    account = stage.account(20_000)
    stage.trade(account, ETH, 5 * LOT)

    answer = ask("markets")
    eth, btc = answer["markets"]

    assert answer["time"] >= START
    assert (eth["market"], eth["name"], eth["status"]) == (ETH, "ETH/USD", "LIVE")
    assert (eth["mid_usd"], eth["open_lo_usd"], eth["open_hi_usd"]) == ("3000", "2999.7", "3000.3")
    assert (eth["open_interest"], eth["vault_size"]) == ("5", "-5")
    # 5 · 3,000.3 · 1.0001 · (1 + 5 / 200,000) = 15,003.37522500375 USD, 0.05 % of it, up
    assert eth["fees_usd"] == "7.501687612502"
    assert eth["feed_state"] == PriceState.NORMAL.name
    assert eth["trade"]["taker_fee"] == TRADE["takerFee"]
    assert eth["limit"]["max_oi"] == LIMIT["maxOi"]
    assert (btc["open_interest"], btc["fees_usd"]) == ("0", "0")


def test_markets__a_premium_held_for_an_hour__shows_its_rate(stage, ask):
    account = stage.account(50_000)
    listed = ask("markets")["markets"][ETH]["interval_began_at"]
    stage.refresh(START + 400)
    stage.trade(account, ETH, 100 * LOT)
    stage.refresh(START + HOUR + 60)

    eth, btc = ask("markets")["markets"]

    assert float(eth["funding_rate"]) > 0
    assert eth["funding_index_long_usd"] == eth["funding_index_short_usd"] != "0"
    assert eth["interval_began_at"] == listed + HOUR
    assert btc["funding_rate"] == "0"


def test_markets__paused__says_what(stage, rows, ask):
    stage.send("MarketAdmin", "setPause", BTC, 1 | 32)

    assert any(line.startswith("BTC/USD (1) LIVE OPEN FUNDING NORMAL") for line in rows("markets"))
    assert ask("markets")["markets"][BTC]["paused"] == ["OPEN", "FUNDING"]


def test_markets__address__stands_for_the_record(stage, ask):
    lens = "0x" + stage["PerpLens"].address.hex()

    assert len(ask("markets", "--network", "absent", "--address", lens)["markets"]) == 2


def test_markets__bad_input__is_one_line_with_the_fix(run, refused, stage):
    assert run("markets").exit_code == 0

    assert "absent.json" in refused("markets", "--network", "absent")
    assert "--address: '0x12' is no address; write 0x and 40 hex digits" in refused(
        "markets", "--address", "0x12"
    )
    assert "no contract stands at 0x1212" in refused("markets", "--address", "0x" + "12" * 20)
    assert "no answer to" in refused("markets", "--url", "http://127.0.0.1:1")
