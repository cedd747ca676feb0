"""Read matched groups from files, and make of them what the settler is called with.

A file is one group, JSON: `{"taker": {…, "signature": "0x…"}, "makers": [{…, "lots": 5}]}`, the
orders' fields as in `IMatchSettler.Order` with snake-case names; numbers may be text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from clearing.chain.contract import Call, Contract
from clearing.channel.errors import CodecError
from clearing.channel.perp_batch import Match, SignedFill, pack
from clearing.channel.signatures import Signature
from clearing.spec.perp_orders import TICK, Order

__all__ = ["Group", "GroupError", "call_of", "group_from", "group_text", "next_batch"]

ORDER: Final = tuple(field.name for field in fields(Order))
OPTIONAL: Final = {"flags": 0, "trigger_price": 0}
MOST_FILLS: Final = 100


class GroupError(Exception):
    """Say what is wrong with a file."""


@dataclass(frozen=True, slots=True)
class Group:
    """A matched group, and the name of its file."""

    name: str
    match: Match

    @property
    def fills(self) -> int:
        """How many makers fill it."""
        return len(self.match.makers)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The taker's order, then the makers'."""
        return tuple(it.order for it in (self.match.taker, *self.match.makers))

    @property
    def max_fee_ppm(self) -> int | None:
        """The one highest fee of all its orders; None if it cannot be packed."""
        orders = self.orders
        first = orders[0].max_fee_ppm
        is_plain = all(
            each.max_fee_ppm == first and not each.trigger_price and not each.limit_price % TICK
            for each in orders
        )
        return first if is_plain else None


def group_from(name: str, text: str) -> Group:
    """Return the group that a file says. Raises GroupError."""
    try:
        said = json.loads(text)
        makers = tuple(_signed(each, _int(each, "lots")) for each in said["makers"])
        taker = _signed(said["taker"], sum(each.lots for each in makers))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GroupError(f"{name} is no group ({type(error).__name__}: {error})") from error
    if not 0 < len(makers) <= MOST_FILLS:
        raise GroupError(f"{name} has {len(makers)} makers; 1 to {MOST_FILLS} can be settled")
    return Group(name, Match(taker, makers))


def group_text(match: Match) -> str:
    """Return the file that says a group."""
    return json.dumps(
        {
            "taker": _said(match.taker),
            "makers": [{**_said(maker), "lots": str(maker.lots)} for maker in match.makers],
        },
        indent=1,
    )


def _said(signed: SignedFill) -> dict[str, str]:
    numbers = {name: str(getattr(signed.order, name)) for name in ORDER}
    return {**numbers, "signature": "0x" + signed.signature.to_bytes().hex()}


def _signed(said: Mapping[str, Any], lots: int) -> SignedFill:
    values = {name: _int(said, name) for name in ORDER if name in said or name not in OPTIONAL}
    raw = bytes.fromhex(str(said["signature"]).removeprefix("0x"))
    return SignedFill(Order(**values), Signature.from_bytes(raw), lots)


def _int(said: Mapping[str, Any], name: str) -> int:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"{name} is no whole number")
    return int(value)


# BATCHES


def next_batch(groups: Sequence[Group], most_fills: int) -> list[Group]:
    """Return the groups of the next batch, in their order.

    The first decides: packed batches have one highest fee, and what cannot be packed goes alone.
    """
    if not groups:
        return []
    fee = groups[0].max_fee_ppm
    if fee is None:
        return [groups[0]]
    chosen: list[Group] = []
    fills = 0
    for group in groups:
        if group.max_fee_ppm == fee:
            if chosen and fills + group.fills > most_fills:
                break
            chosen.append(group)
            fills += group.fills
    return chosen


def call_of(settler: Contract, batch_id: int, groups: Sequence[Group]) -> Call:
    """Return the call that settles a batch: packed where it can be."""
    if all(group.max_fee_ppm is not None for group in groups):
        try:
            return settler.transact("settlePacked", pack(batch_id, [it.match for it in groups]))
        except CodecError:
            pass  # numbers beyond the packed form's fields: the other form takes them
    return settler.transact("settle", batch_id, [_abi_group(group.match) for group in groups])


def _abi_group(match: Match) -> tuple[Any, ...]:
    return _abi_signed(match.taker), [(_abi_signed(maker), maker.lots) for maker in match.makers]


def _abi_signed(signed: SignedFill) -> tuple[Any, ...]:
    values = tuple(getattr(signed.order, name) for name in ORDER)
    return values, signed.signature.to_bytes()
