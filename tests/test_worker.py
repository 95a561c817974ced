import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from assistant.worker import Worker


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker("test")
    yield made
    await made.close()


async def test_calls_run_in_the_workers_own_thread(worker: Worker) -> None:
    names = {await worker.run(lambda: threading.current_thread().name) for _ in range(3)}
    assert names == {"assistant-test_0"}


async def test_a_thread_may_wait_for_a_call(worker: Worker) -> None:
    assert await asyncio.to_thread(worker.wait, lambda: threading.current_thread().name) == "assistant-test_0"
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(worker.wait, lambda: 1 // 0)


async def test_an_error_reaches_the_caller(worker: Worker) -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise KeyError("x")

    items = worker.stream(fail)
    assert await anext(items) == 1
    with pytest.raises(KeyError):
        await anext(items)


async def test_closing_a_stream_stops_the_work_and_leaves_the_worker_usable(worker: Worker) -> None:
    made: list[int] = []
    proceed = threading.Semaphore(2)

    def count() -> Iterator[int]:
        for i in range(1000):
            proceed.acquire()
            made.append(i)
            yield i

    async with aclosing(worker.stream(count)) as items:
        assert await anext(items) == 0
    proceed.release()
    assert await worker.run(lambda: 7) == 7
    assert len(made) <= 4


async def test_a_cancelled_waiter_returns_at_once(worker: Worker) -> None:
    gate = threading.Event()
    task = asyncio.create_task(worker.run(gate.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
    gate.set()
    assert await worker.run(lambda: 1) == 1
