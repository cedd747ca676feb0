"""A chain to try on: where it is made, and the prices that it shows."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from clearing.chain.deployment import registry_path
from clearing.channel.signatures import LocalSigner
from clearing.clearport.daemon.config import Config
from clearing.clearport.daemon.feed import FeedDomain, parse_signed
from clearing.clearport.daemon.making import Answers, render
from clearing.clearport.devnet import market as markets
from clearing.clearport.devnet.market import FIRST, Market, Screen
from clearing.clearport.devnet.place import Place, place_of
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.keystore import KeystoreSigner
from clearing.spec.units import Address
from tests.unit.clearport_daemon.fakes import ADJUDICATOR

SIGNER = LocalSigner(b"\x31" * 32)
DOMAIN = FeedDomain(31_337, ADJUDICATOR)


def config_of(**changed) -> Config:
    answers = Answers(
        **{
            "name": "one",
            "url": "http://127.0.0.1:8545",
            "network": "local",
            "deployment": None,
            "finality": "0",
            "peer_listen": "127.0.0.1:7401",
            "peer_endpoint": "127.0.0.1:7401",
            "operator_listen": "127.0.0.1:7402",
            "metrics_listen": "127.0.0.1:7403",
            **changed,
        }
    )
    text = render(answers, Address(b"\x01" * 20), SIGNER.address, 'passphrase_file = "p"')
    return Config(**tomllib.loads(text))


def test_place_of__nobody__is_the_usual():
    assert place_of([]) == Place(8545, registry_path("local"))


def test_place_of__brokers_that_agree__is_theirs(tmp_path):
    record = tmp_path / "here.json"
    both = [config_of(url="http://localhost:9001", deployment=record) for _ in range(2)]

    assert place_of(both) == Place(9001, record)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"url": "http://10.0.0.1:8545"}, "chain.url"),
        ({"network": "ethereum-mainnet"}, "chain.network"),
        ({"url": "http://127.0.0.1:9002"}, "different chains"),
    ],
)
def test_place_of__another_chain__is_refused(changed, said):
    assert place_of([config_of(), config_of()])
    with pytest.raises(ConfigError, match=said):
        place_of([config_of(), config_of(**changed)])


@pytest.fixture
def market(tmp_path: Path) -> Market:
    screens = tuple(Screen(tmp_path / name, KeystoreSigner(SIGNER)) for name in ("a", "b"))
    return Market(tmp_path / "market.txt", DOMAIN, screens)


def shown(market: Market) -> dict[str, str]:
    (text,) = {screen.file.read_bytes() for screen in market.screens}
    assert parse_signed(text).signers(DOMAIN) == {SIGNER.address}
    return json.loads(text)["prices"]


def test_market__opened__writes_and_shows_the_first_prices(market):
    market.open()

    assert market.file.read_text().split() == list(FIRST)
    assert shown(market) == {"BTC": "50000", "ETH": "3000", "USDC": "1", "USDT": "1"}


def test_market__edited__shows_it_at_the_next_look(market):
    market.open()
    market.file.write_text("BTC=54000\nUSDT=1\n")

    assert market.look() == ""
    assert shown(market) == {"BTC": "54000", "USDT": "1"}


def test_market__nonsense__is_said_and_the_last_prices_stay(market):
    market.open()
    before = shown(market)
    market.file.write_text("BTC=dear\n")

    assert "market.txt" in market.look()
    assert shown(market) == before


def test_market__old__is_signed_anew(market, monkeypatch):
    market.open()
    before = [screen.file.stat().st_ino for screen in market.screens]
    assert market.look() == ""
    assert [screen.file.stat().st_ino for screen in market.screens] == before

    monkeypatch.setattr(markets, "AGAIN_S", 0.0)

    assert market.look() == ""
    assert [screen.file.stat().st_ino for screen in market.screens] != before


def test_screen__closed__signs_no_more(market):
    market.open()
    market.close()

    with pytest.raises(SignerError, match="closed"):
        asyncio.run(market.screens[0].key.sign_digest(bytes(32)))
