"""Read the chain's storage itself: who holds what, who owes it, who may do what.

Nothing here asks a contract. Slots are computed from the committed layouts (`snapshots/layout`),
so what a view says of itself is not believed; `tests/invariants/test_system_machine.py` compares
the readings with the views once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from clearing.channel.keccak import keccak256
from clearing.deploy.kinds import KINDS, selector_of
from clearing.deploy.plan import DEPLOYER_ROLES, role_id
from clearing.spec.perp_types import Role
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.revm import text_of
from tests.invariants.system_stage import FEED_OF, FEEDS, Stage

__all__ = ["TOKENS", "Books", "Key", "Picture", "signed", "slot_in"]

TOKENS: Final = ("USDC", "EURC", "Yellow")
"""What channels may hold, and what the swaps are paid in."""
NETS: Final = 3
ACCOUNTS_AT: Final = 208
OF_HOLDERS: Final = frozenset({"ledger", "credit", "stake", "leaving"})

Key = tuple[Any, ...]
Picture = dict[Key, int]
"""Words of storage by what they mean: ("wallet", token, holder), ("ledger", token, owner), …"""


def _word(value: int | bytes) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def slot_in(base: int, *keys: int | bytes) -> int:
    """Return the slot of a Solidity mapping's entry, of a mapping of mappings with more keys."""
    slot = base
    for key in keys:
        word = key.ljust(32, b"\0") if isinstance(key, bytes) and len(key) < 20 else _word(key)
        slot = int.from_bytes(keccak256(word + _word(slot)), "big")
    return slot


def _slot_of_vyper(base: int, *keys: bytes) -> int:
    slot = base
    for key in keys:
        slot = int.from_bytes(keccak256(_word(slot) + _word(key)), "big")
    return slot


def signed(word: int, at: int, bits: int) -> int:
    """Return a signed field of a packed word."""
    value = word >> at & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


@dataclass(frozen=True, slots=True)
class _Place:
    key: Key
    contract: str
    slot: int


