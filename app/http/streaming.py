"""Work in a thread, told about step by step as server-sent events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec
from litestar.response import ServerSentEvent, ServerSentEventMessage

from app.http.context import AnyRequest, context_of
from app.http.errors import error_body
from app.ports import Event

Tell: TypeAlias = Callable[[Event], None]
Work: TypeAlias = Callable[[Tell, threading.Event], Event]
Step: TypeAlias = Event | Exception
KEEP_ALIVE_S = 15.0
QUIET = Event("quiet", None)
_QUIET_LINE = ServerSentEventMessage(data=None, comment="still working")


async def stream(request: AnyRequest, work: Work) -> ServerSentEvent:
    """Run `work` in a thread; what it tells, and last the event it returns, become server-sent events.

    A failure before anything was told is raised here and gets its own status; a later one becomes an `error` event. The event
    that `work` is given is set once the client has hung up.
    """
    return ServerSentEvent(_messages(await begun(request, work)))


async def begun(request: AnyRequest, work: Work) -> AsyncGenerator[Step, None]:
    """The steps of `work`, the first of them already there. QUIET stands between them where nothing was told for a while.

    Raises what `work` raises before it tells anything; a later failure is the last step. Closing the generator says that
    nobody waits any more.
    """
    steps = _steps(request, work)
    while (first := await anext(steps)) is QUIET:
        pass
    if isinstance(first, Exception):
        await steps.aclose()
        raise first
    return _resumed(first, steps)


async def _resumed(first: Step, steps: AsyncGenerator[Step, None]) -> AsyncGenerator[Step, None]:
    try:
        yield first
        async for step in steps:
            yield step
    finally:
        await steps.aclose()


async def _steps(request: AnyRequest, work: Work) -> AsyncGenerator[Step, None]:
    queue: asyncio.Queue[Step | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(step: Step | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has stopped, and nobody listens
            loop.call_soon_threadsafe(queue.put_nowait, step)

    def run(stop: threading.Event) -> None:
        try:
            put(work(put, stop))
        except Exception as error:  # noqa: BLE001 - the edge of a worker thread: it is raised or sent by the caller
            put(error)
        put(None)

    workers = context_of(request).workers
    async with workers.attending(request) as stop:
        running = workers.start(run, stop)
        while (step := await _next(queue)) is not None:
            yield step
        await running


async def _next(queue: asyncio.Queue[Step | None]) -> Step | None:
    """The next step, or QUIET when none came for a while, so that no proxy takes the line for dead."""
    try:
        return await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
    except TimeoutError:
        return QUIET


async def _messages(steps: AsyncGenerator[Step, None]) -> AsyncGenerator[ServerSentEventMessage, None]:
    try:
        async for step in steps:
            yield _QUIET_LINE if step is QUIET else _message(step)
    finally:
        await steps.aclose()


def _message(step: Step) -> ServerSentEventMessage:
    name, data = ("error", error_body(step)) if isinstance(step, Exception) else step
    return ServerSentEventMessage(data=_json(data), event=name)


def _json(data: Any) -> str:
    return msgspec.json.encode(data).decode()
