import copy
from pathlib import Path
from typing import Any

import pytest

from clearing.clearport.daemon.config import parse_config, read_config
from clearing.clearport.errors import ConfigError

ADDRESS = "0x" + "11" * 20

GOOD: dict[str, Any] = {
    "broker": {"address": ADDRESS, "name": "A"},
    "chain": {"url": "http://127.0.0.1:8545", "network": "local"},
    "store": {"url": "sqlite:///clearport.db"},
    "keys": {
        "state": {"backend": "keystore", "file": "state.json"},
        "account": {"backend": "keystore", "file": "account.json"},
    },
    "peers": {"listen": "127.0.0.1:7401", "certificate": "peer.crt", "key": "peer.key"},
    "operator": {
        "listen": "127.0.0.1:7402",
        "keys": [{"address": ADDRESS, "name": "desk", "scopes": ["read", "trade"]}],
    },
    "assets": {
        "collateral": [{"asset": "USDT", "token": "USDT", "decimals": 6}],
        "deliverable": [{"asset": "BTC", "token": "WBTC", "decimals": 8}],
    },
    "prices": {"source": "feed", "file": "feed.json", "signers": [ADDRESS]},
    "risk": {"factors": "factors.json"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    fields = copy.deepcopy(GOOD)
    *way, last = path.split(".")
    place: Any = fields
    for name in way:
        place = place.setdefault(name, {}) if isinstance(place, dict) else place[int(name)]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return fields


def test_parse_config__good_fields__are_read(tmp_path: Path) -> None:
    config = parse_config(GOOD, tmp_path)

    assert config.broker.account == bytes.fromhex(ADDRESS[2:])
    assert config.store_url == f"sqlite:///{tmp_path}/clearport.db"
    assert config.at(Path("x")) == tmp_path / "x"
    assert config.policy.batch == 256


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("broker", None, "broker"),
        ("broker.address", "0x11", "broker.address"),
        ("broker.adress", ADDRESS, "broker.adress"),
        ("chain.url", "ws://x", "chain.url"),
        ("chain.deployment", "d.json", "chain"),
        ("chain.network", None, "chain"),
        ("chain.finality", "soon", "chain.finality"),
        ("keys.state.backend", "paper", "keys.state.backend"),
        ("peers.listen", "127.0.0.1", "peers.listen"),
        ("peers.key", None, "peers.key"),
        ("operator.keys.0.scopes", ["all"], "operator.keys.0.scopes.0"),
        ("operator.keys.0.scopes", [], "operator.keys.0.scopes"),
        ("assets.collateral", [], "assets.collateral"),
        ("prices.signers", [], "prices"),
        ("prices.quorum", 2, "prices"),
        ("prices.source", "oracle", "prices"),
        ("policy.batch", 0, "policy.batch"),
        ("policy.call_share_permille", 1_001, "policy.call_share_permille"),
        ("watchtower.every_s", 0.5, "watchtower.file"),
    ],
)
def test_parse_config__a_wrong_field__is_named(
    tmp_path: Path, path: str, value: Any, field: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(changed(path, value), tmp_path)

    assert caught.value.field == field
    assert caught.value.fix


def test_parse_config__the_environment__goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPORT__STORE__URL", "postgresql://db/clearport")
    monkeypatch.setenv("CLEARPORT__POLICY__BATCH", "7")

    config = parse_config(GOOD, tmp_path)

    assert config.store_url == "postgresql://db/clearport"
    assert config.policy.batch == 7
    assert config.broker.name == "A"


def test_read_config__no_file_or_no_toml__is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("[broker\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_config(bad)
