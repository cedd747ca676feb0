"""Read a JSON or YAML file without interpreting its numbers: each stays the text that was written.

So 0.1 is a tenth, not the float next to it. A key that stands twice is an error, not a choice.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from clearing.risk.errors import TermsError, quote, quote_path

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

__all__ = ["read_document"]


MAX_DEPTH: Final = 100  # levels; a document of ours has two


class _DuplicateKeyError(ValueError):
    """A key stands twice in one object."""


class _TextLoader(yaml.BaseLoader):
    """Load every YAML scalar as its text."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - the signature is PyYAML's
    ) -> dict[Hashable, Any]:
        """Refuse a mapping that names a key twice, which PyYAML would settle in silence."""
        _refuse_duplicates([str(key.value) for key, _ in node.value])
        return super().construct_mapping(node, deep=deep)


def read_document(path: Path) -> object:
    """Return the file's objects, lists and texts; JSON unless it is named .yaml or .yml.

    Raises TermsError, naming the file and the line, if it cannot be read.
    """
    place = quote_path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        _refuse_depth(text)
        if path.suffix in {".yaml", ".yml"}:
            return yaml.load(text, Loader=_TextLoader)  # noqa: S506 - every scalar stays a text
        return json.loads(
            text,
            parse_float=str,
            parse_int=str,
            parse_constant=str,
            object_pairs_hook=_object_of,
        )
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise TermsError(place, problem, "give the path of a JSON or YAML file") from error
    except UnicodeDecodeError as error:
        raise TermsError(place, f"byte {error.start} is not UTF-8", "save it in UTF-8") from error
    except _DuplicateKeyError as error:
        raise TermsError(place, f"key {error} stands twice", "keep one of them") from error
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno} is not JSON ({error.msg})"
        raise TermsError(place, problem, "mend the line") from error
    except yaml.YAMLError as error:
        raise TermsError(place, f"is not YAML ({_yaml_problem(error)})", "mend it") from error
    except RecursionError as error:
        raise TermsError(place, "is nested too deeply", "see the command's --help") from error


def _refuse_depth(text: str) -> None:
    """Refuse what only a recursion without end would parse: json's parser can exhaust the C stack.

    Brackets within texts count too; no honest file has so many that are never closed.
    """
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise RecursionError


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object whose keys are all different."""
    _refuse_duplicates([key for key, _ in pairs])
    return dict(pairs)


def _refuse_duplicates(keys: list[str]) -> None:
    """Raise for the first key that stands twice."""
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise _DuplicateKeyError(quote(key))


def _yaml_problem(error: yaml.YAMLError) -> str:
    """Return what PyYAML says is wrong, and on which line, on one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
