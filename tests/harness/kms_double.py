"""Stand in for AWS KMS on this machine: GetPublicKey and Sign of one key, over HTTP.

Speaks KMS's JSON protocol. Like the real one it signs 32 bytes as they are for MessageType DIGEST
and hashes once for RAW, answers in DER, and does not care which of the two s it returns: here every
other signature has the high one. It can misbehave.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from unittest.mock import patch

from coincurve import PrivateKey

from clearing.channel.signatures import ORDER, WORD

__all__ = ["KEY_ARN", "REGION", "SPKI", "KmsDouble", "Trouble", "credentials", "der_of"]

REGION: Final = "eu-central-1"
KEY_ARN: Final = f"arn:aws:kms:{REGION}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS: Final = "alias/state-signer"
ACCESS_KEY: Final = "AKIDEXAMPLE"
SPKI: Final = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")
FORM: Final = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/[0-9]{{8}}/{REGION}/kms/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*x-amz-target[a-z0-9;-]*, Signature=[0-9a-f]{64}"
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """How one answer goes wrong: late by so much, with this error, or with this body."""

    late_s: float = 0
    status: int = 200
    error: str = ""
    body: bytes | None = None
    fields: Mapping[str, object] | None = None


class KmsDouble:
    """A server on a free port of the loopback; `troubles` are used up first come, first served.

    `unsigned` counts the requests that were not signed in form, `asked` the operations in order.
    """

    def __init__(self, secret: bytes) -> None:
        self.troubles: deque[Trouble] = deque()
        self.asked: list[str] = []
        self.unsigned = 0
        self.usage = "SIGN_VERIFY"
        self._key = PrivateKey(secret)
        self._count = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, operation: str, signature: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body for one request."""
        with self._lock:
            self.asked.append(operation)
            if not FORM.fullmatch(signature):
                self.unsigned += 1
                return _error(400, "IncompleteSignatureException")
            trouble = self.troubles.popleft() if self.troubles else Trouble()
        time.sleep(trouble.late_s)
        if trouble.body is not None:
            return trouble.status, trouble.body
        if trouble.error:
            return _error(trouble.status, trouble.error)
        request = json.loads(body)
        if request.get("KeyId") not in {KEY_ARN, ALIAS}:
            return _error(400, "NotFoundException")
        actions: dict[str, Callable[[dict[str, Any]], dict[str, object] | str]] = {
            "GetPublicKey": self._public_key,
            "Sign": self._sign,
        }
        if operation not in actions:
            return _error(400, "UnknownOperationException")
        found = actions[operation](request)
        if isinstance(found, str):
            return _error(400, found)
        return 200, json.dumps({**found, **(trouble.fields or {})}).encode()

    def _public_key(self, _: dict[str, Any]) -> dict[str, object]:
        point = self._key.public_key.format(compressed=False)
        return {
            "KeyId": KEY_ARN,
            "KeySpec": "ECC_SECG_P256K1",
            "CustomerMasterKeySpec": "ECC_SECG_P256K1",
            "KeyUsage": self.usage,
            "PublicKey": base64.b64encode(SPKI + point).decode(),
            "SigningAlgorithms": ["ECDSA_SHA_256"],
        }

    def _sign(self, request: dict[str, Any]) -> dict[str, object] | str:
        message = base64.b64decode(request["Message"], validate=True)
        if request["SigningAlgorithm"] != "ECDSA_SHA_256":
            return "ValidationException"
        match request.get("MessageType", "RAW"):
            case "RAW":
                digest = sha256(message).digest()
            case "DIGEST" if len(message) == WORD:
                digest = message
            case _:
                return "ValidationException"
        with self._lock:
            self._count += 1
            is_high = self._count % 2 == 1
        rsv = self._key.sign_recoverable(digest, hasher=None)
        r, s = (int.from_bytes(rsv[at : at + WORD], "big") for at in (0, WORD))
        der = der_of(r, ORDER - s if is_high else s)
        return {
            "KeyId": KEY_ARN,
            "Signature": base64.b64encode(der).decode(),
            "SigningAlgorithm": "ECDSA_SHA_256",
        }


@contextmanager
def credentials(secret: str) -> Iterator[None]:
    """Have AWS's client find credentials that are nobody's, and no file or service with others."""
    nobody = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }
    with patch.dict(os.environ, nobody, clear=True):
        yield


def der_of(r: int, s: int) -> bytes:
    """Return the DER spelling of a signature."""
    body = b"".join(
        bytes([2, len(number)]) + number
        for value in (r, s)
        for number in [value.to_bytes(value.bit_length() // 8 + 1, "big")]
    )
    return bytes([0x30, len(body)]) + body


def _error(status: int, name: str) -> tuple[int, bytes]:
    return status, json.dumps({"__type": name, "message": "as told"}).encode()


def _handler(double: KmsDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet for an answer: two would wait for each other

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
            is_kms = service == "TrentService"
            signature = self.headers.get("Authorization", "")
            status, answer = double.answer(operation if is_kms else "", signature, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            try:
                self.wfile.write(answer)
                self.wfile.flush()
            except ConnectionError:
                self.close_connection = True  # who asked has given up

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
