"""`clearing perp leave`: out of a market that has ended, and the gain when everybody is out."""

from itertools import count

import pytest

from clearing.chain.contract import Contract
from clearing.chain.deploy import Deployer
from clearing.perp.ending import LeavePlan, Left
from clearing.perp.ending_views import left_view
from clearing.spec.perp_types import BACKSTOP, Kind, Role
from tests.harness.perp import BTC, ETH, LOT, usd
from tests.unit.perp_cli.stage import HOUR, MAKER, START

DAY = 24 * HOUR
PRICES = (3_030, 3_060, 3_090)


@pytest.fixture
def ending(stage):
    """The module that ends markets, named by the engine."""
    node = stage.anvil.node
    made = Deployer(node, stage.sender, 31_337).create(
        "SettlementModule", "SettlementModule", stage["DerivativesEngine"].address
    )
    stage.send("DerivativesEngine", "setModule", Role.SETTLEMENT, made)
    return Contract(node, "SettlementModule", made)


@pytest.fixture
def long(stage, ending):
    """20,000 USD, 2 ETH long."""
    made = stage.account(20_000)
    stage.refresh(START + 60)
    stage.trade(made, ETH, 2 * LOT)
    return made


@pytest.fixture
def short(stage, long):
    """20,000 USD, 1 ETH short."""
    made = stage.account(20_000)
    stage.trade(made, ETH, -LOT)
    return made


@pytest.fixture
def end(stage, ending):
    """Let ETH end at 3,090 USD."""

    def ends(btc=50_000):
        stage.sender.send(ending.transact("windDown", ETH))
        times = count(START + DAY, HOUR)
        for price in (*PRICES, PRICES[-1]):
            stage.refresh(next(times), (price * 10**8, btc * 10**8))
        stage.sender.send(ending.transact("settle", ETH))

    return ends


@pytest.fixture
def leave(key):
    return lambda account, market="ETH": (
        "leave",
        "--account",
        account,
        "--market",
        market,
        "--key",
        key,
    )


def absorbed(stage, account):
    """Let the backstop take an account's position over, as an absorption does."""
    node, engine = stage.anvil.node, stage["DerivativesEngine"]
    made = Deployer(node, stage.sender, 31_337).create("module", "HostileAccount")
    stage.send("DerivativesEngine", "setModule", Role.RESOLUTION, made)
    size = engine.call("sizeOf", account, ETH)
    quote = PRICES[-1] * size * 10**4
    legs = [(account, -size, quote, 0, 0, False), (BACKSTOP, size, -quote, 0, 0, False)]
    calls = (("enter",), ("book", ETH, legs, (0, 0), Kind.RESOLUTION), ("exit",))
    inner = [engine.transact(*each) for each in calls]
    whole = [(each.to, 0, each.data) for each in inner]
    stage.sender.send(Contract(node, "HostileAccount", made).transact("execute", whole))


def test_leave__the_last__is_closed_then_paid(long, end, leave, ask):
    """The average fee and half the spread are in the price he opened at."""
    end()

    closed = ask(*leave(long), "--yes")
    paid = ask(*leave(long), "--yes")

    assert closed["size"] == "2"
    assert closed["settled_at_usd"] == "3090"
    gain = closed["left"]["claim_usd"]
    assert 170 < float(gain) < 180
    assert gain == closed["profit_usd"] == closed["left"]["profit_usd"] == paid["claim_usd"]
    assert paid["left"]["paid_usd"] == gain
    assert [call["call"] for call in closed["sent"]] == ["SettlementModule.closeAt"]
    assert [call["call"] for call in paid["sent"]] == ["SettlementModule.payClaims"]
    after = ask("position", "--account", long)
    assert after["positions"] == []


def test_leave__others_are_in__the_gain_waits_until_they_left(
    long, short, end, leave, rows, refused
):
    end()

    (said,) = [line for line in rows(*leave(long), "--yes") if line.startswith("Closed")]
    early = refused(*leave(long), "--yes")
    lost = rows(*leave(short), "--yes")
    (paid,) = [line for line in rows(*leave(long), "--yes") if line.startswith("Paid")]

    gain = said.removeprefix("Closed. Its gain of ").partition(" USD")[0]
    assert said.endswith("is paid when everybody is out: leave again.")
    assert early == (
        f"clearing: --market: {gain} USD are paid when everybody is out: 2 ETH are open; "
        "try again later; anybody may let others leave\n"
    )
    assert any(line.startswith("Closed. Lost 9") for line in lost)
    assert paid == f"Paid {gain} USD."


