"""Work in a thread, told about as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeAlias

import msgspec
from litestar.response import ServerSentEvent, ServerSentEventMessage

from app.http.errors import error_body
from app.ports import Event

Tell: TypeAlias = Callable[[Event], None]
KEEP_ALIVE_S = 15.0
_QUIET = Event("quiet", None)
_QUIET_LINE = ServerSentEventMessage(data=None, comment="still working")


async def stream(work: Callable[[Tell], Event]) -> ServerSentEvent:
    """Run `work` in a thread; what it tells, and last the event it returns, become server-sent events.

    A failure before anything was told is raised here and gets its own status; a later one becomes an `error` event.
    """
    queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(item: Event | Exception | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, item)

    def run() -> None:
        try:
            put(work(put))
        except Exception as error:  # noqa: BLE001 - the edge of a worker thread: it is raised or sent by the caller
            put(error)
        put(None)

    task = asyncio.create_task(asyncio.to_thread(run))
    first = await queue.get()
    if isinstance(first, Exception):
        raise first
    return ServerSentEvent(_messages(first, queue, task))


async def _messages(
    item: Event | Exception | None, queue: asyncio.Queue[Event | Exception | None], task: asyncio.Task[None]
) -> AsyncGenerator[ServerSentEventMessage, None]:
    while item is not None:
        yield _QUIET_LINE if item is _QUIET else _message(item)
        item = await _next(queue)
    await task


async def _next(queue: asyncio.Queue[Event | Exception | None]) -> Event | Exception | None:
    """The next item, or _QUIET when none came for a while, so that no proxy takes the line for dead."""
    try:
        return await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
    except TimeoutError:
        return _QUIET


def _message(item: Event | Exception) -> ServerSentEventMessage:
    name, data = ("error", error_body(item)) if isinstance(item, Exception) else item
    return ServerSentEventMessage(data=_json(data), event=name)


def _json(data: Any) -> str:
    return msgspec.json.encode(data).decode()
