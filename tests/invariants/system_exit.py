"""Let everybody leave, on a copy of the chain that is then thrown away (SYS-03).

Nobody is asked for anything: brokers end their channels alone, traders close against the vault,
what markets need to end is done by anybody. At the end each has in its wallet what was its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.types import EXECUTED, REFUNDED, Side, Status
from clearing.spec.units import DAY_S, WAD, Address
from tests.harness.actors import Broker
from tests.harness.oracle import ACCEPTED
from tests.invariants.system_books import TOKENS, signed
from tests.invariants.system_checks import Broken, Checks
from tests.invariants.system_keepers import Keepers
from tests.invariants.system_stage import FEEDS, LENDERS, TRADERS
from tests.invariants.system_town import Line, Town

__all__ = ["Exit"]

ADJUDICATOR: Final = "Adjudicator"
REGISTRY: Final = "BrokerRegistry"
ENGINE: Final = "DerivativesEngine"
VAULT: Final = "VaultModule"
ENDING: Final = "SettlementModule"
UNSTAKE_S: Final = 30 * DAY_S
UNDECIDED_S: Final = 32 * DAY_S
"""Longer than a condition can stay open, its grace included."""
LIVE: Final = (Status.OPEN, Status.CHALLENGED)
FAR: Final = 2**63
LIMITLESS: Final = 10**9 * WAD
SCALE: Final = 10**12
VAULT_ACCOUNT: Final = 0
BACKSTOP: Final = 1
"""The highest account of the protocol that holds positions."""
STATUS_AT: Final = 213
PAUSE_AT: Final = 205
BLOCK_S: Final = 35
BLOCKS: Final = 45
"""Enough of them for the oracle's average."""
ROUNDS: Final = 3
BELOW_ZERO: Final = "VaultMustBeAbsorbed"
TOO_DEAR: Final = ("UnderInitialMargin", "Bankrupt")
"""The vault's price for so much at once costs more than the account has."""
LACKING: Final = "ERC20InsufficientBalance"
"""The last to leave wait for as much as markets owe that nobody had the cash for."""
NOT_YET: Final = frozenset({"VaultUnderMargin", "VaultEmpty", "VaultWaits", "VaultNotPriced"})
"""What lenders wait for: positions that others keep open, markets that end."""


