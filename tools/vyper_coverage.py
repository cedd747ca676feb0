"""Pytest plugin: which statements of the Vyper contracts ran, held at 95 %.

`pytest -p tools.vyper_coverage tests/unit/...` traces each transaction and call that Ape sends and
maps the program counters to statements by the compiler's own source map. (Ape's `--coverage` counts
docstrings as code and misplaces other lines with this compiler.) Constructors are not measured:
their code is gone after deployment. The session fails when a contract is below the bound, as it is
when nothing of it was measured.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from ape_ethereum.provider import Web3Provider
from vyper import ast as vy_ast

__all__ = ["pytest_configure"]

ROOT = Path(__file__).resolve().parents[1]
MIN_PERCENT = 95
ON_REVM = {"PauseGuardian.vy"}
"""Contracts whose tests play on revm, which sends nothing through Ape: nothing of them is seen."""
TRACE_OPTIONS = {"disableStorage": True, "enableMemory": False, "enableReturnData": False}
CALLS = {"CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"}
CREATES = {"CREATE", "CREATE2"}


@dataclass(slots=True)
class Source:
    """A contract: its runtime code, and the program counters that each statement compiled to."""

    name: str
    code: bytes
    statements: dict[int, set[int]]  # first line -> program counters
    ran: set[int] = field(default_factory=set)  # program counters

    @property
    def missed(self) -> list[int]:
        """First lines of the statements of which nothing ran."""
        return sorted(line for line, counters in self.statements.items() if not counters & self.ran)

    @property
    def percent(self) -> float:
        """Share of the statements that ran; 0 when there are none."""
        total = len(self.statements)
        return 100 * (total - len(self.missed)) / total if total else 0.0


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield first and last line of each statement; of a compound one those of its head."""
    for function in vy_ast.parse_to_ast(text).get_children(vy_ast.FunctionDef):
        if function.name == "__init__":
            continue
        for node in function.get_descendants(vy_ast.Stmt):
            head = {vy_ast.If: "test", vy_ast.For: "iter"}.get(type(node))
            part = node if head is None else getattr(node, head)
            yield part.lineno, part.end_lineno


def _compile(path: Path) -> Source:
    name = str(path.relative_to(ROOT))
    command = [
        "vyper",
        "-f",
        "source_map_runtime,bytecode_runtime",
        "--evm-version",
        "cancun",
        name,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    source_map, code = done.stdout.strip().splitlines()
    places = {
        int(counter): (place[0], place[2])
        for counter, place in json.loads(source_map)["pc_pos_map"].items()
        if place is not None
    }
    statements = {
        first: {pc for pc, (start, end) in places.items() if first <= start and end <= last}
        for first, last in _spans(path.read_text("utf-8"))
    }
    measurable = {line: counters for line, counters in statements.items() if counters}
    return Source(name, bytes.fromhex(code.removeprefix("0x")), measurable)


class Tracer:
    """Replays what Ape sends through the node's tracer and notes the program counters that ran."""

    def __init__(self, sources: list[Source]) -> None:
        self.sources = sources

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between Ape and the node for as long as `monkeypatch` lasts."""
        send, call = Web3Provider._send_transaction, Web3Provider._eth_call  # noqa: SLF001

        @wraps(send)
        def traced_send(provider: Any, txn: Any) -> Any:
            txn_hash = send(provider, txn)
            steps = provider.make_request("debug_traceTransaction", [txn_hash, TRACE_OPTIONS])
            self._note(provider, txn.receiver, steps["structLogs"])
            return txn_hash

        @wraps(call)
        def traced_call(provider: Any, arguments: list[Any], *args: Any, **kwargs: Any) -> Any:
            request, block = arguments[0], arguments[1] if len(arguments) > 1 else "latest"
            steps = provider.make_request("debug_traceCall", [request, block, TRACE_OPTIONS])
            self._note(provider, request.get("to"), steps["structLogs"])
            return call(provider, arguments, *args, **kwargs)

        monkeypatch.setattr(Web3Provider, "_send_transaction", traced_send)
        monkeypatch.setattr(Web3Provider, "_eth_call", traced_call)

    def _note(self, provider: Any, receiver: str | None, steps: list[dict[str, Any]]) -> None:
        frames: dict[int, str | None] = {1: receiver}
        counters: dict[str, set[int]] = {}
        for step in steps:
            depth, op = step["depth"], step["op"]
            address = frames[depth]
            if address is not None:
                counters.setdefault(address, set()).add(step["pc"])
            if op in CALLS:
                frames[depth + 1] = "0x" + step["stack"][-2].removeprefix("0x").zfill(40)[-40:]
            elif op in CREATES:
                frames[depth + 1] = None
        for address, ran in counters.items():
            code = bytes.fromhex(provider.make_request("eth_getCode", [address, "latest"])[2:])
            for source in self.sources:
                if code.startswith(source.code):
                    source.ran |= ran


class Gate:
    """Reports at the end of the session and fails it when a contract is below the bound."""

    def __init__(self, sources: list[Source]) -> None:
        self.sources = sources
        self.monkeypatch = pytest.MonkeyPatch()
        Tracer(sources).install(self.monkeypatch)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn a good exit into a failure when the bound is not met."""
        self.monkeypatch.undo()
        is_met = self.sources and all(source.percent >= MIN_PERCENT for source in self.sources)
        if session.exitstatus == pytest.ExitCode.OK and not is_met:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print a line for each contract."""
        terminalreporter.section(f"Vyper statements that ran (bound {MIN_PERCENT} %)")
        for source in self.sources:
            missed = f", never ran: lines {source.missed}" if source.missed else ""
            total = len(source.statements)
            terminalreporter.line(f"{source.name} {source.percent:.1f} % of {total}{missed}")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the contracts and start tracing."""
    sources = [
        _compile(path)
        for path in sorted((ROOT / "contracts").rglob("*.vy"))
        if ".cache" not in path.parts and path.name not in ON_REVM
    ]
    config.pluginmanager.register(Gate(sources), "vyper_coverage_gate")
