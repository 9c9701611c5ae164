"""Many samples as few, without losing a peak: per bucket of time how many, their mean and both extremes. And where samples are missing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Micros

# two samples farther apart than so many usual steps have a gap between them
GAP_STEPS = 5


def breaks(t: NDArray[np.int64], step: Micros) -> NDArray[np.intp]:
    """The samples (by place) behind which there is a gap. `t` is ascending UTC µs, shape (n,); `step` the median time between two."""
    return np.flatnonzero(np.diff(t) > GAP_STEPS * step)


class Buckets(NamedTuple):
    """Buckets that hold samples, in order; all of shape (n,). `t0` int64 UTC µs where each begins, `samples` int64; the rest float64.

    A stretch without samples has no buckets: nothing stands for it. `empty_before` (bool) says that the bucket before is one.
    """

    t0: NDArray[np.int64]
    samples: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    empty_before: NDArray[np.bool_]


def resampled(t: NDArray[np.int64], v: NDArray[np.float64], length: Micros, origin: Micros = 0) -> Buckets:
    """Samples (times ascending in UTC µs, values; both of shape (n,)) by buckets [origin + k × length, origin + (k + 1) × length).

    Values that are NaN count as no sample. Raises ValueError for a length below 1.
    """
    if length < 1:
        raise ValueError(f"a bucket is at least 1 µs long, not {length}")
    held = ~np.isnan(v)
    t, v = t[held], v[held]
    if not len(t):
        none = np.zeros(0)
        return Buckets(np.zeros(0, np.int64), np.zeros(0, np.int64), none, none, none, np.zeros(0, np.bool_))
    number = (t - origin) // length
    starts = np.concatenate(([0], np.flatnonzero(np.diff(number)) + 1))
    count = np.diff(np.concatenate((starts, [len(t)])))
    first = number[starts]
    return Buckets(
        t0=origin + first * length,
        samples=count,
        mean=np.add.reduceat(v, starts) / count,
        low=np.minimum.reduceat(v, starts),
        high=np.maximum.reduceat(v, starts),
        empty_before=np.concatenate(([False], np.diff(first) > 1)),
    )
