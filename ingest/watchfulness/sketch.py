"""Quantiles of durations in a few counters that can be added up."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from retrieval.types import Micros

# relative error of a quantile; with the span below, 228 buckets at most
ACCURACY = 0.05
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(_GAMMA)
# shorter durations count as this long, longer ones as the last bucket
SHORTEST: Micros = 1_000
LONGEST: Micros = 90 * 86_400_000_000
_LAST = math.ceil(math.log(LONGEST / SHORTEST) / _LOG_GAMMA)


class Sketch(msgspec.Struct, array_like=True):
    """Durations in µs by buckets of equal ratio: a quantile of what lies between 1 ms and 90 days is off by 5 % at most, however many are
    counted, and sketches of parts add up to that of the whole (DDSketch: Masson, Rim, Lee, VLDB 2019, sections 2.1 and 2.3)."""

    buckets: dict[int, int] = {}

    def add(self, duration: Micros) -> None:
        at = math.ceil(math.log(max(duration, SHORTEST) / SHORTEST) / _LOG_GAMMA)
        at = min(at, _LAST)
        self.buckets[at] = self.buckets.get(at, 0) + 1

    @property
    def count(self) -> int:
        return sum(self.buckets.values())

    def quantile(self, q: float) -> Micros | None:
        """The duration that a share `q` of those counted does not exceed; None where none was."""
        rank, passed = q * (self.count - 1), 0
        for at in sorted(self.buckets):
            passed += self.buckets[at]
            if passed > rank:
                return round(SHORTEST * 2 * _GAMMA**at / (_GAMMA + 1))
        return None


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """All of them as one."""
    whole = Sketch({})
    for each in sketches:
        for at, count in each.buckets.items():
            whole.buckets[at] = whole.buckets.get(at, 0) + count
    return whole
