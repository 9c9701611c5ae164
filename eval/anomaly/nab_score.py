"""The score of the Numenta Anomaly Benchmark, written from its definition (Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection
Algorithms", ICMLA 2015, and the benchmark's white paper).

A detection inside a labelled window earns the more the earlier it comes, and only the earliest counts; a window without one costs.
A detection outside costs the more the farther it lies behind the last window. 0 is a detector that never fires, 100 one that fires
on the first row of every window and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Profile(NamedTuple):
    """What a detection in a window earns, one outside costs, and a window without one costs."""

    found: float
    false: float
    missed: float


STANDARD = Profile(1.0, 0.11, 1.0)
# rows at the start of a file that are not scored: a share of it, as of at most so many rows
_WARM, _LONGEST = 0.15, 5000
# how many window lengths behind a window a false detection costs in full
_FAR = 3.0


class Span(NamedTuple):
    """The rows [first, last] of a labelled window, both inside it."""

    first: int
    last: int


def warm_up(rows: int) -> int:
    """How many rows of a file are not scored."""
    return math.ceil(min(math.floor(_WARM * rows), _WARM * _LONGEST))


def worth(position: float) -> float:
    """What a place is worth, in (−1, 1): −1 is the start of a window, 0 its end; the later the less."""
    return 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def raw_score(flags: NDArray[np.bool_], windows: Sequence[Span], profile: Profile = STANDARD) -> float:
    """The raw score of one file's detections, shape (rows,), given its windows in order of time."""
    fired = [int(row) for row in np.flatnonzero(flags) if row >= warm_up(len(flags))]
    inside = sum(_window_score(fired, window, profile) for window in windows if window.last >= warm_up(len(flags)))
    outside = [row for row in fired if not any(w.first <= row <= w.last for w in windows)]
    return inside - profile.false * sum(_cost(row, windows) for row in outside)


def scaled(raw: float, windows: int, profile: Profile = STANDARD) -> float:
    """The raw score of some files with so many windows, on the scale of 0 to 100. NaN where there is no window."""
    if not windows:
        return math.nan
    return 100.0 * (raw + profile.missed * windows) / ((profile.found + profile.missed) * windows)


def _window_score(fired: Sequence[int], window: Span, profile: Profile) -> float:
    first = next((row for row in fired if window.first <= row <= window.last), None)
    if first is None:
        return -profile.missed
    length = window.last - window.first + 1
    return profile.found * worth(-(window.last - first + 1) / length) / worth(-1.0)


def _cost(row: int, windows: Sequence[Span]) -> float:
    """What a detection outside costs, in (0, 1]: all of it before any window and far behind one."""
    behind = [window for window in windows if window.last < row]
    if not behind:
        return 1.0
    last = behind[-1]
    position = (row - last.last) / max(last.last - last.first, 1e-9)
    return 1.0 if position >= _FAR else -worth(position)
