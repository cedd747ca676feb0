"""`clearing watchtower` as a process of its own, with nothing but a gas key and a file."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from typer.testing import CliRunner

from clearing.clearport.signer.keystore import write_keystore
from clearing.clearport.signer.secret import Secret
from clearing.clearport.watchtower.kept import Kept
from clearing.clearport.watchtower.sealed import read_public_key, replace_file, seal
from clearing.cli import app
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage, secret_of
from clearing.spec.types import Status
from tests.unit.clearport_watch.towers import stored
from tests.unit.clearport_watch.world import book, call_margin

CLEARING = str(Path(sys.executable).parent / "clearing")
PASSPHRASE = "correct horse battery staple"


def _run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLEARING, "watchtower", *args], capture_output=True, text=True, timeout=60, check=False
    )


def _write_config(stage: Stage, folder: Path) -> Path:
    stage.contracts.deployment.write(folder / "deployment.json")
    write_keystore(folder / "gas.json", Secret(secret_of("stranger").hex()), Secret(PASSPHRASE), 2)
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    (folder / "passphrase").chmod(0o600)
    config = folder / "watchtower.toml"
    config.write_text(
        f"""
states = "states.sealed"
key = "tower.key"
[chain]
url = "{stage.anvil.node.url}"
deployment = "deployment.json"
finality = "2"
poll_s = 0.05
[account]
file = "gas.json"
passphrase_file = "passphrase"
[metrics]
port = 0
"""
    )
    return config


def test_run__everybody_else_is_away__answers_the_stale_challenge(
    stage: Stage, pair: Pair, tmp_path: Path
) -> None:
    made = _run("key", str(tmp_path / "tower.key"))
    assert made.returncode == 0, made.stderr
    stale, latest = book(stage, pair), call_margin(stage, pair)
    public = read_public_key(tmp_path / "tower.key.pub")
    replace_file(tmp_path / "states.sealed", seal(public, (Kept(pair.definition, latest),)))
    config = _write_config(stage, tmp_path)
    pair.low_hand.challenge(stale)
    assert stored(stage, pair).status is Status.CHALLENGED

    tower = subprocess.Popen(
        [CLEARING, "watchtower", "run", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = []
        for line in tower.stderr or ():
            said.append(json.loads(line))
            if said[-1]["event"] == "challenge_answered":
                break
        assert said[-1]["call"] == "checkpoint", said
        while stored(stage, pair).status is Status.CHALLENGED:
            assert tower.poll() is None
        [port] = [each["metrics_port"] for each in said if each["event"] == "watchtower_ready"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
            text = page.read().decode()
        assert f'watchtower_lag_versions{{channel="{pair.low.channel_id.hex()}"}}' in text
        assert "watchtower_answers_total 1.0" in text
        tower.terminate()
        assert tower.wait(timeout=60) == 0
    finally:
        tower.kill()
        tower.wait()
    assert stored(stage, pair).enforced_version == latest.state.version


def test_run__configuration_is_wrong__is_told_in_one_line(stage: Stage, tmp_path: Path) -> None:
    config = _write_config(stage, tmp_path)
    _run("key", str(tmp_path / "tower.key"))
    text = config.read_text()
    wrongs = {
        "missing.toml": None,
        "no toml": "[",
        "chain": text.replace('finality = "2"', 'finality = "soon"'),
        "both": text.replace("[chain]", '[chain]\nnetwork = "local"'),
        "extra": text.replace("[chain]", "[chain]\nurls = 1"),
        "key": text.replace("tower.key", "no.key"),
        "account": text.replace("gas.json", "no.json"),
        "deployment": text.replace("deployment.json", "no.json"),
    }

    for content in wrongs.values():
        path = tmp_path / "wrong.toml"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        told = CliRunner().invoke(app, ["watchtower", "run", "--config", str(path)])
        assert told.exit_code == 2, told.stderr
        assert len(told.stderr.strip().splitlines()) == 1, told.stderr
        assert told.stderr.startswith("clearing: ")
