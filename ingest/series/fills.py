"""Numbers that loggers write where there is no value: −9999, 999.9, 32767. Taken for values they would deafen every detector."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_NINES = re.compile(r"9{3,}(\.9+)?")
# the ends of 16 and 32 bit integers and of single floats, and what scientific formats use for "no value"
_ENDS = frozenset({32767.0, 32768.0, 65535.0, 2147483647.0, 2147483648.0, 4294967295.0})
_HUGE = 1e20
# fewer values say too little about what is usual
_FEWEST = 3
_REPEATED = 2


class Fill(NamedTuple):
    """A number that stands for no value, and how often."""

    value: float
    samples: int


def fills(v: NDArray[np.float64]) -> tuple[Fill, ...]:
    """The fill values among values of shape (n,), smallest first.

    One is the least or the greatest value, written like a code (all nines, the end of an integer's range, beyond 1e20), farther
    from the rest than the rest spans, and there twice; once is enough for negative nines, which nobody counts up to.
    """
    values, counts = np.unique(v, return_counts=True)
    found: list[Fill] = []
    low, high = 0, len(values)
    while high - low > 1:
        at = _code(values, counts, low, high)
        if at is None:
            break
        found.append(Fill(float(values[at]), int(counts[at])))
        low, high = (low + 1, high) if at == low else (low, high - 1)
    return tuple(sorted(found))


def _code(values: NDArray[np.float64], counts: NDArray[np.int64], low: int, high: int) -> int | None:
    """Which end of values[low:high] is a code, if one is."""
    for at, rest in ((low, slice(low + 1, high)), (high - 1, slice(low, high - 1))):
        if not _written_like_a_code(values[at], counts[at]) or counts[rest].sum() < _FEWEST:
            continue
        # another code at the other end tells nothing of what is usual
        usual = np.array([x for x, n in zip(values[rest], counts[rest], strict=True) if not _written_like_a_code(x, n)])
        if len(usual) and _far(float(values[at]), float(usual.min()), float(usual.max())):
            return at
    return None


def _far(value: float, least: float, most: float) -> bool:
    return max(least - value, value - most) > most - least


def _written_like_a_code(value: np.float64, count: np.int64) -> bool:
    size = abs(float(value))
    # seven digits are what a single float is known to
    nines = _NINES.fullmatch(f"{size:.7g}") is not None
    if not (nines or size in _ENDS or size >= _HUGE):
        return False
    return bool(count >= _REPEATED or (nines and value < 0))
