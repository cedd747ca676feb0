"""Calls that wait: bounded in number and time, never in the way of the event loop."""

import asyncio
import threading
import time

import pytest

from clearing.clearport.errors import SignerError
from clearing.clearport.signer import worker as module
from clearing.clearport.signer.worker import Worker


@pytest.fixture
def worker():
    worker = Worker("token", timeout_s=0.5)
    yield worker
    worker.close()


@pytest.fixture
def gate():
    """Blocks jobs until it is set."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_run__a_job__returns_what_it_returns_off_the_loops_thread(worker):
    assert asyncio.run(worker.run(threading.get_ident)) != threading.get_ident()
    assert worker.run_now(lambda: 5) == 5


def test_run__a_job_that_raises__raises_it_and_goes_on(worker):
    def fail():
        raise SignerError("no")

    with pytest.raises(SignerError, match="no"):
        asyncio.run(worker.run(fail))
    with pytest.raises(SignerError, match="no"):
        worker.run_now(fail)
    assert worker.run_now(lambda: 5) == 5


def test_run__too_slow__ends_in_time_and_the_loop_goes_on(worker, gate):
    async def beside():
        waiting = asyncio.create_task(worker.run(gate.wait))
        ticks = 0
        while not waiting.done():
            ticks += 1
            await asyncio.sleep(0.01)
        with pytest.raises(SignerError, match=r"the token did not answer within 0\.5 s"):
            await waiting
        return ticks

    assert asyncio.run(beside()) > 3
    with pytest.raises(SignerError, match="did not answer"):
        worker.run_now(lambda: 5)
    gate.set()
    assert worker.run_now(lambda: 5) == 5


def test_run__nobody_waits_any_more__is_not_begun(worker, gate):
    begun = []

    async def given_up():
        first = asyncio.create_task(worker.run(gate.wait))
        second = asyncio.create_task(worker.run(lambda: begun.append(1)))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)

    asyncio.run(given_up())
    gate.set()
    assert worker.run_now(lambda: 5) == 5
    assert begun == []


def blocked(gate):
    """Return a job that waits at the gate, and what says that it has begun."""
    begun = threading.Event()
    return (lambda: begun.set() or gate.wait()), begun


async def all_begun(*events):
    async with asyncio.timeout(5):
        while not all(event.is_set() for event in events):  # noqa: ASYNC110  # threads set them
            await asyncio.sleep(0.01)


def test_run__too_many_wait__is_refused(worker, gate, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)

    async def crowd():
        job, begun = blocked(gate)
        first = asyncio.create_task(worker.run(job))
        await all_begun(begun)  # so it waits no more
        jobs = [asyncio.create_task(worker.run(lambda: 5)) for _ in range(4)]
        await asyncio.sleep(0)
        gate.set()
        await first
        return await asyncio.gather(*jobs, return_exceptions=True)

    *done, refused = asyncio.run(crowd())
    assert done == [5, 5, 5]
    assert "3 signatures wait for the token" in str(refused)


def test_close__jobs_waiting__are_refused_and_the_threads_end(gate):
    before = threading.active_count()
    worker = Worker("token", timeout_s=5, threads=2)

    async def closing():
        jobs = [blocked(gate) for _ in range(2)]
        begun = [asyncio.create_task(worker.run(job)) for job, _ in jobs]
        given_up = asyncio.create_task(worker.run(lambda: 5))
        waiting = asyncio.create_task(worker.run(lambda: 5))
        await all_begun(*(event for _, event in jobs))
        given_up.cancel()
        await asyncio.sleep(0.01)
        worker.close()
        worker.close()
        gate.set()
        with pytest.raises(SignerError, match="the token is closed"):
            await waiting
        return await asyncio.gather(*begun)

    assert asyncio.run(closing()) == [True, True]
    with pytest.raises(SignerError, match="the token is closed"):
        worker.run_now(lambda: 5)
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
