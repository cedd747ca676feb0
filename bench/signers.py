"""How many signatures a second each keeper of a key makes, checked as the daemon checks them.

The token is SoftHSM where it is installed; AWS KMS is its double on this machine, so that number
is what our own side allows: a real one adds the way to AWS and back to each signature.
"""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.rate import rate
from bench.results import put
from clearing.channel.codec import type_hash
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner
from clearing.channel.typed_data import struct_of
from clearing.clearport.ports import Permit, Reservation
from clearing.clearport.signer.guarded import GuardedSigner
from clearing.clearport.signer.keystore import KeystoreSigner
from clearing.clearport.signer.kms import open_kms
from clearing.clearport.signer.pkcs11 import open_token
from clearing.clearport.signer.port import DigestSigner
from clearing.clearport.signer.settings import KmsSettings
from clearing.spec.types import ClearingState
from tests.harness import softhsm
from tests.harness.kms_double import KEY_ARN, REGION, KmsDouble, credentials

__all__ = ["keystore", "kms_double", "main", "measure", "pkcs11"]

STATE = type_hash(struct_of(ClearingState))
KEY = keccak256(b"signs nothing of worth")
CHANNELS = 8


def main() -> None:
    """Measure, print, and write the key `sign_per_s` of bench/results/clearport.json."""
    rates = measure()
    table = Table(title="Signatures a second, by keeper of the key", title_justify="left")
    table.add_column("backend")
    table.add_column("a second", justify="right")
    for backend, per_s in rates.items():
        table.add_row(backend, f"{per_s:,}")
    Console().print(table)
    put("clearport", sign_per_s=rates)


def measure() -> dict[str, int]:
    """Return signatures a second by backend; `pkcs11` is left out where SoftHSM is missing.

    `<backend>` is one signature after the other, `<backend>_8_channels` eight at a time.
    """
    found = keystore() | kms_double()
    return found | pkcs11() if softhsm.is_installed() else found


def keystore() -> dict[str, int]:
    """Return the rates of a key in this process."""
    return _rates("keystore", KeystoreSigner(LocalSigner(KEY)))


def pkcs11() -> dict[str, int]:
    """Return the rates of a SoftHSM token."""
    with TemporaryDirectory() as folder:
        hsm = softhsm.SoftHsm(Path(folder))
        hsm.add_token("bench")
        hsm.add_key("bench", "state")
        return _rates("pkcs11", open_token(hsm.settings("bench", "state")))


def kms_double() -> dict[str, int]:
    """Return the rates of AWS KMS's double; it shares this process's time."""
    with credentials("nobody's"), KmsDouble(KEY) as double:
        settings = KmsSettings(backend="kms", key=KEY_ARN, region=REGION, endpoint_url=double.url)
        return _rates("kms_double", open_kms(settings))


def _rates(name: str, signer: DigestSigner) -> dict[str, int]:
    guarded = GuardedSigner(signer)
    versions = count(1)

    async def sign() -> None:
        await guarded.sign(_permit(signer, next(versions)))

    async def lane(times: int) -> None:
        for _ in range(times):
            await sign()

    async def lanes(times: int) -> None:
        await asyncio.gather(*(lane(times // CHANNELS) for _ in range(CHANNELS)))

    with asyncio.Runner() as runner:

        def one_by_one(times: int) -> None:
            runner.run(lane(times))

        def side_by_side(times: int) -> None:
            runner.run(lanes(times))

        rates = {
            name: rate(one_by_one),
            f"{name}_{CHANNELS}_channels": rate(side_by_side, CHANNELS),
        }
    signer.close()
    return rates


def _permit(signer: DigestSigner, version: int) -> Permit:
    """Return leave to sign a digest that no version before had."""
    digest = keccak256(version.to_bytes(32, "big"))
    return Permit(Reservation(signer.key_id, STATE, bytes(32), 1, version, digest))
