"""Traders and lenders of the swaps: against the vault and each other, in and out of the pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clearing.channel.codec import hash_perp_order, signing_digest
from clearing.channel.perp_batch import Match, SignedFill, pack
from clearing.channel.signatures import LocalSigner
from clearing.spec.perp_orders import TICK, Flag, Order
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.match import abi_group
from tests.invariants.system_books import signed
from tests.invariants.system_stage import LENDERS, TRADERS
from tests.invariants.system_town import Town

__all__ = ["Traders"]

ENGINE: Final = "DerivativesEngine"
VAULT: Final = "VaultModule"
SETTLER: Final = "MatchSettler"
LOTS: Final = 10**8
FAR: Final = 2**63
HOUR_S: Final = 3_600
E8_TO_WAD: Final = 10**10
LIMITLESS: Final = 10**9 * WAD
FEE_PPM: Final = 500
USD: Final = (20, 500, 5_000, 40_000, 200_000, 900_000)
"""What a trade is worth."""
SHARES_IN_WAD: Final = 10**6
Move = tuple[Callable[[], str], float]


class Traders:
    """Owners of accounts: traders first, then lenders, then a keeper."""

    def __init__(self, town: Town) -> None:
        self.town, self.desk = town, town.desk
        self.people = list(town.stage.traders)
        self.session = town.stage.roles["anybody"]
        self.nonce = 0

    def moves(self) -> tuple[Move, ...]:
        """Return what they do, and how often."""
        return (
            (self.trade, 7),
            (self.close, 4),
            (self.force, 0.7),
            (self.match, 4),
            (self.take_back, 1),
            (self.deposit, 1.5),
            (self.withdraw, 2),
            (self.transfer, 1),
            (self.set_session, 0.7),
            (self.lend, 1),
            (self.ask, 1),
            (self.claim, 1.5),
            (self.join, 0.2),
            (self.donate, 0.4),
        )

    # WHO

    def _trader(self) -> tuple[LocalSigner, int]:
        return self.town.pick(self.people[:TRADERS])

    def _lender(self) -> tuple[LocalSigner, int]:
        return self.town.pick(self.people[TRADERS : TRADERS + LENDERS])

    def _by(self, owner: LocalSigner) -> Address:
        """Return the owner mostly, else whoever may hold a session."""
        return self.session.address if self.town.chance(8) else owner.address

    def size(self, account: int, market: int) -> int:
        """Return a position, lots."""
        return signed(self.town.books.word(("position", account, market)), 0, 72)

    def cash(self, account: int) -> int:
        """Return an account's cash, wad."""
        return signed(self.town.books.word(("cash", account)), 0, 128)

    def _lots(self, market: int) -> int:
        usd = self.town.pick(USD)
        lots = usd * 10**8 * LOTS // self.town.prices[market]
        return lots if self.town.chance(50) else -lots

    # AGAINST THE VAULT

    def trade(self) -> str:
        """Open or turn, sometimes with Pyth's word brought along."""
        (owner, account), market = self._trader(), self.town.market()
        size = self._lots(market)
        limit = LIMITLESS if size > 0 else 0
        if self.town.chance(10):
            limit = self.town.prices[market] * E8_TO_WAD
        deadline = self.town.now + self.town.pick((-1, 0, 60, 60, 60))
        args = (account, market, size, limit, deadline)
        if self.town.chance(15):
            updates = [self.town.update(market)]
            return self.desk.send(VAULT, "tradeWithUpdate", updates, *args, by=self._by(owner))
        return self.desk.send(VAULT, "trade", *args, by=self._by(owner))

    def close(self) -> str:
        """Close, or trade half of it back; the keeper, too, gets rid of what it took over."""
        market = self.town.market()
        owner, account = self.town.pick((*self.people[:TRADERS], self.people[-1]))
        held = self.size(account, market)
        if held and self.town.chance(40):
            size = -held // self.town.pick((1, 2, 3))
            limit = LIMITLESS if size > 0 else 0
            return self.desk.send(
                VAULT, "trade", account, market, size, limit, FAR, by=self._by(owner)
            )
        limit = LIMITLESS if held < 0 else 0
        return self.desk.send(VAULT, "close", account, market, limit, FAR, by=self._by(owner))

    def force(self) -> str:
        """Reduce past the vault's caps."""
        (owner, account), market = self._trader(), self.town.market()
        size = -self.size(account, market)
        limit = LIMITLESS if size > 0 else 0
        return self.desk.send(
            VAULT, "forceReduce", account, market, size, limit, FAR, by=owner.address
        )

    # AGAINST EACH OTHER

    def match(self) -> str:
        """Let the settler bring what two or three have signed, in either form."""
        market = self.town.market()
        taker, *makers = self.town.random.sample(self.people[:TRADERS], self.town.pick((2, 2, 3)))
        makers.sort(key=lambda maker: maker[1])
        lots = abs(self._lots(market)) + 1
        price = self.town.prices[market] * E8_TO_WAD
        price = price * self.town.random.randrange(995, 1_006) // 1_000 // TICK * TICK
        side = self.town.pick((1, -1))
        flags = 0
        if self.town.chance(15):
            flags = self.town.pick((Flag.REDUCE_ONLY, Flag.POST_ONLY, Flag.IOC))
        fills = tuple(self.fill(*maker, market, -side * lots, price, lots) for maker in makers)
        whole = lots * len(fills)
        first = self.fill(*taker, market, side * whole, price, whole, flags)
        group = Match(first, fills)
        batch = self.town.books.word(("settler",)) >> 160 & 2**48 - 1
        by = self.town.stage.roles["settler"].address
        if self.town.chance(50):
            return self.desk.send(SETTLER, "settlePacked", pack(batch + 1, [group]), by=by)
        return self.desk.send(SETTLER, "settle", batch + 1, [abi_group(group)], by=by)

    def fill(
        self,
        owner: LocalSigner,
        account: int,
        market: int,
        size: int,
        price: int,
        lots: int,
        flags: int = 0,
    ) -> SignedFill:
        """Return a signed order and how much of it is filled; it may be signed for more."""
        self.nonce += 1
        size *= self.town.pick((1, 1, 2))
        expiry = self.town.now + HOUR_S
        order = Order(account, market, size, price, FEE_PPM, expiry, self.nonce, int(flags))
        separator = self.town.stage.separators[SETTLER]
        signature = owner.sign(signing_digest(separator, hash_perp_order(order)))
        self.town.orders.append(SignedFill(order, signature, abs(size)))
        return SignedFill(order, signature, lots)

    def take_back(self) -> str:
        """Cancel orders, one by one or all up to one."""
        owner, account = self._trader()
        if self.town.chance(60):
            nonces = [self.nonce + self.town.random.randrange(-5, 2) for _ in range(2)]
            nonces = [max(0, nonce) for nonce in nonces]
            return self.desk.send(SETTLER, "cancel", account, nonces, by=self._by(owner))
        return self.desk.send(
            SETTLER, "cancelUpTo", account, max(0, self.nonce - 3), by=owner.address
        )

    # CASH

    def deposit(self) -> str:
        """Bring collateral, sometimes for the insurance."""
        owner, account = self.town.pick(self.people)
        account = 2 if self.town.chance(15) else account
        amount = self.town.part(self.town.books.word(("wallet", "USDC", owner.address)) // 8)
        return self.desk.send(ENGINE, "deposit", account, amount, by=owner.address)

    def withdraw(self) -> str:
        """Take collateral out, sometimes too much."""
        owner, account = self.town.pick(self.people)
        amount = self.town.part(max(0, self.cash(account)) // 10**12)
        return self.desk.send(
            ENGINE, "withdraw", account, amount, owner.address, by=self._by(owner)
        )

    def transfer(self) -> str:
        """Move cash to somebody else's account."""
        (owner, account), (_, to) = self.town.pick(self.people), self.town.pick(self.people)
        amount = self.town.part(max(0, self.cash(account)) // 4)
        return self.desk.send(ENGINE, "transferCash", account, to, amount, by=self._by(owner))

    def set_session(self) -> str:
        """Let a key trade for a while, or no more."""
        owner, account = self._trader()
        key = self.session.address
        if self.town.chance(40):
            return self.desk.send(ENGINE, "revokeSession", account, key, by=owner.address)
        until = self.town.now + self.town.pick((60, DAY_S, 7 * DAY_S))
        return self.desk.send(ENGINE, "setSession", account, key, until, by=owner.address)

    def join(self) -> str:
        """Open one more account."""
        owner, _ = self._trader()
        return self.desk.send(ENGINE, "createAccount", by=owner.address)

    # THE POOL

    def lend(self) -> str:
        """Buy shares."""
        owner, account = self._lender()
        amount = self.town.part(max(0, self.cash(account)) // 2)
        least = self.town.pick((0, 0, amount * SHARES_IN_WAD))
        return self.desk.send(VAULT, "addLiquidity", account, amount, least, by=owner.address)

    def ask(self) -> str:
        """Ask for shares back."""
        owner, account = self._lender()
        shares = self.town.part(self.town.books.word(("shares", account)) // 2)
        return self.desk.send(VAULT, "requestClaim", account, shares, by=owner.address)

    def claim(self) -> str:
        """Take what was asked for."""
        owner, account = self._lender()
        return self.desk.send(VAULT, "claim", account, by=owner.address)

    def donate(self) -> str:
        """Give the insurance something."""
        owner, account = self._lender()
        amount = self.town.part(max(0, self.cash(account)) // 20)
        return self.desk.send("InsuranceFund", "donate", account, amount, by=owner.address)
