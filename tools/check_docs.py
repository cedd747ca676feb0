"""Fail when a page names a path or a test of this repository that does not exist.

Looks at every Markdown page: links to files, code spans that start with a top folder, as in
`contracts/adjudicator/*.sol` (a pattern must match something), and code spans that are a test's
name. docs/README.md must list every page of docs/, a folder of them by its pattern.
"""

import re
import subprocess
import sys
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = "bench|contracts|deployments|docs|offchain|requirements|scripts|snapshots|tests|tools"
SPAN = re.compile(rf"`((?:{FOLDERS})/[^\s`:#]*)[^`]*`")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
TEST = re.compile(r"`(test_\w+__\w+)`")
DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
INDEX = "docs/README.md"
MADE = {"docs/audit-report.md", "docs/audit*.md", "deployments/registry"}
"""What a command writes: a checkout may not have it yet."""
BRACES = re.compile(r"\{([^{}]*)\}")


def _pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def _expand(pattern: str) -> list[str]:
    braces = BRACES.search(pattern)
    if braces is None:
        return [pattern]
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    return [full for choice in braces[1].split(",") for full in _expand(head + choice + tail)]


def _exists(base: Path, name: str) -> bool:
    if "<" in name:  # a name with a part to fill in: its folder must exist
        name = name.partition("<")[0].rpartition("/")[0]
    return all((base / one).exists() or any(base.glob(one)) for one in _expand(name.rstrip("/.,")))


def _tests() -> set[str]:
    """Return the names of all tests."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in DEFINED.findall(path.read_text(encoding="utf-8"))
    }


def _unlisted(pages: list[Path]) -> list[str]:
    """Return the pages under docs/ that the index does not list."""
    index = ROOT / INDEX
    if not index.exists():
        return [f"{INDEX} is missing"]
    patterns = SPAN.findall(index.read_text(encoding="utf-8"))
    listed = {path for name in patterns for path in ROOT.glob(name)}
    return [
        f"{INDEX} does not list {page.relative_to(ROOT)}"
        for page in pages
        if page.is_relative_to(ROOT / "docs") and page != index and page not in listed
    ]


def main() -> None:
    """Check every page; exit 1 and name page and path."""
    named = 0
    pages, tests = _pages(), _tests()
    missing = _unlisted(pages)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        targets = [(ROOT, name) for name in SPAN.findall(text)]
        targets += [(page.parent, name) for name in LINK.findall(text)]
        named += len(targets)
        wrong = [name for base, name in targets if name not in MADE and not _exists(base, name)]
        wrong += [name for name in TEST.findall(text) if name not in tests]
        missing += [f"{page.relative_to(ROOT)} names {name}" for name in wrong]
    if missing:
        sys.exit("docs: not there\n" + "\n".join(missing))
    if named == 0:
        sys.exit("docs: no page names a path; the check looked at nothing")
    print(f"docs: {len(pages)} pages, {named} paths named, all exist")


if __name__ == "__main__":
    main()
