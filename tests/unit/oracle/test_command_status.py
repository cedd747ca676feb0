"""`clearing oracle status` on an embedded chain: what each feed says, what is blocked by what."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from eth_abi.abi import encode
from eth_account import Account
from typer.testing import CliRunner

from clearing.chain import deployment
from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.contract import Contract
from clearing.chain.deploy import Deployer
from clearing.chain.deployment import Deployment, chain_key_of
from clearing.chain.sender import Sender
from clearing.cli import app
from clearing.spec.units import Address
from tests.harness.prices import E8, FEED, PARAMS

START = 2_000_000_000
PYTH_ID = b"\xf0" * 32
NAME = "ETH / USD"
UPDATE = "(bytes32,int64,uint64,int32,uint64,uint64,int64,uint64)[]"
SINCE_S = 10**6
ACCOUNT = Account.from_key((7).to_bytes(32, "big"))


@dataclass(frozen=True)
class Stage:
    """One feed on one chain; the sender is deployer, timelock and guardian at once."""

    anvil: Anvil
    sender: Sender
    oracle: Contract
    aggregator: Contract
    pyth: Contract
    sequencer: Contract
    made: Deployment

    def send(self, contract: Contract, method: str, *args: object) -> None:
        self.sender.send(contract.transact(method, *args))

    def at(self, time: int) -> None:
        self.anvil.node.request("evm_setNextBlockTimestamp", [time])

    def answer(self, cents: int, time: int) -> None:
        """Let Chainlink and Pyth say a price as of a time."""
        price = cents * E8 // 100
        self.send(self.aggregator, "transmitAt", price, time, time)
        update = (PYTH_ID, price, E8 // 2, -8, time, time - 1, price, E8 // 2)
        self.send(self.pyth, "updatePriceFeeds", [encode([UPDATE], [[update]])])


@pytest.fixture(scope="module")
def deployed():
    with run_anvil() as anvil:
        anvil.give_ether(ACCOUNT.address, 10**21)
        sender = Sender(anvil.node, ACCOUNT)
        maker = Deployer(anvil.node, sender, 31_337)
        owner = Address(bytes.fromhex(ACCOUNT.address[2:]))

        def make(role: str, *args: object) -> Contract:
            return Contract(anvil.node, role, maker.create(role, role, *args))

        aggregator = make("MockAggregator", 8, NAME)
        pyth = make("MockPyth", 0, 0)
        sequencer = make("MockSequencerFeed", START - SINCE_S)
        oracle = make("PriceOracle", pyth.address, owner, owner)
        made = Deployment("local", chain_key_of(anvil.node), dict(maker.made), {})
        stage = Stage(anvil, sender, oracle, aggregator, pyth, sequencer, made)
        stage.at(START)
        stage.answer(3_000_00, START)
        limits = tuple(getattr(PARAMS, name) for name in PARAMS.__slots__)
        sources = (aggregator.address, 8, PYTH_ID, sequencer.address)
        stage.send(oracle, "addFeed", FEED, sources, limits, NAME)
        yield stage


@pytest.fixture
def stage(deployed):
    """The named state, restored afterwards: a NORMAL feed at START."""
    snapshot = deployed.anvil.snapshot()
    # a new sender: the old one knows nonces that were undone
    yield replace(deployed, sender=Sender(deployed.anvil.node, ACCOUNT))
    deployed.anvil.revert(snapshot)


@pytest.fixture
def run(stage, tmp_path, monkeypatch):
    """Run the command against the embedded chain, whose record it finds."""
    path = tmp_path / "local.json"
    stage.made.write(path)
    monkeypatch.setattr(deployment, "registry_path", path.with_stem)
    url = stage.anvil.node.url
    return lambda *args: CliRunner().invoke(app, ["oracle", "status", "--url", url, *args])


def only_feed(run):
    (feed,) = json.loads(run("--json").stdout)["feeds"]
    return feed


def assert_one_line(result, line):
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert line in result.stderr


def test_status__live_feed__is_a_row(stage, run):
    stage.anvil.travel_to(START + 60)

    result = run()

    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert any(
        line.startswith("ETH/USD NORMAL – 3,000.00 2,999.50 3,000.50 OK (60 s) OK (60 s) UP (11 d)")
        for line in lines
    )
    assert (
        "ETH/USD: NORMAL: both sources agree; 0 bps apart; Chainlink OK (60 s); Pyth OK (60 s)"
        in lines
    )
    assert not any("is blocked" in line for line in lines)


def test_status__json__is_exact(stage, run):
    stage.anvil.travel_to(START + 60)

    feed = only_feed(run)

    assert (feed["feed"], feed["state"], feed["gates"]) == ("ETH/USD", "NORMAL", [])
    assert (feed["lo_usd"], feed["mid_usd"], feed["hi_usd"]) == ("2999.5", "3000", "3000.5")
    assert feed["pyth"] == {
        "grade": "OK",
        "usd": "3000",
        "conf_usd": "0.5",
        "published_at": START,
        "opens": False,
    }
    assert feed["ring"] == {"is_fit": False, "count": 1, "twap_usd": "0"}
    assert feed["last_good"]["usd"] == "3000"
    assert feed["latch"] is None
    assert feed["blocked"] == {}


def test_status__old_sources__say_what_is_blocked(stage, run):
    stage.anvil.travel_to(START + 1_600)

    feed = only_feed(run)

    assert feed["state"] == "FROZEN"
    assert (
        feed["why"] == "nothing usable; 0 bps apart; Chainlink STALE (26 min); Pyth STALE (26 min)"
    )
    assert feed["blocked"] == {
        action: ["FROZEN"]
        for action in ("OPEN", "CLOSE", "WITHDRAW", "LIQUIDATE", "FUNDING", "TWAP_RECORD")
    }
    assert "LIQUIDATE is blocked by FROZEN" in run().stdout


def test_status__sequencer_flapped__counts_the_grace_down(stage, run):
    stage.at(START + 10)
    stage.send(stage.sequencer, "report", True, START + 10)
    stage.at(START + 20)
    stage.send(stage.sequencer, "report", False, START + 20)
    stage.anvil.travel_to(START + 50)

    feed = only_feed(run)

    assert feed["gates"] == ["SEQ_GRACE", "SEQ_GRACE_OPEN"]
    assert feed["blocked"]["LIQUIDATE"] == ["SEQ_GRACE (4 min left)"]
    assert feed["blocked"]["OPEN"] == ["SEQ_GRACE_OPEN (59 min left)"]
    assert "CLOSE" not in feed["blocked"]


def test_status__latched__tells_the_trip(stage, run):
    stage.at(START + 100)
    stage.send(stage.aggregator, "transmitAt", 4_000 * E8, START + 100, START + 100)
    stage.send(stage.oracle, "poke", FEED)
    stage.anvil.travel_to(START + 200)

    feed = only_feed(run)

    assert (feed["state"], feed["latch"]) == ("TRIPPED", "JUMP")
    assert "latched by JUMP" in run().stdout
    assert feed["blocked"]["CLOSE"] == ["TRIPPED"]


def test_status__paused__tells_until_when(stage, run):
    stage.at(START + 10)
    stage.send(stage.oracle, "pause", FEED, START + 100)
    stage.anvil.travel_to(START + 60)

    feed = only_feed(run)

    assert feed["gates"] == ["PAUSED"]
    assert feed["blocked"]["CLOSE"] == ["PAUSED (40 s left)"]


def test_status__address__stands_for_the_record(stage, run):
    address = "0x" + stage.oracle.address.hex()

    report = json.loads(run("--network", "absent", "--address", address, "--json").stdout)

    assert report["oracle"] == address


def test_status__bad_input__is_one_line_with_the_fix(stage, run):
    assert run().exit_code == 0

    assert_one_line(run("--network", "absent"), "absent.json")
    assert_one_line(run("--address", "0x12"), "'0x12' is no address; write 0x and 40 hex digits")
    assert_one_line(
        run("--address", "0x" + "12" * 20), f"no contract stands at 0x{'12' * 20}: check"
    )
    assert_one_line(run("--url", "http://127.0.0.1:1"), "no answer to")


def test_status__record_without_an_oracle__is_told(stage, run, tmp_path):
    without = {role: made for role, made in stage.made.contracts.items() if role != "PriceOracle"}
    Deployment("local", stage.made.chain, without, {}).write(tmp_path / "local.json")

    assert_one_line(run(), "records no PriceOracle on this chain: deploy it, or give --address")
