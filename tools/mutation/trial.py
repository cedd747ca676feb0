"""Try mutants: a copy of the project, in which each is compiled and its tests are run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from tools.mutation.build import MANIFEST, Code, closure, compiled, replaced
from tools.mutation.listing import Entry, Group, Step
from tools.mutation.warm import TIME_UP
from tools.solidity import CompileError

__all__ = ["Bench", "BrokenError", "Result", "digest", "watched"]

COPIED: Final = ("contracts", "offchain", "tests", "tools", "scripts", "deployments", "docs")
LINKED: Final = (".venv", "node_modules", "proto", "bench", "snapshots")
SECONDS: Final = 600
"""A step that takes longer is one that the mutant made hang: the slowest takes half of this."""
PYTEST: Final = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "--tb=line",
    "--no-header",
    "-rfE",
)
WITHOUT_APE: Final = ("-p", "no:ape_test")
"""Its plugin starts a node, which tests on revm do not need."""
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+?::.*?)(?: - .*)?$", re.MULTILINE)
PASSED, FAILED, NO_SUCH_TEST = 0, 1, 4


class BrokenError(Exception):
    """Tests could not be run at all, which says nothing about a mutant."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant."""

    outcome: str
    """killed, survived, same code (the compiler made no difference of it), not compiled"""
    by: str
    """The test that failed, "time" when it hung, or what the compiler said."""
    seconds: float
    watched: str = ""
    """What its tests said, see `watched`."""


class Bench:
    """A copy of the project with a warm process in it. Used as a context."""

    def __init__(self, root: Path) -> None:
        self._project = root
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        self.root = Path(self._folder.name).resolve()
        self._copy()
        self._manifest: Any = json.loads((root / MANIFEST).read_bytes())
        self._originals: dict[str, Code] = {}
        self._process = self._start()

    def _copy(self) -> None:
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", ".cache", ".hypothesis")
            shutil.copytree(self._project / name, self.root / name, ignore=ignored)
        for name in LINKED:
            (self.root / name).symlink_to((self._project / name).resolve())
        for path in self._project.iterdir():
            if path.is_file():
                shutil.copy(path, self.root / path.name)
        (self.root / ".build").mkdir()

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join((f"{self.root}/.venv/bin", f"{self.root}/node_modules/.bin"))
        environment = os.environ | {
            "PYTHONPATH": f"{self.root}/offchain:{self.root}",
            "PATH": path + os.pathsep + os.environ["PATH"],
            "SOLCX_BINARY_PATH": f"{self.root}/tools/solc",
            "APE_DATA_FOLDER": f"{self.root}/.ape",
            "HYPOTHESIS_PROFILE": "mutants",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tools.mutation.warm"],
            cwd=self.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def judged(self, entry: Entry, group: Group) -> Result:
        """Return what becomes of a mutant. Raises StaleError, BrokenError."""
        source = (self._project / entry.file).read_bytes()
        return self._judged(entry.file, entry.mutated(source), _steps(entry, group))

    def control(self, group: Group) -> Result:
        """Return what becomes of the contracts themselves, compiled and tested as mutants are."""
        file = group.files[0]
        return self._judged(file, (self._project / file).read_bytes(), group.steps)

    def _judged(self, file: str, text: bytes, steps: Sequence[Step]) -> Result:
        begun = time.monotonic()
        codes: dict[str, Code] = {}
        targets: list[str] = []
        for step in steps:
            more = [t for t in step.contracts if t not in targets and self._reaches(t, file)]
            try:
                for target in more:
                    codes |= compiled(self.root, target, file, text)
            except CompileError as error:
                return Result("not compiled", str(error)[:200], time.monotonic() - begun)
            targets += more
            if not targets:
                continue
            self._write(codes)
            by = self._tested(step)
            if by:
                return Result("killed", by, time.monotonic() - begun)
        if not targets:
            raise BrokenError(f"no contract of the plan includes {file}")
        same = all(self._original(target) == codes[Path(target).stem] for target in targets)
        return Result("same code" if same else "survived", "", time.monotonic() - begun)

    def _reaches(self, target: str, file: str) -> bool:
        return file in closure(self._project, target)

    def _original(self, target: str) -> Code:
        """Return the code of a contract as it is, compiled as mutants are."""
        if target not in self._originals:
            text = (self._project / target).read_bytes()
            self._originals |= {
                target: compiled(self.root, target, target, text)[Path(target).stem]
            }
        return self._originals[target]

    def _write(self, codes: Mapping[str, Code]) -> None:
        path = self.root / MANIFEST
        path.write_text(json.dumps(replaced(self._manifest, codes)))
        os.utime(path)

    def _tested(self, step: Step) -> str:
        """Run tests; return the one that failed, "time" if they hang, or nothing if all pass.

        A test that killed before and has another name now says nothing; the others follow.
        """
        log = self.root / "pytest.log"
        options = [*PYTEST] if step.node else [*PYTEST, *WITHOUT_APE]
        told = {"args": [*options, *step.tests], "log": str(log), "seconds": SECONDS}
        questions, answers = _pipes(self._process)
        questions.write(json.dumps(told) + "\n")
        questions.flush()
        code = int(answers.readline() or 3)
        if code == TIME_UP:
            return "time"
        is_forgotten = code == NO_SUCH_TEST and "::" in step.tests[0]
        if code == PASSED or is_forgotten:
            return ""
        failed = _FAILED.search(log.read_text(errors="replace"))
        if code != FAILED or failed is None:
            raise BrokenError(
                f"pytest ended with {code}:\n{log.read_text(errors='replace')[-2000:]}"
            )
        return failed.group(1)


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise BrokenError("the warm process has no pipes")
    return process.stdin, process.stdout


def _steps(entry: Entry, group: Group) -> Sequence[Step]:
    """Return a group's steps, the test that killed this mutant before in front."""
    file = entry.killed_by.split("::")[0]
    for step in group.steps:
        if file and any(file.startswith(test.split("::")[0]) for test in step.tests):
            return [replace(step, tests=[entry.killed_by]), *group.steps]
    return group.steps


def digest(root: Path, entry: Entry, group: Group) -> str:
    """Return the text that a result depends on: the mutant, and all that its contracts include."""
    names = {name for s in group.steps for target in s.contracts for name in closure(root, target)}
    paths = [root / name for name in sorted(names) if (root / name).exists()]
    return _hash(repr((entry.id, entry.before, entry.after)), paths)


def watched(root: Path, group: Group, result: Result) -> str:
    """Return the tests that a result depends on: the one that killed, or all that did not."""
    if result.outcome == "killed" and "::" in result.by:
        return _hash(result.by, [root / result.by.split("::")[0]])
    if result.outcome in {"not compiled", "same code"}:
        return _hash(result.outcome, [])
    names = {test.split("::")[0] for step in group.steps for test in step.tests}
    paths = [path for name in sorted(names) for path in _files(root / name)]
    return _hash(result.outcome, paths)


def _files(path: Path) -> Sequence[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _hash(text: str, paths: Sequence[Path]) -> str:
    whole = hashlib.sha256(text.encode())
    for path in paths:
        whole.update(path.read_bytes() if path.exists() else b"gone")
    return whole.hexdigest()
