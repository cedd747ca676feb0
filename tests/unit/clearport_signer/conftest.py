"""Keys on every backend: files in tmp_path, a SoftHSM token, and AWS KMS as a double."""

import os

import pytest
from typer.testing import CliRunner

from clearing.clearport.signer.kms import open_kms
from clearing.clearport.signer.pkcs11 import open_token
from clearing.clearport.signer.secret import Secret
from clearing.clearport.signer.settings import KmsSettings
from clearing.cli import app
from tests.harness import softhsm
from tests.harness.kms_double import ACCESS_KEY, KEY_ARN, KmsDouble
from tests.unit.clearport_signer.stage import (
    ACCESS_SECRET,
    KEY,
    PASSPHRASE,
    private_file,
    quick_keystore,
)


@pytest.fixture
def passphrase_file(tmp_path):
    return private_file(tmp_path / "passphrase", PASSPHRASE + "\n")


@pytest.fixture
def keystore(tmp_path):
    path = tmp_path / "state.json"
    quick_keystore(path, Secret(KEY.hex()), Secret(PASSPHRASE))
    return path


@pytest.fixture(scope="session")
def hsm(tmp_path_factory):
    """One SoftHSM for the process: it starts once. Token `broker` has the keys state, account."""
    if not softhsm.is_installed():
        pytest.skip(softhsm.MISSING)
    before = os.environ.get("SOFTHSM2_CONF")
    hsm = softhsm.SoftHsm(tmp_path_factory.mktemp("softhsm"))
    hsm.add_token("broker")
    hsm.add_key("broker", "state")
    hsm.add_key("broker", "account")
    yield hsm
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def token_signer(hsm):
    signer = open_token(hsm.settings("broker", "state"))
    yield signer
    signer.close()


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """Credentials that are nobody's, and no file or service that could bring others."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def kms(aws):
    with KmsDouble(KEY) as double:
        yield double


@pytest.fixture
def kms_settings(kms):
    def settings(**changed):
        fields = {
            "backend": "kms",
            "key": KEY_ARN,
            "region": "eu-central-1",
            "endpoint_url": kms.url,
            "attempts": 2,
            "threads": 2,
        }
        return KmsSettings.model_validate({**fields, **changed})

    return settings


@pytest.fixture
def kms_signer(kms_settings):
    signer = open_kms(kms_settings())
    yield signer
    signer.close()


@pytest.fixture
def run():
    """Run `clearing key …`."""
    return lambda *args, **more: CliRunner().invoke(app, ["key", *map(str, args)], **more)
