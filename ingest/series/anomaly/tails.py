"""How improbable a distance is, by the distances before it: ranks where there are some, an exponential tail beyond."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

# 1.4826 × the median distance estimates the standard deviation of normal noise.
_MAD_TO_SIGMA = 1.4826
MOST = 6.0


class TailSettings(NamedTuple):
    """`size` distances are kept; fewer than `least` say nothing.

    The exponential is fitted to the farthest share `top`, and stands in wherever fewer than `ranked` distances lie beyond.
    """

    size: int = 10_000
    least: int = 50
    top: float = 0.1
    ranked: int = 10


class Sorted:
    """The last `size` values in order: a list that is shifted in place, quicker at ten thousand than any tree in Python."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._arrived: deque[float] = deque()
        self.ordered: list[float] = []

    def __len__(self) -> int:
        return len(self.ordered)

    @property
    def median(self) -> float:
        """The upper median. Raises IndexError where there is none."""
        return self.ordered[len(self.ordered) // 2]

    def add(self, value: float) -> None:
        insort(self.ordered, value)
        self._arrived.append(value)
        if len(self._arrived) > self._size:
            del self.ordered[bisect_left(self.ordered, self._arrived.popleft())]


class Tail:
    """How improbable a distance is, by the last distances.

    Beyond a high threshold the excesses of most distributions are close to a generalised Pareto one (Pickands, 1975; used so
    on streams by Siffer and others, KDD 2017); its shape is held at 0, the exponential, whose one figure is the mean excess:
    right for Laplacian noise, cautious for lighter tails. Heavier ones are caught by the ranks.
    """

    def __init__(self, settings: TailSettings) -> None:
        self._settings = settings
        self._kept = Sorted(settings.size)

    @property
    def ready(self) -> bool:
        return len(self._kept) >= self._settings.least

    def spread(self, floor: float) -> float:
        """The robust standard deviation that the distances tell of, at least `floor`. Raises IndexError before the first one."""
        return max(_MAD_TO_SIGMA * self._kept.median, floor)

    def surprise(self, distance: float, floor: float) -> float:
        """−log10 of the probability of a distance at least as large, in [0, 6]. No mean excess is taken below `floor`."""
        kept = self._kept.ordered
        size = len(kept)
        beyond = size - bisect_left(kept, distance)
        tops = max(self._settings.ranked, int(self._settings.top * size))
        at = kept[size - tops - 1]
        if beyond >= self._settings.ranked or distance <= at:
            return -math.log10((beyond + 1) / (size + 1))
        excess = max(sum(kept[size - tops :]) / tops - at, floor)
        return min(MOST, -math.log10((tops + 1) / (size + 1)) + (distance - at) / excess / math.log(10))

    def add(self, distance: float) -> None:
        self._kept.add(distance)
