"""Signed orders on the embedded chain: the real engine, the MatchSettler, traders with keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from clearing.channel.codec import (
    DERIVATIVES_NAME,
    domain_separator,
    hash_perp_order,
    signing_digest,
)
from clearing.channel.perp_batch import Match, SignedFill, pack
from clearing.channel.signatures import LocalSigner, recover
from clearing.spec.perp_orders import SLOTS, Order, Slot
from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract, Receipt
from tests.harness.errors import Refused
from tests.harness.perp import ETH, TRADE, PerpRig, deploy_perp
from tests.harness.revm import CHAIN_ID

__all__ = [
    "MID",
    "SETTLER_ROLE",
    "MatchRig",
    "Trader",
    "abi_group",
    "abi_signed",
    "deploy_match",
    "reason_of",
]

SETTLER_ROLE: Final = 2
MID: Final = 3_000 * 10**18
"""Wad: the index of market ETH."""
HOUR_S: Final = 3_600
DEPOSIT_USD: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Trader:
    """An account and whoever signs for it."""

    account: int
    key: LocalSigner

    @property
    def owner(self) -> Address:
        """The key's address."""
        return self.key.address


def reason_of(rig: MatchRig, data: bytes) -> Refused:
    """Return the error that a skipped group names."""
    for interface in rig.perp.chain.interfaces():
        if interface.knows_error(data):
            return Refused(*interface.decode_error(data))
    return Refused("0x" + data.hex(), ())


@dataclass(frozen=True, slots=True)
class MatchRig:
    """Everything deployed; two markets, ETH (0) at 3,000 and BTC (1) at 50,000 USD."""

    perp: PerpRig
    settler: Contract
    bringer: LocalSigner

    # TRADERS

    def trader(self, name: str, dollars: int = DEPOSIT_USD) -> Trader:
        """Make an account with collateral."""
        return Trader(*self.perp.trader(name, dollars))

    def order(self, trader: Trader, size: int, price: int = MID, **changes: int) -> Order:
        """Return an order in market ETH that lives for an hour, at any fee that the market has."""
        expiry = self.perp.chain.now + HOUR_S
        return replace(
            Order(trader.account, ETH, size, price, TRADE["takerFee"], expiry, 0), **changes
        )

    def digest(self, order: Order) -> bytes:
        """Return what is signed of an order."""
        separator = domain_separator(CHAIN_ID, self.settler.address, DERIVATIVES_NAME)
        return signing_digest(separator, hash_perp_order(order))

    def signed(self, trader: Trader, order: Order, lots: int | None = None) -> SignedFill:
        """Return an order with its signature, filled whole unless said otherwise."""
        signature = trader.key.sign(self.digest(order))
        return SignedFill(order, signature, abs(order.size) if lots is None else lots)

    def signer_of(self, fill: SignedFill) -> Address | None:
        """Return the address that an order's signature recovers to."""
        return recover(self.digest(fill.order), fill.signature)

    # BATCHES

    def next_batch(self) -> int:
        """Return the number of the next batch."""
        number: int = self.settler.read("lastBatch") + 1
        return number

    def settle(self, *matches: Match, **options: Any) -> Receipt:
        """Settle in the ABI form."""
        return self.settle_groups([abi_group(match) for match in matches], **options)

    def settle_groups(self, groups: Sequence[Any], **options: Any) -> Receipt:
        """Settle groups as the ABI spells them."""
        options = {"sender": self.bringer.address, **options}
        return self.settler.send("settle", self.next_batch(), groups, **options)

    def settle_packed(self, *matches: Match, **options: Any) -> Receipt:
        """Settle in the packed form."""
        return self.settle_bytes(pack(self.next_batch(), matches), **options)

    def settle_bytes(self, batch: bytes, **options: Any) -> Receipt:
        """Settle a packed batch as it is."""
        options = {"sender": self.bringer.address, **options}
        return self.settler.send("settlePacked", batch, **options)

    # STATE

    def slot(self, account: int, nonce: int) -> Slot:
        """Return the slot that a nonce falls into."""
        return Slot(*self.settler.read("slotOf", account, nonce % SLOTS))

    def filled(self, order: Order) -> int:
        """Return what the ring holds of an order; 0 if its slot is another's."""
        slot = self.slot(order.account, order.nonce)
        return slot.filled if slot.nonce == order.nonce else 0

    def size(self, trader: Trader, market: int = ETH) -> int:
        """Return the lots of a position."""
        return self.perp.size(trader.account, market)

    def skipped(self, receipt: Receipt) -> tuple[tuple[int, Refused], ...]:
        """Return the skipped groups of a batch and why."""
        return tuple(
            (log.args[1], reason_of(self, log.args[2]))
            for log in receipt.of(self.settler)
            if log.event == "FillSkipped"
        )


def abi_signed(fill: SignedFill, signature: bytes | None = None) -> tuple[Any, ...]:
    """Return a signed order as the ABI spells it, in the compact form unless said otherwise."""
    return (fill.order, fill.signature.to_bytes() if signature is None else signature)


def abi_group(match: Match) -> tuple[Any, ...]:
    """Return a group as the ABI spells it."""
    makers = [(abi_signed(maker), maker.lots) for maker in match.makers]
    return (abi_signed(match.taker), makers)


def deploy_match() -> MatchRig:
    """Deploy all of it; the vault stays empty, since nobody here trades against it."""
    perp = deploy_perp(vault_usd=0)
    roles, bringer = perp.roles, key_of("settler")
    settler = perp.chain.deploy(
        "MatchSettler", perp.engine.address, bringer.address, sender=roles.deployer
    )
    perp.engine.send("setModule", SETTLER_ROLE, settler.address, sender=roles.timelock)
    return MatchRig(perp, settler, bringer)
