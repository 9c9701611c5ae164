"""Work that a running server does beside answering: a thread of its own, from start to end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar

# how long a server that ends waits for it; what does not end in time is left behind
_END_S = 20.0


def beside(
    name: str, work: Callable[[threading.Event], None]
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan in which `work` runs in a thread of this name. It is to return once the event is set, and to raise nothing."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=work, args=(stop,), name=name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            await asyncio.to_thread(thread.join, _END_S)

    return lifespan


def lasting(
    name: str, work: Callable[[threading.Event], None], rest_s: float, log: Any, failed: str
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """The same for work that must go on: what it raises is logged as `failed`, and it is begun again after `rest_s` seconds."""

    def go_on(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                work(stop)
            except Exception:  # the edge of the thread: a mistake must not end for good what it does
                log.exception(failed)
                stop.wait(rest_s)

    return beside(name, go_on)
