"""Sign our own record, which peers add to reach us."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from clearing.clearport.daemon.config import Config
from clearing.clearport.daemon.opening import open_contracts, open_node
from clearing.clearport.daemon.peering import PeerKey
from clearing.clearport.errors import ConfigError
from clearing.clearport.peers.endpoint import Endpoint
from clearing.clearport.peers.records import PeerRecord, sign_record
from clearing.clearport.peers.tls import KeyPair, load_pair
from clearing.clearport.peers.typed import Domain
from clearing.clearport.signer.build import signer_of
from clearing.spec.units import DAY_S

__all__ = ["endpoint_of", "our_record", "pair_of"]

REACHED_AT: Final = "peers.endpoint"


def endpoint_of(text: str, field: str) -> Endpoint:
    """Return what host:port means. Raises ConfigError."""
    try:
        return Endpoint.parse(text)
    except ValueError as error:
        raise ConfigError(str(error), "write host:port", field=field) from error


def pair_of(config: Config) -> KeyPair:
    """Return our certificate and its key. Raises ConfigError."""
    peers = config.peers
    return load_pair(config.at(peers.certificate), config.at(peers.key))


async def our_record(config: Config) -> str:
    """Return our record as JSON, good for `peers.record_days` from now.

    Raises ConfigError, SignerError.
    """
    peers = config.peers
    pair = pair_of(config)
    contracts = await asyncio.to_thread(lambda: open_contracts(config, open_node(config)))
    record = PeerRecord(
        broker=config.broker.account,
        endpoint=endpoint_of(peers.endpoint or peers.listen, REACHED_AT),
        certificate=pair.certificate,
        seq=peers.record_seq,
        valid_until=int(time.time()) + peers.record_days * DAY_S,
        name=config.broker.name,
    )
    signer = await asyncio.to_thread(signer_of, config.key_settings("state"), "keys.state")
    try:
        domain = Domain(contracts.chain_id, contracts.adjudicator.address)
        return (await sign_record(record, domain, PeerKey(signer))).to_json()
    finally:
        signer.close()
