"""Gates that read files can say no."""

from __future__ import annotations

import json

import pytest

from tools import check_docs, check_locks

SHA = "sha256:" + "0" * 64
PYTHON = f"left-pad==1.0.0 \\\n    --hash={SHA}\n"
NODE = {"packages": {"": {}, "node_modules/left-pad": {"version": "1.0.0", "integrity": "sha512-"}}}


@pytest.fixture
def locks(tmp_path, monkeypatch):
    """Return how to check a checkout's locks."""
    monkeypatch.setattr(check_locks, "ROOT", tmp_path)
    (tmp_path / "requirements").mkdir()

    def check(python: str = PYTHON, **entry: str) -> None:
        (tmp_path / "requirements/main.txt").write_text(python)
        packages = {"node_modules/left-pad": {**NODE["packages"]["node_modules/left-pad"], **entry}}
        (tmp_path / "package-lock.json").write_text(json.dumps({"packages": {"": {}, **packages}}))
        check_locks.main()

    return check


@pytest.mark.parametrize(
    ("python", "entry", "fault"),
    [
        ("left-pad==1.0.0\n", {}, "0 of 1 packages have a hash"),
        (PYTHON + "right-pad==1.0.0\n", {}, "1 of 2 packages have a hash"),
        ("--extra-index-url elsewhere\n" + PYTHON, {}, "main.txt: --extra-index-url"),
        (PYTHON, {"resolved": "elsewhere"}, "node_modules/left-pad has an address"),
    ],
)
def test_locks__package_without_its_hash_or_from_elsewhere__is_refused(
    locks, python, entry, fault, capsys
):
    locks()
    assert "2 packages, hashed" in capsys.readouterr().out

    with pytest.raises(SystemExit, match=fault):
        locks(python, **entry)


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Return how to check a checkout's pages."""
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_vault.py").write_text("def test_pay__twice__is_refused(): ...\n")
    monkeypatch.setattr(check_docs, "_pages", lambda: sorted(tmp_path.rglob("*.md")))

    def check(index: str = "`docs/one.md`\n", one: str = "see `docs/README.md`\n") -> None:
        (tmp_path / "docs/README.md").write_text(index)
        (tmp_path / "docs/one.md").write_text(one)
        check_docs.main()

    return check


@pytest.mark.parametrize(
    ("index", "one", "fault"),
    [
        ("`docs/one.md`", "`docs/two.md`", "docs/one.md names docs/two.md"),
        ("`docs`", "", "docs/README.md does not list docs/one.md"),
        ("`docs/one.md`", "`test_pay__thrice__is_refused`", "one.md names test_pay__thrice__is"),
    ],
)
def test_docs__page_names_what_is_not_there_or_is_not_listed__is_refused(
    pages, index, one, fault, capsys
):
    pages(one="`test_pay__twice__is_refused`")
    assert "all exist" in capsys.readouterr().out

    with pytest.raises(SystemExit, match=fault):
        pages(index, one)
