"""A robust streaming detector: each sample against the median of those before it, in units of their spread. No look-ahead."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

THRESHOLD = 8.0
_BASELINE_US = 6 * 3600 * 1_000_000
_LEAST, _MOST = 24, 360
_WARM = 12
_CHUNK = 4096
# 1.4826 × MAD estimates the standard deviation of normal noise.
_MAD_TO_SIGMA = 1.4826


class Anomaly(NamedTuple):
    """A flag: sample `at` lay `score` spreads above or below (`direction`) the median `baseline` of `span_s` seconds before."""

    at: int
    score: float
    direction: str
    baseline: float
    spread: float
    span_s: float


def flag(v: NDArray[np.float64], step_us: int) -> list[Anomaly]:
    """Flags of a series, shape (n,), sampled every `step_us`.

    The spread is 1.4826 × MAD of the baseline, but never below a third of the long-run mean distance from the median nor
    below 0.5 % of the median: a still signal must not flag its first ripple. After a flag, a quarter of the baseline is quiet.
    """
    size = int(np.clip(_BASELINE_US // max(step_us, 1), _LEAST, _MOST))
    if len(v) <= _WARM:
        return []
    median, mad = _baselines(v, size)
    distance = np.abs(v - median)
    floor = np.maximum(_long_run(distance) / 3.0, 0.005 * np.abs(median))
    spread = np.maximum(np.maximum(_MAD_TO_SIGMA * mad, floor), 1e-9)
    score = distance / spread
    return _quiet_after([
        Anomaly(
            int(i), float(score[i]), "above" if v[i] > median[i] else "below", float(median[i]), float(spread[i]),
            min(int(i), size) * step_us / 1e6,
        )
        for i in np.flatnonzero(score >= THRESHOLD) if i >= _WARM
    ], max(3, size // 4))  # fmt: skip


def _quiet_after(found: list[Anomaly], quiet: int) -> list[Anomaly]:
    kept: list[Anomaly] = []
    for anomaly in found:
        if not kept or anomaly.at - kept[-1].at >= quiet:
            kept.append(anomaly)
    return kept


def _baselines(v: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and MAD of up to `size` samples before each; each of shape (n,). The first sample stands on itself."""
    padded = np.concatenate((np.full(size, np.nan), v[:-1]))
    padded[size - 1] = v[0]
    median, mad = np.empty_like(v), np.empty_like(v)
    windows = sliding_window_view(padded, size)
    full = min(size, len(v))
    for i in range(full):
        before = v[:i] if i else v[:1]
        median[i] = np.median(before)
        mad[i] = np.median(np.abs(before - median[i]))
    for start in range(full, len(v), _CHUNK):
        part = windows[start : start + _CHUNK]
        middle = np.median(part, axis=1)
        median[start : start + _CHUNK] = middle
        mad[start : start + _CHUNK] = np.median(np.abs(part - middle[:, None]), axis=1)
    return median, mad


def _long_run(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean distance of all samples before each one (the first: 0), shape (n,)."""
    before = np.concatenate(([0.0], np.cumsum(distance)[:-1]))
    return np.asarray(before / np.maximum(np.arange(len(distance)), 1), dtype=np.float64)