def test_leave__the_last_was_absorbed__makes_the_market_final(
    stage, long, short, ending, end, leave, ask
):
    end()
    ask(*leave(long), "--yes")
    absorbed(stage, short)
    assert ending.call("settlementOf", ETH)[2] == 0

    paid = ask(*leave(long), "--yes")

    told = [call["call"] for call in paid["sent"]]
    assert told == ["SettlementModule.finalise", "SettlementModule.payClaims"]
    assert paid["left"]["paid_usd"] == paid["claim_usd"]


def test_leave__somebody_was_faster__says_so(stage, long, ending, end, leave, run, monkeypatch):
    end()

    def meanwhile(*_, **__):
        stage.sender.send(ending.transact("closeAt", ETH, [long]))
        return True

    monkeypatch.setattr("clearing.perp.asking.typer.confirm", meanwhile)

    assert "Somebody else did it meanwhile" in run(*leave(long)).stdout


def test_leave__by_a_stranger__is_as_good(long, end, leave, ask, tmp_path):
    """The cash stays in the account."""
    end()
    path = tmp_path / "stranger"
    path.write_text("0x" + bytes(MAKER.key).hex() + "\n")
    path.chmod(0o600)

    left = ask(*leave(long)[:-1], path, "--yes")["left"]

    assert float(left["claim_usd"]) > 0


def test_leave__its_gain_is_margin_elsewhere__says_until_when_it_waits(
    stage, long, end, leave, rows
):
    """190,000 USD of BTC ask for 19,000, and have lost 1 %."""
    stage.trade(long, BTC, 38 * LOT // 10)
    end(btc=49_500)

    (said,) = [line for line in rows(*leave(long), "--yes") if line.startswith("Not closed")]

    assert "need the gain as margin" in said
    assert stage["DerivativesEngine"].call("sizeOf", long, ETH) == 2 * LOT


def test_leave__without_yes__only_shows(stage, long, end, leave, ask, refused):
    end()

    shown = ask(*leave(long))
    said = refused(*leave(long), input="n\n")

    assert (shown["sent"], shown["left"], shown["size"]) == ([], None, "2")
    assert said == "clearing: --yes: not confirmed, nothing was sent; answer y, or add it\n"
    assert stage["DerivativesEngine"].call("sizeOf", long, ETH) == 2 * LOT


def test_leave__market_that_goes_on__is_refused_and_closing_the_ended_one_too(
    stage, long, end, leave, key, refused
):
    before = refused(*leave(long), "--yes")
    end()
    closing = refused("close", "--account", long, "--market", "ETH", "--key", key, "--yes")
    protocol = refused(*leave(0), "--yes")
    empty = stage.account(0)
    nothing = refused(*leave(empty), "--yes")

    assert before == "clearing: --market: is LIVE, not SETTLED; use close\n"
    assert "is SETTLED, not LIVE; use leave" in closing
    assert "account 0 is the protocol's" in protocol
    assert f"account {empty} has no position and no claim in ETH/USD" in nothing


@pytest.mark.parametrize(
    ("size", "left", "said"),
    [
        (2, Left(profit=-usd(180)), "Closed. Lost 180.00 USD."),
        (2, Left(profit=-usd(180), debt=usd(50)), "Closed. Lost 180.00 USD. The market owes 50.00"),
        (2, Left(profit=usd(180), claim=0), "Closed. Won 180.00 USD."),
        (0, Left(paid=usd(10), kept=usd(3)), "Paid 10.00 USD; 3.00 USD went to insurance, which"),
    ],
)
def test_left_view__each_end__is_said(size, left, said):
    plan = LeavePlan(4, None, size, 0, 0, ())
    assert str(left_view(plan, left)).startswith(said)
