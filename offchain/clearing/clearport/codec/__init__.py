"""Turn the protocol's values into protobuf and back; nothing but WireError comes of bad bytes.

One value has one encoding: amounts are decimal text of one spelling, tables ascend, what must be
there is there. Encoding is held to the same rules as decoding, so what was encoded can be decoded.
Fields that this version does not know are ignored.
"""

from clearing.clearport.codec.lines import LineWriter, decode_line, encode_line, read_line
from clearing.clearport.codec.messages import (
    decode_message,
    decode_trade,
    encode_message,
    encode_trade,
)
from clearing.clearport.codec.moves import decode_move, decode_wish, encode_move, encode_wish
from clearing.clearport.codec.primitives import parse
from clearing.clearport.codec.states import (
    decode_cosigned,
    decode_definition,
    decode_order,
    decode_position,
    decode_state,
    encode_cosigned,
    encode_definition,
    encode_order,
    encode_position,
    encode_state,
)
from clearing.clearport.codec.values import (
    decode_market,
    decode_terms,
    encode_market,
    encode_terms,
)

__all__ = [
    "LineWriter",
    "decode_cosigned",
    "decode_definition",
    "decode_line",
    "decode_market",
    "decode_message",
    "decode_move",
    "decode_order",
    "decode_position",
    "decode_state",
    "decode_terms",
    "decode_trade",
    "decode_wish",
    "encode_cosigned",
    "encode_definition",
    "encode_line",
    "encode_market",
    "encode_message",
    "encode_move",
    "encode_order",
    "encode_position",
    "encode_state",
    "encode_terms",
    "encode_trade",
    "encode_wish",
    "parse",
    "read_line",
]
