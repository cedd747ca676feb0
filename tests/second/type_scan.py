"""Find what is signed or hashed as EIP-712 by reading the sources, not by asking them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["declared_in_python", "declared_in_solidity", "named_in_python", "signs_in_python"]

ROOT: Final = Path(__file__).resolve().parents[2]
MEMBER: Final = r"(?:address|bool|string|bytes\d*|u?int\d*|[A-Z]\w*)(?:\[\d*\])? \w+"
DECLARATION: Final = re.compile(rf"([A-Z]\w*)\(({MEMBER}(?:,{MEMBER})*)\)")
LITERALS: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"(?:\s*"((?:[^"\\\n]|\\.)*)")*')
IMPORT: Final = re.compile(r'from "([^"]+)";|import "([^"]+)";')
COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DOMAIN: Final = "EIP712Domain"


def _declarations(text: str) -> Iterator[tuple[str, str]]:
    """Return (name, members) of each struct if the text is declarations and nothing else."""
    if text and not DECLARATION.sub("", text):
        yield from DECLARATION.findall(text)


# SOLIDITY AND VYPER


def declared_in_solidity() -> dict[str, set[str]]:
    """Return what our contracts, and whatever they import, declare: name -> spellings."""
    found: dict[str, set[str]] = {}
    for path in _contracts():
        for text in LITERALS.finditer(COMMENT.sub("", path.read_text("utf-8"))):
            joined = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', text.group()))
            for name, members in _declarations(joined):
                found.setdefault(name, set()).add(members)
    found.pop(DOMAIN, None)
    return found


def _contracts() -> set[Path]:
    own = ROOT / "contracts"
    waiting = [
        path for kind in ("*.sol", "*.vy") for path in own.rglob(kind) if ".cache" not in path.parts
    ]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop().resolve()
        if path in found:
            continue
        found.add(path)
        for one, other in IMPORT.findall(path.read_text("utf-8")):
            target = one or other
            below = ROOT / "node_modules" if target.startswith("@") else path.parent
            waiting.append(below / target)
    return found


# PYTHON


OPENING: Final = re.compile(rf"[A-Z]\w*\({MEMBER}")
PREFIX: Final = b"\x19"
MAKERS: Final = frozenset({"encode_typed_data", "encode_defunct", "sign_typed_data"})
MARKS: Final = ("digest(", '"type"', "x19", *MAKERS)


def _can_matter(text: str) -> bool:
    """Say whether a module has to be read closely: parsing all takes seconds."""
    return any(mark in text for mark in MARKS) or OPENING.search(text) is not None


@cache
def _modules() -> tuple[tuple[str, ast.AST], ...]:
    """Return every piece of our modules that can matter, and the module it is of."""
    below = ROOT / "offchain"
    kinds = ast.Constant | ast.Call | ast.Dict | ast.Name | ast.Attribute
    texts = (
        (path.relative_to(below).as_posix(), path.read_text("utf-8"))
        for path in sorted(below.rglob("*.py"))
        if not path.stem.endswith(("_pb2", "_pb2_grpc"))
    )
    return tuple(
        (path, node)
        for path, text in texts
        if _can_matter(text)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds)
    )


def declared_in_python() -> dict[str, set[str]]:
    """Return what strings of our modules declare: name -> spellings."""
    found: dict[str, set[str]] = {}
    for _, node in _modules():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name, members in _declarations(node.value):
                found.setdefault(name, set()).add(members)
    found.pop(DOMAIN, None)
    return found


def named_in_python() -> set[str]:
    """Return structs that are spelled as lists of members and not as text."""
    found = set()
    for _, node in _modules():
        if isinstance(node, ast.Call):
            found |= _named_by_call(node)
        if isinstance(node, ast.Dict):
            found |= _named_by_dict(node)
    return found - {DOMAIN}


def _named_by_call(node: ast.Call) -> set[str]:
    """`….digest("Name", fields, values)`."""
    is_digest = isinstance(node.func, ast.Attribute) and node.func.attr == "digest"
    name = _text_of(node.args[0]) if is_digest and node.args else ""
    return {name} if name else set()


def _named_by_dict(node: ast.Dict) -> set[str]:
    """`{"Name": [{"name": …, "type": …}, …]}`; an ABI's inputs are no struct and begin small."""
    found = set()
    for key, value in zip(node.keys, node.values, strict=True):
        items = value.elts if isinstance(value, ast.List) else []
        is_members = bool(items) and all(
            isinstance(item, ast.Dict) and set(map(_text_of, item.keys)) == {"name", "type"}
            for item in items
        )
        if is_members and _text_of(key)[:1].isupper():
            found.add(_text_of(key))
    return found


def _text_of(node: ast.AST | None) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else ""


def signs_in_python() -> Mapping[str, str]:
    """Return the modules that make a digest by themselves, and by what."""
    found: dict[str, str] = {}
    for path, node in _modules():
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            if node.value.startswith(PREFIX):
                found.setdefault(path, "0x19")
        elif isinstance(node, ast.Name | ast.Attribute):
            word = node.id if isinstance(node, ast.Name) else node.attr
            if word in MAKERS:
                found[path] = word
    return found
