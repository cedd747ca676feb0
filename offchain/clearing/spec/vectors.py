"""Emit the test vectors of the channel: before, call, after or refusal, as one JSON document.

`python -m clearing.spec.vectors > tests/vectors/channel.json`. Numbers are decimal strings, bytes
are 0x-hex, enums are their numbers, maps are lists of [key, value]; calls and effects name their
`type`. `before` and `after` are indexes into `worlds`. Hashes are stand-ins (see `vector_stage`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from clearing.spec.calls import Call
from clearing.spec.errors import SpecError
from clearing.spec.events import Event, Pull, Push
from clearing.spec.vector_cases import Case, cases
from clearing.spec.world import World

__all__ = ["document", "encoded"]

Json = None | bool | str | list["Json"] | dict[str, "Json"]


def encoded(value: object) -> Json:
    """Write a value of the model as JSON. Raises TypeError for what the model has no place for."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return str(int(value))
        case bytes():
            return f"0x{value.hex()}"
        case tuple() | list():
            return [encoded(item) for item in value]
        case frozenset():
            return [encoded(item) for item in sorted(value)]
        case Mapping():
            return [[encoded(key), encoded(value[key])] for key in sorted(value)]
        case SpecError():
            return {"name": value.name, "values": encoded(value.args_)}
        case _:
            return _encoded_fields(value)


def _encoded_fields(value: object) -> Json:
    if not is_dataclass(value) or isinstance(value, type):
        message = f"no JSON for {type(value).__name__}"
        raise TypeError(message)
    members: dict[str, Json] = {
        field.name: encoded(getattr(value, field.name)) for field in fields(value)
    }
    if isinstance(value, Call | Event | Pull | Push):
        return {"type": type(value).__name__, **members}
    return members


def document() -> str:
    """Run every case and write the whole document; the same text in every run."""
    worlds: list[Json] = []
    vectors = [_run(case, worlds) for case in cases()]
    return f'{{"worlds": {_lines(worlds)}, "vectors": {_lines(vectors)}}}\n'


def _lines(values: list[Json]) -> str:
    """Write a list with one value on each line, so that a change shows as the line it is."""
    return "[\n" + ",\n".join(json.dumps(value) for value in values) + "\n]"


def _run(case: Case, worlds: list[Json]) -> Json:
    vector: dict[str, Json] = {
        "before": _index(worlds, case.before),
        "env": encoded(case.env),
        "call": encoded(case.call),
    }
    try:
        after, effects = case.call.apply(case.before, case.env)
    except SpecError as refusal:
        return {**vector, "refusal": encoded(refusal)}
    return {**vector, "after": _index(worlds, after), "effects": encoded(effects)}


def _index(worlds: list[Json], world: World) -> str:
    text = encoded(world)
    if text not in worlds:
        worlds.append(text)
    return str(worlds.index(text))


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201 - the document is this module's output
