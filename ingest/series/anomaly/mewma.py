"""Several series sampled together: a multivariate exponentially weighted moving average control chart, fitted robustly.

Lowry and others, Technometrics 34 (1992): with z the exponential average of the standardised rows, T² = zᵀ S⁻¹ z is charted, where
S = λ / (2 − λ) × the correlation of the rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.series.anomaly.port import RowReading
from ingest.series.anomaly.tails import Tail, TailSettings

_MAD_TO_SIGMA = 1.4826
_OF_ROUNDING, _TINY = 1e-9, 1e-12
# the normal quantile of 1 − 1e-6
_ONE_IN_A_MILLION = 4.7534
_Row = NDArray[np.float64]


class MewmaSettings(NamedTuple):
    """The first `train` rows are learnt from. The limit is `margin` × the largest statistic among them, whose tail is not known, but
    never below what independent normal rows would reach once in a million.

    `weight` is λ. Before means, deviations and correlations are taken, values are drawn in to `clip` robust deviations of the
    column's median (winsorised); correlations are then shrunk by `shrink`: few rows must not make directions that look still.
    """

    train: int = 400
    weight: float = 0.05
    margin: float = 2.0
    clip: float = 3.0
    shrink: float = 0.3
    tail: TailSettings = TailSettings()


class _Fit(NamedTuple):
    """`centre` and `scale` have shape (columns,); `inverse`, shape (columns, columns), is S⁻¹."""

    centre: _Row
    scale: _Row
    inverse: NDArray[np.float64]


class Mewma:
    """Learns from the first rows, then judges each row after them. numpy raises ValueError where a row has another length."""

    def __init__(self, settings: MewmaSettings) -> None:
        self._settings = settings
        self._rows: list[_Row] = []
        self._fit: _Fit | None = None
        self._average: _Row = np.zeros(0)
        self._tail = Tail(settings.tail)
        self._limit = 0.0

    def update(self, row: NDArray[np.float64]) -> RowReading | None:
        if not np.isfinite(row).all():
            return None
        if self._fit is None:
            self._rows.append(np.array(row, dtype=np.float64))
            if len(self._rows) == self._settings.train:
                self._learn(np.stack(self._rows))
                self._rows = []
            return None
        statistic = self._step(self._fit, row)
        surprise = self._tail.surprise(statistic, self._limit * 1e-9)
        deviation = np.sqrt(self._settings.weight / (2 - self._settings.weight))
        return RowReading(surprise, statistic, self._limit, self._average / deviation)

    def baseline(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What was learnt of each column, both of shape (columns,): its usual value, and the deviation of its moving average.

        Raises ValueError while still learning.
        """
        if self._fit is None:
            raise ValueError("nothing has been learnt yet")
        return self._fit.centre, self._fit.scale * np.sqrt(self._settings.weight / (2 - self._settings.weight))

    def _learn(self, rows: NDArray[np.float64]) -> None:
        """Fit to rows of shape (train, columns), and run the chart over them for its limit and its tail."""
        self._fit = _fitted(rows, self._settings)
        self._average = np.zeros(rows.shape[1])
        statistics = [self._step(self._fit, row) for row in rows]
        for statistic in statistics:
            self._tail.add(statistic)
        self._limit = max(self._settings.margin * max(statistics), _least_limit(rows.shape[1]))

    def _step(self, fit: _Fit, row: _Row) -> float:
        standard = (row - fit.centre) / fit.scale
        self._average = self._average + self._settings.weight * (standard - self._average)
        return float(self._average @ fit.inverse @ self._average)


def _least_limit(columns: int) -> float:
    """The chi-squared quantile of 1 − 1e-6, by the cube of Wilson and Hilferty (1931).

    It is what independent normal rows hardly reach; for one column the cube is 15 % too high, for eight 3 %.
    """
    part = 2.0 / (9.0 * columns)
    return float(columns * (1.0 - part + _ONE_IN_A_MILLION * part**0.5) ** 3)


def _fitted(rows: NDArray[np.float64], settings: MewmaSettings) -> _Fit:
    middle = np.median(rows, axis=0)
    robust = _MAD_TO_SIGMA * np.median(np.abs(rows - middle), axis=0)
    # where half the values of a column are equal, its deviation stands in
    reach = settings.clip * np.where(robust > 0, robust, rows.std(axis=0))
    drawn = np.clip(rows, middle - reach, middle + reach)
    centre = drawn.mean(axis=0)
    # a column that never moved is measured by the rounding of its level
    scale = np.maximum(drawn.std(axis=0), np.maximum(_OF_ROUNDING * np.abs(centre), _TINY))
    standard = (drawn - centre) / scale
    correlation = (1 - settings.shrink) * (standard.T @ standard / len(rows)) + settings.shrink * np.eye(rows.shape[1])
    return _Fit(centre, scale, np.linalg.inv(settings.weight / (2 - settings.weight) * correlation))
