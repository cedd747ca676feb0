"""Encode calls and decode answers by a contract's ABI.

Structs are given as their dataclasses (members in snake case) or as tuples, addresses as 20 bytes.
What is decoded comes as ints, bytes, str, bool and tuples of them, addresses again as 20 bytes.
Encoding raises CodecError, which names the argument and field; decoding raises eth_abi's
DecodingError for data that is not of its types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.decoding import AddressDecoder, ContextFramesBytesIO
from eth_abi.registry import ABIRegistry, BaseEquals
from eth_abi.registry import registry as default_registry

from clearing.channel.keccak import keccak256
from clearing.channel.words import (
    WORD,
    Encoder,
    index_names,
    is_word,
    list_encoder,
    parts_encoder,
    row_encoder,
    snake_case,
    word_encoder,
)

__all__ = ["AbiEntry", "Event", "Interface", "Method", "Row"]

AbiEntry = Mapping[str, Any]
"""One entry, input or output of an ABI, as compilers write it in JSON."""

SELECTOR = 4
REVERT_TEXT = keccak256(b"Error(string)")[:SELECTOR]
BUILT_IN_ERRORS: tuple[AbiEntry, ...] = (
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
    {"type": "error", "name": "Error", "inputs": [{"name": "text", "type": "string"}]},
)


def _raw_address(value: bytes) -> bytes:
    return value


class _AddressAsBytes(AddressDecoder):
    """Give addresses as they are, not as text."""

    decoder_fn = staticmethod(_raw_address)  # type: ignore[assignment]  # text to eth_abi


def _registry() -> ABIRegistry:
    registry: ABIRegistry = default_registry.copy()  # type: ignore[no-untyped-call]
    is_address = BaseEquals("address")  # type: ignore[no-untyped-call]
    registry.unregister_decoder("address")
    registry.register_decoder(is_address, _AddressAsBytes, label="address")
    return registry


_REGISTRY = _registry()


@dataclass(frozen=True, slots=True)
class _Coder:
    """How one type is encoded: `words` of it stand in the head, None for a dynamic type."""

    type: str
    words: int | None
    encode: Encoder


def _canonical(entry: AbiEntry) -> str:
    """Return the type as selectors spell it: structs as the list of their members' types."""
    type_: str = entry["type"]
    if not type_.startswith("tuple"):
        return type_
    members = ",".join(_canonical(member) for member in entry["components"])
    return f"({members}){type_.removeprefix('tuple')}"


def _coder(entry: AbiEntry) -> _Coder:
    type_: str = entry["type"]
    if type_.endswith("]"):
        item, _, length = type_.removesuffix("]").rpartition("[")
        inner = _coder({**entry, "type": item})
        if length:
            return _fixed_array(inner, int(length), _canonical(entry))
        return _Coder(_canonical(entry), None, _dynamic_array(inner))
    if type_ == "tuple":
        return _struct(entry)
    if is_word(type_):
        return _Coder(type_, 1, word_encoder(type_))
    if type_ == "string":
        return _Coder(type_, None, lambda text: _encode_bytes(text.encode()))
    return _Coder(type_, None, _encode_bytes)


def _encode_bytes(value: bytes) -> bytes:
    return len(value).to_bytes(WORD, "big") + value + bytes(-len(value) % WORD)


def _fixed_array(inner: _Coder, length: int, type_: str) -> _Coder:
    words = None if inner.words is None else inner.words * length
    return _Coder(type_, words, _sequence(index_names(length), [inner] * length))


def _dynamic_array(inner: _Coder) -> Encoder:
    if inner.words is not None:
        encode_items = list_encoder(inner.type, inner.encode)
        return lambda values: len(values).to_bytes(WORD, "big") + encode_items(values)

    def encode(values: Sequence[Any]) -> bytes:
        n = len(values)
        return n.to_bytes(WORD, "big") + _sequence(index_names(n), [inner] * n)(values)

    return encode


def _struct(entry: AbiEntry) -> _Coder:
    members: Sequence[AbiEntry] = entry["components"]
    coders = [_coder(member) for member in members]
    encode_members = _sequence([member["name"] for member in members], coders)
    attributes = [snake_case(member["name"]) for member in members]

    def encode(value: Any) -> bytes:
        if isinstance(value, tuple):
            return encode_members(value)
        return encode_members([getattr(value, name) for name in attributes])

    return _Coder(_canonical(entry), _words(coders), encode)


def _words(coders: Sequence[_Coder]) -> int | None:
    """Return how many words a sequence fills by itself, None if any of it is dynamic."""
    total = 0
    for coder in coders:
        if coder.words is None:
            return None
        total += coder.words
    return total


def _sequence(names: Sequence[str], coders: Sequence[_Coder]) -> Encoder:
    """Return the encoder of values: heads, then the tails that the heads of dynamic ones name."""
    types = [coder.type for coder in coders]
    encoders = [coder.encode for coder in coders]
    if _words(coders) is not None:
        return row_encoder(names, types, encoders)
    parts_of = parts_encoder(names, types, encoders)
    head_size = WORD * sum(1 if coder.words is None else coder.words for coder in coders)
    dynamic = [coder.words is None for coder in coders]

    def encode(values: Sequence[Any]) -> bytes:
        heads: list[bytes] = []
        tails: list[bytes] = []
        offset = head_size
        for part, is_dynamic in zip(parts_of(values), dynamic, strict=True):
            if is_dynamic:
                heads.append(offset.to_bytes(WORD, "big"))
                tails.append(part)
                offset += len(part)
            else:
                heads.append(part)
        return b"".join(heads + tails)

    return encode


