"""Tell the story: chapters, sentences and tables for people, facts for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from clearing.chain.fees import ASSUMED
from clearing.chain.sender import Receipt
from clearing.demo.facts import Facts, Refused, Step
from clearing.risk.decimal_text import WAD_DECIMALS, rounded_text

__all__ = ["Teller"]

WIDTH = 100


class Teller:
    """Writes to a console, and notes the facts on the way.

    `progress` is told of each chapter in a plain line.
    """

    def __init__(self, console: Console, progress: TextIO | None = None) -> None:
        self.facts = Facts()
        self._console = console
        self._progress = progress

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        if self._progress is not None:
            self._progress.write(f"{title}\n")
            self._progress.flush()
        self._console.print()
        self._console.print(Rule(Text(title, style="bold"), align="left"))

    def say(self, text: str) -> None:
        """Tell something; takes no markup from names and numbers."""
        self._console.print(Text(text))

    def show(self, view: RenderableType) -> None:
        """Show a table."""
        self._console.print(view)

    def step(self, name: str, *receipts: Receipt) -> None:
        """Note and tell what was done on the chain."""
        step = Step.of(name, receipts)
        self.facts.steps.append(step)
        count = f"{step.tx_count} transaction{'s' if step.tx_count > 1 else ''}"
        cost = f"{count} · {step.gas:,} gas · {_usd(step.op_fee_usd_wad)} USD"
        self._console.print(
            Text.assemble(
                ("  ✓ ", "green"),
                f"{name}  ",
                (cost, "dim"),
            )
        )

    def refused(self, refused: Refused) -> None:
        """Note and tell an attack that failed."""
        self.facts.refused.append(refused)
        self._console.print(
            Text.assemble(
                ("  ✗ ", "red"), f"{refused.attack}: refused with ", (refused.error, "bold red")
            )
        )

    def table(self, *headings: str, rows: Sequence[Sequence[str]], title: str = "") -> None:
        """Show rows; all columns but the first are numbers."""
        table = Table(box=box.SIMPLE, title=title or None, title_justify="left")
        for at, heading in enumerate(headings):
            table.add_column(heading, justify="right" if at else "left")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)

    def conclude(self) -> None:
        """Sum up: what it cost, what was refused, what everybody owns."""
        facts = self.facts
        self.chapter("What it cost")
        rows = [
            (step.name, str(step.tx_count), f"{step.gas:,}", _usd(step.op_fee_usd_wad))
            for step in facts.steps
        ]
        self.table("On the chain", "Transactions", "Gas", "OP fee, USD (estimate)", rows=rows)
        self.say(f"The fee is an estimate: {ASSUMED.describe()}.")
        self.chapter("What was refused, and what one thing made right")
        table = Table(box=box.SIMPLE)
        for heading in ("Attack", "Refused with", "Accepted instead"):
            table.add_column(heading)
        for each in facts.refused:
            table.add_row(Text(each.attack), Text(each.error, style="red"), Text(each.fixed))
        self._console.print(table)
        self.chapter("What each broker owns now (wallet, ledger and stake together)")
        symbols = list(next(iter(facts.balances.values())))
        self.table(
            "Broker",
            *symbols,
            rows=[
                (name, *(_amount(*owned[symbol]) for symbol in symbols))
                for name, owned in facts.balances.items()
            ],
        )


def _usd(value_wad: int) -> str:
    return rounded_text(value_wad, WAD_DECIMALS, 4)


def _amount(raw: int, decimals: int) -> str:
    """Return an amount in whole units, with as many decimals as it needs and two at least."""
    text = rounded_text(raw, decimals, decimals)
    whole, _, part = text.partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"
