"""A batch whose sizes share a divisor beyond 64 bits was refused, though a smaller unit says it."""

import pytest

from clearing.channel.errors import CodecError
from clearing.channel.perp_batch import Match, SignedFill, pack, unpack
from clearing.channel.signatures import Signature
from clearing.spec.perp_orders import TICK, Order

NOBODYS = Signature(b"\x11" * 32, b"\x22" * 32)


def of_size(lots):
    """One taker and one maker of the same size."""
    return Match(
        SignedFill(Order(4, 0, lots, TICK, 500, 100, 0), NOBODYS, lots),
        (SignedFill(Order(5, 0, -lots, TICK, 500, 100, 0), NOBODYS, lots),),
    )


@pytest.mark.parametrize(
    "lots", [18_446_744_073_812_022_924, 50 * 10**18, 5**28, 3 * 2**70, 2**64 - 1]
)
def test_pack__sizes_with_a_long_common_divisor__take_a_shorter_unit(lots):
    assert unpack(pack(7, (of_size(lots),))) == (7, (of_size(lots),))


def test_pack__a_size_of_no_shorter_unit__is_refused():
    assert pack(7, (of_size(2**61 - 1),))

    with pytest.raises(CodecError, match="sizeUnit"):
        pack(7, (of_size(2**89 - 1),))  # a prime
