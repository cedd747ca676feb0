"""What the views of the perpetual swaps say, against what a replica has from events.

Each comparison is exact, and complete but for the word that counts openings while one source
prices a market: neither a view nor an event shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.perp import FAR, LOT, PerpRig
from tests.harness.perp_replica import SLOTS, Recorder, Replica, Told

__all__ = ["Comparison"]

ROLES: Final = 7
OPEN: Final = 1
MID: Final = 2
"""Purpose of a health view."""

_Layout = tuple[tuple[int, int], ...]
"""Lowest bit and width of each field; a negative width: signed."""
_POSITION: Final[_Layout] = ((0, -72), (72, -96), (168, -88))
_FUNDING: Final[_Layout] = ((0, -88), (88, -88), (176, 40), (216, -40))
_AVERAGE: Final[_Layout] = ((0, -40), (40, 32), (72, 16), (88, 32), (120, -40))
_PREMIUM: Final[_Layout] = (*_AVERAGE, (160, 32), (192, -64))
_OI: Final[_Layout] = ((0, 72), (72, 72), (144, 88), (232, 20))
_MARGINS: Final[_Layout] = ((0, 20), (20, 14), (34, 24), (58, 20))
_NEXT: Final[_Layout] = tuple((at + 78, bits) for at, bits in _MARGINS)
_RISK: Final[_Layout] = (*_MARGINS, *_NEXT, (156, 32), (188, 17), (205, 8), (213, 4), (217, 32))
_FEES: Final[_Layout] = ((128, 14), (142, 14), (156, 14), (170, 17))
_TRADE: Final[_Layout] = ((0, 128), *_FEES, (187, 20), (207, 36), (243, 10))
_LIMIT: Final[_Layout] = ((0, 17), (17, 16), (33, 16), (49, 16), (65, 72))


def _unpack(word: int, layout: _Layout) -> tuple[int, ...]:
    return tuple(_field(word, at, bits) for at, bits in layout)


def _field(word: int, at: int, bits: int) -> int:
    value = word >> at & (1 << abs(bits)) - 1
    return value - (1 << -bits) if bits < 0 and value >> (-bits - 1) else value


@dataclass(frozen=True, slots=True)
class Comparison:
    """A deployed system on a recording chain, and the settler of its orders.

    `probe` is a trader without cash, whom the engine's pauses refuse before his margin does.
    """

    rig: PerpRig
    settler: Contract
    chain: Recorder
    probe: tuple[int, Address]

    def hold(self, replica: Replica) -> None:
        """Compare everything. Raises AssertionError."""
        self._hold_accounts(replica)
        self._hold_powers(replica)
        self._hold_shares(replica)
        self._hold_orders(replica)
        for market in replica.markets:
            self._hold_terms(replica, market)
        with self.chain.isolated():
            before = len(self.chain.told)
            ticked = replica.after(self._ticked(replica, before))
            for market in replica.markets:
                self._hold_funding(ticked, market)
            self._hold_equities(ticked)

    def _ticked(self, replica: Replica, before: int) -> Sequence[Told]:
        for market in replica.markets:
            self.rig.engine.send("tickFunding", market, sender=self.rig.roles.outsider)
        return self.chain.told[before:]

    # ENGINE

    def _hold_accounts(self, replica: Replica) -> None:
        engine = self.rig.engine
        assert engine.read("parameters")[4:] == (len(replica.accounts), len(replica.markets))
        for account, mine in replica.accounts.items():
            stored = engine.read("accountOf", account)
            assert stored == (mine.owner, mine.cash, replica.bits_of(account)), account
            for market in replica.markets:
                stored = _unpack(engine.read("positionOf", account, market), _POSITION)
                assert stored == astuple(replica.positions[account, market]), (account, market)
            for key, expiry in mine.sessions.items():
                self._hold_session(account, key, expiry)
        assert self.rig.token.read("balanceOf", engine.address) == replica.tokens

    def _hold_session(self, account: int, key: Address, expiry: int) -> None:
        """A session's end has no view: its last second has one."""
        is_trader = self.rig.engine.call("isTrader", 2)
        with self.chain.isolated():
            self.chain.warp(expiry)
            assert not is_trader.read(account, key), (account, key)
            if expiry:
                self.chain.warp(expiry - 1)
                assert is_trader.read(account, key), (account, key)

    def _hold_powers(self, replica: Replica) -> None:
        engine = self.rig.engine
        _, oracle, timelock, *_ = engine.read("parameters")
        assert (oracle, timelock) == (replica.oracle, replica.timelock)
        modules = tuple(engine.read("moduleOf", role) for role in range(ROLES))
        assert modules == tuple(replica.modules.get(role, ZERO_ADDRESS) for role in range(ROLES))
        for market in replica.markets:
            self._hold_pauses(replica, market)
        roles = self.rig.roles
        for heir in {roles.timelock, roles.outsider, replica.proposed} - {ZERO_ADDRESS}:
            with self.chain.isolated():
                told = _verdict(engine, "acceptTimelock", sender=heir)
            assert told == (() if heir == replica.proposed else ("NotTimelock", heir)), told

    def _hold_pauses(self, replica: Replica, market: int) -> None:
        """The guardian's pause has no view: whoever opens is refused with the whole mask."""
        mask, until = replica.guardian_pause
        whole = replica.markets[market].pause | (mask if self.chain.now < until else 0)
        account, owner = self.probe
        order = (account, market, LOT, 2**127, FAR)
        with self.chain.isolated():
            told = _verdict(self.rig.vault, "trade", *order, sender=owner)
        if whole & OPEN:
            assert told == ("Paused", market, whole)
        else:
            assert told[0] == "UnderInitialMargin", told

    def _words(self, market: int) -> Any:
        return self.rig.engine.read("peekContext", 0, market)

    def _hold_terms(self, replica: Replica, market: int) -> None:
        mine, said = replica.markets[market], self._words(market)
        *rest, share, max_oi = mine.limit
        interest = (mine.open_interest, max_oi, mine.fees, share)
        assert _unpack(said[3], _OI) == interest, market
        *margins, penalty, impact = mine.risk
        stored = (*mine.old, *margins, mine.phase_start, penalty, mine.pause, mine.status, impact)
        assert _unpack(said[4], _RISK) == stored, market
        feed = int.from_bytes(mine.feed, "big")
        assert _unpack(said[5], _TRADE) == (feed, *mine.trade), market
        assert _unpack(said[6], _LIMIT) == tuple(rest), market
        assert self.rig.engine.read("debtOf", market) == mine.debt, market

    def _hold_funding(self, ticked: Replica, market: int) -> None:
        mine, said = ticked.markets[market], self._words(market)
        stored = (mine.f_long, mine.f_short, mine.funded_at, mine.rate)
        assert _unpack(said[1], _FUNDING) == stored, market
        mine.premium.fold(self.chain.now)
        assert _unpack(said[2], _PREMIUM) == astuple(mine.premium), market

    def _hold_equities(self, ticked: Replica) -> None:
        """What the replica owes each account at the index is what the engine says it is worth."""
        mids = {market: self._words(market)[0][0] for market in ticked.markets}
        for account in ticked.accounts:
            said = self.rig.engine.read("healthOf", account, MID)[0]
            assert said == ticked.equity(account, mids), account

    # MODULES

    def _hold_shares(self, replica: Replica) -> None:
        vault, mine = self.rig.vault, replica.vault
        assert vault.read("totalShares") == sum(mine.shares.values())
        assert vault.read("navTaken") == mine.nav
        for account in replica.accounts:
            assert vault.read("sharesOf", account) == mine.shares[account]
            assert vault.read("claimOf", account) == mine.requests.get(account, (0, 0, 0))

    def _hold_orders(self, replica: Replica) -> None:
        settler, mine = self.settler, replica.orders
        assert settler.read("settler") == mine.settler
        assert settler.read("lastBatch") == mine.last_batch
        for account in replica.accounts:
            assert settler.read("minNonceOf", account) == mine.least[account]
            for index in range(SLOTS):
                stored = settler.read("slotOf", account, index)
                assert stored == mine.slots.get((account, index), (0, 0)), (account, index)


def _verdict(contract: Contract, name: str, *args: Any, sender: Address) -> tuple[Any, ...]:
    try:
        contract.send(name, *args, sender=sender)
    except Refused as refusal:
        return (refusal.name, *refusal.args_)
    return ()
