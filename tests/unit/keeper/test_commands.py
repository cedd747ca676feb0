"""`clearing keeper …`: a configuration, four jobs in one process, status, snapshot, replay."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from eth_account import Account
from prometheus_client import generate_latest
from typer.testing import CliRunner

from clearing.chain.errors import ChainError
from clearing.clearport.errors import ConfigError
from clearing.keeper import silverback
from clearing.keeper.build import build, endpoints_of
from clearing.keeper.config import Config, read_config
from clearing.keeper.errors import StandStillError, StoreHeldError
from clearing.keeper.meters import Meters
from clearing.keeper.metrics import registry_of
from clearing.keeper.path import PathError, _priced, read_path, read_recorded, replay
from clearing.keeper.plan import Costs, PlanPolicy
from clearing.keeper.scan import brute_force
from clearing.keeper.store import Store
from clearing.keeper.supervisor import Running, Supervisor, read_status
from tests.harness.kept_log import KeptLog
from tests.unit.keeper.rig import KEEPER, RIVAL, SETTLER

EXAMPLE = Path(__file__).parents[3] / "deployments" / "examples" / "keeper.toml"
PASSPHRASE = "of the tests"
LIGHT = {"kdf": "scrypt", "iterations": 2}


def keystore(folder, name, key):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(Account.encrypt(key.key, PASSPHRASE, **LIGHT)))
    path.chmod(0o600)
    (folder / "passphrase").write_text(PASSPHRASE)
    (folder / "passphrase").chmod(0o600)


@pytest.fixture
def config_file(rig):
    """The example's file, with this chain's addresses and keys."""
    keys = {"liquidation": KEEPER, "funding": RIVAL, "settlement": SETTLER}
    for name, key in keys.items():
        keystore(rig.folder, name, key)
    lines = [
        "[chain]",
        f'urls = ["{rig.stage.url}"]',
        "chain_id = 31337",
        f'lens = "0x{rig.stage["PerpLens"].address.hex()}"',
        f"max_age_s = {3_600}",
        "[standby]",
        "[metrics]",
        "port = 0",
    ]
    tables = {
        "liquidation": f"liquidator = {rig.liquidators[KEEPER.address]}",
        "funding": "",
        "settlement": 'folder = "groups"',
    }
    for name, more in tables.items():
        lines += [f"[{name}]", more, f"[{name}.account]"]
        lines += [f'file = "{name}.json"', 'passphrase_file = "passphrase"']
    path = rig.folder / "keeper.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_example__is_read_and_names_every_field():
    config = read_config(EXAMPLE)
    said = tomllib.loads(EXAMPLE.read_text("utf-8"))

    for name in ("chain", "gas", "standby", "liquidation", "funding", "oracle", "metrics"):
        table = getattr(config, name)
        optional = {"lens", "deployment", "service", "api_key_file"}
        assert set(type(table).model_fields) - set(said[name]) <= optional, name
    assert set(Config.model_fields) - set(said) == {"folder"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("chain_id = 11155420", 'chain_id = "x"', "chain.chain_id"),
        ('network = "optimism-sepolia"', "", "give one of lens, network and deployment"),
        ("liquidator = 12", "liquidator = 3", "liquidation.liquidator"),
        ("poll_s = 0.5", "poll_s = 0.5\npoll = 1", "chain.poll"),
        ("[funding.account]", "[funding.account]\nkey = 1", "funding.account"),
    ],
)
def test_read_config__a_field_is_wrong__is_named(tmp_path, old, new, why):
    text = EXAMPLE.read_text("utf-8")
    assert old in text
    path = tmp_path / "keeper.toml"
    path.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(ConfigError, match=why):
        read_config(path)


def test_build__two_jobs_have_one_key__is_refused(rig, config_file):
    keystore(rig.folder, "funding", KEEPER)

    with (
        pytest.raises(ConfigError, match="another job sends from this account"),
        build(read_config(config_file), ["liquidation", "funding"], KeptLog(), is_standby=False),
    ):
        pass


def test_build__the_liquidator_is_not_the_signers__is_refused(rig, config_file):
    keystore(rig.folder, "liquidation", RIVAL)

    with (
        pytest.raises(ConfigError, match="is not owned by"),
        build(read_config(config_file), ["liquidation"], KeptLog(), is_standby=False),
    ):
        pass


def test_run__three_jobs_in_one_process__each_does_its_work(rig, crowd, config_file, monkeypatch):
    monkeypatch.setattr("time.time", rig.now_s)
    config, log = read_config(config_file), KeptLog()
    rig.prices(2_750, after=3_700)
    jobs = ["liquidation", "funding", "settlement"]

    async def until_done(supervisor, running):
        task = asyncio.create_task(supervisor.run())
        async with asyncio.timeout(60):
            while (  # noqa: ASYNC110 - what no event tells
                running[0].meters.counts["won"] < len(crowd)
                or running[1].meters.counts["ticked"] < 2
            ):
                await asyncio.sleep(0.2)
        supervisor.stop()
        await task

    with build(config, jobs, log, is_standby=False) as running:
        supervisor = Supervisor(running, log, config.at(config.state))
        asyncio.run(until_done(supervisor, running))
        text = generate_latest(registry_of([each.meters for each in running])).decode()

    assert rig.named_by(KEEPER) == crowd
    assert f'keeper_events_total{{job="liquidation",kind="won"}} {len(crowd)}.0' in text
    said = read_status(config.at(config.state))
    assert [job["job"] for job in said["jobs"]] == jobs
    assert said["running"] is False
    result = CliRunner().invoke(command(), ["keeper", "status", "--config", str(config_file)])
    assert result.exit_code == 1
    assert "does not run" in result.stdout
    assert "liquidation" in result.stdout


def command():
    from clearing.cli import app  # noqa: PLC0415 - the whole command line, once

    return app


class Failing:
    """A job that fails in a way of its own each turn."""

    def __init__(self, name, error=None):
        self.name, self.error, self.turns = name, error, 0

    def turn(self):
        self.turns += 1
        if self.error is not None:
            raise self.error
        return 0.01


def test_supervisor__one_job_breaks__the_others_go_on(tmp_path):
    jobs = [Failing("good"), Failing("still", StandStillError("lag")), Failing("broken", OSError())]
    running = [Running(job, Meters(job.name)) for job in jobs]
    log = KeptLog()
    supervisor = Supervisor(running, log, tmp_path)

    async def for_a_while():
        task = asyncio.create_task(supervisor.run())
        while jobs[0].turns < 5 or jobs[2].turns < 2:  # noqa: ASYNC110 - what no event tells
            await asyncio.sleep(0.01)
        supervisor.stop()
        await task

    asyncio.run(for_a_while())

    assert running[1].meters.counts["stood_still"] >= 1
    assert running[2].meters.counts["unexpected"] >= 2
    assert log.names().count("stands_still") == 1
    assert running[0].meters.counts["failures"] == 0


def test_store__a_second_process__is_refused(tmp_path):
    with Store(tmp_path), pytest.raises(StoreHeldError):
        Store(tmp_path)
    with Store(tmp_path):
        pass


def test_silverback__is_not_installed__says_how_to_install_it():
    with pytest.raises(ConfigError, match="pip install silverback"):
        silverback.make_bot()


class FakeBot:
    """Keeps the handlers that Silverback would call."""

    def __init__(self):
        self.handlers = {}

    def on_startup(self):
        return lambda handler: self.handlers.setdefault("start", handler)

    def on_(self, source):
        return lambda handler: self.handlers.setdefault(source, handler)

    def on_shutdown(self):
        return lambda handler: self.handlers.setdefault("stop", handler)


def test_silverback__is_there__turns_the_same_jobs_at_each_block(
    rig, crowd, config_file, monkeypatch
):
    monkeypatch.setattr("time.time", rig.now_s)
    chain = SimpleNamespace(blocks="blocks")
    monkeypatch.setitem(sys.modules, "silverback", SimpleNamespace(SilverbackBot=FakeBot))
    monkeypatch.setitem(sys.modules, "ape", SimpleNamespace(chain=chain))
    monkeypatch.setenv("KEEPER_CONFIG", str(config_file))
    rig.prices(2_750)

    handlers = silverback.bot.handlers
    handlers["start"](None)
    handlers["blocks"](None)
    rig.mine()
    handlers["stop"]()

    assert rig.named_by(KEEPER) == crowd
    with Store(read_config(config_file).at(Path("keeper-state"))):
        pass


def test_run__as_a_process__works_and_ends_when_told(rig, crowd, config_file):
    rig.prices(2_750)
    clearing = shutil.which("clearing")
    assert clearing is not None
    args = [clearing, "keeper", "run", "liquidation"]
    process = subprocess.Popen(
        [*args, "--config", str(config_file)], stderr=subprocess.PIPE, text=True
    )
    try:
        deadline_s = time.monotonic() + 60
        while rig.named_by(KEEPER) != crowd and time.monotonic() < deadline_s:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()

    assert process.returncode == 0, said
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events[0] == "keeper_ready"
    assert events[-1] == "keeper_stopped"
    assert "sent" in events
    assert rig.named_by(KEEPER) == crowd


def test_endpoints__a_url_holds_a_key__no_error_shows_it(config_file):
    text = config_file.read_text("utf-8")
    start = text.index('urls = ["')
    end = text.index("]", start)
    hidden = 'urls = ["http://127.0.0.1:1/v3/secret-key"'
    config_file.write_text(text[:start] + hidden + text[end:], "utf-8")
    endpoints = endpoints_of(read_config(config_file))

    with pytest.raises(ChainError) as caught:
        endpoints.head()

    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


# REPLAY


@pytest.fixture
def snapshot(rig, crowd, config_file, monkeypatch):
    monkeypatch.setattr("time.time", rig.now_s)
    rig.prices(3_000, after=400)
    out = rig.folder / "book.json"
    args = ["keeper", "snapshot", str(out), "--config", str(config_file)]
    result = CliRunner().invoke(command(), args)
    assert result.exit_code == 0, result.output
    return out


PATH = (3_000, 2_950, 2_780, 2_790, 2_765, 2_700)


@pytest.fixture
def prices(rig):
    path = rig.folder / "prices.csv"
    rows = [f"{1_000 * i},{price},50000" for i, price in enumerate(PATH)]
    path.write_text("time,ETH/USD,BTC/USD\n" + "\n".join(rows), "utf-8")
    return path


def test_replay__a_recorded_path__finds_whom_brute_force_finds_and_the_chain_liquidates(
    rig, crowd, snapshot, prices
):
    recorded = read_recorded(snapshot)
    rows = read_path(prices, recorded.names)
    who = rig.liquidators[KEEPER.address]
    costs, policy = Costs(), PlanPolicy(inventory_ppm=0)
    keeper = rig.keeper()
    moments = replay(recorded, rows, who, policy, costs, band_bps=1)

    for number, (_, at) in enumerate(rows):
        terms = {m: _priced(recorded.terms[m], price, 1) for m, price in at.items()}
        brute = brute_force(recorded.book, terms)
        moment = next(moments)
        rig.prices(PATH[number])
        before = len(rig.named_by(KEEPER))
        keeper.job.turn()
        rig.mine(3, 3)
        keeper.job.turn()
        named = rig.named_by(KEEPER)

        assert moment.found == brute
        assert len(named) - before == len(moment.takeovers), number
        assert keeper.meters.counts["absorbed"] == 0 or moment.absorbed

    assert len(rig.named_by(KEEPER)) >= len(crowd)


def test_replay__command__shows_what_would_have_been_earned(rig, crowd, snapshot, prices):
    who = str(rig.liquidators[KEEPER.address])
    args = ["keeper", "replay", str(prices), "--book", str(snapshot), "--liquidator", who]

    shown = CliRunner().invoke(command(), args)
    said = CliRunner().invoke(command(), [*args, "--json"])

    assert shown.exit_code == 0, shown.output
    assert "Earned" in shown.stdout
    rows = json.loads(said.stdout)["rows"]
    assert [len(row["liquidatable"]) for row in rows][:2] == [0, 0]
    taken = {account for row in rows for account, *_ in row["taken_over"]}
    assert taken == set(crowd)
    assert int(json.loads(said.stdout)["reward_wad"]) > 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("time,ETC/USD\n1,2\n", "has no column ETH/USD"),
        ("time,ETH/USD\n1,2\n2,cheap\n", "line 3"),
        ("time,ETH/USD\nnoon,2\n", "line 2"),
        ("", "has no column ETH/USD"),
    ],
)
def test_read_path__it_cannot_be_read__is_said_in_one_line(tmp_path, text, why):
    path = tmp_path / "prices.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(PathError, match=why) as caught:
        read_path(path, {0: "ETH/USD"})

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", '{"book": {}, "markets": [1]}'])
def test_read_recorded__it_is_no_snapshot__is_said(tmp_path, text):
    path = tmp_path / "book.json"
    path.write_text(text, "utf-8")

    with pytest.raises(PathError, match="is no snapshot"):
        read_recorded(path)
