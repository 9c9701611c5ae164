"""What a detector of anomalies is: told one moment at a time, it says how improbable that moment is by what came before."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Reading(NamedTuple):
    """What one detector makes of one value.

    `surprise` is −log10 of the probability that a value of this series lies as far from what was expected, in [0, 6].
    `observed` is what was compared with `expected`: the value, or for a detector of levels an average that ends with it.
    `spread` is a robust standard deviation of observed − expected, positive. All three are in the unit of the series.
    """

    surprise: float
    observed: float
    expected: float
    spread: float

    @property
    def spreads(self) -> float:
        """How far, in spreads; not negative."""
        return abs(self.observed - self.expected) / self.spread


class SeriesDetector(Protocol):
    """Watches one series. `name` says which detector it is; `against` what it compares with, in words behind "the"."""

    name: str
    against: str

    def update(self, t: int, v: float, floor: float) -> Reading | None:
        """Judge a value by those before it, then learn from it. None where too little came before.

        `t` is UTC µs, `v` is finite; `floor`, positive and in the unit of the series, is the smallest spread to measure by.
        Gaps are allowed. Times may fall, as they do where a clock is set back: values are taken in the order they come.
        """
        ...


class RowReading(NamedTuple):
    """What a detector makes of one row. `statistic` and `limit` are without unit; `surprise` is as in Reading.

    `parts`, shape (columns,), is how far each column's own average lies from its usual value, in spreads and signed.
    """

    surprise: float
    statistic: float
    limit: float
    parts: NDArray[np.float64]

    @property
    def flagged(self) -> bool:
        return self.statistic > self.limit


class RowDetector(Protocol):
    """Watches several series that are sampled together."""

    def update(self, row: NDArray[np.float64]) -> RowReading | None:
        """Judge a row, shape (columns,), by those before it. None while learning and where a value is not finite."""
        ...
