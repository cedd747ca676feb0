"""Answer operators about money: deposits, withdrawals, stake, and how far transactions are."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from clearing.clearport.api.results import completed
from clearing.clearport.core.events import Wanted
from clearing.clearport.core.messages import ResizeWish
from clearing.clearport.daemon.office import Office, consumed, request_id
from clearing.clearport.errors import RefusedError, UnknownError
from clearing.clearport.ports import Intent, IntentStatus, Record, Used
from clearing.client.terms import Token
from clearing.spec.assets import AssetId, symbol_of
from clearing.spec.types import Side
from clearing.spec.units import Address

__all__ = ["MoneyDesk"]

REF_BYTES: Final = 8


class MoneyDesk:
    """The part of the desk that is about our own account. Each order has a key of its own."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def collateral(self) -> tuple[Token, ...]:
        """Return the collateral tokens by the daemon's terms."""
        return self._office.house.collateral

    def deliverable(self) -> tuple[Token, ...]:
        """Return the assets that may be traded by the daemon's terms."""
        return tuple(self._office.house.deliverable.values())

    async def deposit(self, channel_id: bytes, asset: AssetId, amount_raw: int, used: Used) -> str:
        """Pay into a channel, or (empty id) into our ledger; return the last intent's key."""
        office = self._office
        office.require_open()
        _require_some(amount_raw)
        ref = _ref("deposit", channel_id)
        if not channel_id:
            token = office.token(asset)
            intents = await office.funding.deposit(ref, token.address, amount_raw)
        else:
            line = office.lane(channel_id).phase.line
            token = _held(line.terms.collateral, asset)
            intents = await office.funding.collateral(
                ref, line.definition, token.address, amount_raw
            )
        return await self._submit(ref, intents, used, channel_id)

    async def withdraw(
        self, channel_id: bytes, asset: AssetId, amount_raw: int, to: Address | None, used: Used
    ) -> str:
        """Take out of our ledger (empty id), or of a channel by a RESIZE into the ledger.

        Returns the transaction's key, for a channel the request's id: the peer signs first.
        """
        office = self._office
        office.require_open()
        _require_some(amount_raw)
        if not channel_id:
            ref = _ref("withdraw")
            account = office.house.broker if to is None else to
            token = office.token(asset)
            intent = office.funding.withdrawal(ref, token.address, amount_raw, account)
            return await self._submit(ref, (intent,), used, b"")
        if to is not None:
            fix = "leave it out, then withdraw from the ledger"
            raise RefusedError("cannot be paid out of a channel", fix, field="to")
        lane = office.lane(channel_id)
        line = lane.phase.line
        token = _held(line.terms.collateral, asset)
        takes = (amount_raw, 0) if line.side is Side.LOW else (0, amount_raw)
        outs = tuple(takes if each == token else (0, 0) for each in line.terms.collateral)
        wanted = request_id()
        wish = ResizeWish(outs, office.now() + office.offer_s)
        await lane.ask(Wanted(wanted, wish), consumed(used, wanted.hex()))
        return wanted.hex()

    async def stake(self, amount_raw: int, used: Used) -> str:
        """Stake YELLOW and name our signer if it is not named; return the last intent's key."""
        self._office.require_open()
        ref = _ref("stake")
        intents = await self._office.funding.stake(ref, amount_raw)
        if not intents:
            fix = "give an amount"
            raise RefusedError("nothing to stake, and the signer is named", fix, field="amount")
        return await self._submit(ref, intents, used, b"")

    async def transaction(self, key: str) -> IntentStatus:
        """Return how far a transaction is. Raises UnknownError."""
        found = await self._office.store.intent(key)
        if found is not None:
            return found[1]
        raise UnknownError("no such transaction", "see the reply that named it", field="key")

    async def _submit(
        self, ref: str, intents: tuple[Intent, ...], used: Used, channel_id: bytes
    ) -> str:
        """Make transactions wanted, with what the call consumes."""
        named = tuple(replace(each, channel_id=channel_id) for each in intents)
        await self._office.store.commit(Record(intents=named, used=completed(used, ref)))
        self._office.outbox.wake()
        return ref


def _ref(what: str, channel_id: bytes = b"") -> str:
    """Return a fresh key; a channel's begins with its id, as all of its transactions' do."""
    owner = f"{channel_id.hex()}:" if channel_id else ""
    return f"{owner}{what}:{secrets.token_hex(REF_BYTES)}"


def _require_some(amount_raw: int) -> None:
    if amount_raw <= 0:
        raise RefusedError("is nothing", "give an amount above 0", field="amount")


def _held(tokens: tuple[Token, ...], asset: AssetId) -> Token:
    for token in tokens:
        if token.asset == asset:
            return token
    raise UnknownError(f"the channel holds no {symbol_of(asset)}", field="asset")
