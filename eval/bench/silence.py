"""How often a usual silence raises an alarm, and how late a real one is told, over simulated months of several rhythms."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from ingest.watchfulness.fakes import RHYTHMS, Rhythm, heard
from ingest.watchfulness.record import HOUR
from ingest.watchfulness.rhythm import allowance


class Sizes(NamedTuple):
    """Sources of each rhythm, and days that each is heard."""

    sources: int
    days: int


def run(sizes: Sizes, tell: Callable[[int, int, str], None]) -> dict[str, Any]:
    """{rhythm: {sources, days, false_alarms, told_after_h: [least, most]}}; a source that has learned nothing is told of as None."""
    found: dict[str, Any] = {}
    for done, (name, rhythm) in enumerate(RHYTHMS.items()):
        tell(done, len(RHYTHMS), name)
        found[name] = _tried(name, rhythm, sizes)
    return found


def _tried(name: str, rhythm: Rhythm, sizes: Sizes) -> dict[str, Any]:
    told, alarms = list[float](), 0
    for seed in range(sizes.sources):
        record, false = heard(rhythm(random.Random(f"{name} {seed}"), sizes.days))
        allowed = allowance(record)
        alarms += false
        told += [round(allowed.silence / HOUR, 2)] if allowed else []
    after = [min(told), max(told)] if told else None
    return {"sources": sizes.sources, "days": sizes.days, "false_alarms": alarms, "told_after_h": after}
