"""Fail on anything but integer arithmetic in the specification and the channel's domain.

No float, no Decimal, no complex, no `/`. A floor division `//` rounds towards minus infinity, which
is wrong for a signed amount that must round towards zero or against someone. It stands in
spec/units.py, whose functions name their rounding, and elsewhere on a line that says why it is
harmless: `# floor: a width in bits, never negative`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "offchain/clearing"
ROUNDING = PACKAGE / "spec/units.py"
EXCUSE = "# floor: "
BANNED_NAMES = {"float", "complex", "Decimal", "Fraction", "round"}


def _faults(text: str, *, may_divide: bool) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=float() | complex()):
                yield node.lineno, f"{node.value!r} is no integer"
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in BANNED_NAMES:
                yield node.lineno, f"{name} is no integer arithmetic"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield node.lineno, "`/` makes a float; say the rounding with spec.units"
            case ast.BinOp(op=ast.FloorDiv()) | ast.AugAssign(op=ast.FloorDiv()):
                if not may_divide and EXCUSE not in lines[(node.end_lineno or node.lineno) - 1]:
                    yield node.lineno, "bare `//`; say the rounding with spec.units"
            case ast.AsyncFunctionDef() | ast.Await():
                yield node.lineno, "nothing here waits"


def main() -> None:
    """Read every module of spec and channel; exit 1 and name each fault."""
    modules = sorted(
        path for part in ("spec", "channel") for path in (PACKAGE / part).rglob("*.py")
    )
    if not modules:
        sys.exit("integers: no module found")
    faults = [
        f"{path.relative_to(ROOT)}:{line} {what}"
        for path in modules
        for line, what in _faults(path.read_text("utf-8"), may_divide=path == ROUNDING)
    ]
    if faults:
        sys.exit("integers: " + "\nintegers: ".join(faults))
    print(f"integers: {len(modules)} modules of spec and channel, integer arithmetic only")


if __name__ == "__main__":
    main()
