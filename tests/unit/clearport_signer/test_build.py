"""Settings name their field when they are wrong, and never show what was written there."""

import pytest
from pydantic import ValidationError

from clearing.channel.signatures import recover
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.build import signer_of
from clearing.clearport.signer.keystore import KeystoreSigner
from clearing.clearport.signer.kms import KmsSigner
from clearing.clearport.signer.pkcs11 import Pkcs11Signer
from clearing.clearport.signer.settings import KeystoreSettings, settings_of
from tests.unit.clearport_signer.stage import (
    ADDRESS,
    DIGEST,
    PASSPHRASE,
    private_file,
    signed,
)

KEYSTORE = {"backend": "keystore", "file": "state.json", "passphrase_file": "passphrase"}
TOKEN = {"backend": "pkcs11", "module": "/lib/p11.so", "token": "t", "label": "k", "pin_fd": 3}
KMS = {"backend": "kms", "key": "alias/state", "region": "eu-central-1"}


def test_signer_of__a_keystore_below_the_folder__signs(keystore, passphrase_file, tmp_path):
    signer = signer_of(settings_of(KEYSTORE, folder=tmp_path))

    assert isinstance(signer, KeystoreSigner)
    assert recover(DIGEST, signed(signer)) == signer.address == ADDRESS


def test_signer_of__no_backend_named__is_a_keystore(keystore, passphrase_file):
    settings = settings_of({"file": str(keystore), "passphrase_file": str(passphrase_file)})

    assert signer_of(settings).address == ADDRESS


def test_signer_of__a_token__signs(hsm):
    table = {**TOKEN, "module": str(hsm.module), "token": "broker", "label": "account"}
    signer = signer_of(settings_of({**table, "pin_fd": None, "pin_file": str(hsm.pin_file)}))

    assert isinstance(signer, Pkcs11Signer)
    assert recover(DIGEST, signed(signer)) == signer.address
    signer.close()


def test_signer_of__kms__signs(kms_settings):
    signer = signer_of(kms_settings())

    assert isinstance(signer, KmsSigner)
    assert recover(DIGEST, signed(signer)) == signer.address == ADDRESS
    signer.close()


def test_signer_of__another_address_expected__is_refused(keystore, passphrase_file, tmp_path):
    right = {**KEYSTORE, "address": f"0x{ADDRESS.hex().upper()}"}
    assert signer_of(settings_of(right, folder=tmp_path)).address == ADDRESS
    wrong = {**KEYSTORE, "address": "0x" + "11" * 20}

    with pytest.raises(ConfigError, match=r"keys\.state\.address: the key is 0x.*, not 0x11"):
        signer_of(settings_of(wrong, "keys.state", tmp_path), "keys.state")


def test_signer_of__what_fails__names_the_field_below_its_table(keystore, tmp_path):
    settings = settings_of(KEYSTORE, "keys.state", tmp_path)

    with pytest.raises(ConfigError, match=r"^keys\.state\.passphrase_file: no such file"):
        signer_of(settings, "keys.state")
    private_file(tmp_path / "passphrase", "another")
    with pytest.raises(SignerError, match=r"^keys\.state\.file: the passphrase is wrong"):
        signer_of(settings, "keys.state")
    private_file(tmp_path / "passphrase", PASSPHRASE)
    assert signer_of(settings, "keys.state").address == ADDRESS


@pytest.mark.parametrize("good", [KEYSTORE, TOKEN, KMS])
@pytest.mark.parametrize(
    ("changed", "field", "problem"),
    [
        ({"backend": "paper"}, "backend", "is no backend"),
        ({"backend": 5}, "backend", "is no backend"),
        ({"passphrase": "p w"}, "passphrase", "not permitted"),
        ({"pin": "4711"}, "pin", "not permitted"),
        ({"private_key": "0x11"}, "private_key", "not permitted"),
        ({"address": "0x11"}, "address", "is no address"),
    ],
)
def test_settings_of__any_backend__names_the_field(good, changed, field, problem):
    settings_of(good)

    with pytest.raises(ConfigError, match=problem) as refusal:
        settings_of({**good, **changed}, "keys.state")
    assert str(refusal.value).startswith(f"keys.state.{field}: ")


@pytest.mark.parametrize(
    ("good", "field", "value"),
    [
        (KEYSTORE, "file", 5),
        (KEYSTORE, "passphrase_fd", -1),
        (KEYSTORE, "passphrase_fd", "three"),
        (KEYSTORE, "file", None),
        (TOKEN, "token", ""),
        (TOKEN, "label", None),
        (TOKEN, "module", None),
        (TOKEN, "timeout_s", 0),
        (TOKEN, "timeout_s", 61),
        (KMS, "key", ""),
        (KMS, "region", None),
        (KMS, "attempts", 0),
        (KMS, "attempts", 11),
        (KMS, "threads", 65),
        (KMS, "connect_timeout_s", 0),
        (KMS, "read_timeout_s", float("nan")),
        (KMS, "endpoint_url", "ftp://localhost"),
        (KMS, "endpoint_url", "http://kms.example"),
        (KMS, "endpoint_url", "http://127.0.0.1.example"),
        (KMS, "endpoint_url", "https://name:word@kms.example"),
        (KMS, "endpoint_url", "https://"),
        (KMS, "endpoint_url", "https://kms.example:0"),
        (KMS, "endpoint_url", "https://[::1"),
    ],
)
def test_settings_of__a_bad_value__names_the_field_and_hides_the_value(good, field, value):
    settings_of(good)

    with pytest.raises(ConfigError) as refusal:
        settings_of({**good, field: value}, "keys.state")
    assert str(refusal.value).startswith(f"keys.state.{field}: ")
    assert refusal.value.field == f"keys.state.{field}"
    assert "kms.example" not in str(refusal.value)
    assert "word" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["https://kms.example", "http://127.0.0.1:4566", "http://localhost", "http://[::1]:1"]
)
def test_settings_of__a_safe_endpoint__is_taken(url):
    assert settings_of({**KMS, "endpoint_url": url}).endpoint_url == url


def test_settings_of__a_folder__is_where_relative_paths_start(tmp_path):
    table = {**TOKEN, "pin_fd": None, "pin_file": "pin"}

    settings = settings_of(table, folder=tmp_path)

    assert settings.pin_file == tmp_path / "pin"
    assert str(settings.module) == "/lib/p11.so"


def test_settings__validated_as_a_part_of_others__hide_what_was_written():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted") as refusal:
        KeystoreSettings.model_validate({**KEYSTORE, "passphrase": PASSPHRASE})
    assert PASSPHRASE not in str(refusal.value)
