"""Sign prices with a keystore's key, for `clearing clearport sign-prices`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from clearing.channel.risk_hash import DatedPrices
from clearing.clearport.daemon.config import Config
from clearing.clearport.daemon.feed import FeedDomain, SignedPrices, write_signed
from clearing.clearport.daemon.opening import open_contracts, open_node
from clearing.clearport.signer.keystore import open_keystore
from clearing.clearport.signer.secret import SecretSource
from clearing.spec.risk import PriceSet
from clearing.spec.units import Timestamp

__all__ = ["write_feed"]


def write_feed(
    config: Config,
    prices: PriceSet,
    out: Path,
    key: Path,
    passphrase_file: Path | None,
    at: int | None,
) -> None:
    """Sign prices, observed at a time or now, and replace the feed's file.

    Raises ConfigError, SignerError.
    """
    contracts = open_contracts(config, open_node(config))
    domain = FeedDomain(contracts.chain_id, contracts.adjudicator.address)
    when = Timestamp(int(time.time()) if at is None else at)
    dated = DatedPrices(prices, when, when)
    signer = open_keystore(key, SecretSource("passphrase", file=passphrase_file))
    try:
        signature = asyncio.run(signer.sign_digest(domain.digest(dated)))
    finally:
        signer.close()
    write_signed(out, SignedPrices(dated, (signature.expanded(),)))
