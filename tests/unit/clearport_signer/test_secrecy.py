"""No secret shows: not in what is printed of an object, not in an error, not in a log."""

import gc
import logging
import traceback

import pytest

from clearing.channel.signatures import LocalSigner
from clearing.clearport.errors import ClearportError
from clearing.clearport.signer.account import AccountKey
from clearing.clearport.signer.guarded import GuardedSigner
from clearing.clearport.signer.handshake import HandshakeSigner
from clearing.clearport.signer.keystore import open_keystore, write_keystore
from clearing.clearport.signer.kms import open_kms
from clearing.clearport.signer.making import imported
from clearing.clearport.signer.pkcs11 import open_token
from clearing.clearport.signer.secret import Secret, SecretSource
from clearing.spec.units import Address
from tests.harness.kms_double import Trouble
from tests.harness.softhsm import PIN
from tests.unit.clearport_signer.stage import (
    ACCESS_SECRET,
    KEY,
    OTHER_KEY,
    PASSPHRASE,
    piped,
    private_file,
    quick_keystore,
    signed,
)

WRONG = "4711-or-another-wrong-one"
SECRETS = (KEY.hex(), OTHER_KEY.hex(), PASSPHRASE, PIN, ACCESS_SECRET, WRONG)
RAW = tuple(str(key)[2:-1] for key in (KEY, OTHER_KEY))


def require_hidden(text):
    """Fail if any secret is in the text, in any spelling of ours."""
    assert text
    shown = [secret for secret in (*SECRETS, *RAW) if secret.lower() in text.lower()]
    numbers = [str(int.from_bytes(key, "big")) for key in (KEY, OTHER_KEY)]
    assert not shown
    assert not [number for number in numbers if number in text]


def told(error):
    """Return all that a log could hold of an error: its chain, and the values in our frames."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [
        f"{frame.name} {frame.locals}"
        for frame in whole.stack
        if "clearing/clearport" in frame.filename
    ]
    assert error.__cause__ is None
    return "\n".join([*traceback.format_exception(error), repr(error), str(error), *ours])


@pytest.fixture(autouse=True)
def _logs(caplog):
    """Whatever is logged, at any level, by anybody."""
    caplog.set_level(logging.DEBUG)
    for name in ("boto3", "botocore", "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    yield
    for record in caplog.records:
        require_hidden(f"{record.getMessage()} {record.args!r} -")


def test_repr__of_every_signer__shows_the_address_alone(
    keystore, passphrase_file, token_signer, kms_signer
):
    local = open_keystore(keystore, SecretSource("passphrase", file=passphrase_file))
    signers = (local, token_signer, kms_signer)
    adjudicator = Address(bytes(20))

    for signer in signers:
        wrapped = (
            GuardedSigner(signer),
            AccountKey(signer, 1),
            HandshakeSigner(signer, 1, adjudicator),
        )
        for one in (signer, *wrapped):
            assert f"0x{signer.address.hex()}" in repr(one).lower()
            require_hidden(f"{one!r} {one}")
        parts = [
            getattr(signer, name) for kind in type(signer).__mro__[:-1] for name in kind.__slots__
        ]
        require_hidden(repr(parts))
    require_hidden(repr(vars(token_signer._session)))


def test_errors__of_a_keystore__show_no_secret(keystore, passphrase_file, tmp_path):
    right = SecretSource("passphrase", file=passphrase_file)
    wrong = SecretSource("passphrase", file=private_file(tmp_path / "wrong", WRONG))
    not_text = SecretSource("passphrase", file=tmp_path / "not text")
    (tmp_path / "not text").touch(0o600)
    (tmp_path / "not text").write_bytes(PASSPHRASE.encode() + b"\xff")
    assert open_keystore(keystore, right).address == LocalSigner(KEY).address

    for fails in (
        lambda: open_keystore(keystore, wrong),
        lambda: open_keystore(keystore, not_text),
        lambda: open_keystore(tmp_path / "none", right),
        lambda: write_keystore(tmp_path / "new", Secret(KEY.hex() + "00"), Secret(PASSPHRASE)),
        lambda: quick_keystore(keystore, Secret(OTHER_KEY.hex()), Secret(PASSPHRASE)),
        lambda: imported(tmp_path / "new", right, piped(KEY.hex().encode() + b"z")),
        lambda: imported(keystore, right, piped(KEY.hex().encode())),
    ):
        with pytest.raises(ClearportError) as failure:
            fails()
        require_hidden(told(failure.value))


def test_errors__of_a_token__show_no_pin(hsm, tmp_path):
    wrong = private_file(tmp_path / "wrong", WRONG)

    for settings in (
        hsm.settings("broker", "state", pin_file=wrong),
        hsm.settings("broker", "nobody's"),
        hsm.settings("nobody's", "state"),
    ):
        with pytest.raises(ClearportError) as failure:
            open_token(settings)
        require_hidden(told(failure.value))


def test_errors__of_kms__show_no_credentials(kms, kms_settings, caplog):
    signer = open_kms(kms_settings())
    kms.troubles.extend(
        [
            Trouble(status=400, error="AccessDeniedException"),
            Trouble(body=ACCESS_SECRET.encode()),
            Trouble(body=ACCESS_SECRET.encode()),
        ]
    )

    for _ in range(2):
        with pytest.raises(ClearportError) as failure:
            signed(signer)
        require_hidden(told(failure.value))
    signer.close()
    assert any(record.name.startswith("botocore") for record in caplog.records)


def test_memory__of_a_token_or_kms__holds_no_key(token_signer, kms_signer):
    """Only the keystore has the key in this process."""
    signed(token_signer)
    signed(kms_signer)

    for signer in (token_signer, kms_signer):
        near = gc.get_referents(signer)
        assert not [one for one in near if isinstance(one, LocalSigner)]
