"""The system's clock, in the unit everything inside uses. Tests inject their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from retrieval.types import Micros

Clock: TypeAlias = Callable[[], Micros]


def system_clock() -> Micros:
    """Now, in UTC microseconds."""
    return time.time_ns() // 1000
