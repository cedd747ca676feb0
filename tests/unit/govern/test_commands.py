"""`clearing govern`: from two files to a decision that has acted, as a person runs it."""

import json

import pytest
from typer.testing import CliRunner

from clearing.chain import deployment
from clearing.cli import app
from clearing.deploy.stage import key_of, sender_of
from tests.harness.governed import run_governed

RATES = """actions:
  - contract: MarketAdmin
    call: setRates
    args:
      - 0
      - {im: 50000, kappa: 6000, takerFee: 400, makerFee: 200, vaultSpread: 100,
         maxRate: 5000, interval: 3600}
"""
MODULE = """actions:
  - {contract: DerivativesEngine, call: setModule, args: [3, "@HashTimeLock"]}
"""
TEXT = "# Lower the taker fee\n\nTo 0.04 %.\n"


@pytest.fixture(scope="module")
def governed():
    with run_governed() as running:
        yield running


@pytest.fixture
def place(governed, tmp_path, monkeypatch):
    """Files and a record of the deployment; what is sent is undone after the test."""
    snapshot = governed.stage.anvil.snapshot()
    governed.stage.made.write(tmp_path / "record.json")
    monkeypatch.setattr(deployment, "registry_path", lambda _: tmp_path / "record.json")
    monkeypatch.setenv("CLEARING_NODE_URL", governed.stage.anvil.node.url)
    monkeypatch.setenv("COLUMNS", "400")
    for name in ("council", "anybody", "stranger"):
        sender_of(governed.stage.anvil, name)
        file = tmp_path / name
        file.write_text("0x" + key_of(name).key.hex().removeprefix("0x"))
        file.chmod(0o600)
    (tmp_path / "rates.yaml").write_text(RATES)
    (tmp_path / "module.yaml").write_text(MODULE)
    (tmp_path / "text.md").write_text(TEXT)
    yield tmp_path
    governed.stage.anvil.revert(snapshot)


def run(*arguments):
    return CliRunner().invoke(app, ["govern", *map(str, arguments)], standalone_mode=True)


def told(*arguments):
    """Run a command that must succeed and return its JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def proposing(place, name="rates.yaml"):
    files = ("--actions", place / name, "--text", place / "text.md")
    return ("propose", *files, "--key", place / "council")


def test_govern__the_whole_way__acts(governed, place):
    anvil = governed.stage.anvil
    made = told(*proposing(place), "--yes")
    id_, as_anybody = made["id"], ("--key", place / "anybody")
    assert made["kind"] == "PARAMETER"
    assert told("list")["proposals"][0]["state"] == "PENDING"
    anvil.travel(2 * 86_400 + 2)

    told("vote", id_[:12], "for", "--key", place / "council", "--reason", "cheaper")
    anvil.travel(5 * 86_400)
    assert told("show", id_)["state"] == "SUCCEEDED"
    told("queue", id_, *as_anybody)
    assert told("show", id_)["state"] == "QUEUED"
    assert run("execute", id_, *as_anybody).exit_code == 2
    anvil.travel(2 * 86_400)
    told("execute", id_, *as_anybody)

    assert told("show", id_)["state"] == "EXECUTED"
    assert governed.read("PerpLens", "markets", 0, 1)[0][7][0] == 400


def test_propose__dry_run__shows_kind_quorum_delay_and_calls_and_sends_nothing(governed, place):
    result = run(*proposing(place, "module.yaml"), "--dry-run")

    assert result.exit_code == 0
    for part in ("UPGRADE", "8.00 %", "66.67 %", "7 d from queueing", "Lower the taker fee"):
        assert part in result.output
    assert "DerivativesEngine.setModule(role: 3, module: @HashTimeLock)" in result.output
    assert told("list") == {"proposals": []}


def test_propose__the_answer_is_no__sends_nothing(place):
    result = CliRunner().invoke(app, ["govern", *map(str, proposing(place))], input="n\n")

    assert result.exit_code == 2
    assert told("list") == {"proposals": []}


def test_propose__too_few_votes__is_refused_by_name(place):
    files = ("--actions", place / "rates.yaml", "--text", place / "text.md")

    result = run("propose", *files, "--key", place / "stranger", "--yes")

    assert result.exit_code == 2
    assert "GovernorInsufficientProposerVotes" in result.stderr


def test_cancel__while_pending__is_for_ever(place):
    made = told(*proposing(place), "--yes")

    told("cancel", made["id"], "--key", place / "council", "--yes")

    assert told("show", made["id"])["state"] == "CANCELED"


def test_delegate__to_another__moves_the_votes(governed, place):
    anybody = key_of("anybody").address

    told("delegate", anybody, "--key", place / "council")

    votes = governed.read("Yellow", "getVotes", bytes.fromhex(anybody[2:]))
    assert votes == 4 * 10**9 * 10**18


def test_simulate__calls__shows_their_events_and_changes_nothing(governed, place):
    effects = told("simulate", "--actions", place / "rates.yaml")["effects"]

    assert effects[0]["refusal"] is None
    assert "MarketChanged" in [event["name"] for event in effects[0]["events"]]
    assert governed.read("PerpLens", "markets", 0, 1)[0][7][0] == 500


def test_simulate__a_call_that_would_be_refused__says_why(place):
    (place / "rates.yaml").write_text(RATES.replace("maxRate: 5000", "maxRate: 5001"))

    result = run("simulate", "--actions", place / "rates.yaml")

    assert result.exit_code == 1
    assert "BadParameter(maxRate)" in result.output


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("actions: []", "has no list `actions`"),
        ("actions:\n  - {contract: MarketAdmin, call: setFees, args: []}", "cannot be encoded"),
        (RATES.replace("kappa", "kapa"), "cannot be encoded"),
        (RATES.replace("call:", "method:"), "has other fields"),
        ("actions: [", "cannot be read"),
        ('actions:\n  - {contract: MarketAdmin, call: setPause, args: ["@Nobody", 1]}', "encoded"),
    ],
)
def test_propose__actions_that_are_none__names_what_is_wrong(place, text, part):
    (place / "rates.yaml").write_text(text)

    result = run(*proposing(place), "--dry-run")

    assert result.exit_code == 2
    assert part in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["0x123456", "0x12", "what"])
def test_show__no_such_proposal__says_so(place, name):
    result = run("show", name)

    assert result.exit_code == 2
    assert "names no proposal" in result.stderr


def test_vote__neither_for_nor_against__says_what_there_is(place):
    result = run("vote", "0x123456", "maybe", "--key", place / "council")

    assert "write against, for, abstain" in result.stderr
