"""Fail when a page names a path of this repository that does not exist.

Looks at every Markdown page: links to files, and code spans that start with a top folder, as in
`contracts/adjudicator/*.sol` (a pattern must match something).
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


def main() -> None:
    """Check every page; exit 1 and name page and path."""
    named = 0
    missing: list[str] = []
    for page in _pages():
        text = page.read_text(encoding="utf-8")
        targets = [(ROOT, name) for name in SPAN.findall(text)]
        targets += [(page.parent, name) for name in LINK.findall(text)]
        named += len(targets)
        missing += [
            f"{page.relative_to(ROOT)} names {name}"
            for base, name in targets
            if not _exists(base, name)
        ]
    if missing:
        sys.exit("docs: no such path\n" + "\n".join(missing))
    if named == 0:
        sys.exit("docs: no page names a path; the check looked at nothing")
    print(f"docs: {named} paths named, all exist")


if __name__ == "__main__":
    main()