class Books:
    """All places of interest; who or what becomes known is added, nothing is ever left out."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._storage = stage.chain.evm.storage
        self._texts = {name: text_of(each.address) for name, each in stage.contracts.items()}
        self._contracts = frozenset(
            each.address for name, each in stage.contracts.items() if name != "HostileAccount"
        )
        self._places: list[tuple[Key, str, int]] = []
        self._still: list[tuple[Key, str, int]] = []
        self._last: Picture = {}
        self._at: dict[Key, tuple[str, int]] = {}
        self.holders: dict[Address, None] = {}
        self.accounts = 0
        for token in TOKENS:
            self._add(_Place(("supply", token), token, 2))
            at = slot_in(3, stage[token].address)
            self._add(_Place(("power", "cap", token), "Adjudicator", at))
        self._add_powers()
        self._add_markets()
        for each in stage.contracts.values():
            self.meet(each.address)

    # WHO AND WHAT IS KNOWN

    def meet(self, holder: Address) -> None:
        """From now on watch an address."""
        if holder in self.holders:
            return
        self.holders[holder] = None
        for token in TOKENS:
            at = self._stage[token].address
            self._add(_Place(("wallet", token, holder), token, slot_in(0, holder)))
            self._add(_Place(("ledger", token, holder), "Adjudicator", slot_in(2, holder, at)))
            credit = _slot_of_vyper(1, holder, at)
            self._add(_Place(("credit", token, holder), "HashTimeLock", credit))
        credit = _slot_of_vyper(1, holder, ZERO_ADDRESS)
        self._add(_Place(("credit", "ether", holder), "HashTimeLock", credit))
        self._add(_Place(("stake", holder), "BrokerRegistry", _slot_of_vyper(0, holder)))
        unstake = _slot_of_vyper(2, holder)
        self._add(_Place(("leaving", holder), "BrokerRegistry", unstake))
        for role in DEPLOYER_ROLES:
            at_role = slot_in(slot_in(0, role_id(role)), holder)
            self._add(_Place(("power", role, holder), "ProtocolTimelock", at_role))
        module = slot_in(5, holder)
        self._add(_Place(("power", "module", holder), "DerivativesEngine", module))

    def meet_channel(self, channel_id: bytes) -> None:
        """From now on watch a channel: its word, its order and its nets."""
        base = slot_in(5, channel_id)
        self._add(_Place(("meta", channel_id), "Adjudicator", base))
        self._add(_Place(("digest", channel_id), "Adjudicator", base + 1))
        self._add(_Place(("order", channel_id), "Adjudicator", base + 2))
        for at in range(NETS):
            self._add(_Place(("net", channel_id, at), "Adjudicator", base + 3 + at))

    def meet_lock(self, lock_id: bytes) -> None:
        """From now on watch a lock of the HashTimeLock."""
        self._add(_Place(("locked", lock_id), "HashTimeLock", _slot_of_vyper(0, lock_id)))

    def _meet_account(self, account: int) -> None:
        base = slot_in(1, account)
        self._add(_Place(("owner", account), "DerivativesEngine", base))
        self._add(_Place(("cash", account), "DerivativesEngine", base + 1))
        for market in range(len(FEED_OF)):
            at = slot_in(3, account << 16 | market)
            self._add(_Place(("position", account, market), "DerivativesEngine", at))
        self._add(_Place(("shares", account), "VaultModule", slot_in(2, account)))

    # WHERE IT STANDS

    def _add(self, place: _Place) -> None:
        if place.key not in self._at:
            at = self._texts[place.contract]
            self._at[place.key] = (at, place.slot)
            places = self._still if self._is_still(place.key) else self._places
            places.append((place.key, at, place.slot))

    def _is_still(self, key: Key) -> bool:
        """Say whether a word should hardly ever change: powers, what contracts own."""
        if key[0] in OF_HOLDERS:
            return key[-1] in self._contracts
        return bool(key[0] == "power")

    def _add_powers(self) -> None:
        """Everything that only an executed proposal may change, but for caps and roles."""
        engine, governor, types = "DerivativesEngine", "ProtocolGovernor", "ProposalTypes"
        self._add(_Place(("core",), engine, 0))
        self._add(_Place(("power", "engine's timelock"), engine, 6))
        self._add(_Place(("next timelock",), engine, 7))
        for role in Role:
            at = slot_in(8, int(role))
            self._add(_Place(("power", "module of", role.name), engine, at))
        for slot in (7, 8, 11, 13, 14, 16):
            self._add(_Place(("power", "governor", slot), governor, slot))
        self._add(_Place(("power", "governor", "quorums"), governor, 10))
        for kind in range(1, 5):
            self._add(_Place(("power", "terms", kind), types, slot_in(1, kind)))
        for contract, method, _ in KINDS:
            at = slot_in(0, self._stage[contract].address, selector_of(contract, method))
            self._add(_Place(("power", "kind", contract, method), types, at))
        self._add(_Place(("power", "delay"), "ProtocolTimelock", 2))
        self._add(_Place(("settler",), "MatchSettler", 2))
        self._add(_Place(("power", "target"), "InsuranceFund", 0))
        self._add(_Place(("paused", "openings"), "Adjudicator", 6))
        for feed in FEEDS:
            base = slot_in(0, feed)
            for word in range(4):
                self._add(_Place(("power", "feed", feed, word), "PriceOracle", base + word))
            self._add(_Place(("memo", feed), "PriceOracle", base + 4))

    def _add_markets(self) -> None:
        for market in range(len(FEED_OF)):
            base = slot_in(2, market)
            names = ("trade", "risk", "funding", "premium", "oi", "limit", "cap", "debt")
            for word, name in enumerate(names):
                key = ("power", "trade", market) if name == "trade" else (name, market)
                self._add(_Place(key, "DerivativesEngine", base + word))
            self._add(_Place(("power", "limits", market), "InsuranceFund", slot_in(1, market)))
        self._add(_Place(("all shares",), "VaultModule", 1))

    # READ

    def read(self, *, is_whole: bool = True) -> Picture:
        """Return every word that is known of; if not whole, still ones as they last were."""
        made = self._storage(self._texts["DerivativesEngine"], 0) >> ACCOUNTS_AT & 2**32 - 1
        while self.accounts < made:
            self._meet_account(self.accounts)
            self.accounts += 1
        storage = self._storage
        if is_whole:
            self._last = {key: storage(at, slot) for key, at, slot in self._still}
        picture = self._last.copy()
        picture.update([(key, storage(at, slot)) for key, at, slot in self._places])
        return picture

    def word(self, key: Key) -> int:
        """Return one word that is known of. Raises KeyError."""
        at, slot = self._at[key]
        return self._storage(at, slot)
