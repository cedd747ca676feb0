"""Settle matched groups: from files, in batches, each written down before it is sent.

A file waits in the folder itself, is in `settling` while its batch may still fail, and ends in
`settled`, `skipped` (the contract left it out) or `rejected` (nothing can be made of it). The log
of batches is durable before a file moves, and files move before a batch is sent: whatever the
process is killed at, the next one knows where each group is. A group that is brought twice is
skipped by the contract, for its orders are filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from clearing.chain.contract import Contract, explain
from clearing.chain.errors import CallRefusedError, NodeRefusedError
from clearing.channel.keccak import keccak256
from clearing.keeper.contracts import Swaps
from clearing.keeper.endpoints import Head
from clearing.keeper.errors import KeeperError
from clearing.keeper.groups import Group, GroupError, call_of, group_from, next_batch
from clearing.keeper.jobs.job import Desk
from clearing.keeper.lane import Outcome, Wish
from clearing.keeper.store import Offer

__all__ = ["SettlementJob", "SettlementPolicy"]

LOG: Final = "settlement.batches"
FOLDERS: Final = ("settling", "settled", "skipped", "rejected")
MOST_GAS: Final = 16_777_216


@dataclass(frozen=True, slots=True)
class SettlementPolicy:
    """Where groups come from, how many fills a batch has at most, and how much gas it may use.

    A standby leaves files to the primary until they are `delay_s` old.
    """

    folder: Path
    most_fills: int = 100
    base_gas: int = 400_000
    fill_gas: int = 250_000
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it is written down. `state`: made, mined (it may still be taken back)."""

    batch_id: int
    work: str
    files: tuple[str, ...]
    skipped: tuple[int, ...] = ()
    state: str = "made"


