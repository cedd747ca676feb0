"""`clearing perp` against an embedded chain, whose record it finds."""

import json

import pytest
from typer.testing import CliRunner

from clearing.chain import deployment
from clearing.cli import app
from tests.unit.perp_cli.stage import TRADER, staged


@pytest.fixture(scope="package")
def deployed():
    with staged() as stage:
        yield stage


@pytest.fixture
def stage(deployed):
    """The named state, restored afterwards: two markets, nobody has traded."""
    # The node's clock goes on while a busy machine does something else.
    deployed.reset_clock()
    snapshot = deployed.anvil.snapshot()
    yield deployed.again()
    deployed.anvil.revert(snapshot)


@pytest.fixture
def key(tmp_path):
    """The trader's key in a file."""
    path = tmp_path / "key"
    path.write_text("0x" + bytes(TRADER.key).hex() + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def run(stage, tmp_path, monkeypatch):
    """Run a command."""
    stage.made.write(tmp_path / "local.json")
    monkeypatch.setattr(deployment, "registry_path", (tmp_path / "local.json").with_stem)
    monkeypatch.setenv("CLEARING_NODE_URL", stage.url)
    monkeypatch.delenv("CLEARING_KEY", raising=False)
    return lambda *args, **more: CliRunner().invoke(app, ["perp", *map(str, args)], **more)


@pytest.fixture
def ask(run):
    """Run a command with --json and return what it printed."""

    def asking(*args):
        result = run(*args, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return asking


@pytest.fixture
def refused(run):
    """Run a command that must fail; it says so in one line, which is returned."""

    def refusing(*args, **more):
        result = run(*args, **more)
        assert result.exit_code == 2, result.stdout
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith("clearing: ")
        return result.stderr

    return refusing


@pytest.fixture
def rows(run):
    """Run a command for people and return its lines, blanks squeezed."""

    def reading(*args, **more):
        result = run(*args, **more)
        assert result.exit_code == 0, result.stderr
        return [" ".join(line.split()) for line in result.stdout.splitlines()]

    return reading
