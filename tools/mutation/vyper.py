"""Edits of a Vyper source, found in the compiler's own syntax tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

from vyper import ast as vy_ast
from vyper.exceptions import VyperException

from tools.mutation.edits import Edit, other_direction, other_operator, other_side

__all__ = ["edits"]


def edits(source: bytes) -> Sequence[Edit]:
    """Return the edits of one source. Raises ValueError if it cannot be parsed."""
    try:
        module = vy_ast.parse_to_ast(source.decode())
    except VyperException as error:
        raise ValueError(str(error)) from error
    finder = _Finder(source)
    found: set[Edit] = set()
    for function in module.get_children(vy_ast.FunctionDef):
        decorated = [edit for node in function.decorator_list for edit in finder.decorator(node)]
        inside = [edit for node in function.get_descendants() for edit in finder.here(node)]
        begin = finder.span(function.body[0])[0]
        for start, end, operator, after in [*decorated, *(e for e in inside if e[0] >= begin)]:
            found.add(Edit(start, end, operator, after, function.name))
    return sorted(found)


class _Finder:
    """Answers with the edits at a node."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        lengths = (len(line) for line in source.splitlines(keepends=True))
        self._starts = [0, *accumulate(lengths)]
        self._words = set(re.findall(r"\w+", source.decode()))

    def span(self, node: Any) -> tuple[int, int]:
        """Return where a node stands, in bytes."""
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def decorator(self, node: Any) -> Iterator[tuple[int, int, str, str]]:
        """Yield the edit that takes a lock off: its decorator becomes a comment."""
        if getattr(node, "id", "") == "nonreentrant":
            start, end = self.span(node)
            yield start - 1, end, "guard", "# no lock"

    def here(self, node: Any) -> Iterator[tuple[int, int, str, str]]:
        """Yield (start, end, operator, after) of this node alone."""
        match node:
            case vy_ast.Compare():
                yield from self._between(node.left, node.right)
            case vy_ast.BinOp():
                yield from self._between(node.left, node.right)
            case vy_ast.AugAssign():
                yield from self._between(node.target, node.value)
            case vy_ast.Assert():
                yield *self.span(node), "guard", "pass"
            case vy_ast.Log():
                yield *self.span(node), "event", "pass"
                for one, other in pairwise(node.value.keywords):
                    yield self._swap(one.value, other.value)
            case vy_ast.Name() | vy_ast.Attribute():
                yield from self._renamed(node)

    def _text(self, start: int, end: int) -> str:
        return self._source[start:end].decode()

    def _between(self, left: Any, right: Any) -> Iterator[tuple[int, int, str, str]]:
        begin, end = self.span(left)[1], self.span(right)[0]
        found = re.search(r"[<>=!+\-]+", self._text(begin, end))
        for operator, after in other_operator(found.group()) if found else ():
            yield begin + found.start(), begin + found.end(), operator, after  # type: ignore[union-attr]

    def _swap(self, one: Any, other: Any) -> tuple[int, int, str, str]:
        (start, middle), (begin, end) = self.span(one), self.span(other)
        between = self._text(middle, begin)
        return start, end, "event", self._text(begin, end) + between + self._text(start, middle)

    def _renamed(self, node: Any) -> Iterator[tuple[int, int, str, str]]:
        name = node.attr if isinstance(node, vy_ast.Attribute) else node.id
        end = self.span(node)[1]
        for operator, after in (("rounding", other_direction(name)), ("side", other_side(name))):
            if (
                after is not None
                and after in self._words
                and self._text(end - len(name), end) == name
            ):
                yield end - len(name), end, operator, after
