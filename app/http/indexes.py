"""A running server keeps its indexes well beside answering."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog
from litestar import Litestar

from app.http.beside import lasting
from app.ports import Service

_AGAIN_S = 2.0
_log = structlog.get_logger("watchfloor.indexes")


def keeping_well(
    service: Service, again_s: float = _AGAIN_S
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan in which a thread brings the indexes up, probes them and takes snapshots; questions are answered meanwhile."""

    return lasting(
        "indexes", service.keep, again_s, _log, "keeping the indexes well failed; it is gone on with in a moment"
    )
