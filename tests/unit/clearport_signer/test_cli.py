"""`clearing key …`: makes keystores, shows addresses, tries a daemon's keys; one line on errors."""

import json

import pytest
from eth_account import Account

from clearing.clearport.signer import keystore as keystores
from clearing.clearport.signer import making
from tests.unit.clearport_signer.stage import (
    ADDRESS,
    KEY,
    PASSPHRASE,
    QUICK,
    piped,
    private_file,
    quick_keystore,
)

CHECKSUMMED = Account.from_key(KEY).address


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Spend no second on every file."""
    monkeypatch.setattr(making, "write_keystore", quick_keystore)
    assert keystores.WORK > QUICK


@pytest.fixture
def refused(run):
    """Run a command that must end in one line on stderr and exit code 2; return the line."""

    def refused(*args, **more):
        result = run(*args, **more)
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        return line.removeprefix("clearing: ")

    return refused


def test_new__a_passphrase_file__writes_a_key_nobody_had(run, tmp_path, passphrase_file):
    first, second = tmp_path / "1.json", tmp_path / "2.json"

    shown = [run("new", path, "--passphrase-file", passphrase_file) for path in (first, second)]

    addresses = [
        Account.from_key(Account.decrypt(path.read_text(), PASSPHRASE)).address
        for path in (first, second)
    ]
    assert [result.stdout.strip() for result in shown] == addresses
    assert len(set(addresses)) == 2
    assert first.stat().st_mode & 0o777 == 0o600


def test_new__json__is_for_programs(run, tmp_path):
    path = tmp_path / "1.json"

    result = run("new", path, "--passphrase-fd", piped(b"long enough\n"), "--json")

    made = json.loads(result.stdout)
    assert made["file"] == str(path)
    assert made["address"] == json.loads(run("show", path, "--json").stdout)["address"]


def test_new__typed_twice__is_taken_if_it_is_the_same(run, refused, tmp_path, monkeypatch):
    asked = []
    answers = iter([PASSPHRASE, PASSPHRASE, PASSPHRASE, "a slip of it"])
    monkeypatch.setattr(making, "ask_terminal", lambda name: asked.append(name) or next(answers))

    assert run("new", tmp_path / "1.json").exit_code == 0
    assert asked == ["passphrase", "passphrase again"]
    assert refused("new", tmp_path / "2.json").startswith("passphrase: the two are not the same")
    assert not (tmp_path / "2.json").exists()


def test_new__what_cannot_be__is_one_line(refused, run, tmp_path, passphrase_file, keystore):
    private_file(tmp_path / "short", "7 chars")
    new = tmp_path / "new.json"

    assert refused("new", keystore, "--passphrase-file", passphrase_file) == (
        "file: is there already: give another name"
    )
    assert "has fewer than 8 characters" in refused(
        "new", new, "--passphrase-file", tmp_path / "short"
    )
    assert "there is no terminal to ask at: set passphrase_fd" in refused("new", new)
    assert "no such file" in refused("new", new, "--passphrase-file", tmp_path / "none")
    passphrase_file.chmod(0o644)
    assert "can be read by others" in refused("new", new, "--passphrase-file", passphrase_file)
    passphrase_file.chmod(0o600)
    assert run("new", new, "--passphrase-file", passphrase_file).exit_code == 0


@pytest.mark.parametrize("option", ["--passphrase", "--key", "--private-key", "--password"])
def test_new__a_secret_as_an_option__there_is_none(refused, tmp_path, option):
    assert "No such option" in refused("new", tmp_path / "new.json", option, PASSPHRASE)


@pytest.mark.parametrize("text", [KEY.hex(), "0x" + KEY.hex(), f" {KEY.hex().upper()} \r\n"])
def test_import__a_key_by_descriptor__is_encrypted(run, tmp_path, passphrase_file, text):
    path = tmp_path / "new.json"

    result = run(
        "import",
        path,
        *("--passphrase-file", passphrase_file, "--key-fd", piped(text.encode()), "--json"),
    )

    assert json.loads(result.stdout) == {"address": CHECKSUMMED, "file": str(path)}
    assert bytes(Account.decrypt(path.read_text(), PASSPHRASE)) == KEY
    assert KEY.hex() not in result.output.lower()


def test_import__nothing_said__reads_standard_input(run, tmp_path, passphrase_file, monkeypatch):
    monkeypatch.setattr(making, "STDIN", piped(KEY.hex().encode() + b"\n"))

    result = run("import", tmp_path / "new.json", "--passphrase-file", passphrase_file)

    assert result.stdout.strip() == CHECKSUMMED


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (KEY.hex()[1:], "key: is no key: give 64 hex digits"),
        (KEY.hex() + "0", "key: is no key"),
        ("g" * 64, "key: is no key"),
        ("0" * 64, "key: is no key of secp256k1"),
        ("f" * 64, "key: is no key of secp256k1"),
        ("", "key_fd: is empty"),
    ],
)
def test_import__no_key__is_one_line_without_it(refused, tmp_path, passphrase_file, text, problem):
    path = tmp_path / "new.json"

    line = refused(
        *("import", path, "--passphrase-file", passphrase_file, "--key-fd", piped(text.encode()))
    )

    assert problem in line
    assert not text or text not in line
    assert not path.exists()


def test_show__a_keystore__tells_its_address_without_a_passphrase(run, refused, keystore):
    assert run("show", keystore).stdout == f"{CHECKSUMMED}\n"
    assert json.loads(run("show", keystore, "--json").stdout)["address"] == CHECKSUMMED
    keystore.write_text("{}")
    assert refused("show", keystore).startswith("file: is damaged, or no keystore")
    assert "no such file" in refused("show", keystore.with_name("none"))


@pytest.fixture
def config(tmp_path, keystore, passphrase_file):
    """A daemon's configuration; the paths in it start at its own folder."""
    path = tmp_path / "clearport.toml"
    path.write_text(
        '[keys.state]\nfile = "state.json"\npassphrase_file = "passphrase"\n'
        '[keys.account]\nfile = "state.json"\npassphrase_file = "passphrase"\n'
    )
    return path


