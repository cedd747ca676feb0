"""Collect what the demo did and found, for the tables and for `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clearing.chain.fees import ASSUMED, op_fee_usd_wad
from clearing.chain.sender import Receipt
from clearing.demo.numbers import Json, number
from clearing.demo.swaps_facts import SwapsFacts
from clearing.risk.decimal_text import WAD_DECIMALS

__all__ = ["Crash", "Facts", "Refused", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """Something done on the chain: its transactions' gas, and their estimated fee, WAD USD."""

    name: str
    tx_count: int
    gas: int
    op_fee_usd_wad: int

    @classmethod
    def of(cls, name: str, receipts: Sequence[Receipt]) -> Step:
        """Add receipts up."""
        return cls(
            name,
            len(receipts),
            sum(receipt.gas_used for receipt in receipts),
            sum(op_fee_usd_wad(each.gas_used, each.unsigned_size) for each in receipts),
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """An attack, the contract's reason against it, and what succeeds with one thing fixed."""

    attack: str
    error: str
    fixed: str


@dataclass(frozen=True, slots=True)
class Crash:
    """What each broker held of the exchange in which one was killed; `states`: agreed in the end.

    Versions by broker, of the latest state that both have signed; `signed` had low's signature
    alone. `state_hash` is that of version `signed`, read from both stores and the same.
    """

    signed: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    state_hash: bytes
    states: int = 0

    def to_json(self) -> Json:
        """Return it for programs."""
        return {
            "signed_version": self.signed,
            "held_before_restart": dict(self.before),
            "held_after_restart": dict(self.after),
            "state_hash": "0x" + self.state_hash.hex(),
            "agreed_states": self.states,
        }


@dataclass
class Facts:
    """Everything that `clearing demo --json` prints. `balances` and `liabilities` by broker."""

    risk_usd_seed_wad: int = 0
    risk_usd_real_wad: int = 0
    liabilities: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    crash: Crash | None = None
    steps: list[Step] = field(default_factory=list)
    balances: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    swaps: SwapsFacts = field(default_factory=SwapsFacts)

    def to_json(self) -> Json:
        """Return the facts for programs; amounts in whole units, USD in USD."""
        return {
            "risk_usd_seed": number(self.risk_usd_seed_wad, WAD_DECIMALS),
            "risk_usd_real": number(self.risk_usd_real_wad, WAD_DECIMALS),
            "liabilities": {
                name: {symbol: number(owed, WAD_DECIMALS) for symbol, owed in debts.items()}
                for name, debts in self.liabilities.items()
            },
            "crash": None if self.crash is None else self.crash.to_json(),
            "steps": [
                {
                    "name": step.name,
                    "tx_count": step.tx_count,
                    "gas": step.gas,
                    "op_fee_usd_estimate": number(step.op_fee_usd_wad, WAD_DECIMALS),
                }
                for step in self.steps
            ],
            "op_fee_assumptions": ASSUMED.describe(),
            "balances": {
                name: {symbol: number(*amount) for symbol, amount in owned.items()}
                for name, owned in self.balances.items()
            },
            "refused": [
                {"attack": each.attack, "error": each.error, "fixed": each.fixed}
                for each in self.refused
            ],
            "swaps": self.swaps.to_json(),
        }
