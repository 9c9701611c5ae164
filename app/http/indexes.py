"""A running server keeps its indexes well beside answering."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog
from litestar import Litestar

from app.http.beside import beside
from app.ports import Service

_AGAIN_S = 2.0
_log = structlog.get_logger("watchfloor.indexes")


def keeping_well(
    service: Service, again_s: float = _AGAIN_S
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan in which a thread brings the indexes up, probes them and takes snapshots; questions are answered meanwhile."""

    return beside("indexes", lambda stop: _keep(service, stop, again_s))


def _keep(service: Service, stop: threading.Event, again_s: float) -> None:
    while not stop.is_set():
        try:
            service.keep(stop)
        except Exception:  # noqa: BLE001 - the edge of the thread: it must go on keeping
            _log.exception("keeping the indexes well failed; it is gone on with in a moment")
            stop.wait(again_s)
