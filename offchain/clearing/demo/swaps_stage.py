"""Hold the perpetual swaps of the second act: the contracts, who is there, time and prices.

Everything is real but the two sources of prices, which say what the story wants them to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from eth_abi.abi import encode

from clearing.chain.contract import Contract, as_text
from clearing.chain.sender import Receipt, Sender
from clearing.channel.signatures import LocalSigner
from clearing.demo.stage import Stage, secret_of, sender_of
from clearing.demo.swaps_keepers import Keepers
from clearing.demo.swaps_market import BTC, E8_DECIMALS, ETH, MARKETS, price_at
from clearing.keeper.oracle_plan import Latest
from clearing.keeper.updates import Signed
from clearing.spec.units import DAY_S, WAD, mul_div_down

__all__ = ["HOUR_S", "RAW", "SwapsStage", "Trader"]

RAW = 10**6
"""Raw units of the collateral, USDC, in one USD."""
HOUR_S = 3_600
UPDATE = "(bytes32,int64,uint64,int32,uint64,uint64,int64,uint64)[]"
E8_TO_WAD = WAD // 10**E8_DECIMALS
SURENESS = 10_000
"""Pyth is sure of its price to one part in so many."""
SLIPPAGE_PERCENT = 2
VALID_S = 60
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Trader:
    """Somebody with an account, and the key that signs for it."""

    name: str
    account: int
    sender: Sender
    key: LocalSigner


@dataclass
class SwapsStage:
    """The swaps' contracts by name, and who is there; `paid_in` by account, USD.

    `start` is when the story's first day begins. `settler` brings the batches of signed orders,
    each of which has a nonce of its own. `mouth` speaks for the sources of prices,
    `keepers` do the rest once the markets are listed.
    """

    stage: Stage
    contracts: dict[str, Contract]
    settler: Sender
    start: int
    mouth: str
    traders: dict[str, Trader] = field(default_factory=dict)
    paid_in: dict[int, int] = field(default_factory=dict)
    is_listed: bool = False
    keepers: Keepers = field(init=False)
    nonces: Iterator[int] = field(default_factory=count)

    def __getitem__(self, name: str) -> Contract:
        return self.contracts[name]

    def call(self, contract: str, method: str, *args: Any) -> Any:
        """Ask a view."""
        return self[contract].call(method, *args)

    def send(self, who: Trader, contract: str, method: str, *args: Any) -> Receipt:
        """Send as a trader."""
        return who.sender.send(self[contract].transact(method, *args))

    def happened(self, contract: str, event: str, *receipts: Receipt) -> list[dict[str, Any]]:
        """Return the fields of a contract's events of one name."""
        logs = [log for receipt in receipts for log in receipt.logs]
        return [dict(it.fields) for it in self[contract].happened(logs) if it.name == event]

    # ACCOUNTS

    def join(self, name: str, usd: int) -> tuple[Receipt, ...]:
        """Let somebody come and open an account with collateral."""
        label = f"swaps {name}"
        sender = sender_of(self.stage.anvil, label)
        made = sender.send(self["DerivativesEngine"].transact("createAccount"))
        (event,) = self.happened("DerivativesEngine", "AccountCreated", made)
        trader = Trader(name, event["account"], sender, LocalSigner(secret_of(label)))
        self.traders[name] = trader
        return (made, *self.pay_in(sender, trader.account, usd))

    def pay_in(self, sender: Sender, account: int, usd: int) -> tuple[Receipt, ...]:
        """Let somebody bring USDC, which he has from elsewhere, into an account."""
        self.stage.give("USDC", sender.address, usd * RAW)
        self.paid_in[account] = self.paid_in.get(account, 0) + usd
        engine = self["DerivativesEngine"]
        return (
            sender.send(self["USDC"].transact("approve", engine.address, usd * RAW)),
            sender.send(engine.transact("deposit", account, usd * RAW)),
        )

    def cash(self, account: int) -> int:
        """Return an account's cash, wad."""
        cash: int = self.call("DerivativesEngine", "accountOf", account)[1]
        return cash

    def size(self, account: int, market: int) -> int:
        """Return a position's lots, + long."""
        lots: int = self.call("DerivativesEngine", "sizeOf", account, market)
        return lots

    def equity(self, account: int) -> int:
        """Return what an account is worth at mid, wad."""
        worth: int = self.call("PerpLens", "account", account)[3][0]
        return worth

    def trade(self, who: Trader, market: int, lots: int) -> Receipt:
        """Trade against the vault, not more than the slippage from mid."""
        percent = 100 + (SLIPPAGE_PERCENT if lots > 0 else -SLIPPAGE_PERCENT)
        limit = mul_div_down(self.mid(market), percent, 100)
        until = self.now + VALID_S
        return self.send(who, "VaultModule", "trade", who.account, market, lots, limit, until)

    # TIME AND PRICES

    @property
    def now(self) -> int:
        """Time of the latest block."""
        return self.stage.anvil.now

    def liquidation_prices(self, market: int) -> tuple[int, int]:
        """Return at what a short and a long are liquidated where there is no premium, wad."""
        quote = self.call("PriceOracle", "peekQuote", MARKETS[market].feed)
        return quote[6], quote[7]

    def mid(self, market: int) -> int:
        """Return the oracle's price, wad."""
        price: int = self.call("PriceOracle", "peekQuote", MARKETS[market].feed)[0]
        return price

    def at(self, day: int, hour: int) -> None:
        """Let it be an hour of the story, with its prices."""
        self.stage.anvil.travel_to(self.start + day * DAY_S + hour * HOUR_S)
        self.speak(day, hour)

    def speak(self, day: int, hour: int) -> None:
        """Let both sources say the prices of an hour now, and the oracle's keeper bring them."""
        prices = [price_at(market, day, hour) for market in (ETH, BTC)]
        for it, price in zip(MARKETS, prices, strict=True):
            self._let_say(f"aggregator {it.symbol}", "transmit", price)
        at = self.now + 1  # the next block
        rows = [
            (it.pyth_id, price, sure, -E8_DECIMALS, at, at - 1, price, sure)
            for it, price in zip(MARKETS, prices, strict=True)
            for sure in (mul_div_down(price, 1, SURENESS),)
        ]
        update = [encode([UPDATE], [rows])]
        if not self.is_listed:  # the oracle has no feed yet that a keeper could find
            self._let_say("PriceOracle", "updateAndPoke", update, [])
            return
        latest = {
            it.pyth_id: Latest(price * E8_TO_WAD, at)
            for it, price in zip(MARKETS, prices, strict=True)
        }
        self.keepers.poke(Signed(tuple(update), latest))

    def _let_say(self, contract: str, method: str, *args: Any) -> None:
        """Send from an account of the embedded chain's own: a third of the requests of a sender's.

        Each speaks in a block of its own, as the next request waits for it.
        """
        node, call = self.stage.anvil.node, self[contract].transact(method, *args)
        to, data = as_text(self[contract].address), "0x" + call.data.hex()
        sent = node.request("eth_sendTransaction", [{"from": self.mouth, "to": to, "data": data}])
        while node.request("eth_getTransactionReceipt", [sent]) is None:
            time.sleep(POLL_S)