def test_check__both_keys__have_signed(run, config):
    assert run("check", "--config", config).stdout.splitlines() == [
        f"state   keystore  {CHECKSUMMED}",
        f"account keystore  {CHECKSUMMED}",
    ]
    found = json.loads(run("check", "--config", config, "--json").stdout)
    assert found["keys"]["account"] == {"backend": "keystore", "address": CHECKSUMMED}


def test_check__a_token_and_kms__have_signed(run, config, hsm, kms):
    config.write_text(
        f'[keys.state]\nbackend = "pkcs11"\nmodule = "{hsm.module}"\ntoken = "broker"\n'
        f'label = "state"\npin_file = "{hsm.pin_file}"\n'
        '[keys.account]\nbackend = "kms"\nkey = "alias/state-signer"\nregion = "eu-central-1"\n'
        f'endpoint_url = "{kms.url}"\n'
    )

    found = json.loads(run("check", "--config", config, "--json").stdout)["keys"]

    assert {name: key["backend"] for name, key in found.items()} == {
        "state": "pkcs11",
        "account": "kms",
    }
    assert found["account"]["address"].lower() == f"0x{ADDRESS.hex()}"
    assert kms.asked == ["GetPublicKey", "Sign"]


def test_check__what_is_wrong__names_the_field(run, refused, config, passphrase_file):
    assert run("check", "--config", config).exit_code == 0
    good = config.read_text()

    passphrase_file.write_text("another")
    assert refused("check", "--config", config).startswith("keys.state.file: the passphrase is")
    config.write_text(good.replace("[keys.account]", "[keys.other]"))
    assert refused("check", "--config", config) == "keys.account: is no table: add [keys.account]"
    config.write_text(good.replace("file = ", 'passphrase = "p w"\nfile = ', 1))
    line = refused("check", "--config", config)
    assert line.startswith("keys.state.passphrase: ")
    assert "p w" not in line
    config.write_text("[keys")
    assert refused("check", "--config", config).startswith("--config: is not TOML")
    assert "no such file" in refused("check", "--config", config.with_name("none"))
