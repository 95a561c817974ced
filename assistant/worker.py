"""One thread that owns a blocking engine, so that nothing blocks the event loop.

A model is not safe to call from two threads, and a second thread would only fight it for the cores: an engine hands
all its work to one `Worker`, in the order it arrives.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """Runs blocking calls one after the other in its own thread."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"assistant-{name}")

    async def run(self, call: Callable[[], T]) -> T:
        """The call's result. A cancelled waiter returns at once; a call that has started runs to its end unheard."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def wait(self, call: Callable[[], T]) -> T:
        """The call's result, for a thread that has nothing else to do; never for the event loop's or the worker's own."""
        return self._executor.submit(call).result()

    async def stream(self, items: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
        """The iterator's items as they come. Closing the stream stops the iterator before its next item."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[T | _End] = asyncio.Queue()
        stopped = threading.Event()

        def put(item: T | _End) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def work() -> None:
            if stopped.is_set():
                return
            error: BaseException | None = None
            try:
                for item in items():
                    if stopped.is_set():
                        break
                    put(item)
            except BaseException as raised:
                error = raised
            put(_End(error))

        self._executor.submit(work)
        try:
            while True:
                item = await queue.get()
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                yield item
        finally:
            stopped.set()

    async def close(self) -> None:
        """Wait for the call in progress and end the thread."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
