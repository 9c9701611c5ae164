"""Four unlike detectors of one series. Each says how far a value lies from what it expected, and how improbable that is."""

from __future__ import annotations

import math
from statistics import median_low
from typing import NamedTuple

from ingest.series.anomaly.port import Reading
from ingest.series.anomaly.tails import Sorted, Tail, TailSettings

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_SLOT = 300 * _SECOND
_DAILY, _WEEKLY = _DAY // _SLOT, 7 * _DAY // _SLOT


class DetectorSettings(NamedTuple):
    """Weights of a new value in exponential averages, in (0, 1]: `fast`, `slow`, `level`, and of a new day: `day`.

    `median` is how many values a running median is taken of, `day_parts` into how many parts a day is divided.
    """

    tail: TailSettings = TailSettings()
    fast: float = 0.2
    slow: float = 0.02
    level: float = 0.02
    median: int = 3000
    day_parts: int = 48
    day: float = 0.2


class ClosestForecast:
    """The distance to the nearest of five forecasts: only what none of them foresaw is far.

    They are the last value, a fast and a slow exponential average, and the values of the same five minutes a day and a week ago.
    """

    name, against = "closest", "nearest forecast"

    def __init__(self, settings: DetectorSettings) -> None:
        self._fast_weight, self._slow_weight = settings.fast, settings.slow
        self._tail = Tail(settings.tail)
        self._last = self._fast = self._slow = math.nan
        # slot number → value, one week back; a ring, so that a long stream takes no more room than a short one
        self._slots: list[int | None] = [None] * (_WEEKLY + 1)
        self._values = [0.0] * (_WEEKLY + 1)

    def update(self, t: int, v: float, floor: float) -> Reading | None:
        slot = t // _SLOT
        found = None if math.isnan(self._last) else self._judge(slot, v, floor)
        self._learn(slot, v)
        return found

    def _judge(self, slot: int, v: float, floor: float) -> Reading | None:
        forecasts = [self._last, self._fast, self._slow]
        for back in (_DAILY, _WEEKLY):
            at = (slot - back) % len(self._slots)
            if self._slots[at] == slot - back:
                forecasts.append(self._values[at])
        expected = min(forecasts, key=lambda forecast: abs(v - forecast))
        found = _judged(self._tail, v, expected, floor)
        self._tail.add(abs(v - expected))
        return found

    def _learn(self, slot: int, v: float) -> None:
        if math.isnan(self._last):
            self._fast = self._slow = v
        self._last = v
        self._fast += self._fast_weight * (v - self._fast)
        self._slow += self._slow_weight * (v - self._slow)
        self._slots[slot % len(self._slots)], self._values[slot % len(self._slots)] = slot, v


class TimeOfDay:
    """The distance to what is usual in that part of the (UTC) day: an exponential average, over days, of the part's median."""

    name, against = "time_of_day", "same-hour average"

    def __init__(self, settings: DetectorSettings) -> None:
        self._parts, self._weight = settings.day_parts, settings.day
        self._usual = [math.nan] * self._parts
        self._tail = Tail(settings.tail)
        self._part = -1
        self._visit: list[float] = []

    def update(self, t: int, v: float, floor: float) -> Reading | None:
        part = t % _DAY * self._parts // _DAY
        if part != self._part:
            self._close()
            self._part = part
        expected, found = self._usual[part], None
        if not math.isnan(expected):
            found = _judged(self._tail, v, expected, floor)
            self._tail.add(abs(v - expected))
        self._visit.append(v)
        return found

    def _close(self) -> None:
        """Fold the part that has just ended into what is usual then."""
        if not self._visit:
            return
        told, usual = median_low(self._visit), self._usual[self._part]
        self._usual[self._part] = told if math.isnan(usual) else usual + self._weight * (told - usual)
        self._visit = []


class RunningMedian:
    """The distance to the median of the values before: what a slow forecast follows step by step is still far from here."""

    name, against = "median", "running median"

    def __init__(self, settings: DetectorSettings) -> None:
        self._before = Sorted(settings.median)
        self._tail = Tail(settings.tail)

    def update(self, t: int, v: float, floor: float) -> Reading | None:
        found = None
        if len(self._before):
            expected = self._before.median
            found = _judged(self._tail, v, expected, floor)
            self._tail.add(abs(v - expected))
        self._before.add(v)
        return found


class Level:
    """The distance of an exponential average from the mean of everything before: a level that was not there before."""

    name, against = "level", "long-run mean"

    def __init__(self, settings: DetectorSettings) -> None:
        self._weight = settings.level
        self._tail = Tail(settings.tail)
        self._average = self._mean = 0.0
        self._count = 0

    def update(self, t: int, v: float, floor: float) -> Reading | None:
        found = None
        if self._count:
            self._average += self._weight * (v - self._average)
            found = _judged(self._tail, self._average, self._mean, floor)
            self._tail.add(abs(self._average - self._mean))
        else:
            self._average = v
        self._count += 1
        self._mean += (v - self._mean) / self._count
        return found


def _judged(tail: Tail, observed: float, expected: float, floor: float) -> Reading | None:
    """A reading by the distances of before, None where there are too few."""
    if not tail.ready:
        return None
    return Reading(tail.surprise(abs(observed - expected), floor), observed, expected, tail.spread(floor))
