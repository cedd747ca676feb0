"""ENC: what is encoded is decoded to the same value; other bytes only ever raise WireError."""

import random
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from clearing.clearport import codec
from clearing.clearport.errors import WireError
from clearing.peer.v1 import peer_pb2 as pb
from tests.property import clearport_values as draw

VALUES = (
    (draw.definitions, codec.encode_definition, codec.decode_definition),
    (draw.terms, codec.encode_terms, codec.decode_terms),
    (draw.markets, codec.encode_market, codec.decode_market),
    (draw.states, codec.encode_state, codec.decode_state),
    (draw.short_orders, codec.encode_order, codec.decode_order),
    (draw.cosigned, codec.encode_cosigned, codec.decode_cosigned),
    (draw.positions, codec.encode_position, codec.decode_position),
    (draw.books | draw.other_moves, codec.encode_move, codec.decode_move),
    (draw.wishes, codec.encode_wish, codec.decode_wish),
    (draw.trades, codec.encode_trade, codec.decode_trade),
    (draw.lines, codec.encode_line, codec.decode_line),
)
NAMES = [encode.__name__.removeprefix("encode_") for _, encode, _ in VALUES]


@pytest.mark.parametrize(("values", "encode", "decode"), VALUES, ids=NAMES)
@given(data=st.data())
def test_decode__what_encode_made__is_the_value(values, encode, decode, data) -> None:
    value = data.draw(values)
    encoded = encode(value)

    assert decode(type(encoded).FromString(encoded.SerializeToString())) == value


@given(channel_id=draw.WORDS, message=draw.spoken)
def test_decode_message__what_encode_message_made__is_the_message(channel_id, message) -> None:
    encoded = codec.encode_message(channel_id, message).SerializeToString()

    assert codec.decode_message(pb.Message.FromString(encoded)) == (channel_id, message)


@given(message=draw.spoken)
def test_encode_message__twice__is_the_same_bytes(message) -> None:
    once = codec.encode_message(bytes(32), message)
    _, decoded = codec.decode_message(once)

    again = codec.encode_message(bytes(32), decoded)

    assert again.SerializeToString() == once.SerializeToString()


@given(data=st.data())
def test_line_writer__parts_that_stay__gives_what_a_new_writer_gives(data) -> None:
    writer = codec.LineWriter()
    line = data.draw(draw.lines)
    writer.write(line)

    for _ in range(3):
        names = data.draw(st.sets(st.sampled_from(sorted(CHANGES))))
        line = replace(line, **{name: data.draw(CHANGES[name]) for name in names})
        pieces = writer.write(line)

        assert codec.read_line(pieces.fixed, pieces.backlog, pieces.state) == line


CHANGES = {
    "separator": draw.WORDS,
    "side": draw.SIDES,
    "channel_id": draw.WORDS,
    "position": draw.positions,
    "full": draw.cosigned,
    "half": draw.halves(),
    "trades": draw.tuples(draw.trades),
    "reported": draw.tuples(draw.trades),
    "terms": draw.terms,
    "alarm": draw.TEXTS,
    "floor": draw.VERSIONS,
    "backing": draw.cosigned,
}


@given(line=draw.lines, alarm=draw.TEXTS.filter(bool))
def test_line_writer__only_the_alarm_changes__keeps_the_other_pieces(line, alarm) -> None:
    writer = codec.LineWriter()
    before = writer.write(replace(line, alarm=""))

    after = writer.write(replace(line, alarm=alarm))

    assert after.fixed is before.fixed
    assert after.backlog is before.backlog
    assert after.state != before.state


# BYTES OF ANYBODY


READERS = (
    (pb.Message, codec.decode_message),
    (pb.Line, codec.decode_line),
    (pb.Position, codec.decode_position),
    (pb.CoSigned, codec.decode_cosigned),
)


def survives(kind: type[Message], decode, data: bytes) -> bool:
    """Say whether the bytes are a value; anything but a value or WireError fails the test."""
    try:
        decode(codec.parse(kind, data))
    except WireError:
        return False
    return True


@pytest.mark.parametrize(("kind", "decode"), READERS)
@given(data=st.binary(max_size=300))
def test_decode__random_bytes__raises_wire_error_only(kind, decode, data) -> None:
    survives(kind, decode, data)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Return the bytes with some changed, cut out, or repeated."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at, to = sorted((dice.randrange(len(changed) + 1), dice.randrange(len(changed) + 1)))
        match dice.randrange(4):
            case 0 if at < len(changed):
                changed[at] = dice.randrange(256)
            case 1:
                del changed[at : min(to, at + 8)]
            case 2:
                changed[at:at] = changed[at : min(to, at + 40)]
            case _:
                changed[at:at] = dice.randbytes(3)
    return bytes(changed)


@given(message=draw.spoken, seed=st.integers(0, 2**32))
def test_decode_message__mutated_bytes__raises_wire_error_only(message, seed) -> None:
    data = codec.encode_message(bytes(32), message).SerializeToString()
    dice = random.Random(seed)
    assert survives(pb.Message, codec.decode_message, data)

    for _ in range(20):
        survives(pb.Message, codec.decode_message, mutated(data, dice))


@given(line=draw.lines, seed=st.integers(0, 2**32))
def test_read_line__mutated_bytes__raises_wire_error_only(line, seed) -> None:
    data = codec.encode_line(line).SerializeToString()
    dice = random.Random(seed)

    for _ in range(20):
        survives(pb.Line, codec.decode_line, mutated(data, dice))
