"""What every handler works with, carried in the application's state."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from litestar import Request

from app.ports import Service
from retrieval.types import Micros, Principal

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


def system_clock() -> Micros:
    """Now, in UTC microseconds."""
    return time.time_ns() // 1000


class Options(NamedTuple):
    """How the application behaves.

    `data_dir` receives uploads. `token` proves that a caller can read the data directory (serve.json there holds it);
    with it files are ingested where they lie; "" = never. `instance` lets a client recognise the server it read about.
    `hosts` are the names the server answers to, so that no foreign page reaches it under another name. `handlers`
    and `lifespan` are further routes and context managers (Slack).
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


class Context(NamedTuple):
    """The service, who asks, and the options."""

    service: Service
    principal: Principal
    options: Options


AnyRequest = Request[Any, Any, Any]


def context_of(request: AnyRequest) -> Context:
    """The context that create_app put into the state."""
    return cast("Context", request.app.state["watchfloor"])
