"""Bytes that a batch of signed orders puts on chain, as OP Stack chains count them since Fjord."""

import json
import os
from pathlib import Path
from random import Random

import pytest
from eth_account import Account
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.chain.contract import interface_of
from clearing.channel.codec import (
    DERIVATIVES_NAME,
    domain_separator,
    hash_perp_order,
    signing_digest,
)
from clearing.channel.keccak import keccak256
from clearing.channel.perp_batch import Match, SignedFill, pack
from clearing.spec.perp_orders import TICK, Order
from clearing.spec.units import Address
from tests.gas.fastlz import compress, decompress, fjord_bytes
from tests.gas.rig import START, secret_of
from tests.harness.actors import key_of
from tests.harness.match import abi_group

SNAPSHOT = Path(__file__).resolve().parents[2] / "snapshots/data.json"
IS_WRITING = os.environ.get("SNAPSHOT") == "write"
BARS = {"match.packed.pairs50": 165, "match.packed.makers50": 90}
"""Bytes for each fill after FastLZ."""

FILLS = 50
ACCOUNTS = 50_000
NONCES = 2**20
CHAIN_ID = 10
CONTRACT = Address(keccak256(b"the contract")[-20:])
CENT = 100
"""Ticks in a US cent."""
MID_CENTS = 3_012_34
SIZE_STEP = 10**5
"""Lots in a thousandth of a unit."""
DAYS_S = 3 * 86_400


def order(rng, side, *, cents=CENT, step=SIZE_STEP):
    """An order as traders send them: whole cents within half a percent, thousandths of a unit."""
    price = MID_CENTS * 100 // cents + rng.randint(-1_500, 1_500)
    return Order(
        account=rng.randrange(4, ACCOUNTS),
        market=0,
        size=side * rng.randint(1, 50_000) * step,
        limit_price=price * cents * TICK,
        max_fee_ppm=500,
        expiry=START + rng.randrange(60, DAYS_S),
        nonce=rng.randrange(NONCES),
    )


def signed(made, lots):
    """Signed by a key of the account."""
    separator = domain_separator(CHAIN_ID, CONTRACT, DERIVATIVES_NAME)
    key = key_of(f"owner of {made.account}")
    return SignedFill(made, key.sign(signing_digest(separator, hash_perp_order(made))), lots)


def whole(made):
    return signed(made, abs(made.size))


def pairs(rng):
    """Fifty groups: a maker filled whole, a taker that takes just that."""
    for _ in range(FILLS):
        maker = whole(order(rng, -1))
        taker = order(rng, 1)
        bought = Order(**{**as_dict(taker), "size": maker.lots})
        yield Match(whole(bought), (maker,))


def parts(rng):
    """Fifty groups: a part of a maker, a part of a taker."""
    for _ in range(FILLS):
        maker, taker = order(rng, -1), order(rng, 1)
        lots = SIZE_STEP * rng.randint(1, min(abs(maker.size), taker.size) // SIZE_STEP)
        yield Match(signed(taker, lots), (signed(maker, lots),))


def makers(rng):
    """One group: fifty makers filled whole by one taker."""
    ordered = sorted((order(rng, -1) for _ in range(FILLS)), key=lambda made: made.account)
    sold = tuple(whole(made) for made in ordered)
    taker = order(rng, 1)
    total = sum(maker.lots for maker in sold)
    yield Match(whole(Order(**{**as_dict(taker), "size": total})), sold)


def fine(rng):
    """As `pairs`, but every price at a single tick and every size at a single lot."""
    for _ in range(FILLS):
        maker = whole(order(rng, -1, cents=1, step=12_347))
        bought = order(rng, 1, cents=1)
        yield Match(whole(Order(**{**as_dict(bought), "size": maker.lots})), (maker,))


def as_dict(made):
    return {name: getattr(made, name) for name in Order.__dataclass_fields__}


SHAPES = {"pairs50": pairs, "parts50": parts, "makers50": makers, "finest50": fine}


def transaction(name, *args):
    """The settler's signed transaction."""
    data = interface_of("MatchSettler").method(name, len(args)).encode(*args)
    fields = {
        "chainId": CHAIN_ID,
        "nonce": 4_711,
        "maxPriorityFeePerGas": 1_000_000,
        "maxFeePerGas": 12_345_678,
        "gas": 9_000_000,
        "to": bytes(CONTRACT),
        "value": 0,
        "data": data,
    }
    return bytes(Account.sign_transaction(fields, secret_of("settler")).raw_transaction)


def per_fill(total):
    return -(-total // FILLS)


@pytest.fixture(scope="module")
def measured():
    """Bytes for each fill, rounded up, by form and shape: raw, after FastLZ, as charged."""
    results = {}
    for shape, draw in SHAPES.items():
        matches = list(draw(Random(shape)))
        groups = [abi_group(match) for match in matches]
        batches = {
            "packed": transaction("settlePacked", pack(12_345, matches)),
            "abi": transaction("settle", 12_345, groups),
        }
        for form, raw in batches.items():
            key, size = f"match.{form}.{shape}", len(compress(raw))
            results[key] = per_fill(size)
            results[f"{key}.raw"] = per_fill(len(raw))
            results[f"{key}.fjord"] = per_fill(fjord_bytes(size))
    if IS_WRITING:
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", "utf-8")
    return results


def test_data__every_key__is_as_committed(measured):
    assert measured == json.loads(SNAPSHOT.read_text("utf-8")), (
        "if meant, `make snapshot` and commit"
    )


@pytest.mark.parametrize("key", sorted(BARS))
def test_data__each_bar__holds(measured, key):
    assert measured[key] <= BARS[key], f"{key}: {measured[key]} of at most {BARS[key]}"


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_data__packed__is_less_than_two_thirds_of_the_abi_form(measured, shape):
    packed, abi = (measured[f"match.{form}.{shape}"] for form in ("packed", "abi"))
    assert 3 * packed < 2 * abi


# FASTLZ


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", 0),
        (b"\x01" * 1_000, 21),
        (bytes(1_000), 21),
        (bytes.fromhex("dd80808094095e7baea6a6c7c4c2dfeb977efac326af552d878080808080"), 31),
    ],
)
def test_compress__what_others_have_measured__is_as_long(data, size):
    assert len(compress(data)) == size


repetitive = st.lists(st.binary(max_size=40), max_size=8).flatmap(
    lambda parts: st.lists(st.sampled_from(parts or [b""]), max_size=60).map(b"".join)
)


@given(st.binary(max_size=600) | repetitive)
@example(b"abc" * 700)
@example(bytes(2_000) + b"\x01")
def test_compress__any_bytes__can_be_read_back(data):
    assert decompress(compress(data)) == data


@pytest.mark.parametrize(("size", "charged"), [(0, 100), (64, 100), (200, 124), (1_000, 793)])
def test_fjord_bytes__any_size__is_the_fee_formulas(size, charged):
    """max(100, 0.8365 · size - 42.5856), rounded down."""
    assert fjord_bytes(size) == charged
