"""`--key`: a keystore or a file of the owner's alone; what it holds is never shown."""

import json

import pytest
from eth_account import Account

from tests.unit.perp_cli.stage import TRADER

OWNER = TRADER.address.lower()
SECRET = bytes(TRADER.key).hex()
PASSPHRASE = "correct horse"


@pytest.fixture
def keystore(tmp_path):
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(Account.encrypt(TRADER.key, PASSPHRASE, iterations=2)))
    return path


@pytest.fixture
def alone(run):
    """Run a command that reads the key and sends nothing."""
    return lambda *args, **more: run("create-account", "--json", *args, **more)


@pytest.mark.parametrize("text", [SECRET, "0x" + SECRET, f"0x{SECRET.upper()}\n"])
def test_key__hex__is_read(alone, tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)

    result = alone("--key", path)

    assert json.loads(result.stdout)["owner"] == OWNER


def test_key__from_the_environment__is_read(alone, key, monkeypatch):
    monkeypatch.setenv("CLEARING_KEY", str(key))

    assert json.loads(alone().stdout)["owner"] == OWNER


def test_key__a_keystore__asks_for_the_passphrase(alone, keystore):
    result = alone("--key", keystore, input=f"{PASSPHRASE}\n")

    assert json.loads(result.stdout)["owner"] == OWNER
    assert "Passphrase" in result.stderr
    assert PASSPHRASE not in result.output


def test_key__a_keystore__takes_the_passphrase_from_the_environment(alone, keystore, monkeypatch):
    monkeypatch.setenv("CLEARING_PASSPHRASE", PASSPHRASE)

    assert json.loads(alone("--key", keystore).stdout)["owner"] == OWNER


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "holds no key; give a keystore (JSON), or a file that holds 0x and 64 hex digits"),
        (SECRET[:-1], "holds no key"),
        (SECRET + "0", "holds no key"),
        ("0" * 64, "holds no key of the curve"),
        ("f" * 64, "holds no key of the curve"),
        ("{", "is not JSON"),
        ("{}", "is no keystore, or the passphrase is wrong"),
        ('{"crypto": {}, "version": 3}', "is no keystore, or the passphrase is wrong"),
        ('{"crypto": {}, "version": 9}', "is no keystore, or the passphrase is wrong"),
        ('{"crypto": 5, "version": 3}', "is no keystore, or the passphrase is wrong"),
    ],
)
def test_key__a_bad_file__is_refused(refused, key, tmp_path, monkeypatch, text, line):
    monkeypatch.setenv("CLEARING_PASSPHRASE", PASSPHRASE)
    path = tmp_path / "bad"
    path.write_text(text)
    path.chmod(0o600)

    told = refused("create-account", "--key", path)

    assert told.startswith(f"clearing: --key '{path}': ")
    assert line in told
    assert SECRET[:-1] not in told


def test_key__a_bad_way__is_refused(refused, run, key, keystore, monkeypatch, tmp_path):
    def line(*args, **more):
        return refused("create-account", "--json", *args, **more)

    assert "--key: is not given; give the key's file, or set CLEARING_KEY" in line()
    assert "no such file or directory; give a file that can be read" in line("--key", "absent")
    assert "is a directory" in line("--key", tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "is not text" in line("--key", tmp_path / "binary")
    key.chmod(0o644)
    assert "can be read by others; take their rights away: chmod 600" in line("--key", key)
    key.chmod(0o600)
    monkeypatch.setenv("CLEARING_PASSPHRASE", "wrong")
    assert "is no keystore, or the passphrase is wrong" in line("--key", keystore)
    assert run("create-account", "--json", "--key", key).exit_code == 0


def test_key__no_passphrase__is_refused(alone, keystore):
    result = alone("--key", keystore, input="")

    assert result.exit_code == 2
    assert "--key: the keystore's passphrase is not given; type it, or set" in result.stderr
