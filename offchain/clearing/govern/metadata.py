"""Make a proposal's text from its Markdown, and the address by which the file can be found.

The file's address is its CIDv1: version 1, codec raw, multihash sha2-256, in base32. Whoever has
the file computes the same; whoever has the address checks the file. Nothing here is published.
"""

from __future__ import annotations

import re
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from clearing.govern.errors import MetadataError

__all__ = ["Metadata", "cid_of", "read_metadata"]

CID_V1_RAW_SHA2_256: Final = bytes.fromhex("01551220")
TITLE: Final = re.compile(r"# \S.*")
RESERVED: Final = re.compile(r"^(ipfs://|#proposer=)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a proposal says of itself: title, the description that goes on chain, digest, address.

    `digest` is the sha2-256 of the file's bytes.
    """

    title: str
    description: str
    digest: bytes
    cid: str


def cid_of(data: bytes) -> str:
    """Return the CIDv1 of a file that is one raw block."""
    binary = CID_V1_RAW_SHA2_256 + sha256(data).digest()
    return "b" + b32encode(binary).decode().lower().rstrip("=")


def read_metadata(data: bytes, proposer: str | None = None) -> Metadata:
    """Return what the Markdown of a proposal gives.

    With `proposer` (checksummed) nobody else can make this proposal: OpenZeppelin reads the mark.
    Raises MetadataError.
    """
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise MetadataError("--text", "is not UTF-8", "save it so") from None
    title, _, body = text.partition("\n")
    if not TITLE.fullmatch(title.rstrip()):
        raise MetadataError("--text", "has no title", "begin the file with `# Title`")
    if RESERVED.search(text):
        raise MetadataError(
            "--text", "has a line ipfs:// or #proposer=", "leave it out; the command writes it"
        )
    parts = [title.rstrip(), body.strip(), f"ipfs://{cid_of(data)}"]
    if proposer is not None:
        parts.append(f"#proposer={proposer}")
    description = "\n\n".join(part for part in parts if part)
    return Metadata(
        title.removeprefix("# ").strip(), description, sha256(data).digest(), cid_of(data)
    )
