"""How a series moves in the long run, and below which distance nothing can be called far."""

from __future__ import annotations

import math

# Nothing is far that is less than this share of what the series has moved so far.
_OF_DEVIATION = 0.02
# Sums of decimal fractions differ by about 1e-16 of their size; longer chains of them by more.
_OF_ROUNDING = 1e-9
# A signal that has never moved may take its first step without a word, if it is small against its level.
_OF_LEVEL = 0.005
_TINY = 1e-300


class Movement:
    """Mean and standard deviation of all values so far (Welford, 1962) and the smallest step between two of them."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._count = 0
        self._squares = 0.0
        self._step = math.inf
        self._last = 0.0

    def add(self, v: float) -> None:
        step = abs(v - self._last)
        if self._count and step > _OF_ROUNDING * abs(v):
            self._step = min(self._step, step)
        self._last = v
        self._count += 1
        off = v - self._mean
        self._mean += off / self._count
        self._squares += off * (v - self._mean)

    def floor(self, v: float) -> float:
        """The smallest spread, in the unit of the series, that `v` may be measured by; positive.

        A series that has moved is known to the smallest of its steps: its sensor tells no less. One that never moved is known
        to half a per cent of its level.
        """
        level = max(abs(self._mean), abs(v))
        deviation = math.sqrt(max(self._squares, 0.0) / self._count) if self._count else 0.0
        return max(_OF_DEVIATION * deviation, _OF_ROUNDING * level, min(_OF_LEVEL * level, self._step), _TINY)
