"""`clearing perp funding`: what each interval charged.

100 ETH bought when nothing was: a sample of K / S = 0.001 that counts whole, so half of it is the
average, which fades over 300 s: r = 0.0005 · 150 s / 3,600 s / 24 = 8.68055... e-7 of the index. An
hour later 100 more: 0.002, twice as much.
"""

import pytest
from matplotlib.image import imread

from clearing.chain.errors import NodeRefusedError
from clearing.perp.client import Perp
from clearing.perp.funding_history import Span, charges_in
from tests.harness.perp import BTC, ETH, LOT
from tests.unit.perp_cli.stage import HOUR, START

RATES = ("0.000000868055", "0.000001736111")
# 3,000 · r, truncated to 1e-12
PAID = ("0.002604166666", "0.005208333333")
SUM = "0.007812499999"


@pytest.fixture
def two_hours(stage):
    """Two intervals charged, and one with nothing to charge but not written down yet."""
    account = stage.account(100_000)
    for hour in range(2):
        stage.refresh(START + hour * HOUR + 900)
        stage.trade(account, ETH, 100 * LOT)
        stage.refresh(START + (hour + 1) * HOUR + 60)
        stage.send("DerivativesEngine", "tickFunding", ETH)
    return account


def test_funding__json__is_exact(stage, two_hours, ask):
    answer = ask("funding", "--market", "ETH")
    first, second = answer["charges"]

    assert (answer["name"], answer["interval_s"]) == ("ETH/USD", HOUR)
    assert (first["rate"], second["rate"]) == RATES
    assert (first["intervals"], second["intervals"]) == (1, 1)
    assert first["index_long_usd"] == first["index_short_usd"] == PAID[0]
    assert (first["paid_usd"], second["paid_usd"]) == (None, PAID[1])
    assert second["index_long_usd"] == answer["now"]["index_long_usd"] == SUM
    assert START + HOUR + 60 <= first["time"] < second["time"] < START + 2 * HOUR + 120
    assert answer["to_block"] == answer["block"] == second["block"]


def test_funding__for_people__are_rows_and_what_is_due(stage, two_hours, rows):
    stage.refresh(START + 2 * HOUR + 900)
    stage.trade(two_hours, ETH, -300 * LOT)
    stage.refresh(START + 3 * HOUR + 60)

    lines = rows("funding", "--market", "0")

    # 8,760 hours a year
    assert any(
        line.startswith("2033-05-18 04:34") and f"1 0.000087 % 0.76 % – {PAID[0]} {PAID[0]}" in line
        for line in lines
    )
    assert any(f"1 0.000174 % 1.52 % +{PAID[1]} {SUM} {SUM}" in line for line in lines)
    # net 100 short: -0.001, as much as the first hour's, and the other way round
    assert lines[-1] == (
        f"Now the index of longs is {PAID[1]}, -0.002604166666 of it due; longs pay where it rises."
    )


def test_funding__nothing_charged__says_so(two_hours, rows, ask):
    assert "Nothing was charged in these blocks." in rows("funding", "--market", "BTC")
    assert ask("funding", "--market", "BTC")["charges"] == []


def test_funding__blocks__bound_what_is_read(two_hours, ask):
    first, second = ask("funding", "--market", "ETH")["charges"]

    def blocks(*options):
        charges = ask("funding", "--market", "ETH", *options)["charges"]
        return [charge["block"] for charge in charges]

    assert blocks("--from-block", 0) == [first["block"], second["block"]]
    assert blocks("--from-block", first["block"] + 1) == [second["block"]]
    assert blocks("--to-block", second["block"] - 1) == [first["block"]]
    assert blocks("--from-block", 0, "--to-block", first["block"] - 1) == []


def test_funding__days__begin_at_the_first_block_of_that_time(stage, two_hours, ask):
    first, second = ask("funding", "--market", "ETH")["charges"]
    day = 86_400
    stage.anvil.travel_to(first["time"] + day)
    assert [c["block"] for c in ask("funding", "--market", "ETH", "--days", 1)["charges"]] == [
        first["block"],
        second["block"],
    ]

    stage.anvil.travel_to(first["time"] + day + 1)

    answer = ask("funding", "--market", "ETH", "--days", 1)
    assert [c["block"] for c in answer["charges"]] == [second["block"]]
    assert answer["from_block"] > first["block"]


class Narrow:
    """A node that answers for few blocks at once, and says how wide it was asked."""

    def __init__(self, node, widest):
        self.node = node
        self.widest = widest
        self.asked = []

    def request(self, method, params):
        if method == "eth_getLogs":
            first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
            self.asked.append((first, last))
            if last - first >= self.widest:
                raise NodeRefusedError(method, -32_000, "range too wide")
        return self.node.request(method, params)


@pytest.mark.parametrize("widest", [1, 5, 7])
def test_charges_in__a_node_with_a_limit__is_asked_for_less(stage, two_hours, ask, widest):
    head = ask("funding", "--market", "ETH")["block"]
    lens = stage["PerpLens"].address
    whole = charges_in(Perp(stage.anvil.node, lens, hex(head), stage.anvil.now), ETH, Span(0, head))
    node = Narrow(stage.anvil.node, widest)

    pieces = charges_in(Perp(node, lens, hex(head), stage.anvil.now), ETH, Span(0, head))

    assert pieces == whole
    assert len(whole) == 2
    answered = [(a, b) for a, b in node.asked if b - a < widest]
    assert [block for a, b in answered for block in range(a, b + 1)] == list(range(head + 1))


def test_charges_in__a_node_that_answers_nothing__is_told(stage, two_hours):
    node = Narrow(stage.anvil.node, 0)
    swaps = Perp(node, stage["PerpLens"].address, hex(20), stage.anvil.now)
    assert (
        charges_in(Perp(stage.anvil.node, swaps.lens_address, hex(20), 0), BTC, Span(0, 20)) == ()
    )

    with pytest.raises(NodeRefusedError):
        charges_in(swaps, BTC, Span(0, 20))


def test_funding__plot__draws_rate_and_index(two_hours, run, tmp_path):
    path = tmp_path / "funding.png"

    result = run("funding", "--market", "ETH", "--plot", path)

    assert result.exit_code == 0, result.stderr
    picture = (imread(path)[:, :, :3] * 255).round().astype(int)
    assert picture.shape == (600, 1_200, 3)
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert {(0x1F, 0x5F, 0xBF), (0xD1, 0x73, 0x1A)} <= colours


def test_funding__bad_input__is_one_line_with_the_fix(stage, two_hours, run, refused, tmp_path):
    def line(*options):
        return refused("funding", "--market", "ETH", *options)

    assert run("funding", "--market", "ETH").exit_code == 0
    head = stage.anvil.node.request("eth_blockNumber", [])
    newest = int(head, 16)

    assert f"--to-block: block {newest + 1} is not there yet; the newest is {newest}" in line(
        "--to-block", newest + 1
    )
    assert "--from-block: 9 is after 8; write an earlier one" in line(
        "--from-block", 9, "--to-block", 8
    )
    assert "--days" in line("--days", 0)
    assert "--from-block" in line("--from-block", "-1")
    assert "--market: 'X' is no market" in refused("funding", "--market", "X")
    absent = tmp_path / "absent" / "x.png"
    assert "no such file or directory; give a path that can be written" in line("--plot", absent)
    assert "--plot: nothing was charged in these blocks; read more" in line(
        "--plot", tmp_path / "x.png", "--to-block", 5
    )
