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
from tests.harness.kms_double import KEY_ARN, KmsDouble, credentials
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
def aws():
    with credentials(ACCESS_SECRET):
        yield


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
