"""A proposal's text, and the address of its file."""

from hashlib import sha256

import pytest

from clearing.govern.errors import MetadataError
from clearing.govern.metadata import cid_of, read_metadata

FILE = b"# Lower the fee\n\nIt is too high.\n"
CID = cid_of(FILE)


@pytest.mark.parametrize(
    ("data", "cid"),
    [
        (b"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
        (b"hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
    ],
)
def test_cid_of__a_file_whose_address_is_known__is_that(data, cid):
    assert cid_of(data) == cid


def test_read_metadata__a_file__gives_title_body_address_and_digest():
    """[GOV-18] The digest is of the very bytes."""
    words = read_metadata(FILE)

    assert words.title == "Lower the fee"
    assert words.description == f"# Lower the fee\n\nIt is too high.\n\nipfs://{CID}"
    assert words.digest == sha256(FILE).digest(), "GOV: the digest is that of the bytes"


def test_read_metadata__a_proposer__is_marked_last():
    words = read_metadata(FILE, "0x" + "Ab" * 20)

    assert words.description.endswith(f"ipfs://{CID}\n\n#proposer=0x{'Ab' * 20}")


def test_read_metadata__a_title_alone__has_no_empty_body():
    data = b"# Lower the fee"

    assert read_metadata(data).description == f"# Lower the fee\n\nipfs://{cid_of(data)}"


@pytest.mark.parametrize(
    "data",
    [
        b"Lower the fee\n\nIt is too high.\n",
        b"#Lower the fee\n",
        b"# \n\nbody",
        b"",
        b"\xff\xfe",
        FILE + b"ipfs://elsewhere\n",
        FILE + b"#proposer=0x" + b"11" * 20,
    ],
)
def test_read_metadata__no_title_or_reserved_lines__is_refused(data):
    with pytest.raises(MetadataError):
        read_metadata(data)
    assert read_metadata(FILE)
