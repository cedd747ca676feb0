"""Write records in one thread, many with one commit.

Whatever arrives while a commit runs shares the next. A record that is refused leaves the others of
its group as they are. When it is not known what a commit has left, nothing is written any more:
opening the store again tells.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from clearing.clearport.errors import ClearportError, StoreError
from clearing.clearport.ports import Permit, Record
from clearing.clearport.store.database import Database
from clearing.clearport.store.errors import is_in_doubt, is_refused_row, store_error
from clearing.clearport.store.memory import Memory
from clearing.clearport.store.plan import Group
from clearing.clearport.store.schema import upgrade_connection
from clearing.clearport.store.statements import Statements

__all__ = ["Writer"]

T = TypeVar("T")

MAX_GROUP: Final = 512
"""Records that share one commit at most."""
MAX_WAITING: Final = 65_536
"""More that wait are refused: the disk has stopped."""


@dataclass(slots=True)
class Job(Generic[T]):
    """What a task waits for: a record to write, or a question to ask the database."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    record: Record | None = None
    ask: Callable[[Connection], T] | None = None
    outcome: T | None = None
    error: Exception | None = None

    def settle(self) -> None:
        """Tell the task, in its own thread, unless it has gone."""
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.outcome)  # type: ignore[arg-type]


class Writer:
    """The thread, its connection and what it remembers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="clearport-store", daemon=True)
        self._database: Database
        self._statements: Statements
        self._lost: StoreError | None = None
        self._is_closed = False
        self._opening: Job[None] | None = None
        self.memory: Memory

    # IN THE CALLER'S THREAD

    async def open(self) -> None:
        """Start the thread; it opens and migrates the database. Raises StoreError."""
        loop = asyncio.get_running_loop()
        self._opening = Job(loop, loop.create_future())
        self._thread.start()
        await self._opening.future

    async def commit(self, record: Record) -> Permit | None:
        """Write a record; return when it is durable."""
        loop = asyncio.get_running_loop()
        permit: Permit | None = await self._put(Job(loop, loop.create_future(), record=record))
        return permit

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """Read, after everything that was handed in before."""
        loop = asyncio.get_running_loop()
        return await self._put(Job(loop, loop.create_future(), ask=question))

    async def close(self) -> None:
        """Finish what was handed in and close the database."""
        if self._is_closed:
            return
        self._is_closed = True
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    async def _put(self, job: Job[T]) -> T:
        if self._is_closed:
            raise StoreError("the store is closed", "start the daemon again")
        if self._jobs.qsize() >= MAX_WAITING:
            raise StoreError("too much waits for the disk", "see why it does not write")
        self._jobs.put(job)
        return await job.future

    # IN THE WRITER'S THREAD

    def _run(self) -> None:
        opening = self._opening
        if opening is None:
            return
        try:
            self._open()
        except Exception as error:  # noqa: BLE001  it is whoever opens who must hear of it
            opening.error = _known(error)
            _settle([opening])
            return
        _settle([opening])
        try:
            while self._work(self._take()):
                pass
        finally:
            self._database.close()

    def _open(self) -> None:
        self._database = Database(self._url)
        try:
            connection = self._database.connection
            upgrade_connection(connection)
            self._statements = Statements(connection.dialect)
            self.memory = Memory.load(connection)
            connection.rollback()
        except Exception:
            self._database.close()
            raise

    def _take(self) -> list[Job[Any] | None]:
        """Wait for a job; return it with all that wait behind it."""
        jobs = [self._jobs.get()]
        try:
            while len(jobs) < MAX_GROUP:
                jobs.append(self._jobs.get_nowait())
        except Empty:
            pass
        return jobs

    def _work(self, jobs: Sequence[Job[Any] | None]) -> bool:
        """Do the jobs in their order; return whether to go on."""
        group: list[Job[Any]] = []
        for job in jobs:
            if job is not None and job.record is not None:
                group.append(job)
                continue
            self._commit(group)
            group = []
            if job is None:
                return False
            self._answer(job)
        self._commit(group)
        return True

    def _answer(self, job: Job[Any]) -> None:
        try:
            if self._lost is not None:
                raise self._lost  # noqa: TRY301  one place says it
            if job.ask is not None:
                job.outcome = job.ask(self._database.connection)
        except Exception as error:  # noqa: BLE001  whoever asks must hear of it
            job.error = self._failed(error)
        else:
            self._database.connection.rollback()
        _settle([job])

    def _commit(self, jobs: list[Job[Any]]) -> None:
        """Write the jobs' records with one commit; one by one if they do not go together."""
        if not jobs:
            return
        try:
            self._write(jobs)
        except Exception as error:  # noqa: BLE001  whoever commits must hear of it
            known = self._failed(error)
            if len(jobs) > 1 and self._lost is None and is_refused_row(error):
                for job in jobs:
                    job.error = None
                    self._commit([job])
                return
            for job in jobs:
                job.error = job.error or known
        _settle(jobs)

    def _write(self, jobs: list[Job[Any]]) -> None:
        if self._lost is not None:
            raise self._lost
        connection, memory = self._database.connection, self.memory
        memory.begin()
        group = Group(connection, memory)
        for job in jobs:
            if job.record is None:
                continue
            try:
                job.outcome = group.add(job.record)
            except ClearportError as error:
                job.error = error
        if group.rows:
            self._statements.run(connection, group.rows)
        connection.commit()
        memory.begin()

    def _failed(self, error: Exception) -> ClearportError:
        """Take back what has been begun; return the error that the daemon knows."""
        known = _known(error)
        if self._lost is None and isinstance(known, StoreError) and is_in_doubt(known):
            self._lost = known
        self.memory.undo()
        try:
            self._database.connection.rollback()
        except SQLAlchemyError as again:
            self._lost = self._lost or store_error(again)
        return known


def _known(error: Exception) -> ClearportError:
    match error:
        case ClearportError():
            return error
        case SQLAlchemyError():
            known: ClearportError = store_error(error)
        case _:
            known = StoreError(f"a value cannot be kept ({error!r})", "report this as a fault")
    known.__cause__ = error
    return known


def _settle(jobs: Sequence[Job[Any]]) -> None:
    """Tell the tasks that wait, with one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job[Any]]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_tell, theirs)
        except RuntimeError:  # that loop is closed: nobody waits
            continue


def _tell(jobs: Sequence[Job[Any]]) -> None:
    for job in jobs:
        job.settle()
