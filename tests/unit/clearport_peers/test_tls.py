"""Our certificate and its key on disk."""

import os
import stat
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from clearing.clearport.errors import ConfigError
from clearing.clearport.peers.tls import load_pair, make_pair, parse_certificate, save_pair


def test_make_pair__certificate__p256_for_host_and_clearport_and_no_authority():
    for host, kind, value in (
        ("broker.example", x509.DNSName, "broker.example"),
        ("::1", x509.IPAddress, ip_address("::1")),
    ):
        certificate = parse_certificate(make_pair(host).certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

        assert isinstance(certificate.public_key().curve, ec.SECP256R1)
        assert "clearport" in names.get_values_for_type(x509.DNSName)
        assert value in names.get_values_for_type(kind)


def test_make_pair__twice__subjects_differ():
    """TLS finds a root by its subject: with equal ones, one peer would hide another."""
    first, second = (parse_certificate(make_pair("x").certificate) for _ in range(2))

    assert first.subject != second.subject


def test_save_pair__key__for_its_owner_alone_and_never_overwritten(tmp_path):
    pair, where = make_pair("127.0.0.1"), (tmp_path / "peer.crt", tmp_path / "peer.key")
    os.umask(0)

    save_pair(pair, *where)

    assert stat.S_IMODE(where[1].stat().st_mode) == 0o600
    assert load_pair(*where) == pair
    with pytest.raises(ConfigError, match=r"peer\.key"):
        save_pair(make_pair("127.0.0.1"), *where)
    assert load_pair(*where) == pair


def test_load_pair__key_that_others_may_read__refused(tmp_path):
    pair, where = make_pair("127.0.0.1"), (tmp_path / "peer.crt", tmp_path / "peer.key")
    save_pair(pair, *where)
    where[1].chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        load_pair(*where)

    where[1].chmod(0o600)
    assert load_pair(*where) == pair


def test_load_pair__file_missing_or_no_certificate__config_error(tmp_path):
    pair, where = make_pair("127.0.0.1"), (tmp_path / "peer.crt", tmp_path / "peer.key")
    save_pair(pair, *where)
    where[0].write_bytes(b"no certificate")
    with pytest.raises(ConfigError, match=r"tls\.certificate"):
        load_pair(*where)
    where[0].unlink()
    with pytest.raises(ConfigError, match="cannot read"):
        load_pair(*where)


def test_load_pair__key_of_another_certificate__config_error(tmp_path):
    pair, where = make_pair("127.0.0.1"), (tmp_path / "peer.crt", tmp_path / "peer.key")
    save_pair(pair, *where)
    where[1].write_bytes(make_pair("127.0.0.1").key_pem)
    with pytest.raises(ConfigError, match=r"tls\.key"):
        load_pair(*where)
    where[1].write_bytes(b"no key")
    with pytest.raises(ConfigError, match=r"tls\.key"):
        load_pair(*where)


def test_key_pair__repr__without_the_key():
    pair = make_pair("127.0.0.1")

    assert "PRIVATE" not in repr(pair)
    assert pair.certificate_hash.hex() in repr(pair)
