"""Until when a question may be worked on: counted from the moment it was taken in, by the monotonic clock."""

from __future__ import annotations

import math
import time

from app.ports import Ask
from retrieval.errors import BadQuery


def ends_at(ask: Ask, longest_s: float) -> float:
    """When the time of a question is up, in seconds of time.monotonic(): by its own deadline, by `longest_s` from now, whichever is sooner.

    Raises BadQuery for a deadline that is not above 0.
    """
    given = math.inf if ask.deadline_s is None else ask.deadline_s
    # written so that NaN is refused too
    if not given > 0:
        raise BadQuery(f"deadline_s is {given:g}; give seconds above 0")
    return min(time.monotonic() + min(given, longest_s), math.inf if ask.until is None else ask.until)


def left_s(ask: Ask) -> float:
    """Seconds left of a question whose time is counted, never below 0; infinity where it is not."""
    return math.inf if ask.until is None else max(0.0, ask.until - time.monotonic())
