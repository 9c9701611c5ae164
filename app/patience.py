"""Parts that another process may hold for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from retrieval.errors import StoreBusy

T = TypeVar("T")
_PATIENCE_S = 10.0


def patiently(make: Callable[[], T]) -> T:
    """Make a part that another process may hold for a moment. Raises StoreBusy after ten seconds."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return make()
        except StoreBusy:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
