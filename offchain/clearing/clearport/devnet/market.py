"""Sign the prices of a small file for brokers, again and again, as a real source would."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clearing.channel.risk_hash import DatedPrices
from clearing.clearport.daemon.config import Config
from clearing.clearport.daemon.feed import FeedDomain, SignedPrices, write_signed
from clearing.clearport.errors import ConfigError
from clearing.clearport.signer.keystore import KeystoreSigner, open_keystore
from clearing.clearport.signer.secret import SecretSource
from clearing.clearport.signer.settings import KeystoreSettings
from clearing.risk.errors import InputError
from clearing.risk.terms import parse_prices
from clearing.spec.risk import PriceSet
from clearing.spec.units import Timestamp

__all__ = ["FIRST", "Market", "Screen", "screen_of"]

FIRST: Final = ("BTC=50000", "ETH=3000", "USDC=1", "USDT=1")
AGAIN_S: Final = 10.0
"""Well below [prices] max_age_s."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where one broker reads its prices, and the key that it believes."""

    file: Path
    key: KeystoreSigner


def screen_of(config: Config) -> Screen | None:
    """Return a broker's, None if its prices do not come from a file signed by its operator.

    Raises ConfigError, SignerError.
    """
    keystore = config.folder / "operator.json"
    prices, account = config.prices, config.key_settings("account")
    if prices.source != "feed" or prices.file is None or not keystore.exists():
        return None
    file = account.passphrase_file if isinstance(account, KeystoreSettings) else None
    key = open_keystore(keystore, SecretSource("passphrase", file=file))
    if "0x" + key.address.hex() not in {signer.lower() for signer in prices.signers}:
        key.close()
        return None
    return Screen(config.at(prices.file), key)


@dataclass
class Market:
    """Prices that a person may edit: `ASSET=USD`, a line each."""

    file: Path
    domain: FeedDomain
    screens: tuple[Screen, ...]
    _shown: bytes = b""
    _shown_at: float = field(default=float("-inf"))

    def open(self) -> None:
        """Write the file if it is not there, and show the first prices. Raises ConfigError."""
        if not self.file.exists():
            self.file.write_text("\n".join(FIRST) + "\n", encoding="utf-8")
        self._show(self.file.read_bytes())

    def look(self) -> str:
        """Show the prices anew if they have changed or grown old; return what is wrong with them.

        What cannot be read leaves the last prices to grow stale, as a broken source would.
        """
        try:
            text = self.file.read_bytes()
            if text != self._shown or time.monotonic() - self._shown_at >= AGAIN_S:
                self._show(text)
        except (OSError, ConfigError) as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Let go of the keys."""
        for screen in self.screens:
            screen.key.close()

    def _show(self, text: bytes) -> None:
        now = Timestamp(int(time.time()))
        dated = DatedPrices(self._prices(text), now, now)
        digest = self.domain.digest(dated)
        for screen in self.screens:
            signature = asyncio.run(screen.key.sign_digest(digest))
            write_signed(screen.file, SignedPrices(dated, (signature.expanded(),)))
        self._shown, self._shown_at = text, time.monotonic()

    def _prices(self, text: bytes) -> PriceSet:
        try:
            return parse_prices(text.decode("utf-8").split())
        except (UnicodeDecodeError, InputError) as error:
            problem = f"{self.file}: {error}"
            raise ConfigError(problem, "write ASSET=USD, a line each", field="--market") from error
