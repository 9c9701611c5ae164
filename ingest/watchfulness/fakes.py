"""Rhythms to try the rule on: times of deliveries over some days, in UTC µs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from ingest.watchfulness.record import DAY, HOUR, SECOND, Record, Way
from ingest.watchfulness.rhythm import allowance
from retrieval.types import Micros

MINUTE = 60 * SECOND
# a Monday, 00:00 UTC
MONDAY = 1_772_409_600 * SECOND
Rhythm = Callable[[random.Random, int], Iterator[Micros]]


def regular(rng: random.Random, days: int) -> Iterator[Micros]:
    """Every five minutes, a tenth of that early or late."""
    for n in range(days * 288):
        yield MONDAY + round((n * 5 + rng.uniform(-0.5, 0.5)) * MINUTE)


def at_random(rng: random.Random, days: int) -> Iterator[Micros]:
    """Independently of each other, every five minutes on average."""
    at = float(MONDAY)
    while at < MONDAY + days * DAY:
        at += rng.expovariate(1 / (5 * MINUTE))
        yield round(at)


def bursts(rng: random.Random, days: int) -> Iterator[Micros]:
    """Five to fifty within minutes, then nothing for half an hour on average."""
    at = float(MONDAY)
    while at < MONDAY + days * DAY:
        for _ in range(rng.randint(5, 50)):
            at += rng.uniform(1, 5) * SECOND
            yield round(at)
        at += rng.expovariate(1 / (30 * MINUTE))


def by_day(rng: random.Random, days: int) -> Iterator[Micros]:
    """At random from six to ten in the evening, never by night."""
    return (at for at in at_random(rng, days) if 6 <= at % DAY // HOUR < 22)


def on_workdays(rng: random.Random, days: int) -> Iterator[Micros]:
    """At random in the day shift, Monday to Friday."""
    return (at for at in at_random(rng, days) if (at - MONDAY) // DAY % 7 < 5 and 6 <= at % DAY // HOUR < 18)


def shift_reports(rng: random.Random, days: int) -> Iterator[Micros]:
    """Three a workday, within half an hour of the end of a shift."""
    for day in range(days):
        if day % 7 < 5:
            yield from (MONDAY + day * DAY + round((hour + rng.uniform(0, 0.5)) * HOUR) for hour in (6, 14, 22))


RHYTHMS: dict[str, Rhythm] = {
    each.__name__: each for each in (regular, at_random, bursts, by_day, on_workdays, shift_reports)
}


def heard(times: Iterator[Micros], way: Way = Way.FEED) -> tuple[Record, int]:
    """The record of them all, and how often the source was silent for longer than allowed before it came again."""
    record, alarms = Record(way=way), 0
    for at in times:
        allowed = allowance(record) if record.last_at and at - record.last_at > 300 * SECOND else None
        alarms += allowed is not None and at - record.last_at > allowed.silence
        record.hear(at, None)
    return record, alarms
