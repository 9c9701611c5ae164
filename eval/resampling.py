"""Intervals: how far a figure could lie from its true value by the choice of items alone, by the bootstrap or, of a share, by formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

A = TypeVar("A", float, NDArray[np.float64])
_DRAWS = 1000
_SEED = 20261126


class Spread(NamedTuple):
    """The bounds of a 95 % interval."""

    low: float
    high: float


def interval(
    statistic: Callable[[NDArray[np.intp]], float], groups: Sequence[object], draws: int = _DRAWS, seed: int = _SEED
) -> Spread:
    """The percentile interval of a statistic of item numbers; each group keeps its size in every draw.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3. The same seed gives the same interval.
    Raises ValueError for no items.
    """
    if not groups:
        raise ValueError("there is nothing to draw from")
    members = [np.flatnonzero([g == one for g in groups]) for one in dict.fromkeys(groups)]
    rng = np.random.default_rng(seed)
    told = [statistic(np.concatenate([rng.choice(some, len(some)) for some in members])) for _ in range(draws)]
    low, high = np.percentile(told, [2.5, 97.5])
    return Spread(float(low), float(high))


def wilson(right: A, n: A, z: float = 1.96) -> tuple[A, A]:
    """The 95 % interval of a share, `right` of `n` (Wilson, Probable inference, the law of succession, and statistical inference, 1927);
    of several at once where both are arrays."""
    share, weight = right / n, z * z / n
    middle, half = share + weight / 2, z * (share * (1 - share) / n + weight / (4 * n)) ** 0.5
    return (middle - half) / (1 + weight), (middle + half) / (1 + weight)