def _decoder_of(type_: str) -> Callable[[ContextFramesBytesIO], tuple[Any, ...]]:
    if type_ == "()":  # eth_abi knows no empty tuple
        return lambda _data: ()
    decoder: Callable[[ContextFramesBytesIO], tuple[Any, ...]] = _REGISTRY.get_decoder(type_)
    return decoder


@dataclass(frozen=True, slots=True)
class Row:
    """The arguments, results or fields of one ABI entry, in order."""

    names: tuple[str, ...]
    type: str
    encode: Encoder
    _decoder: Callable[[ContextFramesBytesIO], tuple[Any, ...]]

    @classmethod
    def of(cls, entries: Sequence[AbiEntry]) -> Row:
        """Return the row of some inputs or outputs."""
        coders = [_coder(entry) for entry in entries]
        names = tuple(entry["name"] or f"[{at}]" for at, entry in enumerate(entries))
        type_ = f"({','.join(coder.type for coder in coders)})"
        return cls(names, type_, _sequence(names, coders), _decoder_of(type_))

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the values, nothing missing. Raises eth_abi's DecodingError."""
        return self._decoder(ContextFramesBytesIO(data))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Method:
    """One function of a contract."""

    name: str
    selector: bytes
    inputs: Row
    outputs: Row

    def encode(self, *args: Any) -> bytes:
        """Return the calldata of a call."""
        return self.selector + self.inputs.encode(args)

    def decode(self, data: bytes) -> Any:
        """Return the result: nothing, the one value, or a tuple."""
        values = self.outputs.decode(data)
        return values[0] if len(values) == 1 else values or None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a contract; `indexed` says which fields stand in topics."""

    name: str
    topic: bytes
    names: tuple[str, ...]
    indexed: tuple[bool, ...]
    topics: Row
    data: Row

    @classmethod
    def of(cls, entry: AbiEntry) -> Event:
        """Return the event of an ABI entry."""
        inputs: Sequence[AbiEntry] = entry["inputs"]
        everything = Row.of(inputs)
        return cls(
            entry["name"],
            keccak256(f"{entry['name']}{everything.type}".encode()),
            everything.names,
            tuple(bool(field["indexed"]) for field in inputs),
            Row.of([_in_topic(field) for field in inputs if field["indexed"]]),
            Row.of([field for field in inputs if not field["indexed"]]),
        )

    def decode(self, topics: Sequence[bytes], data: bytes) -> tuple[Any, ...]:
        """Return the fields in the order of their declaration. Raises eth_abi's DecodingError."""
        in_topics = iter(self.topics.decode(b"".join(topics[1:])))
        in_data = iter(self.data.decode(data))
        return tuple(next(in_topics if is_indexed else in_data) for is_indexed in self.indexed)


class Interface:
    """A contract's ABI, compiled once; reading it twice is the slow part."""

    def __init__(self, abi: Sequence[AbiEntry]) -> None:
        constructor = [entry for entry in abi if entry["type"] == "constructor"]
        self.constructor = Row.of(constructor[0]["inputs"] if constructor else ())
        self._methods: dict[str, list[Method]] = {}
        for entry in abi:
            if entry["type"] == "function":
                self._methods.setdefault(entry["name"], []).append(_method(entry))
        self._events = {event.topic: event for event in map(Event.of, _of_type(abi, "event"))}
        self._errors: dict[bytes, tuple[str, Row]] = {}
        for entry in (*BUILT_IN_ERRORS, *_of_type(abi, "error")):
            row = Row.of(entry["inputs"])
            selector = keccak256(f"{entry['name']}{row.type}".encode())[:SELECTOR]
            self._errors[selector] = (entry["name"], row)

    def methods(self) -> tuple[Method, ...]:
        """Return every function, overloads included."""
        return tuple(method for named in self._methods.values() for method in named)

    def method(self, name: str, arguments: int | None = None) -> Method:
        """Return a function; overloads are told apart by the number of their arguments.

        Raises KeyError if there is none, or if the number is needed and not given.
        """
        found = [
            method
            for method in self._methods.get(name, ())
            if arguments in {None, len(method.inputs.names)}
        ]
        if len(found) != 1:
            raise KeyError(name, arguments)
        return found[0]

    def decode_error(self, data: bytes) -> tuple[str, tuple[Any, ...]]:
        """Return a refusal's name and arguments.

        A refusal by text has the text for its name; one without data, or of an error that the ABI
        does not know, the data in hex.
        """
        known = self._errors.get(data[:SELECTOR])
        if known is None:
            return "0x" + data.hex(), ()
        name, row = known
        values = row.decode(data[SELECTOR:])
        return (str(values[0]), ()) if data[:SELECTOR] == REVERT_TEXT else (name, values)

    def knows_error(self, data: bytes) -> bool:
        """Say whether revert data is of an error of this ABI, or of the language itself."""
        return data[:SELECTOR] in self._errors

    def events(self) -> tuple[Event, ...]:
        """Return every event."""
        return tuple(self._events.values())

    def event(self, topic: bytes) -> Event:
        """Return the event that has this first topic. Raises KeyError."""
        return self._events[topic]


def _in_topic(field: AbiEntry) -> AbiEntry:
    """Return how a topic holds a field: only the hash of what does not fit one word."""
    return field if is_word(field["type"]) else {"name": field["name"], "type": "bytes32"}


def _of_type(abi: Sequence[AbiEntry], type_: str) -> list[AbiEntry]:
    return [entry for entry in abi if entry["type"] == type_]


def _method(entry: AbiEntry) -> Method:
    inputs = Row.of(entry["inputs"])
    selector = keccak256(f"{entry['name']}{inputs.type}".encode())[:SELECTOR]
    return Method(entry["name"], selector, inputs, Row.of(entry["outputs"]))
