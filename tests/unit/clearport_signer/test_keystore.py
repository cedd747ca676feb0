"""A keystore opens with its passphrase alone, and is damaged rather than guessed at."""

import json

import pytest
from eth_account import Account

from clearing.channel.signatures import LocalSigner, recover
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.keystore import named_address, open_keystore, write_keystore
from clearing.clearport.signer.secret import Secret, SecretSource
from tests.unit.clearport_signer.stage import (
    ADDRESS,
    DIGEST,
    KEY,
    OTHER_KEY,
    PASSPHRASE,
    private_file,
    quick_keystore,
    signed,
)


@pytest.fixture
def source(passphrase_file):
    return SecretSource("passphrase", file=passphrase_file)


def _changed(keystore, path, value):
    """Change one value of the file."""
    document = json.loads(keystore.read_text())
    *folders, name = path.split(".")
    place = document
    for folder in folders:
        place = place[folder]
    if value is None:
        del place[name]
    else:
        place[name] = value
    keystore.write_text(json.dumps(document))


def test_open_keystore__its_passphrase__signs_as_the_key(keystore, source):
    signer = open_keystore(keystore, source)

    assert (signer.address, signer.key_id) == (ADDRESS, f"0x{ADDRESS.hex()}")
    assert signed(signer) == LocalSigner(KEY).sign(DIGEST)
    assert recover(DIGEST, signed(signer)) == ADDRESS


def test_open_keystore__what_another_program_wrote__opens(tmp_path, source):
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSPHRASE, kdf="scrypt", iterations=2)))

    assert open_keystore(path, source).address == ADDRESS


def test_open_keystore__no_descriptor_or_file__asks(keystore):
    asked = []

    signer = open_keystore(
        keystore, SecretSource("passphrase"), lambda name: asked.append(name) or PASSPHRASE
    )

    assert asked == ["passphrase"]
    assert signer.address == ADDRESS


@pytest.mark.parametrize("wrong", [PASSPHRASE[:-1], PASSPHRASE + " ", PASSPHRASE.upper()])
def test_open_keystore__another_passphrase__is_refused(keystore, tmp_path, source, wrong):
    assert open_keystore(keystore, source).address == ADDRESS
    other = SecretSource("passphrase", file=private_file(tmp_path / "wrong", wrong))

    with pytest.raises(SignerError, match="file: the passphrase is wrong, or the file is damaged"):
        open_keystore(keystore, other)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", None),
        ("version", 4),
        ("crypto", None),
        ("crypto", []),
        ("crypto.kdf", "pbkdf2"),
        ("crypto.cipher", "rot13"),
        ("crypto.kdfparams.n", 3),
        ("crypto.kdfparams.n", 2**40),
        ("crypto.kdfparams.n", -2),
        ("crypto.kdfparams.n", True),
        ("crypto.kdfparams.r", 2**30),
        ("crypto.kdfparams.p", 2**20),
        ("crypto.kdfparams.p", "1"),
        ("crypto.kdfparams.dklen", 16),
    ],
)
def test_open_keystore__another_format__is_refused_before_any_work(keystore, source, path, value):
    assert open_keystore(keystore, source).address == ADDRESS
    _changed(keystore, path, value)

    with pytest.raises(SignerError, match="file: is damaged, or no keystore of version 3"):
        open_keystore(keystore, source)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("crypto.mac", "00" * 32),
        ("crypto.mac", "zz"),
        ("crypto.mac", None),
        ("crypto.ciphertext", "00" * 32),
        ("crypto.ciphertext", 5),
        ("crypto.cipherparams", None),
        ("crypto.kdfparams.salt", "00"),
    ],
)
def test_open_keystore__damaged__is_refused(keystore, source, path, value):
    assert open_keystore(keystore, source).address == ADDRESS
    _changed(keystore, path, value)

    with pytest.raises(SignerError, match="file: the passphrase is wrong, or the file is damaged"):
        open_keystore(keystore, source)


@pytest.mark.parametrize("iv", ["00" * 16, "11" * 16])
def test_open_keystore__the_vector_changed__is_found_out_by_the_address(keystore, source, iv):
    """The checksum does not cover the vector: another one decrypts to another key."""
    _changed(keystore, "crypto.cipherparams.iv", iv)

    with pytest.raises(SignerError, match="holds another key than the address in it says"):
        open_keystore(keystore, source)


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"', "[" * 60_000, "\xff"])
def test_open_keystore__no_json_object__is_refused(tmp_path, source, text):
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode("latin1"))

    with pytest.raises(SignerError, match="file: is damaged, or no keystore"):
        open_keystore(path, source)


def test_open_keystore__no_file__names_the_field(tmp_path, source):
    with pytest.raises(ConfigError, match="file: no such file or directory"):
        open_keystore(tmp_path / "none", source)


def test_sign_digest__not_32_bytes_or_closed__is_refused(keystore, source):
    signer = open_keystore(keystore, source)
    assert recover(DIGEST, signed(signer)) == ADDRESS

    with pytest.raises(SignerError, match="a digest of 31 bytes"):
        signed(signer, DIGEST[1:])
    signer.close()
    with pytest.raises(SignerError, match="is closed"):
        signed(signer)


def test_named_address__damaged_or_missing__is_refused(keystore):
    assert named_address(keystore) == ADDRESS

    for value in (None, "zz", "00", 5):
        _changed(keystore, "address", "00" * 20)
        _changed(keystore, "address", value)
        with pytest.raises(SignerError, match="file: names no address"):
            named_address(keystore)


def test_write_keystore__a_new_file__is_the_owners_alone(tmp_path):
    path = tmp_path / "new.json"

    assert quick_keystore(path, Secret(KEY.hex()), Secret(PASSPHRASE)) == ADDRESS

    assert path.stat().st_mode & 0o777 == 0o600
    assert bytes(Account.decrypt(path.read_text(), PASSPHRASE)) == KEY
    assert KEY.hex() not in path.read_text()


def test_write_keystore__nothing_said__takes_scrypt_of_256_mebibytes(tmp_path):
    path = tmp_path / "new.json"

    write_keystore(path, Secret(KEY.hex()), Secret(PASSPHRASE))

    crypto = json.loads(path.read_text())["crypto"]
    assert crypto["kdf"] == "scrypt"
    assert 128 * crypto["kdfparams"]["n"] * crypto["kdfparams"]["r"] == 256 * 2**20


def test_write_keystore__a_file_is_there__leaves_it(keystore):
    before = keystore.read_bytes()

    with pytest.raises(ConfigError, match="file: is there already"):
        quick_keystore(keystore, Secret(OTHER_KEY.hex()), Secret(PASSPHRASE))

    assert keystore.read_bytes() == before


@pytest.mark.parametrize(
    "key", ["", "00" * 32, "ff" * 32, KEY.hex() + "00", KEY.hex()[1:], "zz" * 32]
)
def test_write_keystore__no_key__is_refused(tmp_path, key):
    path = tmp_path / "new.json"

    with pytest.raises(SignerError, match="key: is no key of secp256k1"):
        quick_keystore(path, Secret(key), Secret(PASSPHRASE))

    assert not path.exists()


def test_write_keystore__no_such_folder__is_refused(tmp_path):
    with pytest.raises(ConfigError, match="file: no such file or directory"):
        quick_keystore(tmp_path / "none" / "new.json", Secret(KEY.hex()), Secret(PASSPHRASE))
