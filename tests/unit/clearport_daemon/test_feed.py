import asyncio
import json
from pathlib import Path

import pytest

from clearing.channel.signatures import LocalSigner
from clearing.clearport.daemon.feed import FeedDomain, parse_signed, sign_prices, write_signed
from clearing.clearport.daemon.prices import FeedSource
from clearing.clearport.errors import UnavailableError
from clearing.spec.assets import asset_id
from clearing.spec.risk import FactorTable
from clearing.spec.units import WAD, Address

NOW = 1_700_000_000
DOMAIN = FeedDomain(31_337, Address(b"\xad" * 20))
KEYS = tuple(LocalSigner(bytes([number]) * 32) for number in (1, 2, 3))
PRICES = {"BTC": 50_000 * WAD, "USDT": WAD + 1}
FACTORS = FactorTable.of({asset_id("BTC"): WAD // 50})


class Clock:
    """Stands where it is set."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def source(path: Path, *, quorum: int = 1, clock: Clock | None = None) -> FeedSource:
    listed = frozenset(key.address for key in KEYS[:2])
    return FeedSource(path, DOMAIN, listed, quorum, FACTORS, 60, clock or Clock())


def put(path: Path, at: int, *keys: LocalSigner, domain: FeedDomain = DOMAIN) -> None:
    write_signed(path, sign_prices(PRICES, at, domain, keys))


def test_parse_signed__what_was_written__reads_back_exactly() -> None:
    signed = sign_prices(PRICES, NOW, DOMAIN, KEYS[:2])

    again = parse_signed(signed.to_json().encode())

    assert again == signed
    assert again.signers(DOMAIN) == {KEYS[0].address, KEYS[1].address}


def test_market__signed_by_a_listed_key__is_our_view(tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    put(path, NOW, KEYS[0])

    market = asyncio.run(source(path).market())

    assert market is not None
    assert market.prices.find(asset_id("BTC")) == 50_000 * WAD
    assert market.factors is FACTORS


@pytest.mark.parametrize(
    ("at", "keys", "domain", "says"),
    [
        (NOW, (), DOMAIN, "signed by 0"),
        (NOW, KEYS[2:], DOMAIN, "signed by 0"),
        (NOW, KEYS[:1], FeedDomain(1, DOMAIN.adjudicator), "signed by 0"),
        (NOW, KEYS[:1], FeedDomain(31_337, Address(b"\xee" * 20)), "signed by 0"),
        (NOW + 31, KEYS[:1], DOMAIN, "future"),
    ],
)
def test_market__not_signed_for_us_and_now__is_refused(
    tmp_path: Path,
    at: int,
    keys: tuple[LocalSigner, ...],
    domain: FeedDomain,
    says: str,
) -> None:
    path = tmp_path / "feed.json"
    put(path, at, *keys, domain=domain)

    with pytest.raises(UnavailableError, match=says):
        asyncio.run(source(path).market())

    put(path, NOW, KEYS[0])
    assert asyncio.run(source(path).market()) is not None


def test_market__a_quorum_of_two__takes_two_keys_and_not_one_twice(tmp_path: Path) -> None:
    path = tmp_path / "feed.json"
    put(path, NOW, KEYS[0], KEYS[0])
    with pytest.raises(UnavailableError, match="signed by 1"):
        asyncio.run(source(path, quorum=2).market())

    put(path, NOW, KEYS[0], KEYS[1])
    assert asyncio.run(source(path, quorum=2).market()) is not None


def test_market__an_older_file_is_played_back__the_newer_prices_stay(tmp_path: Path) -> None:
    path, clock = tmp_path / "feed.json", Clock()
    feed = source(path, clock=clock)
    put(path, NOW, KEYS[0])
    first = asyncio.run(feed.market())

    put(path, NOW - 30, KEYS[0])

    assert asyncio.run(feed.market()) == first


def test_market__older_than_max_age__is_none(tmp_path: Path) -> None:
    path, clock = tmp_path / "feed.json", Clock()
    feed = source(path, clock=clock)
    put(path, NOW, KEYS[0])

    clock.now = NOW + 60
    assert asyncio.run(feed.market()) is not None
    clock.now = NOW + 61
    assert asyncio.run(feed.market()) is None


def test_market__the_file_breaks__what_it_said_counts_until_it_is_stale(tmp_path: Path) -> None:
    path, clock = tmp_path / "feed.json", Clock()
    feed = source(path, clock=clock)
    put(path, NOW, KEYS[0])
    first = asyncio.run(feed.market())

    path.write_text("{")

    assert asyncio.run(feed.market()) == first
    clock.now = NOW + 61
    with pytest.raises(UnavailableError, match="is no feed"):
        asyncio.run(feed.market())


@pytest.mark.parametrize(
    "change",
    [
        {"prices": {"BTC": "0"}},
        {"prices": {"BTC": "-1"}},
        {"prices": {"BTC": 50_000}},
        {"prices": {"no symbol": "1"}},
        {"prices": ["BTC"]},
        {"oldestAt": NOW + 1},
        {"oldestAt": True},
        {"newestAt": 1 << 40},
        {"signatures": "0x00"},
        {"signatures": ["0x0"]},
        {"signatures": ["0x00"] * 33},
    ],
)
def test_parse_signed__a_field_out_of_its_range__is_refused(change: dict[str, object]) -> None:
    good = json.loads(sign_prices(PRICES, NOW, DOMAIN, KEYS[:1]).to_json())
    assert parse_signed(json.dumps(good).encode())

    with pytest.raises(UnavailableError):
        parse_signed(json.dumps(good | change).encode())


def test_parse_signed__a_huge_or_deep_file__is_refused() -> None:
    for text in (b" " * 70_000, b"[" * 60_000):
        with pytest.raises(UnavailableError):
            parse_signed(text)


def test_market__the_clock_is_set_back__prices_of_the_future_are_stale(tmp_path: Path) -> None:
    """Else they would stay fresh for as long as the clock was set back."""
    path, clock = tmp_path / "feed.json", Clock()
    put(path, NOW, KEYS[0])
    feed = source(path, clock=clock)
    assert asyncio.run(feed.market()) is not None

    clock.now = float(NOW - 30)
    assert asyncio.run(feed.market()) is not None
    clock.now = float(NOW - 31)

    assert asyncio.run(feed.market()) is None
