"""Open what the configuration names, one thing at a time; each says which field is wrong."""

from __future__ import annotations

from clearing.chain.errors import ChainError
from clearing.chain.node import HttpNode
from clearing.clearport.api.auth import Gate, read_secret
from clearing.clearport.api.keys import OperatorKey, Scope, Whitelist
from clearing.clearport.api.server import Listen
from clearing.clearport.api.text import parse_id
from clearing.clearport.api.typed import Domain
from clearing.clearport.core.channel import Policy
from clearing.clearport.daemon.config import AssetConfig, Config
from clearing.clearport.daemon.feed import FeedDomain
from clearing.clearport.daemon.house import House
from clearing.clearport.daemon.prices import FeedSource, OracleSource
from clearing.clearport.errors import ConfigError
from clearing.clearport.ports import Prices
from clearing.clearport.recorded import field_of, recorded_at
from clearing.clearport.store.manifest import Owner
from clearing.client.contracts import Contracts
from clearing.client.terms import Token
from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled
from clearing.risk.errors import InputError
from clearing.risk.terms import read_factors
from clearing.spec.assets import asset_id
from clearing.spec.risk import FactorTable
from clearing.spec.units import Address

__all__ = [
    "daemon_id_of",
    "factors_of",
    "gate_of",
    "house_of",
    "listen_of",
    "open_contracts",
    "open_node",
    "owner_of",
    "policy_of",
    "prices_of",
]


def open_node(config: Config) -> HttpNode:
    """Return the node; it is not asked anything yet."""
    return HttpNode(config.chain.url, config.chain.timeout_s)


def open_contracts(config: Config, node: HttpNode) -> Contracts:
    """Return the contracts by the recorded deployment. Raises ConfigError."""
    made = recorded_at(config.chain, config.folder, node)
    field = field_of(config.chain)
    try:
        return Contracts(node, made)
    except ChainError as error:
        raise ConfigError(str(error), field=field) from error
    except KeyError as error:
        raise ConfigError(f"records no {error.args[0]}", "deploy again", field=field) from error


def house_of(config: Config, contracts: Contracts, signer: Address) -> House:
    """Return what channels are held against. Raises ConfigError."""
    params = contracts.params
    deliverable = _tokens(config.assets.deliverable, contracts, "assets.deliverable")
    return House(
        broker=config.broker.account,
        signer=signer,
        chain_id=contracts.chain_id,
        adjudicator=contracts.adjudicator.address,
        separator=contracts.separator,
        collateral=_tokens(config.assets.collateral, contracts, "assets.collateral"),
        deliverable={token.asset: token for token in deliverable},
        min_challenge_s=params.min_challenge,
        max_challenge_s=params.max_challenge,
    )


def policy_of(config: Config, contracts: Contracts) -> Policy:
    """Return the core's bounds; the grace is the contract's."""
    policy = config.policy
    return Policy(
        grace_s=contracts.params.grace,
        condition_s=policy.condition_s,
        skew_s=policy.skew_s,
        price_tolerance_bps=policy.price_tolerance_bps,
        price_age_s=policy.price_age_s,
        call_share_permille=policy.call_share_permille,
        offer_s=policy.offer_s,
        batch=policy.batch,
        auto_close=policy.auto_close,
        auto_resize=policy.auto_resize,
        auto_settle=policy.auto_settle,
        auto_force=policy.auto_force,
    )


def factors_of(config: Config) -> FactorTable:
    """Return the risk factors. Raises ConfigError."""
    try:
        return read_factors(config.at(config.risk.factors))
    except InputError as error:
        raise ConfigError(str(error), field="risk.factors") from error


def prices_of(config: Config, contracts: Contracts) -> Prices:
    """Return our source of prices. Raises ConfigError."""
    prices, factors = config.prices, factors_of(config)
    if prices.source == "oracle":
        return OracleSource(
            node=contracts.node,
            oracle=_oracle_of(config, contracts),
            feeds={asset_id(symbol): feed for symbol, feed in prices.feeds.items()},
            pegged_wad={
                asset_id(symbol): _wad(text, f"prices.pegged.{symbol}")
                for symbol, text in prices.pegged.items()
            },
            factors=factors,
            max_age_s=prices.max_age_s,
        )
    if prices.file is None:
        raise ConfigError("is missing", "name the feed's file", field="prices.file")
    return FeedSource(
        path=config.at(prices.file),
        domain=FeedDomain(contracts.chain_id, contracts.adjudicator.address),
        signers=frozenset(_address(text) for text in prices.signers),
        quorum=prices.quorum,
        factors=factors,
        max_age_s=prices.max_age_s,
    )


def daemon_id_of(config: Config) -> str:
    """Return the name that operators' keys sign for."""
    return f"clearport {config.broker.address.lower()}"


def gate_of(config: Config, chain_id: int) -> Gate:
    """Return who may call. Raises ConfigError."""
    operator = config.operator
    keys = (
        OperatorKey(
            address=_address(key.address),
            name=key.name,
            scopes=frozenset(Scope(scope) for scope in key.scopes),
            channels=None
            if key.channels is None
            else frozenset(parse_id(text, "operator.keys.channels") for text in key.channels),
        )
        for key in operator.keys
    )
    secret = None if operator.secret_file is None else read_secret(config.at(operator.secret_file))
    return Gate(Domain(daemon_id_of(config), chain_id), Whitelist(keys), secret=secret)


def listen_of(config: Config) -> Listen:
    """Return where operators are served."""
    host, _, port = config.operator.listen.rpartition(":")
    tls = config.operator.tls
    return Listen(
        host=host.strip("[]"),
        port=int(port),
        cert_file=None if tls is None else config.at(tls.certificate),
        key_file=None if tls is None else config.at(tls.key),
    )


def _oracle_of(config: Config, contracts: Contracts) -> Address:
    if config.prices.oracle is not None:
        return _address(config.prices.oracle)
    try:
        return contracts.deployment.address_of("PriceOracle")
    except KeyError as error:
        fix = "name its address"
        raise ConfigError(
            "the deployment has no PriceOracle", fix, field="prices.oracle"
        ) from error


def _tokens(assets: tuple[AssetConfig, ...], contracts: Contracts, field: str) -> tuple[Token, ...]:
    found: list[Token] = []
    for asset in assets:
        try:
            is_address = asset.token.startswith("0x")
            where = _address(asset.token) if is_address else contracts.address_of(asset.token)
        except KeyError as error:
            problem = f"the deployment has no token {asset.token}"
            raise ConfigError(problem, "name its address", field=field) from error
        found.append(Token(asset_id(asset.asset), where, asset.decimals))
    if len({token.asset for token in found}) < len(found):
        raise ConfigError("lists an asset twice", "list each once", field=field)
    if len({token.address for token in found}) < len(found):
        raise ConfigError("lists a token twice", "list each once", field=field)
    return tuple(found)


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text.removeprefix("0x")))


def _wad(text: str, field: str) -> int:
    try:
        wad = parse_scaled(text, WAD_DECIMALS, field)
    except InputError as error:
        raise ConfigError(str(error), field=field) from error
    if wad <= 0:
        raise ConfigError("is not positive", "write a price in USD", field=field)
    return wad


def owner_of(config: Config) -> Owner:
    """Return whose store it is."""
    return Owner(daemon_id_of(config), config.broker.account)
