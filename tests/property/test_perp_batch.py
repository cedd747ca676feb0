"""Orders of the perpetual swaps: one hash, one packed form, whoever computes it."""

from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.channel.codec import (
    DERIVATIVES_NAME,
    DOMAIN_NAME,
    domain_separator,
    hash_perp_order,
    signing_digest,
    type_hash,
)
from clearing.channel.errors import CodecError
from clearing.channel.keccak import keccak256
from clearing.channel.perp_batch import Match, SignedFill, pack, unpack
from clearing.channel.signatures import Signature
from clearing.channel.typed_data import ORDER
from clearing.channel.wire import from_json, to_json, to_typed_data
from clearing.spec.perp_orders import TICK, Order
from tests.harness.draw import addresses, signed_integers, unsigned_integers
from tests.harness.match import deploy_match
from tests.harness.revm import CHAIN_ID

orders = st.builds(
    Order,
    account=unsigned_integers(32),
    market=unsigned_integers(16),
    size=signed_integers(128),
    limit_price=unsigned_integers(128),
    max_fee_ppm=unsigned_integers(32),
    expiry=unsigned_integers(64),
    nonce=unsigned_integers(40),
    flags=unsigned_integers(8),
    trigger_price=unsigned_integers(128),
)
WIDEST = Order(
    2**32 - 1, 2**16 - 1, -(2**127), 2**128 - 1, 2**32 - 1, 2**64 - 1, 2**40 - 1, 255, 2**128 - 1
)


@pytest.fixture(scope="module")
def settler():
    return deploy_match().settler


@given(order=orders, chain_id=unsigned_integers(256), contract=addresses)
@example(order=WIDEST, chain_id=2**256 - 1, contract=b"\xff" * 20)
def test_digest__any_order__is_what_an_independent_library_says(order, chain_id, contract):
    message = encode_typed_data(full_message=to_typed_data(chain_id, contract, order))

    separator = domain_separator(chain_id, contract, DERIVATIVES_NAME)
    assert (separator, hash_perp_order(order)) == (message.header, message.body)


@given(order=orders)
@example(order=WIDEST)
def test_digest__any_order__is_what_the_contract_says(settler, order):
    separator = domain_separator(CHAIN_ID, settler.address, DERIVATIVES_NAME)

    digest = settler.read("digestOf", order)
    assert digest == signing_digest(separator, hash_perp_order(order))


@given(order=orders)
@example(order=WIDEST)
def test_json__any_order__is_read_back_as_it_was(order):
    assert from_json(Order, to_json(order)) == order


def test_domain__of_orders__is_not_the_channels():
    here = bytes(20)
    assert domain_separator(1, here, DERIVATIVES_NAME) != domain_separator(1, here, DOMAIN_NAME)
    assert domain_separator(1, here) == domain_separator(1, here, DOMAIN_NAME)


def test_type_hash__of_an_order__is_of_the_text_that_the_design_says():
    text = (
        b"Order(uint32 account,uint16 market,int128 size,uint128 limitPrice,uint32 maxFeePpm,"
        b"uint64 expiry,uint40 nonce,uint8 flags,uint128 triggerPrice)"
    )
    assert type_hash(ORDER) == keccak256(text)


# PACKED


words = st.binary(min_size=32, max_size=32)


@st.composite
def batches(draw):
    """A batch that can be packed: units, sizes and times of any magnitude.

    The first maker fills one unit, so that the unit, which fits its field, divides all sizes best.
    """
    fee, market = draw(unsigned_integers(32)), draw(unsigned_integers(16))
    size_unit, price_unit = draw(st.integers(1, 2**63)), draw(st.integers(1, 2**8))
    base = draw(st.integers(0, 2**40 - 1))

    def order(size):
        return Order(
            account=draw(unsigned_integers(32)),
            market=market,
            size=size * draw(st.sampled_from((1, -1))),
            limit_price=price_unit * draw(unsigned_integers(40)) * TICK,
            max_fee_ppm=fee,
            expiry=base + draw(unsigned_integers(32)),
            nonce=draw(unsigned_integers(40)),
            flags=draw(st.integers(0, 127)),
        )

    def signed(order, lots):
        return SignedFill(order, Signature(draw(words), draw(words)), lots)

    matches = []
    for _ in range(draw(st.integers(1, 3))):
        market = draw(st.sampled_from((market, 0, 2**16 - 1)))
        makers = []
        for _ in range(draw(st.integers(1, 3))):
            size = size_unit * draw(st.integers(1, 2**60))
            is_first = not matches and not makers
            lots = size_unit if is_first else draw(st.sampled_from((size, size_unit)))
            makers.append(signed(order(size), lots))
        total = sum(maker.lots for maker in makers)
        bought = order(draw(st.sampled_from((total, size_unit * 7))))
        matches.append(Match(signed(bought, total), tuple(makers)))
    return draw(unsigned_integers(48)), tuple(matches)


@given(batches())
def test_pack__any_batch_that_fits__is_read_back_as_it_was(batch):
    number, matches = batch

    assert unpack(pack(number, matches)) == (number, matches)


NOBODYS = Signature(b"\x11" * 32, b"\x22" * 32)
SOUND = Match(
    SignedFill(Order(4, 0, 10, TICK, 500, 100, 0), NOBODYS, 10),
    (SignedFill(Order(5, 0, -10, TICK, 500, 100, 0), NOBODYS, 10),),
)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"trigger_price": 1}, "triggerPrice"),
        ({"limit_price": TICK + 1}, "limitPrice"),
        ({"max_fee_ppm": 501}, "maxFeePpm"),
        ({"market": 1}, "makers[0].market"),
        ({"flags": 128}, "flags"),
        ({"account": 2**32}, "width"),
        ({"nonce": 2**40}, "width"),
        ({"size": -(2**64) * 10 - 1}, "width"),
        ({"limit_price": TICK * (2**64 + 1)}, "width"),
        ({"expiry": 2**64 + 100}, "width"),
    ],
)
def test_pack__what_the_form_cannot_say__is_refused(change, field):
    pack(1, [SOUND])
    (maker,) = SOUND.makers
    odd = replace(SOUND, makers=(replace(maker, order=replace(maker.order, **change)),))

    with pytest.raises(CodecError) as refusal:
        pack(1, [odd])
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda data: data[:-1], "byte 105"),
        (lambda data: data[:20], "byte 0"),
        (lambda data: data + b"\x00", "byte 169"),
        (lambda data: bytes([data[0] | 16, *data[1:]]), "spare"),
        (lambda data: bytes([data[0] | 15, *data[1:]]), "width"),
        (lambda data: data[:32] + bytes([data[32] | 1]) + data[33:], "flags"),
    ],
)
def test_unpack__what_is_no_batch__is_refused(change, field):
    data = pack(1, [SOUND])
    assert unpack(data) == (1, (SOUND,))

    with pytest.raises(CodecError) as refusal:
        unpack(change(data))
    assert refusal.value.field == field
