"""A real SoftHSM token: its signatures are the contract's, a lost session comes back once."""

import asyncio

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import HIGHEST_LOW_S, PARITY, recover
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer import pkcs11 as backend
from clearing.clearport.signer.pkcs11 import open_token
from tests.unit.clearport_signer.stage import DIGEST, piped, private_file, signed


def test_sign_digest__a_token__signs_low_s(token_signer):
    digests = [keccak256(bytes([number])) for number in range(40)]

    signatures = [signed(token_signer, digest) for digest in digests]

    for digest, signature in zip(digests, signatures, strict=True):
        assert recover(digest, signature) == token_signer.address
        assert int.from_bytes(signature.vs, "big") % PARITY <= HIGHEST_LOW_S


def test_sign_digest__the_same_twice__the_token_draws_anew(token_signer):
    """A token's signatures are not deterministic: the stored one must be repeated, not made."""
    assert signed(token_signer) != signed(token_signer)


def test_sign_digest__not_32_bytes__is_refused(token_signer):
    with pytest.raises(SignerError, match="a digest of 33 bytes"):
        signed(token_signer, DIGEST + b"\0")


def test_sign_digest__many_at_once__all_are_signed(token_signer):
    digests = [keccak256(bytes([number])) for number in range(50)]

    async def all_signed():
        return await asyncio.gather(*map(token_signer.sign_digest, digests))

    found = [recover(*pair) for pair in zip(digests, asyncio.run(all_signed()), strict=True)]
    assert set(found) == {token_signer.address}


def test_sign_digest__the_session_lost__opens_it_again(hsm, token_signer):
    assert recover(DIGEST, signed(token_signer)) == token_signer.address

    hsm.restart()

    assert recover(DIGEST, signed(token_signer)) == token_signer.address


def test_sign_digest__lost_again_while_opening__is_refused_and_not_tried_for_ever(
    hsm, token_signer, monkeypatch
):
    opened = []
    log_in = backend._Session._log_in

    def log_in_and_lose(session):
        opened.append(session)
        log_in(session)
        hsm.restart()

    hsm.restart()
    monkeypatch.setattr(backend._Session, "_log_in", log_in_and_lose)
    with pytest.raises(SignerError, match="the token did not sign: SessionHandleInvalid"):
        signed(token_signer)
    assert len(opened) == 1

    monkeypatch.undo()
    assert recover(DIGEST, signed(token_signer)) == token_signer.address


def test_sign_digest__the_token_removed__is_refused_until_it_is_back(hsm):
    hsm.add_token("removable")
    hsm.add_key("removable", "state")
    signer = open_token(hsm.settings("removable", "state"))
    assert recover(DIGEST, signed(signer)) == signer.address
    away = hsm.tokens.with_name("away")

    hsm.tokens.rename(away)
    hsm.tokens.mkdir()
    hsm.restart()
    with pytest.raises(SignerError, match="token: no token is called so") as refusal:
        signed(signer)
    assert not isinstance(refusal.value, ConfigError)

    hsm.tokens.rmdir()
    away.rename(hsm.tokens)
    hsm.restart()
    assert recover(DIGEST, signed(signer)) == signer.address
    signer.close()


def test_sign_digest__another_key_under_its_label__is_refused(hsm):
    """Whoever swaps the key on the token gets no signature out of the daemon."""
    hsm.add_token("swapped")
    hsm.add_key("swapped", "state")
    signer = open_token(hsm.settings("swapped", "state"))
    assert recover(DIGEST, signed(signer)) == signer.address
    with hsm.session("swapped") as session:
        for found in list(session.get_objects({Attribute.LABEL: "state"})):
            found.destroy()
    hsm.add_key("swapped", "state")

    with pytest.raises(SignerError, match="a signature that is not the key's"):
        signed(signer)
    signer.close()


def test_open_token__both_keys_on_one_token__each_signs_and_outlives_the_other(hsm):
    """A login counts for the whole process, and so does a logout."""
    state = open_token(hsm.settings("broker", "state"))
    account = open_token(hsm.settings("broker", "account"))
    assert state.address != account.address
    assert recover(DIGEST, signed(state)) == state.address
    assert recover(DIGEST, signed(account)) == account.address

    state.close()
    assert recover(DIGEST, signed(account)) == account.address

    state = open_token(hsm.settings("broker", "state"))
    account.close()
    assert recover(DIGEST, signed(state)) == state.address
    state.close()


def test_open_token__the_pin_by_descriptor__signs(hsm):
    settings = hsm.settings("broker", "state", pin_file=None, pin_fd=piped(b"4711-hidden\n"))

    signer = open_token(settings)

    assert recover(DIGEST, signed(signer)) == signer.address
    signer.close()


def test_open_token__a_wrong_pin__is_refused(hsm, tmp_path):
    wrong = private_file(tmp_path / "wrong", "4711-wrong")

    with pytest.raises(ConfigError, match="pin: the token refuses it: PinIncorrect"):
        open_token(hsm.settings("broker", "state", pin_file=wrong))
    open_token(hsm.settings("broker", "state")).close()


def test_sign_digest__the_pin_refused_while_running__is_not_tried_again(hsm, monkeypatch):
    """Somebody has changed the PIN: to go on trying would lock the token."""
    hsm.add_token("changed")
    hsm.add_key("changed", "state")
    signer = open_token(hsm.settings("changed", "state"))
    with hsm.session("changed") as session:
        session.set_pin("4711-hidden", "4711-changed")
    hsm.restart()

    with pytest.raises(SignerError, match="pin: the token refuses it: PinIncorrect"):
        signed(signer)
    monkeypatch.setattr(pkcs11, "lib", None)  # whatever asks the token would fail otherwise
    with pytest.raises(SignerError, match="the token refused the PIN"):
        signed(signer)
    signer.close()


def test_open_token__what_is_not_there__names_the_field(hsm, tmp_path):
    def refused(*args, **changed):
        with pytest.raises(ConfigError) as refusal:
            open_token(hsm.settings(*args, **changed))
        return str(refusal.value)

    hsm.add_key("broker", "other curve", "secp256r1")
    hsm.add_key("broker", "twice")
    hsm.add_key("broker", "twice")
    hsm.add_key("broker", "private")
    with hsm.session("broker") as session:
        wanted = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: "private"}
        for found in list(session.get_objects(wanted)):
            found.destroy()
    no_module = tmp_path / "no.so"
    no_module.write_text("no library")

    assert refused("nobody's", "state").startswith("token: no token is called so")
    assert refused("broker", "nobody's").startswith("label: no private EC key is called so")
    assert refused("broker", "twice").startswith("label: several keys are called so")
    assert refused("broker", "private").startswith("label: its public key is not on the token")
    assert refused("broker", "other curve").startswith("label: is of another curve")
    assert refused("broker", "state", module=no_module).startswith("module: cannot be loaded")
    assert refused("broker", "state", pin_file=tmp_path / "none").startswith("pin_file: no such")


def test_close__closed__signs_no_more_and_closes_again(hsm):
    signer = open_token(hsm.settings("broker", "state"))
    assert recover(DIGEST, signed(signer)) == signer.address

    signer.close()
    signer.close()

    with pytest.raises(SignerError, match="the token is closed"):
        signed(signer)