class Exit:
    """Everybody leaves one town."""

    def __init__(self, town: Town, checks: Checks, keepers: Keepers) -> None:
        self.town, self.checks, self.keepers = town, checks, keepers
        self.by: Address = town.stage.roles["anybody"].address

    def try_all(self) -> None:
        """Let everybody leave, and undo it. Raises Broken."""
        memory = list(self.town.desk.memory)
        seen = self.town.desk.seen.copy()
        for leave in (self.brokers_leave, self.traders_leave):
            with self.town.stage.chain.isolated():
                leave()
        self.town.desk.memory.clear()
        self.town.desk.memory.extend(memory)
        self.town.desk.seen.clear()
        self.town.desk.seen.update(seen)

    def _pass(self, seconds: int) -> None:
        self.town.stage.chain.warp(self.town.now + seconds)

    # BROKERS

    def brokers_leave(self) -> None:
        """End every channel, fetch every credit, every ledger and every stake."""
        picture = self.town.books.read()
        honest = self.town.stage.brokers[:2]
        sure = [broker for broker in honest if not self._is_bound(broker)]
        had = {broker.address: self._worth(broker, picture) for broker in sure}
        for line in self.town.lines.values():  # all before time passes, which is a broker's duty
            self._name_newest(line)
        for line in self.town.lines.values():
            self._end(line)
        for broker in honest:
            self._empty(broker)
        picture = self.town.books.read()
        self.checks.hold(picture)
        for broker in honest:
            for token in TOKENS:
                left = picture["ledger", token, broker.address]
                _require(not left, f"SYS-03: a broker leaves with all of its {token}", left)
            left = picture["stake", broker.address] + picture["leaving", broker.address]
            _require(not left, "SYS-03: a broker leaves with all of its stake", left)
        for who, worth in had.items():
            for token in TOKENS:
                has = picture["wallet", token, who]
                _require(
                    has >= worth[token], f"SYS-03: a broker leaves with its {token}", has, worth
                )

    def _is_bound(self, broker: Broker) -> bool:
        """Say whether a condition decides over any of a broker's channels."""
        return any(
            line.is_open_ended(self.town.look(line))
            for line in self.town.lines.values()
            if broker in line.brokers
        )

    def _worth(self, broker: Broker, picture: dict[tuple[object, ...], int]) -> dict[str, int]:
        who, sums = broker.address, {}
        for token in TOKENS:
            sums[token] = picture["wallet", token, who] + picture["ledger", token, who]
        sums["Yellow"] += picture["stake", who] + picture["leaving", who]
        for line in self.town.lines.values():
            if broker in line.brokers:
                side = Side.LOW if line.brokers[0] is broker else Side.HIGH
                claims = self.town.claim(line, self.town.look(line), side)
                for asset, claim in zip(line.assets, claims, strict=True):
                    sums[self.town.name_of(asset)] += claim
        return sums

    def _name_newest(self, line: Line) -> None:
        """Challenge with the newest state, or answer a challenge with it, if one still can."""
        view = self.town.look(line)
        is_answer = view.status is Status.CHALLENGED
        if view.status not in LIVE or (is_answer and self.town.now >= view.deadline):
            return
        entry = self.town.newest(line, view)
        if entry is None:
            raise Broken("SYS-03: an open channel has a state to end by")
        if is_answer and entry.state.version <= view.enforced:
            return
        honest = [b for b in line.brokers if b in self.town.stage.brokers[:2]]
        args = (entry.definition, entry.state, entry.signatures)
        self._must(ADJUDICATOR, "challenge", *args, by=honest[0].address)

    def _end(self, line: Line) -> None:
        """Wait and finalise; give locked legs back on the way."""
        view = self.town.look(line)
        if view.status not in LIVE:
            return
        self._pass(max(0, view.deadline - self.town.now))
        if self._finalize(line):
            return
        self._pass(UNDECIDED_S)
        view = self.town.look(line)
        if view.flags & 3 and not view.flags & (EXECUTED | REFUNDED):
            held = self.town.books.word(("order", line.id)).to_bytes(32, "big")
            (order,) = {e.order for e in line.entries if e.order and e.state.condition.ref == held}
            self._must(ADJUDICATOR, "refundOrder", line.identified.definition, order, by=self.by)
        if not self._finalize(line):
            raise Broken(f"SYS-03: a channel ends in bounded time: {self.town.look(line)}")

    def _finalize(self, line: Line) -> bool:
        digest = self.town.books.word(("digest", line.id)).to_bytes(32, "big")
        (entry,) = (entry for entry in line.entries if entry.state_hash == digest)
        args = (line.identified.definition, entry.state)
        return self.town.desk.send(ADJUDICATOR, "finalize", *args, by=self.by) == ACCEPTED

    def _empty(self, broker: Broker) -> None:
        """Fetch ledgers, credits and stake."""
        who, word = broker.address, self.town.books.word
        for token in TOKENS:
            amount, at = word(("ledger", token, who)), self.town.address(token)
            if amount:
                self._must(ADJUDICATOR, "withdraw", at, amount, who, by=who)
            if word(("credit", token, who)):
                self._must("HashTimeLock", "collect", at, who, by=who)
        for _ in range(2):
            if word(("leaving", who)):
                self._pass(UNSTAKE_S)
                self._must(REGISTRY, "complete_unstake", by=who)
            if staked := word(("stake", who)):
                self._must(REGISTRY, "request_unstake", staked, by=who)

    # THE SWAPS

    def traders_leave(self) -> None:
        """Close, settle what ends, claim shares, withdraw."""
        self._pass(4 * DAY_S)  # whatever the guardian paused runs again
        self._prices()
        self._absorb()
        ended = self._end_markets()
        people = self.town.stage.traders
        refused: list[str] = []
        for _ in range(ROUNDS):  # who closes moves the vault's price for the next one
            refused = [self._close(owner.address, account) for owner, account in people]
            self._absorb()
        self._end_markets(but=ended)  # those that a loss has ended meanwhile
        for told in refused:
            if told not in (ACCEPTED, *TOO_DEAR) and not self._waits_for_timelock(told):
                raise Broken(f"SYS-03: a position cannot be closed: {told}")
        for owner, account in people[TRADERS : TRADERS + LENDERS]:
            self._claim(owner.address, account)
        for owner, account in people:
            self._withdraw(owner.address, account)
        self.checks.hold(self.town.books.read())

    def _prices(self) -> None:
        """Let the sources speak until the oracle trusts them."""
        for _ in range(BLOCKS):
            self._pass(BLOCK_S)
            for market, feed in enumerate(FEEDS):
                self.town.stage.says(market, self.town.prices[market])
                self._may("PriceOracle", "poke", feed)
                self._may("PriceOracle", "reset", feed)

    def _may(self, name: str, function: str, *args: object) -> str:
        return self.town.desk.send(name, function, *args, by=self.by)

    def _must(self, name: str, function: str, *args: object, by: Address) -> None:
        told = self.town.desk.send(name, function, *args, by=by)
        if told != ACCEPTED:
            raise Broken(f"SYS-03: {name}.{function}{args} is {told}")

    def _status(self, market: int) -> int:
        return self.town.books.word(("risk", market)) >> STATUS_AT & 15

    def _mask(self, market: int) -> int:
        return self.town.books.word(("risk", market)) >> PAUSE_AT & 0xFF

    def _end_markets(self, but: Collection[int] = ()) -> list[int]:
        """Bring every market that winds down to its last claim; return which."""
        accounts = list(range(self.town.books.accounts))
        ended = []
        for market in set(range(self.town.markets)).difference(but):
            if self._status(market) == MarketStatus.WIND_DOWN:
                self._may(ENDING, "settle", market)
            if self._status(market) == MarketStatus.SETTLED:
                for _ in range(2):
                    self._may(ENDING, "closeAt", market, accounts)
                    self._pass(DAY_S)
                    self._prices()
                self._may(ENDING, "finalise", market)
                self._may(ENDING, "payClaims", market, accounts)
                ended.append(market)
        return ended

    def _absorb(self) -> None:
        """Let keepers take over whoever cannot carry what it holds, the protocol's own last."""
        for account in range(self.town.books.accounts - 1, -1, -1):
            if not self._held(account):
                continue
            if account <= BACKSTOP:
                self._may("ResolutionModule", "absorbProtocol", account)
            elif not self._is_sound(account) and self.keepers.absorb_one(account) != ACCEPTED:
                for market in self._held(account):
                    args = (account, market, self.keepers.account)
                    self.town.desk.send("RiskManager", "liquidate", *args, by=self.keepers.by)

    def _held(self, account: int) -> list[int]:
        bits = self.town.books.word(("cash", account)) >> 128
        return [market for market in range(self.town.markets) if bits >> market & 1]

    def _is_sound(self, account: int) -> bool:
        health = self.town.health(account, Purpose.LIQUIDATE)
        return health.equity >= health.mm

    def _waits_for_timelock(self, told: str) -> bool:
        """Say whether the vault cannot be absorbed while one of its markets is paused."""
        return told == BELOW_ZERO and any(map(self._mask, self._held(VAULT_ACCOUNT)))

    def _close(self, owner: Address, account: int) -> str:
        """Close everything against the vault, past its caps if it must be; return what is left."""
        told = ACCEPTED
        for market in self._held(account):
            if self._status(market) == MarketStatus.SETTLED or self._mask(market):
                continue
            if not self._is_sound(account):
                return ACCEPTED  # it is the liquidators'
            size = signed(self.town.books.word(("position", account, market)), 0, 72)
            limit = LIMITLESS if size < 0 else 0
            at_all = (account, market, limit, FAR)
            if self.town.desk.send(VAULT, "close", *at_all, by=owner) == ACCEPTED:
                continue
            args = (account, market, -size, limit, FAR)
            told = self.town.desk.send(VAULT, "forceReduce", *args, by=owner)
            if told == BELOW_ZERO:
                self._may("ResolutionModule", "absorbProtocol", VAULT_ACCOUNT)
            if told in TOO_DEAR:  # a part may be cheaper
                third = (account, market, -(size // 3 or size), limit, FAR)
                self.town.desk.send(VAULT, "forceReduce", *third, by=owner)
        return told

    def _claim(self, owner: Address, account: int) -> None:
        """Claim all shares, if what others hold open lets the vault pay."""
        shares = self.town.books.word(("shares", account))
        if not shares:
            return
        self._must(VAULT, "requestClaim", account, shares, by=owner)
        self._pass(DAY_S)
        self._prices()
        told = self.town.desk.send(VAULT, "claim", account, by=owner)
        if told != ACCEPTED and told not in NOT_YET:
            raise Broken(f"SYS-03: account {account} claims {shares} shares: {told}")

    def _withdraw(self, owner: Address, account: int) -> None:
        """Take all cash out; who holds nothing open is asked nothing."""
        if self._held(account):
            return
        cash = signed(self.town.books.word(("cash", account)), 0, 128)
        if cash < SCALE:
            return
        args = (account, cash // SCALE, owner)
        told = self.town.desk.send(ENGINE, "withdraw", *args, by=owner)
        if told != ACCEPTED and not (told == LACKING and cash <= self._tokens() + self._owed()):
            raise Broken(f"SYS-03: account {account} withdraws {cash}: {told}")

    def _tokens(self) -> int:
        """Return what the engine has, wad."""
        return self.town.books.word(("wallet", "USDC", self.town.address(ENGINE))) * SCALE

    def _owed(self) -> int:
        """Return what settled markets owe beyond what claims, the fund and lenders had, wad."""
        settled = (m for m in range(self.town.markets) if self._status(m) == MarketStatus.SETTLED)
        return sum(self.town.books.word(("debt", market)) for market in settled)


def _require(holds: bool, message: str, *values: object) -> None:  # noqa: FBT001 - a verdict
    if not holds:
        raise Broken(f"{message}: {', '.join(map(str, values))}")