class SettlementJob:
    """Brings batches, one at a time."""

    name = "settlement"

    def __init__(self, desk: Desk, swaps: Swaps, policy: SettlementPolicy) -> None:
        self._desk = desk
        self._swaps = swaps
        self._policy = policy
        for name in FOLDERS:
            (policy.folder / name).mkdir(parents=True, exist_ok=True)

    def turn(self) -> float:
        """Look once. Raises ChainError, KeeperError, SignerError."""
        desk, settler = self._desk, self._swaps.settler
        if settler is None:
            raise KeeperError("the engine names no settler", "let the timelock name one")
        head, outcomes = desk.begin()
        known = {outcome.offer.work: outcome for outcome in outcomes}
        batches = [it for each in self._load() for it in self._follow(settler, each, known)]
        self._save(batches)
        if not any(each.state == "made" for each in batches):
            self._settle_next(settler, batches, head)
        gauges = desk.meters.gauges
        gauges["waiting_groups"] = float(len(self._waiting()))
        gauges["open_batches"] = float(len(batches))
        return desk.poll_s

    # FOLLOW

    def _follow(
        self, settler: Contract, batch: Batch, known: dict[str, Outcome]
    ) -> Iterator[Batch]:
        """Yield the batch as it is now; nothing once its files are where they stay."""
        offer = self._desk.store.offer_of(self._desk.lane.sender, batch.work)
        if offer is None or offer.state == "lost":
            self._give_back(batch, "it was never sent" if offer is None else "its nonce was lost")
            return
        outcome = known.get(batch.work)
        if offer.state == "open":
            yield replace(batch, state="made", skipped=())
            return
        if batch.state == "made":
            mined = outcome or self._mined(offer)
            if mined is None:
                yield batch
                return
            if not mined.is_good:
                self._give_back(batch, "it reverted")
                return
            batch = replace(batch, state="mined", skipped=self._skipped(settler, mined))
            self._desk.meters.counts["batches"] += 1
            self._desk.meters.counts["groups"] += len(batch.files) - len(batch.skipped)
        if offer.state == "final":
            self._put_away(batch)
            return
        yield batch

    def _mined(self, offer: Offer) -> Outcome | None:
        """Return what an earlier process did not live to see."""
        return self._desk.lane.outcome_of(offer)

    def _skipped(self, settler: Contract, mined: Outcome) -> tuple[int, ...]:
        skipped = []
        for event in settler.happened(mined.logs):
            if event.name == "FillSkipped":
                group = int(event.fields["group"])
                reason = explain(NodeRefusedError("", 0, "", event.fields["reason"]), "group")
                skipped.append(group)
                self._desk.meters.counts["skipped_groups"] += 1
                self._desk.log.warning("group_skipped", group=group, reason=str(reason))
        return tuple(skipped)

    def _put_away(self, batch: Batch) -> None:
        for index, name in enumerate(batch.files):
            self._move(name, "settling", "skipped" if index in batch.skipped else "settled")

    def _give_back(self, batch: Batch, why: str) -> None:
        self._desk.log.warning("batch_given_back", batch=batch.batch_id, why=why)
        for name in batch.files:
            self._move(name, "settling", "")

    # SETTLE

    def _settle_next(self, settler: Contract, batches: list[Batch], head: Head) -> None:
        groups = next_batch(list(self._groups()), self._policy.most_fills)
        if not groups:
            return
        batch_id: int = settler.call("lastBatch", block=hex(head.number)) + 1
        good = self._good(settler, batch_id, groups, head)
        if not good:
            return
        wish = self._wish(settler, batch_id, good)
        batch = Batch(batch_id, wish.work, tuple(group.name for group in good))
        self._save([*batches, batch])
        for name in batch.files:
            self._move(name, "", "settling")
        self._desk.send([wish], head)

    def _good(
        self, settler: Contract, batch_id: int, groups: Sequence[Group], head: Head
    ) -> list[Group]:
        """Return the groups without those that no batch can be made with: found by halving."""
        refusal = self._refusal(settler, batch_id, groups, head)
        if refusal is None:
            return list(groups)
        if refusal in {"NotSettler", "BatchOutOfOrder"}:
            raise KeeperError(f"the settler contract says {refusal}", "look who else settles")
        if len(groups) == 1:
            self._reject(groups[0].name, refusal)
            return []
        middle = len(groups) >> 1
        first = self._good(settler, batch_id, groups[:middle], head)
        second = self._good(settler, batch_id, groups[middle:], head)
        both = [*first, *second]
        if both and self._refusal(settler, batch_id, both, head) is not None:
            return first or second  # each half is good alone: the rest has its turn next
        return both

    def _refusal(
        self, settler: Contract, batch_id: int, groups: Sequence[Group], head: Head
    ) -> str | None:
        wish = self._wish(settler, batch_id, groups)
        request = {
            "from": self._desk.lane.sender,
            "to": "0x" + settler.address.hex(),
            "data": "0x" + wish.call.data.hex(),
            "gas": hex(wish.gas),
        }
        try:
            self._desk.endpoints.request("eth_call", [request, hex(head.number)])
        except NodeRefusedError as refusal:
            error = explain(refusal, "batch")
            if isinstance(error, CallRefusedError):
                return error.name
            raise
        return None

    def _wish(self, settler: Contract, batch_id: int, groups: Sequence[Group]) -> Wish:
        call = call_of(settler, batch_id, groups)
        fills = sum(group.fills for group in groups)
        gas = min(MOST_GAS, self._policy.base_gas + fills * self._policy.fill_gas)
        work = f"settle:{batch_id}:{keccak256(call.data).hex()[:16]}"
        return Wish(work, call, gas, (f"batch:{batch_id}",))

    # FILES

    def _waiting(self) -> list[Path]:
        """Return the files that wait, by name; those that a primary may still take, later."""
        oldest_s = self._desk.clock_s() - self._policy.delay_s
        files = sorted(self._policy.folder.glob("*.json"))
        if not self._policy.delay_s:
            return files
        return [path for path in files if path.stat().st_mtime <= oldest_s]

    def _groups(self) -> Iterator[Group]:
        fills = 0
        for path in self._waiting():
            try:
                group = group_from(path.name, path.read_text("utf-8"))
            except (GroupError, OSError, UnicodeDecodeError) as error:
                self._reject(path.name, str(error))
                continue
            yield group
            fills += group.fills
            if fills > 2 * self._policy.most_fills:
                return

    def _reject(self, name: str, reason: str) -> None:
        self._desk.meters.counts["rejected_groups"] += 1
        self._desk.log.warning("group_rejected", file=name, reason=reason)
        self._move(name, "", "rejected")
        (self._policy.folder / "rejected" / f"{name}.reason").write_text(reason + "\n", "utf-8")

    def _move(self, name: str, source: str, to: str) -> None:
        """Move a file; one that is there already has been moved before."""
        path = self._policy.folder / source / name
        if path.exists():
            path.replace(self._policy.folder / to / name)

    # LOG

    def _load(self) -> list[Batch]:
        rows: list[dict[str, Any]] = self._desk.store.fact(LOG) or []
        return [
            Batch(
                row["batch_id"],
                row["work"],
                tuple(row["files"]),
                tuple(row["skipped"]),
                row["state"],
            )
            for row in rows
        ]

    def _save(self, batches: Sequence[Batch]) -> None:
        rows = [asdict(each) for each in batches]
        if rows != (self._desk.store.fact(LOG) or []):
            self._desk.store.put_fact(LOG, rows)
