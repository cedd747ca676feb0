"""A document nested 100,000 levels deep ended the process: json's parser exhausted the C stack.

Python's recursion limit stops it only while nobody has raised that limit, and a library of the test
environment raises it to 10,240.
"""

import sys

import pytest

from clearing.risk.documents import read_document
from clearing.risk.errors import TermsError


@pytest.fixture
def raised_limit():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("raised_limit")
@pytest.mark.parametrize("name", ["o.json", "o.yaml"])
def test_read_document__nested_too_deeply__is_refused(name, tmp_path):
    path = tmp_path / name
    path.write_text("[" * 100 + "]" * 100)
    assert read_document(path)

    path.write_text("[" * 100_000)
    with pytest.raises(TermsError, match="nested too deeply"):
        read_document(path)
