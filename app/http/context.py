"""What every handler works with, carried in the application's state."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from litestar import Litestar, Request

from app.ports import Service
from retrieval.types import Micros, Principal

if TYPE_CHECKING:
    from app.http.workers import Workers

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


def system_clock() -> Micros:
    """Now, in UTC microseconds."""
    return time.time_ns() // 1000


class Options(NamedTuple):
    """How the application behaves.

    `data_dir` receives uploads. `token` proves that a caller can read the data directory (serve.json there holds it);
    with it files are ingested where they lie; "" = never. `instance` lets a client recognise the server it read about.
    `hosts` are the names the server answers to, so that no foreign page reaches it under another name. `handlers`
    and `lifespan` are further routes and context managers (Slack). `workers` is how many questions have a thread at once;
    it should be more than the budget lets through, so that what is refused is refused at once.
    """

    data_dir: Path
    max_upload_bytes: int = 512 * 2**20
    max_files: int = 64
    deadline_s: float | None = None
    token: str = ""
    instance: str = ""
    hosts: tuple[str, ...] = LOOPBACK_NAMES
    now: Callable[[], Micros] = system_clock
    handlers: Sequence[Any] = ()
    lifespan: Sequence[Any] = ()
    workers: int = 72


class Context(NamedTuple):
    """The service, who asks, the options, the threads that questions have, and since when this server runs."""

    service: Service
    principal: Principal
    options: Options
    workers: Workers
    since: Micros


AnyRequest = Request[Any, Any, Any]


def context_in(app: Litestar) -> Context:
    """The context that create_app put into the state."""
    return cast("Context", app.state["watchfloor"])


def context_of(request: AnyRequest) -> Context:
    """The same, by a request."""
    return context_in(request.app)
