"""Edits of a Solidity source, found in the compiler's own syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from tools.mutation.edits import Edit, other_direction, other_operator, other_side
from tools.solidity import answer

__all__ = ["edits"]

_CHECK: Final = re.compile(r"_?(require|check|only|assert)[A-Z]\w*|require|assert")
Node = Mapping[str, Any]


def edits(source: bytes) -> Sequence[Edit]:
    """Return the edits of one source. Raises CompileError if it cannot be parsed."""
    return sorted(set(_Finder(source).walk(_tree(source), "")))


def _tree(source: bytes) -> Node:
    """Return the tree of one source; its imports are not read."""
    settings = {"stopAfter": "parsing", "outputSelection": {"*": {"": ["ast"]}}}
    tree: Node = answer({"it.sol": source.decode()}, settings)["sources"]["it.sol"]["ast"]
    return tree


def _span(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


class _Finder:
    """Walks a tree and answers with the edits at each node."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._words = set(re.findall(r"\w+", source.decode()))

    def walk(self, node: Any, function: str) -> Iterator[Edit]:
        """Yield the edits of a node and of all below it."""
        if isinstance(node, list):
            for child in node:
                yield from self.walk(child, function)
        if not isinstance(node, dict):
            return
        kind = node.get("nodeType")
        if kind in {"ImportDirective", "PragmaDirective", "EventDefinition", "ErrorDefinition"}:
            return
        if kind in {"FunctionDefinition", "ModifierDefinition", "ContractDefinition"}:
            function = node["name"] or node.get("kind", "") or function
        if kind == "FunctionDefinition":
            if node["kind"] != "constructor":  # its "modifiers" are base contracts
                yield from self._below(node["modifiers"], function)
            yield from self._below(node.get("body"), function)
            return
        yield from self._below(node, function)

    def _below(self, node: Any, function: str) -> Iterator[Edit]:
        if isinstance(node, list):
            for child in node:
                yield from self._below(child, function)
            return
        if not isinstance(node, dict):
            return
        for start, end, operator, after in self._here(node):
            yield Edit(start, end, operator, after, function)
        if node.get("nodeType") == "RevertStatement":
            return  # what an error carries is the tests' own matter
        for child in node.values():
            if isinstance(child, dict | list):
                yield from self.walk(child, function)

    def _text(self, start: int, end: int) -> str:
        return self._source[start:end].decode()

    def _statement(self, node: Node) -> tuple[int, int]:
        """Where a statement stands, with the semicolon that the compiler leaves out."""
        start, end = _span(node)
        return start, end + (self._source[end : end + 1] == b";")

    def _here(self, node: Node) -> Iterator[tuple[int, int, str, str]]:
        """Yield (start, end, operator, after) of this node alone."""
        match node.get("nodeType"):
            case "BinaryOperation":
                yield from self._between(
                    node["operator"], node["leftExpression"], node["rightExpression"]
                )
            case "Assignment":
                yield from self._between(
                    node["operator"], node["leftHandSide"], node["rightHandSide"]
                )
            case "IfStatement" if node.get("falseBody") is None and _reverts(node["trueBody"]):
                yield *self._statement(node), "guard", "{}"
            case "ExpressionStatement" if self._checks(node["expression"]):
                yield *self._statement(node), "guard", "{}"
            case "ModifierInvocation":
                yield *_span(node), "guard", ""
            case "EmitStatement":
                yield *self._statement(node), "event", "{}"
                for one, other in pairwise(node["eventCall"]["arguments"]):
                    yield self._swap(one, other)
            case "ExpressionStatement" if self._logs(node["expression"]):
                yield *self._statement(node), "event", "{}"
            case "Identifier" | "MemberAccess":
                yield from self._renamed(node)

    def _between(self, symbol: str, left: Node, right: Node) -> Iterator[tuple[int, int, str, str]]:
        for operator, after in other_operator(symbol):
            at = self._source.index(symbol.encode(), _span(left)[1], _span(right)[0])
            yield at, at + len(symbol), operator, after

    def _swap(self, one: Node, other: Node) -> tuple[int, int, str, str]:
        (start, middle), (begin, end) = _span(one), _span(other)
        comma = self._text(middle, begin)
        return start, end, "event", self._text(begin, end) + comma + self._text(start, middle)

    def _renamed(self, node: Node) -> Iterator[tuple[int, int, str, str]]:
        name = node.get("memberName") or node["name"]
        end = _span(node)[1]
        for operator, after in (("rounding", other_direction(name)), ("side", other_side(name))):
            # A name that the file does not know would hardly compile.
            if after is not None and after in self._words:
                yield end - len(name), end, operator, after

    def _checks(self, call: Node) -> bool:
        return call.get("nodeType") == "FunctionCall" and bool(_CHECK.fullmatch(_callee(call)))

    def _logs(self, call: Node) -> bool:
        name = _callee(call) if call.get("nodeType") == "FunctionCall" else ""
        return name.startswith(("_emit", "emit", "_log", "log"))


def _callee(call: Node) -> str:
    expression = call["expression"]
    return str(expression.get("memberName") or expression.get("name") or "")


def _reverts(body: Node) -> bool:
    """Whether a body does nothing but revert."""
    if body["nodeType"] == "Block":
        statements = body["statements"]
        return len(statements) == 1 and _reverts(statements[0])
    return bool(body["nodeType"] == "RevertStatement")
