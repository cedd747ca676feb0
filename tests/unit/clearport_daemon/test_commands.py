"""`clearing clearport run` tells what its tasks raise as any other fault: in one line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearing.clearport.daemon import build, config
from clearing.clearport.errors import ConfigError
from clearing.cli import app

BUSY = ConfigError("cannot listen on 127.0.0.1:7401", "free it", field="peers.listen")


@pytest.mark.parametrize("fault", [BUSY, ExceptionGroup("", [ExceptionGroup("", [BUSY])])])
def test_run__port_is_taken__is_told_in_one_line(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_daemon(*_: object) -> None:
        raise fault

    monkeypatch.setattr(build, "run_daemon", run_daemon)
    monkeypatch.setattr(config, "read_config", Path)

    done = CliRunner().invoke(app, ["clearport", "run"])

    assert done.exit_code == 2
    assert done.stderr == "clearing: peers.listen: cannot listen on 127.0.0.1:7401: free it\n"


def test_run__flaw__is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run_daemon(*_: object) -> None:
        raise ExceptionGroup("", [ZeroDivisionError()])

    monkeypatch.setattr(build, "run_daemon", run_daemon)
    monkeypatch.setattr(config, "read_config", Path)

    done = CliRunner().invoke(app, ["clearport", "run"])

    assert isinstance(done.exception, ExceptionGroup)
