"""docs/perp-cli.md shows what the commands print: each is run again, twelve minutes apart."""

import re
import shlex
from pathlib import Path

import pytest

from clearing.perp.commands import perp
from tests.unit.perp_cli.stage import START

PAGE = (Path(__file__).parents[3] / "docs/perp-cli.md").read_text("utf-8")
EXAMPLE = re.compile(r"^\$ clearing perp (.+)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
FIRST, APART = 100, 720
# What another run need not repeat: hashes, blocks, seconds, gas.
VARIES = (
    (re.compile(r"0x[0-9a-f]{64}"), "HASH"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( +\d+)?"), "TIME"),
    (re.compile(r"([Bb]locks?) \d+( to \d+)?"), r"\1 N"),
    (re.compile(r"[\d,]+ gas"), "N gas"),
    (re.compile(r'"(block|time|deadline|gas_used)": \d+'), r'"\1": N'),
)


def shown(text):
    """Return lines without what varies, blanks squeezed."""
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line and set(line) != {"─"}]


def test_page__examples__print_what_is_shown(stage, run, key, monkeypatch, tmp_path):
    monkeypatch.setenv("CLEARING_KEY", str(key))
    monkeypatch.chdir(tmp_path)
    examples = EXAMPLE.findall(PAGE)
    assert len(examples) == PAGE.count("$ clearing") > 10

    for number, (command, expected) in enumerate(examples):
        stage.refresh(START + FIRST + number * APART)

        result = run(*shlex.split(command), input="y\n")

        assert shown(result.stdout + result.stderr) == shown(expected), command
    assert (tmp_path / "funding.png").exists()


def test_page__commands__are_all_named():
    named = {command.name for command in perp.registered_commands}

    table = PAGE.partition("## Where and who")[0]
    assert named <= set(re.findall(r"`([a-z-]+)`", table))
    assert named == {command.split()[0] for command, _ in EXAMPLE.findall(PAGE)}


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z-]+)", PAGE))))
def test_page__options__exist(run, option):
    helps = [run(command.name, "--help").stdout for command in perp.registered_commands]

    assert any(option in text for text in helps)
