"""Threads for questions and searches, apart from those that other requests use, and the watch for clients that hang up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from app.http.context import AnyRequest

T = TypeVar("T")


class Workers:
    """At most `most` run at once; however many are asked, media and health have other threads. `name` is that of the threads."""

    def __init__(self, most: int, name: str = "ask") -> None:
        self._pool = ThreadPoolExecutor(most, name)
        self._wanted: set[threading.Event] = set()
        self._dismissed = False

    async def run(self, request: AnyRequest, work: Callable[[threading.Event], T]) -> T:
        """The value of `work` in a thread. The event it is given is set when the client hangs up or the server stops."""
        async with self.attending(request) as stop:
            return await self.start(work, stop)

    def start(self, work: Callable[[threading.Event], T], stop: threading.Event) -> asyncio.Future[T]:
        """Begin `work` in a thread, with the context variables of the caller."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self._pool, lambda: context.run(work, stop))

    @asynccontextmanager
    async def attending(self, request: AnyRequest) -> AsyncIterator[threading.Event]:
        """An event that is set when the client hangs up, when the server stops, and at the end of the block."""
        with self.holding() as stop:
            watch = asyncio.create_task(_watch(request, stop))
            try:
                yield stop
            finally:
                watch.cancel()

    @contextmanager
    def holding(self) -> Iterator[threading.Event]:
        """An event that is set when the server stops, and at the end of the block."""
        stop = threading.Event()
        self._wanted.add(stop)
        if self._dismissed:
            stop.set()
        try:
            yield stop
        finally:
            stop.set()
            self._wanted.discard(stop)

    def dismiss(self) -> None:
        """Say to every question, those under way and those to come, that nobody waits any more. Safe from any thread."""
        self._dismissed = True
        for stop in tuple(self._wanted):
            stop.set()

    def close(self) -> None:
        """Dismiss every question, and wait until each has ended."""
        self.dismiss()
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _watch(request: AnyRequest, stop: threading.Event) -> None:
    """Wait for the client to hang up. The body has been read by then: nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    stop.set()
